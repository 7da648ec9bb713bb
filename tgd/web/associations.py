"""Associations over HTTP: conventions, clearances, and who follows whom (PROTOCOL, "The register").

Serves the prosecutor's office. Only a prosecutor clears; an administrator may look. Every act
answers with the convention as it stands afterwards.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from typing import Any
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound
from tgd.justice.flow.associations import Associations
from tgd.store import associations as rows
from tgd.store.acts import Done
from tgd.web import acts, office_in, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.kept import hidden_from, named
from tgd.web.office import plain


class Conventions:
    """The handlers; every one runs behind the guard of its route."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._office = context.office

    async def list(self, request: web.Request) -> web.Response:
        """Answer the conventions, the last to end first."""
        own = await self._own(request)
        async with self._database.connection() as connection:
            found = await rows.listed(connection, own)
        return answer({"items": [_shown(row, hidden_from(request)) for row in found], "next": None})

    async def agree(self, request: web.Request) -> web.Response:
        """Enter a convention."""
        own, fields = await self._own(request), await reading.fields(request)
        starts_at, ends_at = (office_in.moment(fields, name) for name in ("starts_at", "ends_at"))
        if ends_at is None:
            raise Invalid("ends_at", "is missing")
        name = fields.text("association", reading.WORD_MAX)
        tribunal = fields.optional("tribunal", reading.WORD_MAX)
        try:
            made = await self._acts(request).agree(
                name, (starts_at, ends_at), request[CALLER].name, own, tribunal=tribunal
            )
        except Done as done:
            made = done.made("convention_made", "convention")
        return await self._one(request, made, own, HTTPStatus.CREATED)

    async def end(self, request: web.Request) -> web.Response:
        """End a convention before its term."""
        own, one = await self._own(request), office_in.path_id(request, "convention")
        with acts.once:
            await self._acts(request).end(one, request[CALLER].name, own)
        return await self._one(request, one, own)

    async def clear(self, request: web.Request) -> web.Response:
        """Clear a member of the association by name."""
        own, one = await self._own(request), office_in.path_id(request, "convention")
        username = (await reading.fields(request)).text("username", reading.WORD_MAX)
        with acts.once:
            await self._acts(request).clear(one, username, request[CALLER].name, own)
        return await self._one(request, one, own)

    async def end_clearance(self, request: web.Request) -> web.Response:
        """End a member's clearance."""
        own, one = await self._own(request), office_in.path_id(request, "clearance")
        try:
            convention = await self._acts(request).end_clearance(one, request[CALLER].name, own)
        except Done as done:
            convention = done.made("clearance_ended", "convention")
        return await self._one(request, convention, own)

    async def entrust(self, request: web.Request) -> web.Response:
        """Have a cleared member follow a person; ``ended`` true: no longer."""
        own, one = await self._own(request), office_in.path_id(request, "clearance")
        fields = await reading.fields(request)
        who = await named(request, "beneficiaries", office_in.identity(fields, "beneficiary"))
        if who is None:
            raise Invalid("beneficiary", "is missing")
        ended = office_in.flag(fields, "ended", default=False)
        by = request[CALLER].name
        try:
            convention = await self._acts(request).entrust(one, who, by, own, ended=ended)
        except Done as done:
            kind = "person_taken_back" if ended else "person_entrusted"
            convention = done.made(kind, "convention")
        return await self._one(request, convention, own)

    def _acts(self, request: web.Request) -> Associations:
        return acts.under(request, self._office).associations

    async def _own(self, request: web.Request) -> str | None:
        async with self._database.connection() as connection:
            return await office_in.scope(connection, request[CALLER])

    async def _one(
        self,
        request: web.Request,
        convention: UUID,
        own: str | None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> web.Response:
        async with self._database.connection() as connection:
            found = await rows.listed(connection, own, convention)
        if not found:
            raise NotFound("convention")
        return answer(_shown(found[0], hidden_from(request)), status)


def _shown(row: Mapping[str, Any], hidden: AbstractSet[UUID]) -> object:
    values = {("tribunal" if name == "tribunal_id" else name): one for name, one in row.items()}
    shown = plain(values)
    for clearance in shown["clearances"]:
        people = clearance["people"]
        clearance["people"] = [one for one in people if UUID(one["id"]) not in hidden]
    told: object = shown
    return told
