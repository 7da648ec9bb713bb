"""The journal as rows to be verified, sealed and redacted; what an entry says is not read here.

Serves the flow ``sealing`` and the command line. Entries are streamed in the order of their chains
from one snapshot, however many there are. Redaction is done by a role of its own, which can call
one function and nothing else.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tgd.ledger import Entry, Head, Signed
from tgd.store.db import Connection, Database, sql

_SEALING = 7_413_860_010  # any number of ours: one checkpoint at a time
TOGETHER = 1000


class Read(NamedTuple):
    """An entry, its hash as a checkpoint has it, and where its chain's head says that it ends."""

    entry: Entry
    sealed: bytes | None
    head_number: int | None
    head_hash: bytes | None


class Missing(NamedTuple):
    """An entry that is not there; ``seal_no``: the first checkpoint that vouches for it, if any."""

    chain: UUID
    number: int
    seal_no: int | None


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Connection]:
    """Lend a connection that sees one moment, and changes nothing."""
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def count(connection: Connection, since: datetime | None) -> int:
    """Return how many entries ``entries`` will give."""
    return int(await connection.fetchval(sql("journal", "count"), since, timeout=600))


async def entries(connection: Connection, since: datetime | None) -> AsyncIterator[Read]:
    """Yield every entry, chain by chain; since a time: of the chains that went on since."""
    statement, width = sql("journal", "entries"), len(Entry._fields)
    async for row in connection.cursor(statement, since, prefetch=TOGETHER, timeout=600):
        yield Read(Entry(*row[:width]), *row[width:])


async def missing(connection: Connection) -> list[Missing]:
    """Return, of each chain, the first entry that something names and that is not there."""
    return [Missing(*row) for row in await connection.fetch(sql("journal", "missing"), timeout=600)]


async def unsealed(connection: Connection) -> list[tuple[UUID, int]]:
    """Return chains, and up to where a checkpoint vouched for them, that no checkpoint confirms."""
    rows = await connection.fetch(sql("journal", "unsealed"), timeout=600)
    return [(row["chain"], row["number"]) for row in rows]


async def seals(connection: Connection) -> AsyncIterator[Signed]:
    """Yield every checkpoint, the first one first."""
    async for row in connection.cursor(sql("journal", "seals"), prefetch=TOGETHER):
        yield Signed(*row)


async def heads(connection: Connection, seal_no: int) -> list[Head]:
    """Return what a checkpoint vouches for, ordered by chain."""
    return [Head(*row) for row in await connection.fetch(sql("journal", "heads"), seal_no)]


async def stray(connection: Connection) -> list[int]:
    """Return the numbers of checkpoints that are not there, and whose heads are."""
    return [row["seal_no"] for row in await connection.fetch(sql("journal", "stray"))]


async def last_seal(connection: Connection) -> Signed | None:
    """Return the latest checkpoint."""
    row = await connection.fetchrow(sql("journal", "last_seal"))
    return Signed(*row) if row else None


async def take_turns(transaction: Connection) -> None:
    """Wait until nobody else is making a checkpoint."""
    await transaction.execute(sql("journal", "take_turns"), _SEALING)


async def changed(transaction: Connection, limit: int) -> list[Head]:
    """Return, and lock, where chains end that have gone on since their last checkpoint."""
    return [Head(*row) for row in await transaction.fetch(sql("journal", "changed"), limit)]


async def add_seal(transaction: Connection, seal: Signed, heads: Sequence[Head]) -> None:
    """Keep a checkpoint."""
    columns = [list(column) for column in zip(*heads, strict=True)] or [[], [], []]
    await transaction.execute(sql("journal", "add_seal"), *seal, *columns)


async def redact(
    transaction: Connection,
    chain: UUID,
    before: datetime,
    now: datetime,
    *,
    actor: str,
    ground: str,
) -> int:
    """Empty a chain's entries older than ``before``, and return how many there were.

    ``ground`` is a code of the term that has passed. What a criminal case holds stays, and so does
    what an open alert is made of.
    """
    await transaction.execute(sql("journal", "become_redactor"))
    done = await transaction.fetchval(sql("journal", "redact"), chain, before, now, actor, ground)
    await transaction.execute(sql("journal", "become_server"))
    return int(done)
