"""Sessions by their owner: seen, ended, a new password; and waits lifted for whom they keep out.

Serves the pages for people. Each sees and ends their own; an administrator everybody's. A new
password ends every other session of the account. What is done to somebody else's is on the record.
"""

from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound
from tgd.store import command, logins
from tgd.web import alert_json, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.errors import forbidden
from tgd.web.login import Login

_SECRET_MAX = 256


class Sessions:
    """The handlers; every one runs behind the guard of its route."""

    def __init__(self, context: Context, login: Login) -> None:
        self._database = context.database
        self._clock = context.clock
        self._login = login
        self._idle = timedelta(minutes=context.config.session_idle_minutes)

    async def list(self, request: web.Request) -> web.Response:
        """Answer the sessions that stand, the latest used first."""
        caller, now = request[CALLER], self._clock.now()
        username = None if caller.role == "admin" else caller.name
        async with self._database.connection() as connection:
            rows = await logins.listed(connection, username, now, now - self._idle)
        items = [
            {
                "id": str(row["no"]),
                "username": row["username"],
                "role": row["role"],
                "created_at": alert_json.stamp(row["created_at"]),
                "seen_at": alert_json.stamp(row["seen_at"]),
                "expires_at": alert_json.stamp(row["expires_at"]),
                "current": row["id"] == caller.key,
            }
            for row in rows
        ]
        return answer({"items": items, "next": None})

    async def end(self, request: web.Request) -> web.Response:
        """End a session, one's own or, for an administrator, anybody's."""
        caller, now = request[CALLER], self._clock.now()
        try:
            no = UUID(request.match_info["id"])
        except ValueError:
            raise NotFound("session") from None
        username = None if caller.role == "admin" else caller.name
        async with self._database.transaction() as transaction:
            whose = await logins.end(transaction, no, username)
            if whose != caller.name:
                await command.record(
                    transaction, now, caller.name, "session_ended", {"username": whose}
                )
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def password(self, request: web.Request) -> web.Response:
        """Set a new password, by who knows the present one; every other session ends."""
        caller = request[CALLER]
        if caller.session is None:
            raise forbidden("session_needed", "a program has no password")
        fields = await reading.fields(request)
        present, new = (fields.text(name, _SECRET_MAX) for name in ("password", "new"))
        if present == new:
            raise Invalid("new", "is the present password")
        await self._login.confirm(request, caller.name, present)
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            ended = await logins.set_password(transaction, caller.name, new, keep=caller.key)
            done = {"username": caller.name, "sessions_ended": ended}
            await command.record(transaction, now, caller.name, "password_changed", done)
        return answer({"sessions_ended": ended})

    async def lift(self, request: web.Request) -> web.Response:
        """Let somebody who has failed too often try again at once, by name or by address."""
        caller, now = request[CALLER], self._clock.now()
        fields = await reading.fields(request)
        username = fields.optional("username", _SECRET_MAX)
        address = fields.optional("address", reading.WORD_MAX)
        if username is None and address is None:
            raise Invalid("username", "or an address must be given")
        lifted = await self._login.lift(username, address)
        async with self._database.transaction() as transaction:
            await command.record(
                transaction, now, caller.name, "lockout_lifted", {"lifted": lifted}
            )
        return answer({"lifted": lifted})
