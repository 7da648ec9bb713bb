"""Logging in and out: a password, a second factor where there is one, a cookie.

Serves the pages for people. Promises: whoever fails learns nothing, whether the name is unknown,
the account ended, the password or the code wrong: the same answer after the same work (one password
hash, one look at a code, one statement); guessing is slowed down (``delays``); a one-time code
serves once, also after a restart; whoever logs in gets a new session, and the old one of that
browser ends. Sessions that stand are never touched by somebody else's guessing, and in a browser
that an account has used before nobody waits for it either.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from http import HTTPStatus

import argon2
import pyotp
from aiohttp import web

from tgd.seal import SealBroken, Sealer
from tgd.store import accounts, logins
from tgd.web import alert_json, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.delays import Attempt, Delays, source
from tgd.web.errors import Problem, forbidden
from tgd.web.opening import Opening, take, wrong_login
from tgd.web.pages import is_secure

_AT_ONCE, _QUEUED = 2, 32
"""Password checks under way (each takes 64 MiB and a core), and those that may wait."""
_ELSEWHERE = frozenset({"cross-site", "same-site"})
"""A neighbour under the same domain is another site's page as well."""
_SECRET_MAX = 256
_CODE_MAX = 40
_STEP_S = 30
_DIGITS = 6


class Checks:
    """Checks passwords, a few at a time; browsers that are known have a place of their own."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher()
        self._nobody = ""  # the hash that an unknown name's password is checked against
        self._places = {False: asyncio.Semaphore(_AT_ONCE), True: asyncio.Semaphore(1)}
        self._waiting = {False: 0, True: 0}

    async def prepare(self, _app: web.Application) -> None:
        """Make the hash for unknown names; before the first request."""
        self._nobody = await asyncio.to_thread(self._hasher.hash, secrets.token_urlsafe())

    @asynccontextmanager
    async def place(self, *, known: bool) -> AsyncIterator[None]:
        """Wait for a place; 503 if too many do."""
        if self._waiting[known] >= _QUEUED:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "busy", "try again", headers={"Retry-After": "1"}
            )
        self._waiting[known] += 1
        try:
            async with self._places[known]:
                yield
        finally:
            self._waiting[known] -= 1

    async def right(self, account: accounts.Account | None, password: str) -> bool:
        """Say whether it is the account's password; as much work where there is no account."""
        known = self._nobody if account is None else account.password_hash
        matches = await asyncio.to_thread(self._matches, known, password)
        return matches and account is not None

    def _matches(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


class Login:
    """The routes under ``/session``.

    ``ending`` says of an agency's issuer where its own session is ended.
    """

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._config = context.config
        self._sealer = Sealer(context.config.secret_key)
        self.delays = Delays(context.database, context.clock, context.config.secret_key)
        self.opening = Opening(context, self.delays)
        self.ending: Callable[[web.Request, str], Awaitable[str | None]] = _nowhere
        self._checks = Checks()
        self.prepare = self._checks.prepare
        self._outcomes = context.metrics.logins
        self._dummy = pyotp.random_base32()

    async def log_in(self, request: web.Request) -> web.Response:
        """Check name, password and second factor; answer the CSRF token, set the cookie."""
        if request.headers.get("Sec-Fetch-Site") in _ELSEWHERE:
            raise forbidden("cross_site", "log in from the console's own page")
        fields = await reading.fields(request)
        username = fields.text("username", _SECRET_MAX)
        password, code = fields.text("password", _SECRET_MAX), fields.optional("totp", _CODE_MAX)
        attempt = self._attempt(request, username)
        async with self._checks.place(known=attempt.browser):
            account = await self._checked(attempt, username, password, code)
        opened = await self.opening.open(request, account)
        response = self._answer(opened.username, opened.role, opened.csrf, opened.expires_at)
        self.opening.give(request, response, opened)
        return response

    def _attempt(self, request: web.Request, username: str) -> Attempt:
        known = request.cookies.get(self.delays.cookie(username, secure=is_secure(request)))
        return self.delays.of(username, source(request, self._config.proxies), known)

    async def _checked(
        self, attempt: Attempt, username: str, password: str, code: str | None
    ) -> accounts.Account:
        """Return the account; the same steps and the same refusal whatever is wrong."""
        try:
            await self.delays.count(attempt)
        except Problem:
            self._outcomes["delayed"].inc()
            raise
        async with self._database.connection() as connection:
            account = await accounts.account(connection, username)
        right = await self._checks.right(account, password)
        step, factor = self._step(account, code), account.totp_secret if account else None
        # What is wrong already uses no code up: the statement is run for nobody.
        spender = account.id if account is not None and right else None
        recovery = None if code is None else logins.recovery(code)
        async with self._database.connection() as connection:
            spent = await logins.spend(connection, spender, step, recovery, self._clock.now())
        if account is None or not right or not (spent or factor is None):
            self._outcomes["wrong"].inc()
            raise wrong_login()
        await self.delays.right(attempt)
        self._outcomes["right"].inc()
        return account

    async def confirm(self, request: web.Request, username: str, password: str) -> None:
        """Refuse who does not know the account's password; guessing is slowed down here as well."""
        attempt = self._attempt(request, username)
        async with self._checks.place(known=attempt.browser):
            await self.delays.count(attempt)
            async with self._database.connection() as connection:
                account = await accounts.account(connection, username)
            if not await self._checks.right(account, password):
                raise forbidden("wrong_password", "the present password is wrong")
        await self.delays.right(attempt)

    async def lift(self, username: str | None, address: str | None) -> int:
        """Let a name or an address off its wait; return how many waits that ended."""
        return await self.delays.lift(username, address)

    def _step(self, account: accounts.Account | None, code: str | None) -> int | None:
        """Return which step of time the code is for; None: none of those about now."""
        totp, now, found = pyotp.TOTP(self._factor(account)), self._clock.now(), None
        for drift in (-1, 0, 1):
            at = now + timedelta(seconds=drift * _STEP_S)
            if totp.verify(code or "", for_time=at) and account and account.totp_secret:
                found = int(at.timestamp()) // _STEP_S
        return found

    def _factor(self, account: accounts.Account | None) -> str:
        if account is None or account.totp_secret is None:
            return self._dummy
        try:
            about = accounts.totp_about(account.username)
            return self._sealer.open(account.totp_secret, about).decode()
        except SealBroken:  # under another master secret: a recovery code still serves
            return self._dummy

    async def log_out(self, request: web.Request) -> web.Response:
        """End the session; a token has none and stays what it is.

        Whom an agency vouches for is told where the agency's own session ends: else the next
        person at this desk would be let in by it.
        """
        caller = request[CALLER]
        elsewhere = None
        if caller.session is not None:
            async with self._database.connection() as connection:
                await accounts.close_session(connection, caller.key)
            if caller.session.issuer is not None:
                elsewhere = await self.ending(request, caller.session.issuer)
        if elsewhere is None:
            response = web.Response(status=HTTPStatus.NO_CONTENT)
        else:
            response = answer({"logout": elsewhere})
        take(request, response)
        return response

    async def show(self, request: web.Request) -> web.Response:
        """Tell a page that was loaded again who is logged in, and its CSRF token."""
        caller = request[CALLER]
        csrf = caller.session.csrf if caller.session else None
        vouched = caller.session is not None and caller.session.issuer is not None
        return self._answer(caller.name, caller.role, csrf, caller.expires_at, vouched=vouched)

    def _answer(
        self,
        name: str,
        role: str,
        csrf: str | None,
        expires_at: datetime | None,
        *,
        vouched: bool = False,
    ) -> web.Response:
        return answer(
            {
                "username": name,
                "role": role,
                "csrf": csrf,
                "expires_at": alert_json.stamp(expires_at) if expires_at else None,
                # Whom to telephone when the console has lost the server.
                "call": self._config.callback_number,
                # An agency vouches for the person: there is no password here.
                "vouched": vouched,
            }
        )


async def _nowhere(_request: web.Request, _issuer: str) -> str | None:
    return None
