"""Forgetting: what the law lets be kept for a while is erased by itself when its while is over.

Beside the arrows. How long what is kept, and by which text, is the table's (``platform.terms``): of
an alert, positions go 3 days after their recording, 8 where a named magistrate has authorised it,
not while a criminal case holds them, and at the closing of what was a test or a mistake; raw
presses, messages to rooms and notes, which may say where she was, likewise. Everything else, the
journal's words included, goes by ``platform.erasing``. Promises: the rows go in one transaction
with a journal entry that counts them; then their keys are erased from the key store, so that no
backup can bring them back; a crash in between is taken up where it stopped; what is younger than
its term is kept, sealed anew; the prosecutor is asked before, and never waited for. A key store
that is away delays the erasure of keys, and of what has to be sealed anew; rows go without it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from tgd.clock import Clock
from tgd.errors import NotFound, Refused, TgdError
from tgd.geo.sealed import ABOUT as POSITION
from tgd.keys import KeyNotHere, KeyUnreadable
from tgd.metrics import Metrics
from tgd.platform import typed
from tgd.platform.due import Due
from tgd.platform.erasing import ByTerm, Erased, TakenBack, Tell, take_back
from tgd.platform.terms import Terms, table
from tgd.seal import IN_SLOT, DataKey, SealBroken, Sealer
from tgd.store import forget as store
from tgd.store import terms as term_rows
from tgd.store.db import OUTAGE, REFUSED, Connection, Database, again
from tgd.store.forget import KINDS, Kept

TOGETHER = timedelta(minutes=10)
"""What is due so soon after the first goes with it: a phone that moved reported every 5 seconds."""
EVERY, SWEEP_EVERY, OVERDUE_AFTER = timedelta(minutes=1), timedelta(days=1), timedelta(hours=1)
TERMS_EVERY = timedelta(hours=1)
"""How often it is looked for what goes by terms of days and months."""
BATCH, KEYS, _ALL = 100, 10_000, 1_000_000
_UNDER_ALERT = ("message", "note")
"""What is sealed under the alert's own key."""
_ABOUT = {"position": POSITION, "press": "press", "message": "envelope"}
_FAILS: tuple[type[Exception], ...] = (*REFUSED, SealBroken)
_log = logging.getLogger(__name__)


class Keys(Protocol):
    """Where keys are erased for good; ``tgd.keys.KeyStore`` is one. Both wait for the disk."""

    def erase(self, references: Iterable[bytes]) -> int:
        """Erase these; when it returns they are gone."""

    def sweep(self, named: Iterable[bytes]) -> object:
        """Erase what is not among these."""


@dataclass(slots=True)
class Forgotten:
    """What one look has erased: alerts attended to, things by kind, keys, and the rest by term."""

    alerts: int = 0
    things: Counter[str] = field(default_factory=Counter)
    keys: int = 0
    terms: Erased = field(default_factory=Erased)


class NotForgotten(TgdError):
    """Something is still to be erased, and is tried again; ``done`` is what was erased."""

    def __init__(self, why: TgdError, done: Forgotten) -> None:
        super().__init__(str(why))
        self.done = done


class Forget:
    """Erases, for ever; ``heard`` shortens the wait. The prosecutor's answers come here too."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        sealer: Sealer,
        keys: Keys | None,
        terms: Terms | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._sealer = sealer
        self._keys = keys
        terms = terms or table()
        self._due = Due(terms)
        self._by_term = ByTerm(database, terms)
        self._swept_at: datetime | None = None
        self._termed_at: datetime | None = None
        self._broken: set[UUID] = set()
        self.heard = asyncio.Event()

    async def run(self) -> None:
        """Look when something is due, when told, and every minute."""
        while True:
            began = self._clock.now()
            until = began + EVERY
            try:
                last = self._termed_at
                await self.look(terms=last is None or began - last >= TERMS_EVERY)
                await self._sweep()
                async with self._database.connection() as connection:
                    until = min(until, await store.next_due(connection, began) or until)
            except OUTAGE as error:
                _log.warning("erasing waits for the database: %s", type(error).__name__)
                until = max(until, self._clock.now() + timedelta(seconds=1))
            except TgdError as error:
                self._metrics.loop_errors["forget"].inc()
                _log.error("not everything can be erased yet: %s", error)
                # What could not be erased is tried again, but not at once.
                until = max(until, self._clock.now() + timedelta(seconds=1))
            await self._clock.wait(self.heard, until)
            self.heard.clear()

    async def look(
        self,
        tell: Callable[[int], None] = lambda _alerts: None,
        tell_terms: Tell = lambda _done, _of: None,
        *,
        terms: bool = True,
    ) -> Forgotten:
        """Erase everything that is due now; ``tell`` hears how many alerts were attended to.

        ``terms`` False: of alerts only. Raises ``NotForgotten``, having done all that it could,
        where keys could not be read or erased: they are tried again.
        """
        now = self._clock.now()
        done = Forgotten()
        async with self._database.connection() as connection:
            await term_rows.sooner(connection, self._due.first(now) - now)
        waiting = await self._attend(now, done, tell)
        if terms:
            done.terms = await self._by_term.carry_out(now, tell_terms)
            self._termed_at = now
            try:
                done.keys += await self._erase_keys(now)
            except TgdError as error:
                waiting = error
        async with self._database.connection() as connection:
            # Only now: of what was just erased nobody need be asked any more.
            await store.ask_again(connection, now)
            self._metrics.erasures_overdue.set(await store.overdue(connection, now - OVERDUE_AFTER))
        if waiting is not None:
            raise NotForgotten(waiting, done) from waiting
        return done

    async def try_out(self, tell_terms: Tell = lambda _done, _of: None) -> Forgotten:
        """Return what ``look`` would erase now, having changed nothing; of keys nothing is said."""
        now = self._clock.now()
        done = Forgotten()
        async with self._database.connection() as connection:
            due = await store.due(connection, now, _ALL)
        for alert_id in due:
            try:
                async with self._database.transaction() as transaction:
                    done.things += await self._erase(transaction, alert_id, now)
                    take_back()
            except TakenBack:
                done.alerts += 1
            except OUTAGE:
                raise
            except _FAILS:
                continue  # it would have to wait
        done.terms = await self._by_term.try_out(now, tell_terms)
        return done

    @again
    async def hold(self, alert_id: UUID, by: str, reference: str | None) -> None:
        """Keep what there is for a criminal case, or, with no reference, do not."""
        if reference is not None and not reference.strip():
            raise Refused("no_reference", "a hold names the criminal case that it is for")
        async with self._database.transaction() as transaction:
            now = self._clock.now()
            key = await self._standing(transaction, alert_id, keep=reference is not None)
            case = reference and typed.seal(key, reference, alert_id)
            await store.answer_hold(transaction, alert_id, now, by, case)
            await self._at_once(transaction, alert_id, now)

    @again
    async def authorise(self, alert_id: UUID, by: str, magistrate: str) -> None:
        """Keep the positions up to 8 days, as this magistrate has authorised."""
        async with self._database.transaction() as transaction:
            now = self._clock.now()
            key = await self._standing(transaction, alert_id, keep=True)
            said = typed.seal(key, magistrate, alert_id)
            await store.authorise_eight_days(transaction, alert_id, now, by, said)
            await self._at_once(transaction, alert_id, now)

    async def _standing(
        self, transaction: Connection, alert_id: UUID, *, keep: bool
    ) -> DataKey | None:
        """Lock the alert; nobody is to believe that what has been erased is kept. Its key."""
        alert = await store.hold(transaction, alert_id)
        if alert is None:
            raise NotFound("alert")
        if keep and alert.status == "closed" and not await store.kept(transaction, alert_id):
            raise Refused("erased", "nothing is kept of this alert any more")
        if alert.key is None and keep:  # only presses or positions are left, with keys of their own
            fresh = self._sealer.new_key()
            await store.settle(transaction, alert_id, fresh.wrapped, alert.forget_at)
            return fresh
        return typed.unlock(self._sealer, alert.key)

    async def _at_once(self, transaction: Connection, alert_id: UUID, now: datetime) -> None:
        """Do what an answer means together with it; what fails is left to the next look."""
        try:
            async with transaction.transaction():
                await self._erase(transaction, alert_id, now)
        except OUTAGE:
            raise
        except _FAILS as error:
            _log.warning("alert %s is attended to later: %s", alert_id, type(error).__name__)

    async def _attend(
        self, now: datetime, done: Forgotten, tell: Callable[[int], None]
    ) -> TgdError | None:
        """Erase what is due, alert by alert, then keys; return why something has to wait.

        An alert that breaks, or waits for its key, keeps no other waiting.
        """
        passed: set[UUID] = set()
        waiting: TgdError | None = None
        keys_wait = False
        while True:
            async with self._database.connection() as connection:
                found = await store.due(connection, now, BATCH + len(passed))
            due = [alert_id for alert_id in found if alert_id not in passed]
            for alert_id in due:
                try:
                    done.things += await self._forget(alert_id, now)
                except OUTAGE:
                    raise
                except REFUSED:
                    passed.add(alert_id)
                    self._complain(alert_id)
                    continue
                except SealBroken as error:
                    passed.add(alert_id)
                    waiting = error
                    continue
                done.alerts += 1
                tell(done.alerts)
            if not keys_wait:
                try:
                    done.keys += await self._erase_keys(now)
                except TgdError as error:
                    waiting, keys_wait = error, True
            if not due:
                return waiting

    def _complain(self, alert_id: UUID) -> None:
        """Say once that an alert breaks; it is tried again with every look."""
        if alert_id not in self._broken:
            self._broken.add(alert_id)
            self._metrics.loop_errors["forget"].inc()
            _log.exception("what is due of alert %s cannot be erased", alert_id)

    @again
    async def _forget(self, alert_id: UUID, now: datetime) -> Counter[str]:
        async with self._database.transaction() as transaction:
            return await self._erase(transaction, alert_id, now)

    async def _erase(self, transaction: Connection, alert_id: UUID, now: datetime) -> Counter[str]:
        """Erase what is due of one alert, and note when the next of it will be."""
        alert = await store.hold(transaction, alert_id)
        if alert is None:
            return Counter()
        if alert.held:
            await store.settle(transaction, alert_id, alert.key, None)
            return Counter()
        things = await store.kept(transaction, alert_id)
        due, left = _parted(things, lambda thing: self._due.ends(thing, alert) <= now + TOGETHER)
        dead = {thing.key for thing in due if thing.key is not None}
        # A thing that is not due and has lost its key goes on under a new one.
        keyless, left = _parted(left, lambda thing: thing.key in dead)
        opened, lost = self._opened(keyless, alert_id)
        due += lost
        left += [thing for thing, _ in opened]
        is_open, without = alert.status != "closed", alert.key is None or alert.key in dead
        needs_key = is_open or any(thing.kind in _UNDER_ALERT for thing in left)
        fresh = self._sealer.new_key() if opened or (without and needs_key) else None
        key = alert.key
        if without:
            key = fresh.wrapped if fresh is not None and needs_key else None
        elif key is not None and not left and not is_open:
            dead.add(key)
            key = None
        await _write(transaction, due, opened, fresh, alert_id)
        await store.bury(transaction, sorted(dead), now)
        ends = [self._due.ends(thing, alert) for thing in left]
        if is_open:  # what is recorded from now on is due later than this
            ends.append(self._due.first(now))
        await store.settle(transaction, alert_id, key, min(ends, default=None))
        counts = Counter(thing.kind for thing in due)
        if due:
            await store.note(
                transaction, now, alert_id, "erased", self._due.told(counts, left, alert)
            )
        return counts

    def _opened(
        self, things: Sequence[Kept], alert_id: UUID
    ) -> tuple[list[tuple[Kept, bytes]], list[Kept]]:
        """Open things; those that never will again are lost, and are to be erased as well.

        Raises ``SealBroken`` where that is not sure: the key store is away, or another one. It
        then waits for them to be due themselves, at the longest.
        """
        opened, lost = [], []
        for thing in things:
            try:
                key = self._sealer.unwrap(thing.key or b"")
                opened.append((thing, key.open(thing.sealed, _about(thing, alert_id))))
            except (KeyUnreadable, KeyNotHere):
                raise
            except SealBroken:
                if self._keys is None and (thing.key or b"")[:1] == IN_SLOT:
                    raise
                lost.append(thing)
        if lost:
            _log.warning("%d things of alert %s do not open any more", len(lost), alert_id)
        return opened, lost

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
                gone = await store.buried(transaction, keys)
                if not gone:  # another server was faster, and has said so
                    continue
                # A key that stood in the database itself lives on in older backups.
                slots = sum(key[:1] == IN_SLOT for key in gone)
                counts = {"keys": slots, "in_backups": len(gone) - slots}
                await store.note(transaction, now, None, "keys_erased", counts)
            erased += len(gone)

    async def _sweep(self) -> None:
        """Once a day, erase what no row names: presses repeated, transactions broken off."""
        now = self._clock.now()
        if self._keys is None or (self._swept_at and now - self._swept_at < SWEEP_EVERY):
            return
        async with self._database.connection() as connection:
            named = await store.named(connection)
        await asyncio.to_thread(self._keys.sweep, named)
        self._swept_at = now


async def _write(
    transaction: Connection,
    due: Sequence[Kept],
    opened: Sequence[tuple[Kept, bytes]],
    fresh: DataKey | None,
    alert_id: UUID,
) -> None:
    """Erase what is due, and put what was opened under the fresh key."""
    for kind in KINDS:
        ids = [thing.id for thing in due if thing.kind == kind]
        if ids:
            await store.erase(transaction, kind, ids)
        if fresh is None:
            continue
        anew = [
            (thing.id, fresh.seal(plain, _about(thing, alert_id)))
            for thing, plain in opened
            if thing.kind == kind
        ]
        if anew:
            await store.reseal(transaction, kind, anew, fresh.wrapped)


def _about(thing: Kept, alert_id: UUID) -> str:
    """Return what a thing is sealed as."""
    return _ABOUT.get(thing.kind) or f"note {alert_id}"


def _parted(things: Sequence[Kept], by: Callable[[Kept], bool]) -> tuple[list[Kept], list[Kept]]:
    return [thing for thing in things if by(thing)], [thing for thing in things if not by(thing)]
