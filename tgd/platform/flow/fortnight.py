"""Tested → tested again: how many phones have proved themselves in the last fortnight.

Beside the arrows. A phone that is so rarely needed dies silently unless tests prove it alive: each
is tested every 15 days, 95 % within 15, all within 21. The verdict ``test`` writes what was proved
(``flow.triage``); here it is only counted, so that an alarm of the day shows what is owed. Nobody
and no phone is named; which of them are to be tested stands in the statistics. A test that is late
is never in the alarm queue.
"""

from tgd.clock import Clock
from tgd.metrics import Metrics
from tgd.store import phone_tests
from tgd.store.db import Database
from tgd.store.minutely import every_minute


class Fortnight:
    """Counts the phones that were tested of late."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics

    async def run(self) -> None:
        """Count, every minute."""
        await every_minute(self._clock, "tests", self.count)

    async def count(self) -> None:
        """Count the phones in somebody's hands, and those tested."""
        async with self._database.connection() as connection:
            found = await phone_tests.count(connection, self._clock.now())
        self._metrics.phones_assigned.set(found.assigned)
        self._metrics.phones_tested["15"].set(found.within_15)
        self._metrics.phones_tested["21"].set(found.within_21)
        self._metrics.phones_never_tested.set(found.never)
