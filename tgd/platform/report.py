"""What an alert was, told afterwards: who, when, each leg's time, each act."""

from tgd.clock import Clock
from tgd.platform.whereabouts import Whereabouts
from tgd.seal import Sealer
from tgd.store.db import Database


class Reporting:
    """Makes reports of alerts."""

    def __init__(
        self, database: Database, clock: Clock, sealer: Sealer, whereabouts: Whereabouts
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._whereabouts = whereabouts
