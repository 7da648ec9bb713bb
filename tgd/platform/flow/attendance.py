"""Beside arrow 2: somebody is there for every alert, or everybody is rung.

Promises: an alert whose holder's screen has frozen, whose connection is lost or who has left rings
everyone again 10 s later and is anybody's to take; one that rings a group of which nobody is there
rings the others at once; and that nobody is there at all is an alarm. Its deadlines run on in every
case: what an absence costs is never the forwarding.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
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
INTERRUPTED = timedelta(seconds=5)
"""A pause between two looks of more than this was an interruption of ours: no screen was seen."""
GROUPS = ("first", "second")
_log = logging.getLogger(__name__)


class Attendance:
    """Looks every second, for ever."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._looked_at: datetime | None = None
        self._awake_since: datetime | None = None
        self._told: set[UUID] = set()

    async def run(self) -> None:
        """Look every second."""
        never = asyncio.Event()
        while True:
            await self._clock.wait(never, (self._looked_at or self._clock.now()) + EVERY)
            try:
                await self.look()
            except OUTAGE as error:
                self._looked_at = None  # nobody's screen could be noted either
                _log.warning("attendance waits for the database: %s", type(error).__name__)
                await asyncio.sleep(1)

    async def look(self) -> None:
        """Ring everyone for what nobody is there for."""
        now = self._clock.now()
        can_tell = self._can_tell(now)
        async with self._database.connection() as connection:
            alone = await presence.left_alone(connection, now)
            unattended = await presence.unattended(connection, now)
            available = await presence.available(connection, now)
        for group in GROUPS:
            self._metrics.operators_available[group].set(available.get(group, 0))
        if can_tell:
            await self._act(alone, lambda alert: _left(alert, alone[alert.id], now))
        await self._act(unattended, lambda alert: _nobody_there(alert, now))

    def _can_tell(self, now: datetime) -> bool:
        """Say whether whoever is there has had the time to be seen since we were away ourselves."""
        before, self._looked_at = self._looked_at, now
        if before is None or now - before > INTERRUPTED:
            self._awake_since = now
        return self._awake_since is not None and now - self._awake_since >= presence.GONE_AFTER

    async def _act(self, ids: Iterable[UUID], act: Callable[[Alert], None]) -> None:
        for alert_id in ids:
            try:
                async with holding(self._database, [alert_id], self._metrics) as (_, held):
                    for alert in held:
                        act(alert)
            except OUTAGE:
                raise
            except Exception:  # noqa: BLE001  one alert that breaks keeps no other unattended
                self._broken(alert_id)

    def _broken(self, alert_id: UUID) -> None:
        if alert_id not in self._told:
            self._told.add(alert_id)
            self._metrics.loop_errors["attendance"].inc()
            _log.exception("alert %s cannot be given to everyone", alert_id)


def _left(alert: Alert, holder: str, now: datetime) -> None:
    if alert.is_open and alert.held_by(holder):  # and not another's by now
        let_go(alert, SYSTEM, now, "holder_gone")


def _nobody_there(alert: Alert, now: datetime) -> None:
    if alert.status == "ringing" and alert.rings == "first":
        alert.rings = "everyone"
        alert.record(now, SYSTEM, "rang_everyone", why="nobody_there")
