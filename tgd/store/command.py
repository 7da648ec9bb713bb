"""The database as an administrative command sees it: one transaction, one entry, one clear line.

Serves the command line. A command's changes are committed together with the journal's entry of
who made them (arrêté du 22 avril 2015: every change is logged with its author and its time). What
goes wrong with the database becomes ``DatabaseFailed``, whose message a person can act upon and
which quotes neither a password nor a row.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from tgd.errors import TgdError
from tgd.store.db import Connection, Database, sql

MIGRATE = "the schema is missing or older than this program: run `tgd migrate`"

_LACKS_SCHEMA = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,  # the role tgd_app, while connecting
    asyncpg.InvalidParameterValueError,  # the same, in other versions
)


class DatabaseFailed(TgdError):
    """The database could not be used; the message is one line and says what to do or look at."""


@asynccontextmanager
async def transaction(url: str) -> AsyncIterator[Connection]:
    """Lend a connection inside a transaction; raises ``DatabaseFailed`` where that fails."""
    database = Database(url, size=2, name="tgd command")
    with explained(url):
        try:
            await database.open()
            async with database.transaction() as connection:
                yield connection
        finally:
            await database.close()


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn what the driver raises in this block into ``DatabaseFailed``."""
    try:
        yield
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseFailed(_line(error, url)) from error


async def record(
    connection: Connection, now: datetime, actor: str, kind: str, details: dict[str, Any]
) -> None:
    """Write into the journal what a command did; ``details`` name no person."""
    await connection.execute(sql("command", "record"), now, actor, kind, details)


def _line(error: BaseException, url: str) -> str:
    parts = urlsplit(url)
    where = f"{parts.hostname or 'the local socket'}:{parts.port or 5432}"
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return f"the database at {where} refuses the login: look at TGD_DATABASE_URL"
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return f"there is no database {parts.path.lstrip('/')} at {where}"
    if isinstance(error, _LACKS_SCHEMA):
        return MIGRATE
    if isinstance(error, asyncpg.PostgresError):
        return f"the database refuses: {str(error).splitlines()[0]}"
    if isinstance(error, TimeoutError):
        return f"no database at {where}: no answer in time"
    return f"no database at {where}: {_reason(error)}"


def _reason(error: BaseException) -> str:
    """Return the system's words alone; asyncio adds the address to them."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number and number > 0 else str(error) or type(error).__name__
