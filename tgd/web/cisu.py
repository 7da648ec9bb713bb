"""The way back from control rooms: ``POST /cisu/inbound`` (PROTOCOL §4, adapter ``https``).

Serves arrow 3. Promises: 202 only after what the room said is committed; 401 for a token that is
no room's, 403 for an envelope that another than this room has signed, 422 for what cannot be used,
each with the RS-ERROR that says so wherever its sender can be addressed. What the message changes
is left to the flow ``inbound``. A room that speaks no CISU posts CAP here, by its content type. Few
of one room's messages are in work at once: it takes no connection to the database from the others,
nor from a press.
"""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from uuid import uuid4

from aiohttp import web

from tgd.errors import Invalid
from tgd.platform.channels import cap_inbound, cisu_inbound, cisu_wire
from tgd.platform.channels.cisu_inbound import SENDER, BadEnvelope, stranger
from tgd.platform.flow.hearing import OF_ONE_ROOM
from tgd.store import accounts, rooms
from tgd.web import reading
from tgd.web.access import bearer
from tgd.web.context import Context
from tgd.web.errors import Problem, forbidden, unauthorized

_VALID = timedelta(hours=1)


class Cisu:
    """The route; a room's token is its own, not one of the table ``token``."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._in_work: dict[str, asyncio.Semaphore] = {}

    async def inbound(self, request: web.Request) -> web.Response:
        """Take one envelope."""
        raw = await reading.body(request)
        room = await self._room(request)
        if room is None:
            return self._refused(stranger(raw, "jeton absent ou inconnu"), _not_a_room())
        room_id, address = room
        try:
            async with self._in_work.setdefault(room_id, asyncio.Semaphore(OF_ONE_ROOM)):
                if request.content_type == cap_inbound.CONTENT_TYPE:
                    await self._context.inbound.receive_cap(room_id, address, raw)
                else:
                    await self._context.inbound.receive(room_id, address, raw)
        except BadEnvelope as bad:
            bad.sender = address  # known by its token, whatever the envelope says
            return self._refused(bad, _problem(bad))
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def _room(self, request: web.Request) -> tuple[str, str] | None:
        presented = bearer(request)
        if presented is None:
            return None
        async with self._context.database.connection() as connection:
            return await rooms.by_inbound_token(connection, accounts.digest(presented))

    def _refused(self, bad: BadEnvelope, problem: Problem) -> web.Response:
        """Answer an RS-ERROR envelope; problem details where its sender cannot be addressed."""
        now = self._context.clock.now()
        sender_id = self._context.config.sender_id
        try:
            envelope = cisu_inbound.rs_error(
                bad,
                sender_id=sender_id,
                recipient=cisu_wire.address("sender", bad.sender or ""),
                distribution_id=cisu_wire.distribution_id(sender_id, uuid4()),
                sent_at=now,
                expires_at=now + _VALID,
            )
        except Invalid:
            return problem.response()
        return web.Response(
            status=problem.status,
            body=cisu_wire.encode(envelope),
            content_type="application/json",
            headers=problem.headers,
        )


def _not_a_room() -> Problem:
    return unauthorized("not_a_room", "no control room has this token")


def _problem(bad: BadEnvelope) -> Problem:
    if bad.code == SENDER[0]:
        return forbidden("sender", "the envelope's sender is not the room of this token")
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "envelope", bad.cause)
