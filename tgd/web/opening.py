"""A session begins: the same after a password as after an agency's word.

Serves the login. Promises: whoever comes in gets a new session, and the old one of that browser
ends; over https the cookies are bound to this very host (``__Host-``: no neighbour can plant one);
the browser is known from then on, so that others' guessing does not keep it waiting.
"""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from aiohttp import web

from tgd.store import accounts
from tgd.web.access import cookie_name
from tgd.web.context import Context
from tgd.web.delays import KNOWN_FOR, Delays
from tgd.web.errors import Problem, unauthorized
from tgd.web.pages import is_secure

SESSION = "/api/v1/session"
"""Where cookies go that only logging in and out needs."""


class Opened(NamedTuple):
    """A session that has just begun; ``cookie`` is the browser's, ``csrf`` its page's."""

    username: str
    role: str
    cookie: str
    csrf: str
    expires_at: datetime


class Opening:
    """Begins sessions."""

    def __init__(self, context: Context, delays: Delays) -> None:
        self._database = context.database
        self._clock = context.clock
        self._life = timedelta(hours=context.config.session_hours)
        self._delays = delays

    @property
    def life_s(self) -> int:
        """How long a session lasts."""
        return int(self._life.total_seconds())

    async def open(
        self, request: web.Request, account: accounts.Account, before: bytes | None = None
    ) -> Opened:
        """Begin a session of the account's; the browser's former one (or ``before``) ends.

        Refuses whose password was changed, or account ended, while it was being checked.
        """
        cookie, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        now = self._clock.now()
        expires_at = now + self._life
        async with self._database.transaction() as transaction:
            for former in (before, session_key(request)):
                if former is not None:
                    await accounts.close_session(transaction, former)
            opened = await accounts.open_session(
                transaction,
                accounts.digest(cookie),
                account,
                csrf=csrf,
                now=now,
                expires_at=expires_at,
            )
            if not opened:
                raise wrong_login()
        return Opened(account.username, account.role, cookie, csrf, expires_at)

    def give(self, request: web.Request, response: web.Response, opened: Opened) -> None:
        """Set the cookies: the session's, and the one by which the browser is known."""
        secure = is_secure(request)
        response.set_cookie(
            cookie_name(request),
            opened.cookie,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=secure,
            max_age=self.life_s,
        )
        response.set_cookie(
            self._delays.cookie(opened.username, secure=secure),
            self._delays.introduction(opened.username),
            path=SESSION,
            httponly=True,
            samesite="Strict",
            secure=secure,
            max_age=int(KNOWN_FOR.total_seconds()),
        )


def wrong_login() -> Problem:
    """Return the answer to who has not shown who they are; it never says what was wrong."""
    return unauthorized("wrong_login", "name, password or one-time code is wrong")


def session_key(request: web.Request) -> bytes | None:
    """Return the hash of the session's cookie that the browser has sent."""
    cookie = request.cookies.get(cookie_name(request))
    return accounts.digest(cookie) if cookie else None


def hint_name(request: web.Request) -> str:
    """Return what the cookie is called in which an agency's statement waits for the logging out."""
    return f"{'__Secure-' if is_secure(request) else ''}tgd_hint"


def take(request: web.Request, response: web.Response) -> None:
    """Take the session's cookies away."""
    if hint_name(request) in request.cookies:
        response.del_cookie(
            hint_name(request),
            path=SESSION,
            httponly=True,
            samesite="Strict",
            secure=is_secure(request),
        )
    response.del_cookie(
        cookie_name(request),
        path="/",
        httponly=True,
        samesite="Strict",
        secure=is_secure(request),
    )
