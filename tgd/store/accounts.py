"""Who may act: accounts of people, tokens of programs, sessions of browsers.

Serves the web and the command line. Promises: no secret is stored that could be used by whoever
reads the table. Passwords are argon2id hashes; tokens and cookies are kept as SHA-256 (they are
256 random bits, so a fast hash is enough); the second factor's secret is sealed by the caller,
about ``totp_about(username)``. What a role may do is left to the web.
"""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import argon2
import asyncpg

from tgd.errors import Invalid, NotFound, Refused
from tgd.store.db import Connection, sql

PERSON_ROLES = ("operator", "supervisor", "prosecutor", "association", "admin", "auditor")
ROLES = (*PERSON_ROLES, "phone")
RING_GROUPS = ("first", "second")
PASSWORD_MIN, PASSWORD_MAX = 8, 256
"""Characters; guessing is also slowed down at the login."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Account:
    """What a login is checked against; ``totp_secret`` is sealed, None where none is asked for."""

    id: UUID
    username: str
    password_hash: str = field(repr=False)
    totp_secret: bytes | None = field(repr=False)
    role: str


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's session that stands; ``csrf`` is what its changes must carry."""

    username: str
    role: str
    tribunal_id: str | None
    csrf: str = field(repr=False)
    expires_at: datetime
    seen_at: datetime


def digest(secret: str) -> bytes:
    """Return the SHA-256 by which a token or a cookie is found."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def totp_about(username: str) -> str:
    """Return what the second factor's secret is sealed about."""
    return f"totp secret of {username}"


async def add_token(connection: Connection, *, role: str, name: str, now: datetime) -> str:
    """Make a bearer token and return it; only its hash is kept. A phone's name is its device id.

    Raises ``Invalid`` for an unknown role or a name that cannot be one.
    """
    _one_of("role", role, ROLES)
    _named("name", name)
    token = "tgd_" + secrets.token_urlsafe(32)  # a prefix that scanners for leaked secrets can know
    await connection.execute(sql("accounts", "add_token"), digest(token), role, name, now)
    return token


async def place(connection: Connection, username: str, group: str, site: str | None) -> None:
    """Say whether an operator is rung at once or after a while, and where they work.

    Raises ``Invalid`` for an unknown group.
    """
    _one_of("group", group, RING_GROUPS)
    await connection.execute(sql("accounts", "place"), username, group, site)


async def revoke_tokens(connection: Connection, *, role: str, name: str, now: datetime) -> int:
    """End every token of that role and name; return how many there were."""
    status = await connection.execute(sql("accounts", "revoke_tokens"), role, name, now)
    return int(str(status).rpartition(" ")[2])


async def tokens(connection: Connection, keys: Collection[bytes]) -> dict[bytes, tuple[str, str]]:
    """Return role and name of the tokens with these hashes, as far as they stand."""
    rows = await connection.fetch(sql("accounts", "tokens"), list(keys))
    return {row["id"]: (row["role"], row["name"]) for row in rows}


async def add_account(
    connection: Connection,
    *,
    username: str,
    password: str,
    role: str,
    now: datetime,
    tribunal_id: str | None = None,
) -> None:
    """Make a person's account. Raises ``Invalid``, or ``Refused`` when the name is taken."""
    _one_of("role", role, PERSON_ROLES)
    _named("username", username)
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise Invalid("password", f"{PASSWORD_MIN} to {PASSWORD_MAX} characters")
    hashed = await asyncio.to_thread(argon2.PasswordHasher().hash, password)
    try:
        made = await connection.fetchval(
            sql("accounts", "add_account"), username, hashed, role, tribunal_id, now
        )
    except asyncpg.ForeignKeyViolationError:
        raise Invalid("tribunal_id", "no such tribunal") from None
    if made is None:
        raise Refused("username_taken", "there is an account of that name")


async def set_totp(connection: Connection, username: str, sealed: bytes | None) -> None:
    """Ask for a second factor from now on (None: no longer). Raises ``NotFound``."""
    if await connection.execute(sql("accounts", "set_totp"), username, sealed) != "UPDATE 1":
        raise NotFound("account")


async def disable(connection: Connection, username: str, now: datetime) -> None:
    """End an account, and with it its sessions. Raises ``NotFound``."""
    if await connection.execute(sql("accounts", "disable"), username, now) != "UPDATE 1":
        raise NotFound("account")


async def account(connection: Connection, username: str) -> Account | None:
    """Return the account of that name, unless it is disabled."""
    row = await connection.fetchrow(sql("accounts", "account"), username)
    return Account(**dict(row)) if row else None


async def open_session(
    connection: Connection,
    key: bytes,
    account_id: UUID,
    *,
    csrf: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Keep a new session under its cookie's hash; those that have run out go."""
    await connection.execute(sql("accounts", "forget_sessions"), now)
    await connection.execute(
        sql("accounts", "open_session"), key, account_id, csrf, now, expires_at
    )


async def sessions(
    connection: Connection, keys: Collection[bytes], now: datetime, idle_since: datetime
) -> dict[bytes, Session]:
    """Return the sessions with these hashes, as far as they and their accounts stand.

    One that was not used since ``idle_since`` has ended by that.
    """
    found = await connection.fetch(sql("accounts", "sessions"), [*keys], now, idle_since)
    rows = [dict(row) for row in found]
    return {row.pop("id"): Session(**row) for row in rows}


async def close_session(connection: Connection, key: bytes) -> None:
    """Log out."""
    await connection.execute(sql("accounts", "close_session"), key)


async def tribunal_of_alert(connection: Connection, alert_id: UUID) -> str | None:
    """Return the tribunal under whose assignment the alert was opened, if there was one."""
    found: str | None = await connection.fetchval(sql("accounts", "tribunal_of_alert"), alert_id)
    return found


def _one_of(field_name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise Invalid(field_name, f"must be one of {', '.join(known)}")


def _named(field_name: str, value: str) -> None:
    if not _NAME.fullmatch(value):
        raise Invalid(field_name, "1 to 64 letters, digits, dots, - and _")
