"""The aggressor comes out, or goes on leave: a phone waits for her, the danger is looked at anew.

And who must not know, because the aggressor or a relative is one of them. Promises: whoever holds a
phone keeps it and is put on the red list until somebody has evaluated; whoever holds none has one
reserved, or the request waits with its reason; a release is answered by a person, never by time.
"""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from tgd import conflict
from tgd.errors import Invalid, NotFound, Refused
from tgd.justice.domain import stock as rules
from tgd.justice.flow.desk import Desk
from tgd.store import assignments, requests, rooms, stock
from tgd.store.db import Connection, again

KINDS: Final = ("release", "leave", "escape", "end_of_ban")
OUTCOMES: Final = ("phone_needed", "no_danger", "keeps_hers")


class Releases(Desk):
    """What is announced of the aggressor; ``own`` is the caller's tribunal, None for all."""

    @again
    async def announce(
        self,
        beneficiary: UUID,
        kind: str,
        happens_at: datetime,
        by: str,
        own: str | None,
        *,
        tribunal: str | None = None,
    ) -> UUID:
        """Record a release or leave: a phone is reserved where she has none."""
        async with self._database.transaction() as connection:
            now, made = self._clock.now(), uuid4()
            if not await assignments.of_tribunal(connection, beneficiary, own):
                raise NotFound("beneficiary")
            ours = await self._tribunal(connection, own, tribunal)
            have = await self._stock(connection, ours)
            device = reason = None
            if await assignments.active_of(connection, beneficiary) is None:
                chosen, reason = rules.choose(have, None, beneficiary, use_reserve=True)
                if chosen is not None and chosen.state != "reserved":
                    device = chosen.id
                    await stock.move(connection, device, "reserved", now)
            more = (ours, beneficiary, kind, happens_at, now, by, device)
            await requests.add_release(connection, made, *more)
            if reason is not None:
                await self._wait(connection, ours, beneficiary, reason, by)
            said = {"release": str(made), "what": kind, "at": happens_at, "device": device}
            await stock.note(connection, now, by, "release_announced", **said)
            return made

    async def _wait(
        self, connection: Connection, tribunal: str, who: UUID, reason: str, by: str
    ) -> None:
        """Put her on the waiting list, where she is not on it already."""
        if await requests.unmet_of(connection, who, tribunal) is not None:
            return
        now, made = self._clock.now(), uuid4()
        entry = (made, tribunal, who, now, "prosecutor", "other", None, "waiting", reason, now, by)
        await requests.add(connection, requests.New(*entry))
        await stock.note(connection, now, by, "request_waits", request=str(made), why=reason)

    @again
    async def evaluated(self, release: UUID, outcome: str, by: str, own: str | None) -> None:
        """Record what the new evaluation found; the reserved phone goes back unless it is needed.

        ``phone_needed`` leaves the reservation until the phone is given to her.
        """
        if outcome not in OUTCOMES:
            raise Invalid("outcome", f"must be one of {', '.join(OUTCOMES)}")
        async with self._database.transaction() as connection:
            now = self._clock.now()
            tribunal = await requests.release_where(connection, release)
            if own not in {None, tribunal}:
                raise NotFound("release")
            await stock.hold(connection, [tribunal])
            row = await requests.hold_release(connection, release)
            if row["evaluated_at"] is not None:
                raise Refused("evaluated_already", f"it was evaluated: {row['outcome']}")
            if outcome == "phone_needed" and row["device_id"] is not None:
                raise Refused("phone_to_give", "give her the phone that is reserved for her")
            await requests.evaluated(connection, release, now, by, outcome)
            if row["device_id"] is not None:
                await self._free(connection, row["device_id"], now)
            said = {"release": str(release), "outcome": outcome}
            await stock.note(connection, now, by, "release_evaluated", **said)

    async def _free(self, connection: Connection, device: str, now: datetime) -> None:
        found = await stock.phone(connection, device)
        if found["state"] == "reserved" and found["assignment_id"] is None:
            await stock.move(connection, device, "in_stock", now)

    @again
    async def lock_out(
        self, beneficiary: UUID, lock: conflict.Lock, by: str, own: str | None
    ) -> None:
        """Lock a reader out of all that is hers; what would lock nobody is refused."""
        if lock.kind not in conflict.KINDS:
            raise Invalid("kind", f"must be one of {', '.join(conflict.KINDS)}")
        if not conflict.fits(lock):
            known = ", ".join(conflict.VALUES.get(lock.kind, ()))
            raise Invalid("value", f"must be one of {known}" if known else "must not be empty")
        async with self._database.transaction() as connection:
            await self._hers(connection, beneficiary, own)
            now = self._clock.now()
            more = (lock.kind, await _value(connection, lock), now, by)
            await requests.lock_out(connection, uuid4(), beneficiary, *more)
            said = {"beneficiary": str(beneficiary), "of": lock.kind}
            await stock.note(connection, now, by, "conflict_locked", **said)

    @again
    async def lift(self, beneficiary: UUID, lock: conflict.Lock, by: str, own: str | None) -> None:
        """Let a reader in again."""
        async with self._database.transaction() as connection:
            await self._hers(connection, beneficiary, own)
            now = self._clock.now()
            value = await _value(connection, lock, gone=True)
            await requests.lift(connection, beneficiary, lock.kind, value, now, by)
            said = {"beneficiary": str(beneficiary), "of": lock.kind}
            await stock.note(connection, now, by, "conflict_lifted", **said)

    async def _hers(self, connection: Connection, beneficiary: UUID, own: str | None) -> None:
        if not await assignments.of_tribunal(connection, beneficiary, own):
            raise NotFound("beneficiary")


async def _value(connection: Connection, lock: conflict.Lock, *, gone: bool = False) -> str:
    """Return what a lock names; a room by its id, though people know it by its name."""
    if lock.kind != "room":
        return lock.value.strip()
    room = await rooms.called(connection, lock.value.strip())
    if room is None and not gone:
        raise Invalid("value", "names no room that there is")
    return room or lock.value.strip()
