"""Logging in and out: a password, a second factor where there is one, a cookie.

Serves the pages for people. Promises: an unknown name takes as long as a wrong password; guessing
is slowed down per name and address, within a bounded memory; a one-time code serves once; whoever
logs in gets a new session, and the old one of that browser ends. Sessions that stand are never
touched by somebody else's guessing: an operator at work is not locked out.
"""

import asyncio
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from http import HTTPStatus

import argon2
import pyotp
from aiohttp import web

from tgd.seal import Sealer
from tgd.store import accounts
from tgd.web import alert_json, reading
from tgd.web.access import CALLER, COOKIE
from tgd.web.alerts import answer
from tgd.web.context import Context
from tgd.web.errors import Problem, forbidden, unauthorized

FREE_FAILURES = 5
_WAIT_MAX_S = 300.0
_FORGET_AFTER = timedelta(minutes=15)
_REMEMBERED = 10_000
_AT_ONCE, _QUEUED = 2, 32
"""Password checks under way (each takes 64 MiB and a core), and those that may wait."""
_SECRET_MAX = 256
_STEP_S = 30


class Limiter:
    """Counts failed logins per name and address; the least recent are forgotten first."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._failures: OrderedDict[tuple[str, str], tuple[int, datetime]] = OrderedDict()

    def attempt(self, who: tuple[str, str], now: datetime) -> None:
        """Count an attempt as failed until ``forget`` says otherwise; 429 if it comes too soon."""
        count, last = self._failures.get(who, (0, now))
        if now - last > _FORGET_AFTER:
            count = 0
        if count >= FREE_FAILURES:
            wait_s = min(_WAIT_MAX_S, 2.0 ** (count - FREE_FAILURES + 1))
            left_s = wait_s - (now - last).total_seconds()
            if left_s > 0:
                raise _too_many(left_s)
        self._failures[who] = (count + 1, now)
        self._failures.move_to_end(who)
        while len(self._failures) > self._remembered:
            self._failures.popitem(last=False)

    def forget(self, who: tuple[str, str]) -> None:
        """Take the count back: the login was right."""
        self._failures.pop(who, None)


class Login:
    """The routes under ``/session``."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._config = context.config
        self._sealer = Sealer(context.config.secret_key)
        self._limiter = Limiter()
        self._hasher = argon2.PasswordHasher()
        self._nobody = ""  # the hash that an unknown name's password is checked against
        self._checking = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._used_codes: dict[str, int] = {}

    async def prepare(self, _app: web.Application) -> None:
        """Make the hash for unknown names; before the first request."""
        self._nobody = await asyncio.to_thread(self._hasher.hash, secrets.token_urlsafe())

    async def log_in(self, request: web.Request) -> web.Response:
        """Check name, password and second factor; answer the CSRF token, set the cookie."""
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            raise forbidden("cross_site", "log in from the console's own page")
        fields = await reading.fields(request)
        username = fields.text("username", _SECRET_MAX)
        password, code = fields.text("password", _SECRET_MAX), fields.optional("totp", 16)
        who = (username, request.remote or "")
        self._limiter.attempt(who, self._clock.now())
        account = await self._checked(username, password)
        if account.totp_secret is not None:
            self._second_factor(account, account.totp_secret, code)
        self._limiter.forget(who)
        return await self._opened(request, account)

    async def log_out(self, request: web.Request) -> web.Response:
        """End the session; a token has none and stays what it is."""
        caller = request[CALLER]
        if caller.session is not None:
            async with self._database.connection() as connection:
                await accounts.close_session(connection, caller.key)
        response = web.Response(status=HTTPStatus.NO_CONTENT)
        response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
        return response

    async def show(self, request: web.Request) -> web.Response:
        """Tell a page that was loaded again who is logged in, and its CSRF token."""
        caller = request[CALLER]
        csrf = caller.session.csrf if caller.session else None
        return self._answer(caller.name, caller.role, csrf, caller.expires_at)

    async def _checked(self, username: str, password: str) -> accounts.Account:
        async with self._database.connection() as connection:
            account = await accounts.account(connection, username)
        known = account.password_hash if account else self._nobody
        if self._waiting >= _QUEUED:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "busy", "try again", headers={"Retry-After": "1"}
            )
        self._waiting += 1
        try:
            async with self._checking:
                right = await asyncio.to_thread(self._matches, known, password)
        finally:
            self._waiting -= 1
        if account is None or not right:
            raise unauthorized("wrong_login", "name or password is wrong")
        return account

    def _matches(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    def _second_factor(self, account: accounts.Account, sealed: bytes, code: str | None) -> None:
        if code is None:
            raise unauthorized("totp_needed", "this account asks for a one-time code")
        secret = self._sealer.open(sealed, accounts.totp_about(account.username)).decode()
        totp, now = pyotp.TOTP(secret, interval=_STEP_S), self._clock.now()
        for drift in (-1, 0, 1):
            at = now + timedelta(seconds=drift * _STEP_S)
            step = int(at.timestamp()) // _STEP_S
            if totp.verify(code, for_time=at) and step > self._used_codes.get(account.username, 0):
                self._used_codes[account.username] = step
                return
        raise unauthorized("wrong_totp", "the one-time code is wrong or was used")

    async def _opened(self, request: web.Request, account: accounts.Account) -> web.Response:
        cookie, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        now = self._clock.now()
        life = timedelta(hours=self._config.session_hours)
        async with self._database.transaction() as transaction:
            if before := request.cookies.get(COOKIE):
                await accounts.close_session(transaction, accounts.digest(before))
            await accounts.open_session(
                transaction,
                accounts.digest(cookie),
                account.id,
                csrf=csrf,
                now=now,
                expires_at=now + life,
            )
        response = self._answer(account.username, account.role, csrf, now + life)
        response.set_cookie(
            COOKIE,
            cookie,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=_is_secure(request),
            max_age=int(life.total_seconds()),
        )
        return response

    def _answer(
        self, name: str, role: str, csrf: str | None, expires_at: datetime | None
    ) -> web.Response:
        return answer(
            {
                "username": name,
                "role": role,
                "csrf": csrf,
                "expires_at": alert_json.stamp(expires_at) if expires_at else None,
                # Whom to telephone when the console has lost the server.
                "call": self._config.callback_number,
            }
        )


def _is_secure(request: web.Request) -> bool:
    """Say whether the browser speaks https, to us or to the proxy before us."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def _too_many(left_s: float) -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too_many_failures",
        "too many failed logins: wait before the next",
        headers={"Retry-After": str(int(left_s) + 1)},
    )
