"""Beside arrow 3: where the phone is now reaches the rooms that were told, while the alert is open.

Promises: rooms are told of a new position when she has moved 50 m since they were last told, or
every 30 s; a room into whose territory she is taken is told of the whole case; a message that is
out of date is replaced by the next one instead of waiting before it. What rooms know is read from
what they were sent (every message carries the position of its moment), so that a restart or a
second server neither repeats nor misses anything. The console reads positions by itself.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tgd.clock import Clock
from tgd.geo.locate import Estimate, best, metres
from tgd.geo.position import Fix
from tgd.log import fault
from tgd.metrics import Metrics
from tgd.platform.competence import Competence
from tgd.platform.domain.following import (
    is_news,
    tell_position,
    told_at,
)
from tgd.platform.holding import holding
from tgd.platform.whereabouts import Whereabouts
from tgd.store import following as store
from tgd.store.db import OUTAGE, Database, again

EVERY = timedelta(seconds=1)
BATCH = 200
_log = logging.getLogger(__name__)


class Following:
    """Tells rooms of new positions, for ever; ``heard`` shortens the wait."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        whereabouts: Whereabouts,
        competence: Competence,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._whereabouts = whereabouts
        self._competence = competence
        self._looked_at: dict[UUID, int] = {}
        self._broken: set[UUID] = set()
        self.heard = asyncio.Event()

    async def run(self) -> None:
        """Look whenever a position was kept, and every second."""
        while True:
            await self._clock.wait(self.heard, self._clock.now() + EVERY)
            self.heard.clear()
            try:
                await self.look()
            except OUTAGE as error:
                _log.warning("live positions wait for the database: %s", type(error).__name__)
                await asyncio.sleep(1)

    async def look(self) -> int:
        """Tell rooms of what is news to them; return how many alerts were."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            found = await store.moved(connection, BATCH, now)
        told = 0
        looked_at, self._looked_at = self._looked_at, {}
        for one in found:
            alert_id, newest = one["alert_id"], one["positions"][0]["no"]
            try:
                # Rooms that only a person calls are written nothing: each position counts once.
                known = one["by_voice"] and looked_at.get(alert_id) == newest
                if not known and self._is_news(one, now):
                    told += await self._tell(alert_id, one["told_at"])
                self._looked_at[alert_id] = newest
            except OUTAGE:
                raise
            except Exception as error:  # noqa: BLE001  one alert must not keep the others' rooms from theirs
                self._metrics.loop_errors["following"].inc()
                if alert_id not in self._broken:
                    self._broken.add(alert_id)
                    fault(_log, f"telling the rooms of alert {alert_id}", error)
        return told

    def _is_news(self, one: Any, now: datetime) -> bool:
        since = one["told_at"]
        estimate = best(self._whereabouts.observed(one["positions"]), now)
        if estimate is None:
            return False
        before = best(self._whereabouts.observed(one["known"]), since)
        moved = None if before is None else _metres(before, estimate)
        return is_news(waited_s=(now - since).total_seconds(), moved_m=moved)

    @again
    async def _tell(self, alert_id: UUID, since: datetime) -> bool:
        """Tell the rooms, unless another server has done so since it was found to be news."""
        async with holding(self._database, [alert_id], self._metrics) as (transaction, held):
            now = self._clock.now()
            for alert in held:
                if told_at(alert) != since:
                    return False
                competent = await self._competence.rooms_for(transaction, [alert.id], now)
                tell_position(alert, now, competent[alert.id])
        return True


def _metres(a: Estimate, b: Estimate) -> float:
    return metres(Fix(a.lat, a.lon), Fix(b.lat, b.lon))
