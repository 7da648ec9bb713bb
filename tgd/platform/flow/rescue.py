"""Beside arrow 1: a press that got no alert is rung and forwarded all the same.

Law 3's last line: a press still without an alert 2 s after its commit gets a bare one by its own
statement, which uses nothing of the alert logic: no routing, no estimate, and a plan that was
written once when the server started. Its deadlines then run like any other's, so that a broken
alert logic costs the person two seconds and the picture. Every rescue is an alarm
(``tgd_orphan_presses_total``).
"""

import asyncio
import logging
from datetime import timedelta

from tgd.clock import Clock
from tgd.metrics import Metrics
from tgd.store import presses
from tgd.store.db import OUTAGE, REFUSED, Database

AFTER = timedelta(seconds=2)
SETTLED = timedelta(seconds=60)
"""Older presses were all seen: commits do not take longer."""
EVERY = timedelta(seconds=0.5)
_log = logging.getLogger(__name__)


class Rescue:
    """Looks for presses without an alert, for ever; ``plan`` is frozen, as JSON."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        plan: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._plan = plan
        self._checked = 0
        self._reported: set[int] = set()

    async def run(self) -> None:
        """Look twice a second."""
        never = asyncio.Event()
        while True:
            await self._clock.wait(never, self._clock.now() + EVERY)
            try:
                await self.look()
            except OUTAGE as error:
                _log.warning("the rescue waits for the database: %s", type(error).__name__)
                await asyncio.sleep(1)

    async def look(self) -> None:
        """Rescue every press that has waited long enough."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            # First how far, then what is left: a press committed in between (after an outage one
            # may be older than a minute by then) is in the second and not in the first.
            settled = await presses.checked_until(connection, now - SETTLED)
            found = await presses.unlinked(connection, self._checked, now - AFTER)
            if not found:
                self._checked = max(self._checked, settled)
            for number, press_id, _device in found:
                try:
                    await presses.rescue(connection, number, now, self._plan)
                except OUTAGE:
                    raise
                except REFUSED:
                    if number not in self._reported:
                        self._reported.add(number)
                        _log.exception("press %s cannot be rescued and is tried again", press_id)
                else:
                    self._metrics.orphan_presses.inc()
                    _log.error("press %s had no alert and was rescued", press_id)
