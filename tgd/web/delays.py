"""Guessing is slowed down: per account, per source address and in all, across restarts.

Serves the login. Whoever fails waits longer each time, up to a bound, and nobody is locked out: a
supervisor lifts a wait, and a browser in which a person has logged in before is counted by itself,
so that somebody else's guessing keeps no operator from the console. Many who guess from everywhere
at everybody get one try a second between them. An attempt is counted before
the password is looked at and taken back when it was right: attempts at the same moment are no way
around. Promises: a name that no account has is slowed down like one that has; what is kept is a
keyed hash, never what was typed nor from where; attempts a day are bounded.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from tgd.clock import Clock
from tgd.platform.terms import table
from tgd.store import logins
from tgd.store.db import Database
from tgd.store.guessing import Hashes, hashes
from tgd.web.errors import Problem

FORGET_AFTER = timedelta(hours=24)
KNOWN_FOR = timedelta(days=90)
WAIT_MAX_S = 300.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many failures cost nothing; from there on each doubles the wait, up to the bound."""

    free: int
    most_s: float = WAIT_MAX_S

    def wait_s(self, failures: int) -> float:
        """Return how long to wait after so many failures."""
        if failures < self.free:
            return 0.0
        return min(self.most_s, 2.0 ** min(failures - self.free + 1, 30))


ACCOUNT = Allowance(free=5)
ADDRESS = Allowance(free=20)
"""Behind one address there may be a whole site."""
EVERYBODY = Allowance(free=300, most_s=1.0)
"""All that fails anywhere: more than a second would let anybody shut everybody out."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Whom an attempt is counted for; ``browser``: one that is known to be the account's.

    ``own`` is whose count ends when it was right; the others' is taken back by one.
    """

    counted: tuple[tuple[bytes, Allowance], ...]
    browser: bool = False
    own: bytes | None = None


class Delays:
    """Counts attempts; one for the whole server, any number of servers on one database."""

    def __init__(self, database: Database, clock: Clock, secret_hex: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret_hex
        self._hashes = Hashes(secret_hex)

    def of(self, username: str, address: str, known: str | None) -> Attempt:
        """Return whom an attempt counts for; ``known`` is the browser's cookie, if it has one."""
        browser = self._browser(username, known)
        if browser is not None:
            own = self._hashes.of("browser", browser)
            return Attempt(((own, ACCOUNT),), browser=True, own=own)
        own = self._hashes.account(username)
        return Attempt(((own, ACCOUNT), *self.of_address(address).counted), own=own)

    def of_address(self, address: str) -> Attempt:
        """Return whom an attempt counts for that names no account."""
        everybody = (self._hashes.of("everybody", ""), EVERYBODY)
        return Attempt(((self._hashes.address(address), ADDRESS), everybody))

    async def count(self, attempt: Attempt) -> None:
        """Count an attempt as failed until ``right``; raises 429 if it comes too soon."""
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            held = await logins.held(transaction, [who for who, _ in attempt.counted], now)
            failures = {who: _recent(failed, now) for who, failed in held.items()}
            left_s = 0.0
            for who, allowance in attempt.counted:
                since_s = (now - held[who].last_at).total_seconds()
                left_s = max(left_s, allowance.wait_s(failures[who]) - since_s)
            if left_s <= 0:
                for who, _ in attempt.counted:
                    await logins.count(transaction, who, failures[who] + 1, now)
                await logins.forget(transaction, table()["login"].before(now))
        if left_s > 0:
            raise too_many(left_s)

    async def right(self, attempt: Attempt) -> None:
        """Take the count back: whoever tried has shown who they are."""
        async with self._database.transaction() as transaction:
            for who in sorted(who for who, _ in attempt.counted):  # as they are held: no deadlock
                if who == attempt.own:
                    await logins.clear(transaction, [who])
                else:  # an account of one's own must not pay for guessing at others'
                    await logins.take_back(transaction, who)

    async def lift(self, username: str | None, address: str | None) -> int:
        """Let a name or an address off; return how many waits that ended."""
        who = hashes(self._secret, username, address)
        async with self._database.transaction() as transaction:
            return await logins.clear(transaction, who)

    def cookie(self, username: str, *, secure: bool) -> str:
        """Return the name of the cookie by which this account's browsers are known."""
        name = self._hashes.of("cookie", username.casefold()).hex()[:12]
        return f"{'__Secure-' if secure else ''}tgd_known_{name}"

    def introduction(self, username: str) -> str:
        """Return what a browser is known by after a login that was right."""
        name, until = secrets.token_hex(16), int((self._clock.now() + KNOWN_FOR).timestamp())
        return f"{name}.{until}.{self._signed(username, name, until)}"

    def _browser(self, username: str, known: str | None) -> str | None:
        """Return which browser of the account's this is; None: none that we know."""
        name, _, rest = (known or "").partition(".")
        until, _, signature = rest.partition(".")
        if not (until.isascii() and until.isdecimal() and len(until) < 13):  # noqa: PLR2004  digits of a time
            return None
        right = self._signed(username, name, int(until))
        same = hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), right.encode())
        return name if same and int(until) > self._clock.now().timestamp() else None

    def _signed(self, username: str, name: str, until: int) -> str:
        return self._hashes.of("introduction", f"{username.casefold()} {name} {until}").hex()


def source(request: web.Request, proxies: str) -> str:
    """Return whence a request comes: what the proxy before us says, if there is one of ours."""
    remote = request.remote or ""
    # A proxy may add a line of its own instead of going on in the sender's: the last one counts.
    said = request.headers.getall("X-Forwarded-For", [])
    if remote in proxies.split(",") and said and said[-1]:
        remote = said[-1].rpartition(",")[2].strip()
    return remote


def _recent(failed: logins.Failed, now: datetime) -> int:
    return failed.failures if now - failed.last_at <= FORGET_AFTER else 0


def too_many(left_s: float, code: str = "too_many_failures") -> Problem:
    """Return the answer to who comes too soon."""
    return Problem(
        429,
        code,
        "too many failed logins: wait before the next",
        headers={"Retry-After": str(int(left_s) + 1)},
    )
