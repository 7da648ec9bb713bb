"""Arrow 1, press → alert: a batch of presses becomes committed presses and open alerts.

Promises (law 3, store raw, then interpret): the presses are committed whatever happens to their
alerts. The plan of an alert is made here, in a guard of its own; what it is linked to is decided
by the database inside a block of its own. A press left without an alert is the rescue's. The raw
bytes are sealed before they leave this process, and their coordinates are cut out where the
holder has not agreed to be located.
"""

import logging
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4, uuid5

from tgd.clock import Clock
from tgd.devices import salvage
from tgd.devices.ingest import Outcome
from tgd.devices.messages import Press
from tgd.errors import Rejected, Temporary
from tgd.geo.sealed import seal_fix
from tgd.metrics import Metrics
from tgd.platform.domain.alert import Plan
from tgd.platform.holding import as_text
from tgd.seal import Sealer
from tgd.store import presses
from tgd.store.db import OUTAGE, REFUSED, Connection, Database

ABOUT = "press"
"""What raw presses are sealed as."""
Opening: TypeAlias = Callable[[Press, datetime], Plan]
"""The alert logic's part in opening: the plan for the alert that this press may open."""

_NAMELESS = UUID("6f0d7a3e-5c0b-4d0e-9a57-3f5a1b1d9c21")
_log = logging.getLogger(__name__)


class Intake:
    """``take`` is what ``devices.ingest`` commits with."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        metrics: Metrics,
        opening: Opening,
        *,
        group_from: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._metrics = metrics
        self._opening = opening
        self._group_from = group_from
        self._plans: dict[Plan, str] = {}

    async def take(self, batch: Sequence[Press]) -> list[Outcome]:
        """Commit presses; one outcome each, in order.

        Raises ``Temporary`` when the database is away (nothing is known to be committed: the
        same presses again are harmless) and ``Rejected`` when the data itself was refused.
        """
        now = self._clock.now()
        rows = [self._row(press, now) for press in batch]
        try:
            async with self._database.connection() as connection:
                taken = await self._commit(connection, rows, now)
        except OUTAGE as error:
            raise Temporary(type(error).__name__) from error
        except REFUSED as error:
            raise Rejected(type(error).__name__) from error
        self._report(taken)
        return [
            Outcome(one.fresh, one.alert_id, one.opened, one.listen, one.located) for one in taken
        ]

    async def _commit(
        self, connection: Connection, rows: list[presses.PressRow], now: datetime
    ) -> list[presses.Taken]:
        """Commit in one round trip; an ordinary press that comes alone by the short way."""
        if len(rows) == 1 and rows[0].plan is not None:
            try:
                one = await presses.take_one(connection, rows[0], now, self._group_from)
            except OUTAGE:
                raise
            except REFUSED as error:
                _log.warning("the short way is barred: %s", type(error).__name__)
            else:
                if one is not None:
                    return [one]
        return await presses.take(connection, rows, now, self._group_from)

    def _row(self, press: Press, now: datetime) -> presses.PressRow:
        key = self._sealer.new_key()
        fix = press.fix
        located: tuple[Any, ...] = ()
        if fix is not None:
            located = (seal_fix(fix, key), press.fixed_at, "")
        return presses.PressRow(
            press.device,
            press.reply_to,
            _own_id(press),
            press.sent_id,
            press.seq,
            press.attempt,
            press.tst,
            press.pressed_at,
            press.received_at,
            press.age_s,
            press.trigger,
            press.path,
            press.batt,
            ",".join(press.doubts),
            self._digest(press),
            press.retained,
            key.seal(press.raw, ABOUT),
            key.seal(press.redacted, ABOUT) if _may_locate(press) else None,
            key.wrapped,
            self._plan(press, now),
            *located,
        )

    def _digest(self, press: Press) -> bytes:
        """Return what bytes without an id are known again by; with an id nothing has to be.

        A plain digest gives the coordinates away: all else of a press is in clear, and there are
        few enough places in France to try each.
        """
        return self._sealer.digest(press.raw) if press.sent_id is None else os.urandom(32)

    def _plan(self, press: Press, now: datetime) -> str | None:
        """Ask the alert logic; None when it fails, and the press goes without an alert."""
        try:
            plan = self._opening(press, now)
        except Exception:  # noqa: BLE001  law 3: whatever it does, the press is kept, rung and sent on
            self._metrics.intake_faults["alert"].inc()
            _log.exception("the alert logic failed for a press: the rescue takes it")
            return None
        text = self._plans.get(plan)
        if text is None:
            text = self._plans[plan] = as_text(plan)
        return text

    def _report(self, taken: Sequence[presses.Taken]) -> None:
        faults = [one.fault for one in taken if one.fault is not None]
        if faults:
            self._metrics.intake_faults["alert"].inc(len(faults))
            _log.error("%d alerts not opened, the rescue comes: %s", len(faults), faults[0])


def _own_id(press: Press) -> UUID:
    """Return the phone's own id if it is a UUID, else one made of it; without any a fresh one."""
    if press.sent_id is None:
        return uuid4()
    try:
        return UUID(press.sent_id)
    except ValueError:
        return uuid5(_NAMELESS, press.sent_id)


def _may_locate(press: Press) -> bool:
    """Say whether the bytes may hold coordinates; what could not be read may hold anything."""
    return (
        press.fix is not None
        or "press_unreadable" in press.doubts
        or "location_invalid" in press.doubts
        or salvage.may_locate(press.raw)
    )
