"""What ``tgd doctor`` asks the database: facts only, judged elsewhere. Nothing is changed.

Serves the command line. Logs in as the configured user, without taking the server's role, so that
it can also look at a database that has no schema yet.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from tgd.store.command import explained
from tgd.store.db import sql


@dataclass(frozen=True, slots=True)
class Server:
    """The server we reached. ``ahead_s``: how far its clock is ahead of ours, in seconds."""

    version: str
    major: int
    fsync: str
    synchronous_commit: str
    full_page_writes: str
    ahead_s: float


@dataclass(frozen=True, slots=True)
class Role:
    """The role that the server works as; ``excess`` lists the rights that it should not have."""

    exists: bool
    usable: bool
    excess: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """How many phones there are, how many are assigned now, and how many are lost."""

    phones: int
    assigned: int
    lost: int


async def server(url: str) -> Server:
    """Look at the server and its clock; raises ``DatabaseFailed``."""
    with explained(url):
        connection = await asyncpg.connect(url, timeout=5, command_timeout=5)
        try:
            before = datetime.now(UTC)
            row = await connection.fetchrow(sql("checks", "server"))
            after = datetime.now(UTC)
        finally:
            await connection.close(timeout=2)
    found: dict[str, Any] = dict(row or {})
    ahead = found.pop("now") - (before + (after - before) / 2)
    return Server(ahead_s=ahead.total_seconds(), **found)


async def role(url: str) -> Role:
    """Look at the role ``tgd_app``; raises ``DatabaseFailed``."""
    with explained(url):
        connection = await asyncpg.connect(url, timeout=5, command_timeout=5)
        try:
            usable = await connection.fetchval(sql("checks", "role"))
            rows = await connection.fetch(sql("checks", "excess")) if usable is not None else []
        finally:
            await connection.close(timeout=2)
    return Role(usable is not None, bool(usable), tuple(row["held"] for row in rows))


async def keys(url: str) -> list[bytes]:
    """Return the keys of the latest presses; raises ``DatabaseFailed``."""
    with explained(url):
        connection = await asyncpg.connect(url, timeout=5, command_timeout=5)
        try:
            rows = await connection.fetch(sql("checks", "keys"))
        finally:
            await connection.close(timeout=2)
    return [row["key"] for row in rows]


async def register(url: str) -> Register:
    """Count the register's phones; raises ``DatabaseFailed``."""
    with explained(url):
        connection = await asyncpg.connect(url, timeout=5, command_timeout=5)
        try:
            row = await connection.fetchrow(sql("checks", "register"))
        finally:
            await connection.close(timeout=2)
    return Register(**dict(row or {}))
