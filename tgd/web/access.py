"""Who is calling, and may they: bearer tokens for programs, sessions for browsers.

Serves every route that is not open. Promises: nothing is done for a caller before the guard has
found out who it is and that the role may; a browser's change carries the session's CSRF token; a
token or session that was ended is refused from the next request on. Logging in is ``login``.
"""

import hmac
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from tgd.clock import Clock
from tgd.store import accounts, logins
from tgd.store.db import Database
from tgd.web.answers import JSON, Answer, Said
from tgd.web.errors import Handler, Problem, forbidden, unauthorized
from tgd.web.pages import is_secure
from tgd.web.rates import Rates
from tgd.web.rights import Grant, View, table
from tgd.web.together import Together

COOKIE = "tgd_session"
CSRF = "X-CSRF-Token"

PHONES = frozenset({"phone"})

_NOTED = timedelta(minutes=1)
"""So often it is written down that a session is used."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: an account's username or a token's name, with its role.

    ``session`` is None for a token; ``key`` is the hash under which either is kept.
    """

    name: str
    role: str
    key: bytes
    session: accounts.Session | None = None

    @property
    def supervisor(self) -> bool:
        """Whether the caller may act on what another operator holds."""
        return self.role == "supervisor"

    @property
    def expires_at(self) -> datetime | None:
        """When the session ends by itself; a token does not."""
        return self.session.expires_at if self.session else None


CALLER = web.RequestKey("caller", Caller)
VIEW = web.RequestKey("view", View)


class Access:
    """Finds out who calls, anew at each request; who come together are looked up together."""

    def __init__(self, database: Database, clock: Clock, idle: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._idle = idle
        self._rates = Rates(clock)
        self._tokens = Together(self._look_up_tokens)
        self._sessions = Together(self._look_up_sessions)

    def guard(self, grant: Grant, handler: Handler) -> Handler:
        """Return ``handler`` for whom the table grants it; the answer holds what their role sees.

        It finds the caller in ``request[CALLER]`` and what he sees in ``request[VIEW]``.
        """
        if grant.open:
            return _everybody(handler)
        roles, rights, limit = grant.roles, table(), grant.per_minute

        async def guarded(request: web.Request) -> web.StreamResponse:
            caller = await self._identify(request)
            if caller.role not in roles:
                if roles == PHONES:  # rule 8: whatever is no phone's token is no valid one
                    raise unauthorized("token", "a phone's bearer token is needed")
                raise forbidden("role", f"not for the role {caller.role}")
            if limit is not None:
                self._slowed(caller, request, limit)
            request[CALLER] = caller
            view = request[VIEW] = rights.view(grant.shows, caller.role)
            try:
                response = await handler(request)
            except Problem as problem:
                problem.extra = rights.view("problem", caller.role).of(problem.extra)
                raise
            return _cut(response, view)

        return guarded

    def _slowed(self, caller: Caller, request: web.Request, limit: int) -> None:
        resource = request.match_info.route.resource
        route = f"{request.method} {resource.canonical if resource else ''}"
        left_s = self._rates.wait_s(caller.key, route, limit)
        if left_s > 0:
            wait = {"Retry-After": str(int(left_s) + 1)}
            raise Problem(429, "too_many_requests", "asked too often: wait", headers=wait)

    async def stands(self, caller: Caller) -> bool:
        """Say whether the caller's token or session still stands."""
        if caller.session is None:
            return await self._tokens.ask(caller.key) == (caller.role, caller.name)
        return await self._sessions.ask(caller.key) is not None

    async def _identify(self, request: web.Request) -> Caller:
        if "Authorization" in request.headers:
            return await self._program(request)
        cookie = request.cookies.get(cookie_name(request))
        if not cookie:
            raise unauthorized("unauthenticated", "a bearer token or a session is needed")
        key = accounts.digest(cookie)
        session = await self._sessions.ask(key)
        if session is None:
            raise unauthorized("session_ended", "the session has ended: log in again")
        # A page that shows it while reading learns so that another has logged in beside it.
        if request.method not in _READING or CSRF in request.headers:
            presented = request.headers.get(CSRF, "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(presented, session.csrf.encode()):
                raise forbidden("csrf", f"the header {CSRF} must carry the session's token")
        return Caller(session.username, session.role, key, session)

    async def _program(self, request: web.Request) -> Caller:
        presented = bearer(request)
        if presented is None:
            raise unauthorized("unauthenticated", "a bearer token is needed")
        key = accounts.digest(presented)
        found = await self._tokens.ask(key)
        if found is None:
            raise unauthorized(
                "invalid_token",
                "the token is unknown or was revoked",
                challenge='Bearer realm="tgd", error="invalid_token"',
            )
        return Caller(name=found[1], role=found[0], key=key)

    async def _look_up_tokens(self, keys: AbstractSet[bytes]) -> dict[bytes, tuple[str, str]]:
        async with self._database.connection() as connection:
            return await accounts.tokens(connection, keys)

    async def _look_up_sessions(self, keys: AbstractSet[bytes]) -> dict[bytes, accounts.Session]:
        now = self._clock.now()
        async with self._database.connection() as connection:
            found = await accounts.sessions(connection, keys, now, now - self._idle)
            if used := [key for key, one in found.items() if one.seen_at <= now - _NOTED]:
                await logins.used(connection, used, now)
        return found


def _cut(response: web.StreamResponse, view: View) -> web.StreamResponse:
    if isinstance(response, Answer):
        response.say(view)
    elif response.content_type == JSON and not isinstance(response, Said):
        raise TypeError("an answer that the table of rights has not seen")
    return response


def _everybody(handler: Handler) -> Handler:
    async def whole(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        if isinstance(response, Answer):
            response.say(None)
        return response

    return whole


def cookie_name(request: web.Request) -> str:
    """Return what the session's cookie is called: over https no other host can set that one."""
    return f"__Host-{COOKIE}" if is_secure(request) else COOKIE


def bearer(request: web.Request) -> str | None:
    """Return the bearer token that the request presents, if there is one."""
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    return presented.strip() or None if scheme.lower() == "bearer" else None
