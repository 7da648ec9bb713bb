"""What is kept from a reader: of whom he may know nothing, asked once for whatever he calls.

Serves every route. Promises: who is locked out of a person's file by a conflict of interest finds
that she is hidden (``hidden_from``), lists leave her out, and what has an address of its own
is not there, by the very way on which what never was is not there, be it the address that names it
or the body (``named``); that somebody looked is on the record. A lock takes effect with the next
call. The rule is ``tgd.conflict``'s.
"""

import asyncio
import logging
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from aiohttp import web

from tgd.clock import Clock
from tgd.conflict import Locks
from tgd.metrics import Metrics
from tgd.store import conflicts
from tgd.store.db import Database
from tgd.web.access import CALLER, Caller
from tgd.web.errors import Handler
from tgd.web.hub import Hub
from tgd.web.together import Told

_LOCKS = web.RequestKey("locks", asyncio.Task[Locks])
_HIDDEN = web.RequestKey("hidden", frozenset[UUID])
NOTED_EVERY = timedelta(minutes=10)
NOTHING = "~"
"""What no phone can be called."""
_log = logging.getLogger(__name__)


def hidden_from(request: web.Request) -> frozenset[UUID]:
    """Return the persons of whom whoever calls may know nothing."""
    hidden: frozenset[UUID] = request[_HIDDEN]
    return hidden


async def named(request: web.Request, things: str, one: UUID | None) -> UUID | None:
    """Return an id that a body names; of something about somebody hidden one that nothing has."""
    return uuid4() if one is not None and await hers(request, things, one) else one


async def hers(request: web.Request, things: str, one: UUID | str) -> bool:
    """Say whether what a body names is about somebody hidden; that it was named is on record."""
    hidden = hidden_from(request)
    return bool(hidden) and await request[_KEPT].about(request[CALLER], things, one, hidden)


class Kept:
    """One for the whole server. ``known`` are the locks as somebody last read them."""

    def __init__(self, database: Database, clock: Clock, hub: Hub, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._told: Told[None, Locks] = Told(self._look_up, hub, clock)
        self._noted: dict[tuple[str, UUID], datetime] = {}
        self.known = Locks({})

    async def locks(self) -> Locks:
        """Return the locks that stand, as of now."""
        found = await self._told.ask(None)
        if found is not None:
            self.known = found
        return self.known

    def ahead(self, handler: Handler) -> Handler:
        """Return the handler, for which the locks are looked up while it finds out who calls."""

        async def asked(request: web.Request) -> web.StreamResponse:
            request[_LOCKS] = locks = asyncio.create_task(self.locks(), name="locks")
            locks.add_done_callback(_noticed)
            try:
                return await handler(request)
            finally:
                locks.cancel()

        return asked

    async def hidden_from(self, caller: Caller) -> frozenset[UUID]:
        """Return the persons of whom the caller may know nothing."""
        return (await self.locks()).hidden_from(caller.name, caller.role)

    def around(self, path: str, handler: Handler) -> Handler:
        """Return the handler of a route, for which nobody hidden is there."""
        things = _things(path)

        async def kept(request: web.Request) -> web.StreamResponse:
            caller, locks = request[CALLER], await request[_LOCKS]
            hidden = request[_HIDDEN] = locks.hidden_from(caller.name, caller.role)
            request[_KEPT] = self
            if hidden and things is not None:
                await self._lose(request, things, hidden)
            return await handler(request)

        return kept

    async def _lose(self, request: web.Request, things: str, hidden: AbstractSet[UUID]) -> None:
        """Have the address name nothing, where it names something about somebody hidden."""
        made = conflicts.THINGS[things]
        try:
            one = made(request.match_info["id"])
        except ValueError:
            return  # it names nothing anyway
        if await self.about(request[CALLER], things, one, hidden):
            request.match_info["id"] = NOTHING if made is str else str(uuid4())

    async def about(
        self, caller: Caller, things: str, one: UUID | str, hidden: AbstractSet[UUID]
    ) -> bool:
        """Say whether something is about one of the hidden, and put on record who named it."""
        async with self._database.connection() as connection:
            about = hidden & await conflicts.persons(connection, things, [one])
        await self.looked(caller, about, things)
        return bool(about)

    async def looked(self, caller: Caller, persons: AbstractSet[UUID], things: str) -> None:
        """Put on the record that a locked reader looked for these persons, and raise the alarm."""
        now = self._clock.now()
        for person in persons:
            before = self._noted.get((caller.name, person))
            if before is not None and now < before + NOTED_EVERY:
                continue
            async with self._database.connection() as connection:
                new = await conflicts.note_lookup(connection, person, now, caller.name, things)
            if new:
                self._noted[caller.name, person] = now
                self._metrics.lookups["locked"].inc()
                _log.warning("a reader has looked for what is locked to him: see the journal")

    async def _look_up(self, _keys: AbstractSet[None]) -> dict[None, Locks]:
        async with self._database.connection() as connection:
            return {None: await conflicts.standing(connection)}


_KEPT = web.RequestKey("kept", Kept)


def _noticed(locks: asyncio.Task[Locks]) -> None:
    """Whoever may not come in does not wait for what became of it."""
    if not locks.cancelled():
        locks.exception()


def _things(path: str) -> str | None:
    """Return what a route's ``{id}`` is the id of, where that is about a person."""
    before, marked, _ = path.partition("/{id}")
    things = before.rpartition("/")[2]
    return things if marked and things in conflicts.THINGS else None
