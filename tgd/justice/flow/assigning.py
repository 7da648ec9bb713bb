"""Giving a phone: request → decision → assignment, or a place on the waiting list with its reason.

Promises: of two prosecutors who give the last phone at the same moment one gives it and the other's
demand waits, dated, with the reason; no demand is ever lost; nobody has two phones but while one
replaces the other; what she is asked is recorded apart for the phone, for her position and for
sound. Whether she is heard through it is shown by the hand-over test (``life``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from tgd.errors import Invalid, NotFound, Refused
from tgd.justice import files
from tgd.justice.domain import life
from tgd.justice.domain import stock as rules
from tgd.justice.flow.desk import Desk
from tgd.store import assignments, associations, dossier, requests, stock
from tgd.store.db import Connection, again
from tgd.store.stock import Row


@dataclass(frozen=True, slots=True)
class Person:
    """Who needs a phone: one who is known, or a new one; what is said of her stays out of repr."""

    id: UUID | None = None
    label: str | None = None
    listen: str | None = None
    word: str | None = field(default=None, repr=False)
    file: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a prosecutor decides, or somebody asks for; None: it was not said."""

    person: Person = field(default_factory=Person)
    tribunal: str | None = None
    device: str | None = None
    request: UUID | None = None
    replaces: UUID | None = None
    legal_basis: str | None = None
    order: Mapping[str, str] | None = field(default=None, repr=False)
    consents: Mapping[str, bool] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    handed_over: bool = True
    use_reserve: bool = False
    source: str = "unsaid"
    means: str = "unsaid"
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """A phone was given."""

    assignment: UUID


@dataclass(frozen=True, slots=True)
class Waits:
    """None could be: the request stands on the waiting list, and why."""

    request: UUID
    reason: str


class Assigning(Desk):
    """Requests, and the decision about them; ``own`` is the caller's tribunal, None for all."""

    @again
    async def ask(self, demand: Demand, by: str, own: str | None) -> UUID:
        """Record that somebody asks, by whatever means; the decision is a person's, later."""
        async with self._database.transaction() as connection:
            tribunal = await self._tribunal(connection, own, demand.tribunal)
            await stock.hold(connection, [tribunal])
            beneficiary = await self._person(connection, demand.person, own, by)
            return await self._enter(connection, demand, tribunal, beneficiary, by, "undecided")

    @again
    async def assign(self, demand: Demand, by: str, own: str | None) -> Given | Waits:
        """Give her a phone for six months at most, or put her on the waiting list."""
        async with self._database.transaction() as connection:
            tribunal = await self._for(connection, demand, own)
            have = await self._stock(connection, tribunal)
            if demand.device is not None:
                await self._seen(connection, demand.device, tribunal)
            old = await self._old(connection, demand, own)
            request = await self._request(connection, demand, tribunal)
            beneficiary = await self._beneficiary(connection, demand, old, request, own, by)
            if old is None and await assignments.active_of(connection, beneficiary):
                raise Refused("has_phone_already", "she has a phone already")
            chosen, reason = rules.choose(
                have, demand.device, beneficiary, use_reserve=demand.use_reserve
            )
            if chosen is None or reason is not None:
                return await self._wait(connection, demand, tribunal, beneficiary, by, reason or "")
            now = self._clock.now()
            await self._end_replaced(connection, old, now, by)
            waiting = await requests.unmet_of(connection, beneficiary, tribunal)
            made = await self._give(connection, demand, chosen.id, beneficiary, waiting, old, by)
            if waiting is not None:
                await requests.settle(connection, waiting, "granted", "granted", now, by)
            for kept in await requests.answered(connection, beneficiary, now, by):
                if kept != chosen.id:
                    await stock.move(connection, kept, "in_stock", now)
            return Given(made)

    async def _for(self, connection: Connection, demand: Demand, own: str | None) -> str:
        """Return whose decision it is: the request's or the replaced phone's tribunal first."""
        if demand.request is not None:
            tribunal = await requests.where(connection, demand.request)
            if own not in {None, tribunal}:
                raise NotFound("request")
            return tribunal
        device = demand.device
        if demand.replaces is not None:
            device = (await assignments.where(connection, demand.replaces))["device_id"]
        return await self._tribunal(connection, own, demand.tribunal, device)

    async def _seen(self, connection: Connection, device: str, tribunal: str) -> None:
        owners = await stock.owners(connection, device)
        if owners is None or tribunal not in owners:
            raise NotFound("device")

    async def _old(self, connection: Connection, demand: Demand, own: str | None) -> Row | None:
        """Return the assignment whose phone is replaced, locked."""
        if demand.replaces is None:
            return None
        return await self._assignment(connection, demand.replaces, own)

    async def _end_replaced(
        self, connection: Connection, old: Row | None, now: datetime, by: str
    ) -> None:
        if old is None or old["ended_at"] is not None:
            return
        await assignments.act(connection, "end", old["id"], now, by, "replaced")
        await stock.note(connection, now, by, "assignment_ended", old["id"], reason="replaced")

    async def _request(self, connection: Connection, demand: Demand, tribunal: str) -> Row | None:
        if demand.request is None:
            return None
        row = await requests.hold(connection, demand.request)
        if row["status"] not in {"open", "waiting"}:
            raise Refused("decided", f"the request was {row['status']}")
        if row["tribunal_id"] != tribunal:
            raise NotFound("request")
        return row

    async def _beneficiary(
        self,
        connection: Connection,
        demand: Demand,
        old: Row | None,
        request: Row | None,
        own: str | None,
        by: str,
    ) -> UUID:
        known = old["beneficiary_id"] if old else request["beneficiary_id"] if request else None
        person = demand.person
        if known is not None:
            if person.id not in {None, known}:
                raise Invalid("beneficiary", "is another person than the request's")
            person = Person(known, None, person.listen, person.word, person.file)
            own = None
        return await self._person(connection, person, own, by)

    async def _amend(self, connection: Connection, who: UUID, person: Person, by: str) -> None:
        """Change what is said anew of somebody who is known; word and file follow."""
        await dossier.hold(connection, who)
        await assignments.amend_beneficiary(connection, who, person.listen, _label(who))
        said = {"all_clear_word": person.word, "listen": person.listen}
        names = [*person.file, *(name for name, value in said.items() if value)]
        if names:
            details, now = {"beneficiary": str(who), "fields": names}, self._clock.now()
            await associations.note(connection, now, by, "file_mended", details, who)

    async def _person(
        self, connection: Connection, person: Person, own: str | None, by: str
    ) -> UUID:
        """Return the person, entered where she is new; what is said of her is sealed."""
        file = self._files.read(person.file) if person.file else None
        word, key = self._files.word(person.word) if person.word else (None, None)
        if person.id is not None:
            if not await assignments.of_tribunal(connection, person.id, own):
                raise NotFound("beneficiary")
            who = person.id
            await self._amend(connection, who, person, by)
            if person.word:
                await dossier.word(connection, who, word, key, self._clock.now())
        else:
            who = uuid4()
            more = (
                person.label or _label(who),
                person.listen or "mic_only",
                word,
                key,
                self._clock.now(),
            )
            await assignments.add_beneficiary(connection, who, *more)
        if file is not None:
            await self._files.put(connection, who, file)
        return who

    async def _enter(
        self, connection: Connection, demand: Demand, tribunal: str, who: UUID, by: str, reason: str
    ) -> UUID:
        """Enter a request, open, or waiting for a reason."""
        made, now = uuid4(), self._clock.now()
        status = "open" if reason == "undecided" else "waiting"
        await requests.add(
            connection,
            requests.New(
                made,
                tribunal,
                who,
                min(demand.asked_at or now, now),
                demand.source,
                demand.means,
                demand.legal_basis,
                status,
                reason,
                now,
                by,
            ),
        )
        await stock.note(connection, now, by, "requested", request=str(made), tribunal=tribunal)
        if status == "waiting":
            await stock.note(connection, now, by, "request_waits", request=str(made), why=reason)
        return made

    async def _wait(
        self, connection: Connection, demand: Demand, tribunal: str, who: UUID, by: str, reason: str
    ) -> Waits:
        now = self._clock.now()
        known = await requests.unmet_of(connection, who, tribunal)
        if known is None:
            made = await self._enter(connection, demand, tribunal, who, by, reason)
            return Waits(made, reason)
        await requests.settle(connection, known, "waiting", reason, now, by)
        await stock.note(connection, now, by, "request_waits", request=str(known), why=reason)
        return Waits(known, reason)

    async def _give(
        self,
        connection: Connection,
        demand: Demand,
        device: str,
        who: UUID,
        request: UUID | None,
        old: Row | None,
        by: str,
    ) -> UUID:
        made, now = uuid4(), self._clock.now()
        start = demand.starts_at or now
        if start > now:
            raise Invalid("starts_at", "is not in the future: it is given when it is given")
        order = files.Order(**demand.order) if demand.order else None
        words = files.Words(order)
        basis = demand.legal_basis
        consents = dict(demand.consents)
        if old is not None:
            words = files.words(self._sealer, old["id"], (old["content"], old["key"]))
            basis = basis or old["legal_basis"]
            consents = await assignments.consents(connection, old["id"]) | consents
        sealed = files.seal_words(self._sealer, made, words, None)
        await assignments.add(
            connection,
            assignments.New(
                made,
                device,
                who,
                start,
                life.term(start, demand.ends_at),
                start if demand.handed_over else None,
                request,
                demand.replaces,
                by,
                basis,
                *sealed,
            ),
        )
        for kind, given in consents.items():
            await assignments.consent(connection, made, kind, given, now, by)
        said = {"device": device, "legal_basis": basis, "consents": consents}
        await stock.note(connection, now, by, "assigned", made, **said)
        return made


def _label(who: UUID) -> str:
    """Return what rooms and lists may show of a person: no part of her name."""
    return f"Bénéficiaire {who.hex[:6].upper()}"
