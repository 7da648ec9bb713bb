"""Beside arrow 2: somebody is there for every alert, or everybody is rung.

Promises: an alert whose holder's screen has frozen, whose connection is lost or who has left rings
everyone again 10 s later and is anybody's to take; one that rings a group of which nobody is there
rings the others at once; and that nobody is there at all is an alarm. Its deadlines run on in every
case: what an absence costs is never the forwarding.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tgd.clock import Clock
from tgd.metrics import Metrics
from tgd.platform.domain.alert import SYSTEM, Alert
from tgd.platform.domain.decision import let_go
from tgd.platform.holding import holding
from tgd.store import presence
from tgd.store.db import OUTAGE, Database

EVERY = timedelta(seconds=1)
GROUPS = ("first", "second")
_log = logging.getLogger(__name__)


class Attendance:
    """Looks every second, for ever."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics

    async def run(self) -> None:
        """Look every second."""
        never = asyncio.Event()
        while True:
            await self._clock.wait(never, self._clock.now() + EVERY)
            try:
                await self.look()
            except OUTAGE as error:
                _log.warning("attendance waits for the database: %s", type(error).__name__)
                await asyncio.sleep(1)

    async def look(self) -> None:
        """Ring everyone for what nobody is there for."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            alone = await presence.left_alone(connection, now)
            unattended = await presence.unattended(connection, now)
            available = await presence.available(connection, now)
        for group in GROUPS:
            self._metrics.operators_available[group].set(available.get(group, 0))
        await self._act(alone, now, _left)
        await self._act(unattended, now, _nobody_there)

    async def _act(
        self, ids: Sequence[UUID], now: datetime, act: Callable[[Alert, datetime], None]
    ) -> None:
        for alert_id in ids:  # each by itself: one that fails keeps no other unattended
            async with holding(self._database, [alert_id], self._metrics) as (_, held):
                for alert in held:
                    act(alert, now)


def _left(alert: Alert, now: datetime) -> None:
    if alert.is_open and alert.released_at is None:
        let_go(alert, SYSTEM, now, "holder_gone")


def _nobody_there(alert: Alert, now: datetime) -> None:
    if alert.status == "ringing" and alert.rings == "first":
        alert.rings = "everyone"
        alert.record(now, SYSTEM, "rang_everyone", why="nobody_there")
