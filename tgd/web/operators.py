"""Who is there, and how an alert passes from one operator to another.

Serves arrow 2. An alert is always somebody's or everybody's: giving it back rings everyone,
offering it leaves it where it is until the other answers. What an operator must know of a person
is read here, only while her alert is open, and the reading is journalled.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from aiohttp import web

from tgd.errors import Invalid, Refused
from tgd.store import conflicts, presence
from tgd.store.db import Connection
from tgd.web import alert_json, reading
from tgd.web.access import CALLER, VIEW, Caller
from tgd.web.alerts import shown
from tgd.web.answers import answer, said
from tgd.web.context import Context
from tgd.web.kept import Kept, hidden_from
from tgd.web.rights import View
from tgd.web.together import Told

MOST_OFFERED = 100
_Asked: TypeAlias = tuple[View, frozenset[UUID]]


class Operators:
    """The handlers; every one runs behind the guard of its route."""

    def __init__(self, context: Context, kept: Kept) -> None:
        self._database = context.database
        self._clock = context.clock
        self._triage = context.triage
        self._persons = context.persons
        self._notes = context.notes
        self._context = context
        self._kept = kept
        self._present: Told[_Asked, bytes] = Told(self._look_up, context.hub, context.clock)

    async def present(self, request: web.Request) -> web.Response:
        """Answer who is there, who is busy and who holds what; a browser that reads it is there."""
        async with self._database.connection() as connection:
            await _here(connection, request[CALLER], self._clock.now())
        told = await self._present.ask((request[VIEW], hidden_from(request)))
        return said(told or b"")

    async def _look_up(self, asked: AbstractSet[_Asked]) -> dict[_Asked, bytes]:
        now = self._clock.now()
        found = {}
        async with self._database.connection() as connection:
            for hidden in {hidden for _, hidden in asked}:
                rows = await presence.present(connection, now, hidden)
                found[hidden] = {"items": [_present(row) for row in rows], "next": None}
        return {
            (view, hidden): msgspec.json.encode(view.of(found[hidden])) for view, hidden in asked
        }

    async def wants(self, request: web.Request) -> web.Response:
        """Be rung, or not."""
        caller = request[CALLER]
        state = (await reading.fields(request)).choice("state", *presence.WANTS)
        now = self._clock.now()
        async with self._database.connection() as connection:
            await _here(connection, caller, now)  # first: who comes back comes back available
            await presence.wants(connection, caller.name, caller.role, state, now)
        self._context.hub.heard += 1  # its own answer says so already
        return await self.present(request)

    async def release(self, request: web.Request) -> web.Response:
        """Give an alert back."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        reason = (await reading.fields(request)).text("reason")
        once = reading.act_key(request)
        await self._triage.release(
            alert_id, caller.name, reason, supervisor=caller.supervisor, once=once
        )
        return await shown(self._context, request, alert_id)

    async def offer(self, request: web.Request) -> web.Response:
        """Offer an alert to another operator."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        fields = await reading.fields(request)
        to, note = fields.text("to", reading.WORD_MAX), fields.optional("note")
        once = reading.act_key(request)
        await self._may(to, alert_id)
        await self._triage.offer(
            [alert_id], caller.name, to, note, supervisor=caller.supervisor, once=once
        )
        return await shown(self._context, request, alert_id)

    async def hand_over(self, request: web.Request) -> web.Response:
        """Offer everything that the caller holds: the end of a shift."""
        caller = request[CALLER]
        fields = await reading.fields(request)
        to, note = fields.text("to", reading.WORD_MAX), fields.text("note")
        async with self._database.connection() as connection:
            found = await presence.held(connection, caller.name)
        held = [one for one, person in found.items() if person not in hidden_from(request)]
        if len(held) > MOST_OFFERED:
            raise Invalid("to", f"more than {MOST_OFFERED} alerts are held: offer them one by one")
        if held:
            await self._may(to, *held)
            await self._triage.offer(held, caller.name, to, note, once=reading.act_key(request))
        return answer({"offered": [str(alert_id) for alert_id in held], "to": to})

    async def _may(self, to: str, *alert_ids: UUID) -> None:
        """Refuse to offer alerts to whom they are kept from, as if nobody were there."""
        locks = await self._kept.locks()
        async with self._database.connection() as connection:
            role = await presence.role_of(connection, to)
            hidden = locks.hidden_from(to, role or "")
            if hidden and hidden & await conflicts.persons(connection, "alerts", alert_ids):
                raise Refused("not_there", f"{to} is not there to take it")

    async def person(self, request: web.Request) -> web.Response:
        """Answer the file of the person whose alert it is."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        return answer(await self._persons.read(alert_id, caller.name))

    async def notes(self, request: web.Request) -> web.Response:
        """Answer what was noted on an open alert, why it was passed on among it."""
        found = await self._notes.read(reading.alert_id(request))
        items = [{"at": alert_json.stamp(one.at), "by": one.by, "text": one.text} for one in found]
        return answer({"items": items, "next": None})


def _present(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "role": row["role"],
        "state": row["state"],
        "since": alert_json.stamp(row["since"]),
        "group": row["ring_group"],
        "site": row["site"],
        "holds": [str(alert_id) for alert_id in row["holds"]],
    }


async def _here(connection: Connection, caller: Caller, now: datetime) -> None:
    """Note that a browser's operator is there. A program says so by listening to the stream."""
    if caller.session is not None:
        await presence.arrived(connection, caller.name, caller.role, now)
