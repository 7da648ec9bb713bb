"""Who is calling, and may they: bearer tokens for programs, sessions for browsers.

Serves every route that is not open. Promises: nothing is done for a caller before the guard has
found out who it is and that the role may; a browser's change carries the session's CSRF token; a
token or session that was ended is refused from the next request on. Logging in is ``login``.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from tgd.clock import Clock
from tgd.store import accounts
from tgd.store.db import Database
from tgd.web.errors import Handler, forbidden, unauthorized

COOKIE = "tgd_session"
CSRF = "X-CSRF-Token"

OPERATORS = frozenset({"operator", "supervisor"})
"""Supervisors may do all that operators may."""
READERS = OPERATORS | {"auditor", "prosecutor"}
PROSECUTORS = frozenset({"prosecutor"})
"""Each of his own tribunal."""
KEEPERS = PROSECUTORS | {"supervisor"}
"""A supervisor enters what a magistrate has authorised by telephone or on paper."""
ADMINS = frozenset({"admin"})
OFFICE = PROSECUTORS | {"admin"}
"""The register: a prosecutor's own tribunal's, an administrator's every one's."""
CALLERS_BACK = OPERATORS | {"association"}
"""An association the persons of its own tribunal."""
REVIEWERS = PROSECUTORS | {"supervisor", "admin", "auditor"}
"""Figures about many alerts: no person and no phone is in them."""
PHONES = frozenset({"phone"})
PEOPLE = frozenset(accounts.PERSON_ROLES)

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


class Access:
    """Finds out who calls, by one look-up per request."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def guard(self, roles: frozenset[str], handler: Handler) -> Handler:
        """Return ``handler`` for these roles only; it finds the caller in ``request[CALLER]``."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            caller = await self._identify(request)
            if caller.role not in roles:
                if roles == PHONES:  # rule 8: whatever is no phone's token is no valid one
                    raise unauthorized("token", "a phone's bearer token is needed")
                raise forbidden("role", f"not for the role {caller.role}")
            request[CALLER] = caller
            return await handler(request)

        return guarded

    async def stands(self, caller: Caller) -> bool:
        """Say whether the caller's token or session still stands."""
        async with self._database.connection() as connection:
            if caller.session is None:
                return await accounts.token(connection, caller.key) == (caller.role, caller.name)
            now = self._clock.now()
            return await accounts.session(connection, caller.key, now) is not None

    async def _identify(self, request: web.Request) -> Caller:
        if "Authorization" in request.headers:
            return await self._program(request)
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            raise unauthorized("unauthenticated", "a bearer token or a session is needed")
        key = accounts.digest(cookie)
        async with self._database.connection() as connection:
            session = await accounts.session(connection, key, self._clock.now())
        if session is None:
            raise unauthorized("session_ended", "the session has ended: log in again")
        if request.method not in _READING:
            presented = request.headers.get(CSRF, "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(presented, session.csrf.encode()):
                raise forbidden("csrf", f"the header {CSRF} must carry the session's token")
        return Caller(session.username, session.role, key, session)

    async def _program(self, request: web.Request) -> Caller:
        presented = bearer(request)
        if presented is None:
            raise unauthorized("unauthenticated", "a bearer token is needed")
        key = accounts.digest(presented)
        async with self._database.connection() as connection:
            found = await accounts.token(connection, key)
        if found is None:
            raise unauthorized(
                "invalid_token",
                "the token is unknown or was revoked",
                challenge='Bearer realm="tgd", error="invalid_token"',
            )
        return Caller(name=found[1], role=found[0], key=key)


def bearer(request: web.Request) -> str | None:
    """Return the bearer token that the request presents, if there is one."""
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    return presented.strip() or None if scheme.lower() == "bearer" else None
