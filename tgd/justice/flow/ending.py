"""Terms that end: somebody is told, and says to have seen it.

Serves the prosecutor's office beside its page. Promises: 60, 30 and 7 days before the end of a
term, and once it is over, it counts as unseen until a person has taken note of that step
(``life``), or the term has another end; an alarm of the day rings while it does. Nothing is ended
or renewed here.
"""

from tgd.clock import Clock
from tgd.justice.domain.life import WARNED_DAYS
from tgd.metrics import Metrics
from tgd.store import assignments
from tgd.store.db import Database
from tgd.store.minutely import every_minute


class Ending:
    """Counts, every minute."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics

    async def run(self) -> None:
        """Count for as long as the server runs."""
        await every_minute(self._clock, "terms that end", self.count)

    async def count(self) -> None:
        """Count the terms of whose end nobody has taken note."""
        async with self._database.connection() as connection:
            found = await assignments.unseen(connection, self._clock.now())
        for days in (*WARNED_DAYS, 0):
            self._metrics.terms_unseen[str(days)].set(found.get(days, 0))
