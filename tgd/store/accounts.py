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

from tgd import conflict
from tgd.errors import Invalid, NotFound, Refused
from tgd.store.db import Connection, sql

PERSON_ROLES = conflict.VALUES["role"]
ROLES = (*PERSON_ROLES, "phone")
RING_GROUPS = ("first", "second")
PASSWORD_MIN, PASSWORD_MAX = 8, 256
"""Characters; guessing is also slowed down at the login."""

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


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
    issuer: str | None = None
    """Of the agency that vouches for the person, if one does."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A token as it is listed: ``mark`` are the first 8 digits of its hash, no part of itself."""

    mark: str
    role: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Known:
    """An account as it is listed; ``codes`` are its recovery codes that still serve."""

    username: str
    role: str
    tribunal_id: str | None
    disabled_at: datetime | None
    vouched: bool
    second_factor: bool
    codes: int


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


async def end_tokens(
    connection: Connection, *, role: str, name: str, mark: str, now: datetime
) -> int:
    """End the tokens of a role and name whose hash begins with ``mark``; return how many stand.

    Raises ``NotFound`` where none was ended.
    """
    ended = await connection.execute(sql("accounts", "end_tokens"), role, name, now, mark)
    if ended == "UPDATE 0":
        raise NotFound("token")
    left: int = await connection.fetchval(sql("accounts", "standing"), role, name)
    return left


async def list_tokens(connection: Connection, *, ended: bool) -> list[Listed]:
    """Return every token (with ``ended``: also those that do not stand any more)."""
    rows = await connection.fetch(sql("accounts", "list_tokens"), ended)
    return [Listed(**dict(row)) for row in rows]


async def tokens(connection: Connection, keys: Collection[bytes]) -> dict[bytes, tuple[str, str]]:
    """Return role and name of the tokens with these hashes, as far as they stand."""
    rows = await connection.fetch(sql("accounts", "tokens"), list(keys))
    return {row["id"]: (row["role"], row["name"]) for row in rows}


def fit(username: str, role: str) -> None:
    """Say whether a person's account may be called so and have that role. Raises ``Invalid``."""
    _one_of("role", role, PERSON_ROLES)
    _named("username", username)


async def exists(connection: Connection, username: str) -> bool:
    """Say whether there is an account of that name, ended or not."""
    return bool(await connection.fetchval(sql("accounts", "exists"), username))


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
    fit(username, role)
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


async def enable(connection: Connection, username: str) -> None:
    """Let an account that was ended log in again; no former session does. Raises ``NotFound``."""
    await connection.execute(sql("logins", "end_others"), username, None)
    if await connection.execute(sql("accounts", "enable"), username) != "UPDATE 1":
        raise NotFound("account that has ended")


async def list_accounts(connection: Connection) -> list[Known]:
    """Return every account."""
    rows = await connection.fetch(sql("accounts", "list_accounts"))
    return [Known(**dict(row)) for row in rows]


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
    who: Account,
    *,
    csrf: str,
    now: datetime,
    expires_at: datetime,
) -> bool:
    """Keep a new session under its cookie's hash; those that have run out go.

    False where the account is not any more what the login was checked against: its password was
    changed meanwhile, which ends every session, or it was ended.
    """
    await connection.execute(sql("accounts", "forget_sessions"), now)
    values = (key, who.id, csrf, now, expires_at, who.password_hash)
    return await connection.fetchval(sql("accounts", "open_session"), *values) is not None


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
    if not NAME.fullmatch(value):
        raise Invalid(field_name, "1 to 64 letters, digits, dots, - and _")
