"""Associations over HTTP: conventions, clearances, and who follows whom (PROTOCOL, "The register").

Serves the prosecutor's office. Only a prosecutor clears; an administrator may look. Every act
answers with the convention as it stands afterwards.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound
from tgd.store import associations as rows
from tgd.web import office_in, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.office import plain


class Conventions:
    """The handlers; every one runs behind the guard of its route."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._acts = context.office.associations

    async def list(self, request: web.Request) -> web.Response:
        """Answer the conventions, the last to end first."""
        own = await self._own(request)
        async with self._database.connection() as connection:
            found = await rows.listed(connection, own)
        return answer({"items": [_shown(row) for row in found], "next": None})

    async def agree(self, request: web.Request) -> web.Response:
        """Enter a convention."""
        own, fields = await self._own(request), await reading.fields(request)
        starts_at, ends_at = (office_in.moment(fields, name) for name in ("starts_at", "ends_at"))
        if ends_at is None:
            raise Invalid("ends_at", "is missing")
        made = await self._acts.agree(
            fields.text("association", reading.WORD_MAX),
            (starts_at, ends_at),
            request[CALLER].name,
            own,
            tribunal=fields.optional("tribunal", reading.WORD_MAX),
        )
        return await self._one(made, own, HTTPStatus.CREATED)

    async def end(self, request: web.Request) -> web.Response:
        """End a convention before its term."""
        own, one = await self._own(request), office_in.path_id(request, "convention")
        await self._acts.end(one, request[CALLER].name, own)
        return await self._one(one, own)

    async def clear(self, request: web.Request) -> web.Response:
        """Clear a member of the association by name."""
        own, one = await self._own(request), office_in.path_id(request, "convention")
        username = (await reading.fields(request)).text("username", reading.WORD_MAX)
        await self._acts.clear(one, username, request[CALLER].name, own)
        return await self._one(one, own)

    async def end_clearance(self, request: web.Request) -> web.Response:
        """End a member's clearance."""
        own, one = await self._own(request), office_in.path_id(request, "clearance")
        convention = await self._acts.end_clearance(one, request[CALLER].name, own)
        return await self._one(convention, own)

    async def entrust(self, request: web.Request) -> web.Response:
        """Have a cleared member follow a person; ``ended`` true: no longer."""
        own, one = await self._own(request), office_in.path_id(request, "clearance")
        fields = await reading.fields(request)
        who = office_in.identity(fields, "beneficiary")
        if who is None:
            raise Invalid("beneficiary", "is missing")
        ended = office_in.flag(fields, "ended", default=False)
        convention = await self._acts.entrust(one, who, request[CALLER].name, own, ended=ended)
        return await self._one(convention, own)

    async def _own(self, request: web.Request) -> str | None:
        async with self._database.connection() as connection:
            return await office_in.scope(connection, request[CALLER])

    async def _one(
        self, convention: UUID, own: str | None, status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        async with self._database.connection() as connection:
            found = await rows.listed(connection, own, convention)
        if not found:
            raise NotFound("convention")
        return answer(_shown(found[0]), status)


def _shown(row: Mapping[str, Any]) -> object:
    values = {("tribunal" if name == "tribunal_id" else name): one for name, one in row.items()}
    shown: object = plain(values)
    return shown
