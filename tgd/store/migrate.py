"""Migrations: the schema is brought up in numbered files, each in a transaction, once.

Serves every arrow before it begins. Files are ``NNNN_pre_*.sql`` (safe while an older version
serves: they only add) or ``NNNN_post_*.sql`` (they take away, and are run once no server is
connected, which might be of an older version, or when told to). An advisory lock lets one migrator
work at a time; a lock time-out keeps a migration from standing in the way of presses: it gives up
and is tried again.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

import asyncpg

from tgd.errors import TgdError

LOCK = 7_413_860_086  # any number of ours: one migrator at a time
LOCK_TIMEOUT_MS = 2_000
STATEMENT_TIMEOUT_MS = 60_000
TRIES = 10
LEAST_VERSION = 150_000

SERVERS = ("tgd", "tgd press")
"""The names under which servers connect (``store.db``)."""

_OURS = (
    "CREATE TABLE IF NOT EXISTS schema_migration ("
    " number int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
)
_SERVED = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = ANY ($1::text[]))"
)
_FILE = re.compile(r"(\d{4})_(pre|post)_(\w+)\.sql")
_log = logging.getLogger(__name__)


class MigrationError(TgdError):
    """The schema could not be brought up; the message is one line."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its phase (pre or post), its name and its text."""

    number: int
    phase: str
    name: str
    text: str


def migrations() -> list[Migration]:
    """Return all migrations in order."""
    found = []
    for file in resources.files("tgd.store").joinpath("migrations").iterdir():
        match = _FILE.fullmatch(file.name)
        if match:
            text = file.read_text(encoding="utf-8")
            found.append(Migration(int(match[1]), match[2], match[3], text))
    return sorted(found, key=lambda migration: migration.number)


async def migrate(
    url: str,
    *,
    post: bool | None = None,
    done: Callable[[Migration], None] = lambda _m: None,
    tries: int = TRIES,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
) -> list[Migration]:
    """Apply what is missing and return it.

    ``post`` False leaves the taking away for later, True does it now, None does it unless a server
    is connected to this database.

    A migration waits ``lock_timeout_ms`` for its locks, ``tries`` times with growing pauses: while
    it waits, presses wait behind it. Raises ``MigrationError``.
    """
    connection = await asyncpg.connect(url, timeout=10)
    try:
        if connection.get_server_version().major * 10_000 < LEAST_VERSION:
            raise MigrationError("PostgreSQL 15 or later is needed")
        async with connection.transaction():
            # Even IF NOT EXISTS fails where two do it at the same moment.
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            await connection.execute(_OURS)
        if post is None:
            post = not await connection.fetchval(_SERVED, SERVERS)
        applied = []
        for migration in migrations():
            if not post and migration.phase == "post":
                continue
            if await _apply(connection, migration, tries, lock_timeout_ms):
                applied.append(migration)
                done(migration)
        return applied
    finally:
        await connection.close()


async def missing(url: str) -> list[Migration]:
    """Return the migrations that the database still lacks (all, where there is no schema)."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        if await connection.fetchval("SELECT to_regclass('schema_migration')") is None:
            return migrations()
        numbers = {
            r["number"] for r in await connection.fetch("SELECT number FROM schema_migration")
        }
        return [migration for migration in migrations() if migration.number not in numbers]
    finally:
        await connection.close()


async def _apply(
    connection: asyncpg.Connection, migration: Migration, tries: int, lock_timeout_ms: int
) -> bool:
    name = f"{migration.number:04d}_{migration.name}"
    for attempt in range(tries):
        try:
            return await _apply_once(connection, migration, lock_timeout_ms)
        except asyncpg.LockNotAvailableError:
            _log.warning("migration %s waits for a lock", name)
            await asyncio.sleep(min(2.0, 0.1 * 2**attempt))
        except asyncpg.PostgresError as error:
            raise MigrationError(f"{name}: {str(error).splitlines()[0]}") from error
    raise MigrationError(f"{name}: no lock in {tries} tries: try again when less is going on")


async def _apply_once(
    connection: asyncpg.Connection, migration: Migration, lock_timeout_ms: int
) -> bool:
    """Apply one migration unless another migrator has; say whether it was applied here."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        known = "SELECT EXISTS (SELECT FROM schema_migration WHERE number = $1)"
        if await connection.fetchval(known, migration.number):
            return False
        await connection.execute(f"SET LOCAL lock_timeout = {lock_timeout_ms}")
        await connection.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        await connection.execute(migration.text)
        await connection.execute(
            "INSERT INTO schema_migration (number, name) VALUES ($1, $2)",
            migration.number,
            migration.name,
        )
        return True
