"""Logging in as rows: attempts that failed, codes that serve once, sessions by whom they are.

Serves the web's login and the command line. Promises: attempts of the same source take turns, so
that a thousand at once are counted as a thousand; a one-time code is used up in one statement,
whatever else comes at the same moment; who tried is kept as the caller's keyed hash and no other.
Who has to wait how long is the web's (``web.delays``).
"""

import asyncio
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import argon2

from tgd.errors import Invalid, NotFound, Refused
from tgd.store import accounts
from tgd.store.db import Connection, sql

CODES = 10
SESSIONS_MAX = 500
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that reads like something else
_GROUPS, _GROUP = 4, 5


class Failed(NamedTuple):
    """How often somebody has failed, and when last."""

    failures: int
    last_at: datetime


async def held(
    connection: Connection, who: Collection[bytes], now: datetime
) -> Mapping[bytes, Failed]:
    """Return what is known of these, each held until the transaction ends."""
    await connection.execute(sql("logins", "know"), list(who), now)
    rows = await connection.fetch(sql("logins", "hold"), list(who))
    return {row["who"]: Failed(row["failures"], row["last_at"]) for row in rows}


async def count(connection: Connection, who: bytes, failures: int, now: datetime) -> None:
    """Keep that somebody has now failed so often."""
    await connection.execute(sql("logins", "count"), who, failures, now)


async def clear(connection: Connection, who: Collection[bytes]) -> int:
    """Forget the failures of these; return how many had any."""
    return len(await connection.fetch(sql("logins", "clear"), list(who)))


async def take_back(connection: Connection, who: bytes) -> None:
    """Count one failure less."""
    await connection.execute(sql("logins", "take_back"), who)


async def forget(connection: Connection, before: datetime) -> None:
    """Forget failures older than this."""
    await connection.execute(sql("logins", "forget"), before)


async def spend(
    connection: Connection, account_id: UUID | None, step: int | None, code: bytes | None,
    now: datetime,
) -> bool:  # fmt: skip
    """Use a code up: a TOTP's step, or a recovery code's hash. False: it does not serve (again)."""
    spent = await connection.fetchval(sql("logins", "spend"), account_id, step, code, now)
    return bool(spent)


async def new_codes(connection: Connection, username: str, now: datetime) -> list[str]:
    """Return new recovery codes; those before serve no more.

    Each has 20 of 31 letters, 99 random bits, so a fast hash keeps it. Raises ``NotFound``, and
    ``Refused`` where the account asks for no second factor.
    """
    found = await here(connection, username)
    if found.totp_secret is None:
        raise Refused("no_second_factor", "the account asks for no second factor")
    codes = ["-".join(_group() for _ in range(_GROUPS)) for _ in range(CODES)]
    await forget_codes(connection, username)
    hashes = [recovery(code) for code in codes]
    await connection.execute(sql("logins", "add_codes"), username, hashes, now)
    return codes


async def forget_codes(connection: Connection, username: str) -> None:
    """Void the recovery codes of an account."""
    await connection.execute(sql("logins", "forget_codes"), username)


async def here(connection: Connection, username: str) -> accounts.Account:
    """Return an account that has its password here. Raises ``NotFound``, or ``Refused``."""
    found = await accounts.account(connection, username)
    if found is None:
        raise NotFound("account")
    if await connection.fetchval(sql("logins", "elsewhere"), username):
        raise Refused("login_elsewhere", "an agency vouches for this account: it logs in there")
    return found


def recovery(typed: str) -> bytes:
    """Return the hash by which a recovery code is found, however it was spaced."""
    letters = "".join(one for one in typed.lower() if one.isalnum())
    return accounts.digest(f"recovery {letters}")


async def set_password(
    connection: Connection, username: str, password: str, *, keep: bytes | None = None
) -> int:
    """Give an account a new password; every session but ``keep`` ends. Return how many did.

    Raises ``Invalid`` or ``NotFound``.
    """
    if not accounts.PASSWORD_MIN <= len(password) <= accounts.PASSWORD_MAX:
        least, most = accounts.PASSWORD_MIN, accounts.PASSWORD_MAX
        raise Invalid("password", f"{least} to {most} characters")
    await here(connection, username)
    hashed = await asyncio.to_thread(argon2.PasswordHasher().hash, password)
    if await connection.execute(sql("logins", "password"), username, hashed) != "UPDATE 1":
        raise NotFound("account")
    return await end_others(connection, username, keep)


async def end_others(connection: Connection, username: str, keep: bytes | None = None) -> int:
    """End every session of an account but ``keep``; return how many there were."""
    return len(await connection.fetch(sql("logins", "end_others"), username, keep))


async def used(connection: Connection, keys: Sequence[bytes], now: datetime) -> None:
    """Note that these sessions are being used."""
    await connection.execute(sql("logins", "used"), keys, now)


async def listed(
    connection: Connection, username: str | None, now: datetime, idle_since: datetime
) -> list[dict[str, Any]]:
    """Return the sessions that stand, of one account or of every one."""
    rows = await connection.fetch(sql("logins", "listed"), now, idle_since, username, SESSIONS_MAX)
    return [dict(row) for row in rows]


async def end(connection: Connection, no: UUID, username: str | None) -> str:
    """End a session, of this account only unless None; return whose it was, or ``NotFound``."""
    whose: str | None = await connection.fetchval(sql("logins", "end"), no, username)
    if whose is None:
        raise NotFound("session")
    return whose


def _group() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_GROUP))
