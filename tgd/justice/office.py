"""The prosecutor's office as one thing to hand to the web and the command line.

Serves whoever composes the program; it makes nothing at import and knows no route.
"""

from tgd.clock import Clock
from tgd.justice.files import Files
from tgd.justice.flow.assigning import Assigning
from tgd.justice.flow.associations import Associations
from tgd.justice.flow.dossier import Dossier
from tgd.justice.flow.enrolling import Enrolling
from tgd.justice.flow.life import Life
from tgd.justice.flow.releases import Releases
from tgd.justice.flow.searching import Searching
from tgd.justice.flow.stock import StockActs
from tgd.justice.flow.waiting import Waiting
from tgd.seal import Sealer
from tgd.store import acts
from tgd.store.db import Database


class Office:
    """The acts by their subject."""

    def __init__(self, database: Database, clock: Clock, sealer: Sealer, files: Files) -> None:
        self.database = database
        self.clock = clock
        self.sealer = sealer
        self.files = files
        self.stock = StockActs(database, clock, sealer, files)
        self.assigning = Assigning(database, clock, sealer, files)
        self.life = Life(database, clock, sealer, files)
        self.waiting = Waiting(database, clock, sealer, files)
        self.releases = Releases(database, clock, sealer, files)
        self.associations = Associations(database, clock)
        self.enrolling = Enrolling(database, clock, sealer, files)
        self.dossier = Dossier(database, clock, sealer, files)
        self.searching = Searching(database, clock, sealer, files)

    def under(self, key: str | None, by: str) -> "Office":
        """Return the office whose next act is done once under this key; ``acts.Done`` if it was."""
        if key is None:
            return self
        database = self.database.beginning(lambda connection: acts.begin(connection, by, key))
        return Office(database, self.clock, self.sealer, self.files)
