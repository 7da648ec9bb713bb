"""Arrow 2, what becomes of a verdict ``police`` on an alert that was closed.

Serves ``triage``. Sending the police is never too late: the verdict goes to the phone's other open
alert, or to a new one that names the closed one and knows where the phone was, as far as that is
still kept. Promises: one open alert per phone, whoever else decides at the same moment.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from tgd.clock import Clock
from tgd.errors import NotFound
from tgd.geo.sealed import open_fix, seal_fix
from tgd.platform.domain.alert import Alert, Plan
from tgd.platform.holding import frozen, held_in
from tgd.seal import DataKey, SealBroken, Sealer
from tgd.store import alerts
from tgd.store.db import Connection


class Reopening:
    """Finds or opens the alert that a verdict ``police`` now stands on."""

    def __init__(self, clock: Clock, sealer: Sealer, plan: Plan) -> None:
        self._clock = clock
        self._sealer = sealer
        self._plan = frozen(plan)

    @asynccontextmanager
    async def standing(
        self, transaction: Connection, alert_id: UUID, verdict: str, once: str | None
    ) -> AsyncIterator[tuple[list[Alert], bool]]:
        """Hold the alert that the verdict will stand on, and say whether it is a new one."""
        async with held_in(transaction, [alert_id], once) as held:
            if not held:
                raise NotFound("alert")
            if verdict != "police" or held[0].is_open:
                yield held, False
                return
        target, new = await self._still_open(transaction, alert_id)
        async with held_in(transaction, [target], once) as held:
            yield held, new

    async def _still_open(self, transaction: Connection, alert_id: UUID) -> tuple[UUID, bool]:
        """Return the alert itself while it is open, else the phone's other or a new one."""
        standing = await alerts.standing(transaction, alert_id)
        if standing is None:
            raise NotFound("alert")
        device, status = standing
        if status != "closed":
            return alert_id, False
        # One open alert per phone: whoever comes second finds the first one's.
        key, plan = self._sealer.new_key(), self._plan
        now = self._clock.now()
        while True:
            opened = await alerts.open_follow_up(transaction, alert_id, now, key.wrapped, plan)
            if opened is not None:
                await self._bring_positions(transaction, alert_id, opened, key)
                return opened, True
            other = await alerts.open_for(transaction, device)
            if other is not None:  # else it was closed in between
                return other, False

    async def _bring_positions(
        self, transaction: Connection, before: UUID, opened: UUID, key: DataKey
    ) -> None:
        """Seal what is still kept of where the phone was for its new alert as well."""
        moved = []
        for row in await alerts.positions(transaction, before):
            try:
                fix = open_fix(row["fix"], self._sealer.unwrap(row["key"]))
            except SealBroken:
                continue  # erased in this very moment, or its key is away: the alert goes on
            moved.append((row["no"], seal_fix(fix, key)))
        if moved:
            await alerts.bring_positions(transaction, opened, key.wrapped, moved)
