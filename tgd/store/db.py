"""The database: one pool, named SQL, and the channel that shortens waits.

Serves every arrow. Connections work as the role ``tgd_app``, whoever they log in as: that role
cannot alter the journal or delete a press. Whatever a row holds is read: one that cannot be must
not keep others from being read with it. ``OUTAGE`` names the exceptions that mean "the database
is not there just now, try again"; nothing here retries by itself but an act marked ``again``.
"""

import asyncio
import copy
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, wraps
from importlib import resources
from types import MappingProxyType
from typing import Any, ParamSpec, TypeAlias, TypeVar

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from tgd.log import fault

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy

INDEXES_ONLY: Mapping[str, str] = MappingProxyType(
    {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
)
"""For the press path: a plan made while the tables were empty must not be kept for the storm."""

Warm: TypeAlias = Callable[[Connection], Awaitable[None]]
"""Has a connection do something before anything else: a new one what it must do quickly later,
without effect; a transaction what it begins with."""

CHANNEL = "tgd"
"""NOTIFY's channel; its payload says what is there to read: press, send, downlink, alert,
position, forget, zones, rooms, credentials."""

OUTAGE: tuple[type[BaseException], ...] = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the connection broke in the middle of an answer
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidTransactionStateError,  # a standby that is not the primary yet
    asyncio.TimeoutError,
)
"""The database is not there, or not able, just now: the same again later may work."""

REFUSED: tuple[type[Exception], ...] = (asyncpg.PostgresError, ValueError, OverflowError, TypeError)
"""It is there and will not have these values (caught after ``OUTAGE``, which it contains)."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)
"""Not the very first and last: rooms are to read it, and there is to be room to reckon with it."""
CONNECT_S, COMMAND_S = 5.0, 10.0
"""After these a database that does not answer is away."""
_TRIES = 5
_IDENTITY = """
SELECT c.system_identifier, d.oid FROM pg_control_system() AS c, pg_database AS d
WHERE d.datname = current_database()
"""
_P = ParamSpec("_P")
_T = TypeVar("_T")
_NAMED = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_log = logging.getLogger(__name__)


@cache
def statements(file: str) -> dict[str, str]:
    """Return the statements of ``sql/<file>.sql`` by name."""
    text = resources.files("tgd.store").joinpath("sql", f"{file}.sql").read_text(encoding="utf-8")
    parts = _NAMED.split(text)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def sql(file: str, name: str) -> str:
    """Return one named statement."""
    return statements(file)[name]


def again(act: Callable[_P, Awaitable[_T]]) -> Callable[_P, Coroutine[None, None, _T]]:
    """Do an act that is one transaction again when the database chose it to break a deadlock."""

    @wraps(act)
    async def patient(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        for _ in range(_TRIES - 1):
            try:
                return await act(*args, **kwargs)
            except asyncpg.TransactionRollbackError:
                continue  # whatever it did is undone; whoever won has gone on meanwhile
        return await act(*args, **kwargs)

    return patient


class Database:
    """The pool of one process. ``open`` before use, ``close`` after it."""

    def __init__(
        self,
        url: str,
        *,
        size: int = 10,
        name: str = "tgd",
        settings: Mapping[str, str] = MappingProxyType({}),
        warm: Warm | None = None,
    ) -> None:
        self._url = url
        self._warm = warm
        self._size = size
        self._settings = {"role": "tgd_app", "application_name": name, "jit": "off", **settings}
        self._pool: asyncpg.Pool | None = None
        self.begin: Warm | None = None

    def beginning(self, begin: Warm) -> "Database":
        """Return the same open database, whose every transaction begins with this."""
        other = copy.copy(self)
        other.begin = begin
        return other

    async def open(self) -> None:
        """Connect; raises one of ``OUTAGE`` when the database is not there."""
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=min(2, self._size),
            max_size=self._size,
            command_timeout=COMMAND_S,
            timeout=CONNECT_S,
            # Hours may pass between two alerts: neither connections nor prepared statements may
            # have gone cold by then.
            max_inactive_connection_lifetime=0,
            max_cached_statement_lifetime=0,
            init=self._prepare,
            reset=_tidy,
            server_settings=self._settings,
        )

    async def _prepare(self, connection: Connection) -> None:
        await connection.set_type_codec(
            "jsonb",
            encoder=lambda value: b"\x01" + msgspec.json.encode(value),  # jsonb's binary version 1
            decoder=_document,
            schema="pg_catalog",
            format="binary",
        )
        await connection.set_type_codec(
            "timestamptz",
            encoder=lambda moment: ((moment - _EPOCH) // _TICK,),
            decoder=_moment,
            schema="pg_catalog",
            format="tuple",
        )
        if self._warm is not None:
            await self._warm(connection)

    async def close(self) -> None:
        """Close every connection; what is under way is cut off after two seconds."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(2):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; each statement on it commits by itself."""
        if self._pool is None:
            raise ConnectionRefusedError("the database is not open")
        async with self._pool.acquire() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction, committed at the end of the block."""
        async with self.connection() as connection, connection.transaction():
            if self.begin is not None:
                await self.begin(connection)
            yield connection

    async def listen(self, heard: Callable[[str], None]) -> None:
        """Call ``heard`` with every payload on the channel; returns only by an exception.

        Whoever waits must look by itself as well: what was said while this connection was away
        is not repeated.
        """
        connection = await asyncpg.connect(
            self._url,
            timeout=CONNECT_S,
            server_settings=self._settings,
            command_timeout=CONNECT_S,
        )
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _connection: gone.set())
        try:
            await connection.add_listener(CHANNEL, lambda _c, _p, _ch, payload: heard(payload))
            await gone.wait()
            raise ConnectionResetError("the listening connection has ended")
        finally:
            connection.terminate()


async def identity(connection: Connection) -> bytes:
    """Return 32 bytes that name the database: its copies have the same, no other has."""
    row = await connection.fetchrow(_IDENTITY)
    return hashlib.sha256(repr(tuple(row or ())).encode()).digest()


def _moment(raw: tuple[int]) -> datetime:
    """Read a time; of one that no calendar here has, one that is long ago or never comes.

    Else a single row with such a time would keep all from being read that are asked for with it.
    """
    try:
        return _EPOCH + timedelta(0, 0, raw[0])
    except OverflowError:
        return _LATEST if raw[0] > 0 else _EARLIEST


def _document(raw: bytes) -> Any:
    """Read a document; None of one that cannot be read, for the same reason."""
    try:
        return msgspec.json.decode(raw[1:])
    except msgspec.MsgspecError as error:
        fault(_log, "reading a document", error)
        return None


async def _tidy(connection: Connection) -> None:
    """Spare the round trip with which the pool would reset every connection that comes back.

    Ours leave nothing behind: no session setting, no cursor, no advisory lock; a transaction that
    was left open (a cancelled task) is the one thing to tidy up.
    """
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
