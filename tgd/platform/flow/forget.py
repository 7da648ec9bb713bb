"""Forgetting: what the law lets be kept for a while is erased by itself when its while is over.

Beside the arrows. Positions are erased 3 days after their recording, 8 where a named magistrate has
authorised it (arrêté du 22 avril 2015), not while a criminal case holds them, and at the closing of
what was a test or a mistake. Raw presses, messages to rooms and notes, which may say where she was,
go on the same terms. Promises: the rows go in one transaction with a journal entry that counts
them; then their keys are erased from the key store, so that no backup can bring them back; a crash
in between is taken up where it stopped; what is younger than its term is kept, sealed anew; the
prosecutor is asked before, and never waited for.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from tgd.clock import Clock
from tgd.errors import Refused, TgdError
from tgd.geo.sealed import ABOUT as POSITION
from tgd.metrics import Metrics
from tgd.seal import IN_SLOT, DataKey, SealBroken, Sealer
from tgd.store import forget as store
from tgd.store.db import OUTAGE, REFUSED, Connection, Database, again
from tgd.store.forget import KINDS, Held, Kept

TERM, LONG_TERM = timedelta(days=3), timedelta(days=8)
TOGETHER = timedelta(minutes=10)
"""What is due so soon after the first goes with it: a phone that moved reported every 5 seconds."""
QUARANTINE_KEPT = timedelta(days=30)
EVERY, SWEEP_EVERY, OVERDUE_AFTER = timedelta(minutes=1), timedelta(days=1), timedelta(hours=1)
BATCH, KEYS = 100, 10_000
_AT_ONCE = ("test", "accidental")
_log = logging.getLogger(__name__)


class Keys(Protocol):
    """Where keys are erased for good; ``tgd.keys.KeyStore`` is one. Both wait for the disk."""

    def erase(self, references: Iterable[bytes]) -> int:
        """Erase these; when it returns they are gone."""

    def sweep(self, named: Iterable[bytes]) -> object:
        """Erase what is not among these."""


@dataclass(slots=True)
class Forgotten:
    """What one look has erased: alerts attended to, things by kind, keys."""

    alerts: int
    things: Counter[str]
    keys: int


class Forget:
    """Erases, for ever; ``heard`` shortens the wait. The prosecutor's answers come here too."""

    def __init__(
        self, database: Database, clock: Clock, metrics: Metrics, sealer: Sealer, keys: Keys | None
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._sealer = sealer
        self._keys = keys
        self._swept_at: datetime | None = None
        self._broken: set[UUID] = set()
        self.heard = asyncio.Event()

    async def run(self) -> None:
        """Look when something is due, when told, and every minute."""
        while True:
            until = self._clock.now() + EVERY
            try:
                await self.look()
                await self._sweep()
                async with self._database.connection() as connection:
                    until = min(until, await store.next_due(connection) or until)
            except OUTAGE as error:
                _log.warning("erasing waits for the database: %s", type(error).__name__)
            except TgdError as error:
                self._metrics.loop_errors["forget"].inc()
                _log.error("keys cannot be erased yet: %s", error)
            # What could not be erased is tried again, but not at once.
            until = max(until, self._clock.now() + timedelta(seconds=1))
            await self._clock.wait(self.heard, until)
            self.heard.clear()

    async def look(self, tell: Callable[[int], None] = lambda _alerts: None) -> Forgotten:
        """Erase everything that is due now; ``tell`` hears how many alerts were attended to.

        Raises ``TgdError`` where keys could not be erased: they are tried again.
        """
        now = self._clock.now()
        done = Forgotten(0, Counter(), 0)
        async with self._database.transaction() as transaction:
            await store.ask_again(transaction, now)
            await store.quarantine(transaction, now, QUARANTINE_KEPT)
        while True:
            async with self._database.connection() as connection:
                found = await store.due(connection, now, BATCH + len(self._broken))
            due = [alert_id for alert_id in found if alert_id not in self._broken]
            for alert_id in due:
                done.things += await self._attend(alert_id, now)
                done.alerts += 1
                tell(done.alerts)
            done.keys += await self._erase_keys(now)
            if not due:
                break
        async with self._database.connection() as connection:
            self._metrics.erasures_overdue.set(await store.overdue(connection, now - OVERDUE_AFTER))
        return done

    @again
    async def hold(self, alert_id: UUID, by: str, reference: str | None) -> None:
        """Keep what there is for a criminal case, or, with no reference, do not."""
        if reference is not None and not reference.strip():
            raise Refused("no_reference", "a hold names the criminal case that it is for")
        async with self._database.transaction() as transaction:
            await store.hold(transaction, alert_id)
            await store.answer_hold(transaction, alert_id, self._clock.now(), by, reference)

    @again
    async def authorise(self, alert_id: UUID, by: str, magistrate: str) -> None:
        """Keep the positions up to 8 days, as this magistrate has authorised."""
        async with self._database.transaction() as transaction:
            await store.hold(transaction, alert_id)
            await store.authorise_eight_days(
                transaction, alert_id, self._clock.now(), by, magistrate
            )

    async def _attend(self, alert_id: UUID, now: datetime) -> Counter[str]:
        """Erase what is due of one alert; one that breaks keeps no other waiting."""
        try:
            return await self._forget(alert_id, now)
        except OUTAGE:
            raise
        except REFUSED:
            self._broken.add(alert_id)
            self._metrics.loop_errors["forget"].inc()
            _log.exception("what is due of alert %s cannot be erased", alert_id)
            return Counter()

    @again
    async def _forget(self, alert_id: UUID, now: datetime) -> Counter[str]:
        async with self._database.transaction() as transaction:
            alert = await store.hold(transaction, alert_id)
            if alert is None:
                return Counter()
            if alert.held:
                await store.settle(transaction, alert_id, alert.key, None)
                return Counter()
            things = await store.kept(transaction, alert_id)
            due, left = _parted(things, lambda thing: _ends(thing, alert) <= now + TOGETHER)
            dead = {thing.key for thing in due if thing.key is not None}
            # A thing that is not due and has lost its key goes on under a new one.
            fresh = self._sealer.new_key()
            keyless, left = _parted(left, lambda thing: thing.key in dead)
            moved, lost = self._moved(keyless, fresh, alert_id)
            due += lost
            left += [thing for thing in keyless if thing not in lost]
            key = alert.key
            if key is None or key in dead:
                needed = alert.status != "closed" or any(
                    t.kind in {"message", "note"} for t in left
                )
                key = fresh.wrapped if needed else None
            elif not left and alert.status == "closed":
                dead.add(key)
                key = None
            await self._write(transaction, due, moved, fresh)
            await store.bury(transaction, sorted(dead), now)
            ends = [_ends(thing, alert) for thing in left]
            if alert.status != "closed":  # what is recorded from now on is due later than this
                ends.append(now + TERM)
            await store.settle(transaction, alert_id, key, min(ends, default=None))
            counts = Counter(thing.kind for thing in due)
            if due:
                await store.note(transaction, now, alert_id, "erased", _told(counts, left, alert))
        return counts

    def _moved(
        self, things: Sequence[Kept], fresh: DataKey, alert_id: UUID
    ) -> tuple[dict[str, list[tuple[str, bytes]]], list[Kept]]:
        """Seal things anew, by kind; what does not open is lost already and is erased as well."""
        moved: dict[str, list[tuple[str, bytes]]] = {}
        lost = []
        for thing in things:
            about = {"position": POSITION, "press": "press", "message": "envelope"}.get(
                thing.kind, f"note {alert_id}"
            )
            try:
                plain = self._sealer.unwrap(thing.key or b"").open(thing.sealed, about)
            except SealBroken:
                lost.append(thing)
                continue
            moved.setdefault(thing.kind, []).append((thing.id, fresh.seal(plain, about)))
        return moved, lost

    async def _write(
        self,
        transaction: Connection,
        due: Sequence[Kept],
        moved: dict[str, list[tuple[str, bytes]]],
        fresh: DataKey,
    ) -> None:
        for kind in KINDS:
            ids = [thing.id for thing in due if thing.kind == kind]
            if ids:
                await store.erase(transaction, kind, ids)
            if kind in moved:
                await store.reseal(transaction, kind, moved[kind], fresh.wrapped)

    async def _erase_keys(self, now: datetime) -> int:
        """Have the key store erase what nothing needs any more; then, and only then, forget it."""
        erased = 0
        while True:
            async with self._database.connection() as connection:
                keys = await store.dead(connection, KEYS)
            if not keys:
                return erased
            inside = [key for key in keys if key[:1] == IN_SLOT]
            if self._keys is not None and inside:
                await asyncio.to_thread(self._keys.erase, inside)
            elif inside:
                raise TgdError("there is no key store (TGD_KEY_DIR)")
            async with self._database.transaction() as transaction:
                await store.buried(transaction, keys)
                # A key that stood in the database itself lives on in older backups.
                counts = {"keys": len(inside), "in_backups": len(keys) - len(inside)}
                await store.note(transaction, now, None, "keys_erased", counts)
            erased += len(keys)

    async def _sweep(self) -> None:
        """Once a day, erase what no row names: presses repeated, transactions broken off."""
        now = self._clock.now()
        if self._keys is None or (self._swept_at and now - self._swept_at < SWEEP_EVERY):
            return
        async with self._database.connection() as connection:
            named = await store.named(connection)
        await asyncio.to_thread(self._keys.sweep, named)
        self._swept_at = now


def _parted(things: Sequence[Kept], by: Callable[[Kept], bool]) -> tuple[list[Kept], list[Kept]]:
    return [thing for thing in things if by(thing)], [thing for thing in things if not by(thing)]


def _ends(thing: Kept, alert: Held) -> datetime:
    """Return when a thing is to be erased; notes, which are no positions, never at the closing."""
    if alert.status == "closed" and alert.verdict in _AT_ONCE and thing.kind != "note":
        return thing.recorded_at
    return thing.recorded_at + (LONG_TERM if alert.eight_days else TERM)


def _told(counts: Counter[str], left: Sequence[Kept], alert: Held) -> dict[str, object]:
    at_once = alert.status == "closed" and alert.verdict in _AT_ONCE
    return {
        **{f"{kind}s" if kind != "press" else "presses": counts[kind] for kind in KINDS},
        "left": len(left),
        "days": 0 if at_once else (LONG_TERM if alert.eight_days else TERM).days,
    }
