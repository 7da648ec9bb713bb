"""The floors that are commits: the rows that an act leaves, written with no logic at all.

Works in a clone of the server's own database, so that tables, indexes, constraints and triggers
are the server's, through the same driver and the same role. Each call is one round trip and one
commit. ``same_rows`` proves that the floor leaves in each table as many rows as the act does.
"""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg

from tgd.store.db import INDEXES_ONLY

TABLES = (
    *("press", "alert", "alert_press", "deadline", "position", "journal"),
    *("dispatch", "envelope", "task", "downlink", "note"),
)
_PLAN = (  # as the server freezes it into an alert
    '{"doubt": 60.0, "voice": 30.0, "answer": 120.0, "closing": 1800.0, "contact": 600.0, '
    '"engaged": 180.0, "forward": true, "opening": {"answer": 120.0, "contact": 600.0, '
    '"overflow": 60.0}, "overflow": 60.0, "received": 60.0, "acknowledged": 300.0}'
)


class Sizes(NamedTuple):
    """How many bytes a press leaves sealed: as it came, its position, and its key's reference."""

    raw: int
    fix: int
    key: int

    @classmethod
    async def of(cls, database_url: str) -> "Sizes":
        """Read them off the latest press that brought a position."""
        connection = await asyncpg.connect(database_url)
        try:
            row = await connection.fetchrow(
                "SELECT octet_length(p.raw), octet_length(q.fix), octet_length(q.key) "
                "FROM position q JOIN press p ON p.no = q.press_no ORDER BY q.no DESC LIMIT 1"
            )
        finally:
            await connection.close()
        assert row is not None, "no press has brought a position"
        return cls(row[0], row[1], row[2])


def statements() -> dict[str, str]:
    """Return the statements of floors.sql by name."""
    parts = re.split(
        r"^-- name: (\w+)$", Path(__file__).with_name("floors.sql").read_text(), flags=re.MULTILINE
    )
    return dict(zip(parts[1::2], parts[2::2], strict=True))


async def counts(database_url: str) -> dict[str, int]:
    """Return how many rows each table holds that an act may write to."""
    connection = await asyncpg.connect(database_url)
    try:
        return {t: await connection.fetchval(f"SELECT count(*) FROM {t}") for t in TABLES}  # noqa: S608  our own names
    finally:
        await connection.close()


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return how many rows came, by table, where any did."""
    return {name: after[name] - before[name] for name in before if after[name] != before[name]}


@contextlib.asynccontextmanager
async def connect(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect as the server's press path does, whose plans are index look-ups from the start."""
    settings = {"role": "tgd_app", "jit": "off", **INDEXES_ONLY}
    connection = await asyncpg.connect(database_url, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


class PressCommits:
    """Commits of the rows that a press leaves, and of a single row."""

    def __init__(self, connection: asyncpg.Connection, sizes: Sizes, assignment: object) -> None:
        self._connection = connection
        self._raw, self._fix, self._key = map(os.urandom, sizes)
        self._assignment = assignment
        self._n = 0

    @staticmethod
    async def prepare(database_url: str) -> None:
        """Put the floor's functions into a database."""
        owner = await asyncpg.connect(database_url)
        for statement in statements().values():
            await owner.execute(statement)
        await owner.close()

    async def press(self, alert: UUID | None = None) -> float:
        """Commit one press's rows; return the seconds."""
        self._n += 1
        arguments = (
            *(f"floor-{self._n}", uuid4(), alert or uuid4()),
            *(f"20260101-{self._n:06}", self._assignment),
            *(datetime.now(UTC), self._raw, self._key, self._raw[:32], _PLAN, self._fix),
        )
        begin = time.perf_counter()
        await self._connection.fetch(
            "SELECT bench_press($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", *arguments
        )
        return time.perf_counter() - begin

    async def row(self) -> float:
        """Commit one row; return the seconds."""
        now = datetime.now(UTC)
        begin = time.perf_counter()
        await self._connection.fetch("INSERT INTO bench_row (at) VALUES ($1)", now)
        return time.perf_counter() - begin


class DecisionCommits:
    """What a decision commits, up to its sending: two transactions, and a NOTIFY between them."""

    def __init__(
        self, writer: asyncpg.Connection, ear: asyncpg.Connection, claimer: asyncpg.Connection
    ) -> None:
        self._writer = writer
        self._ear = ear
        self._claimer = claimer
        self._heard = asyncio.Event()

    async def listen(self) -> None:
        """Begin to hear notifications."""
        await self._ear.add_listener("bench", lambda *_: self._heard.set())

    async def decide(self, alert: UUID, dispatch: UUID, envelope: UUID, room: str) -> None:
        """Commit the rows of a verdict, and return when the notification has come."""
        self._heard.clear()
        await self._writer.fetch(
            "SELECT bench_decide($1, $2, $3, $4, $5, $6)",
            *(alert, dispatch, envelope, uuid4(), room, datetime.now(UTC)),
        )
        await self._heard.wait()

    async def claim(self, alert: UUID, dispatch: UUID, envelope: UUID, content: bytes) -> None:
        """Commit the rows of a claim."""
        await self._claimer.fetch(
            "SELECT bench_claim($1, $2, $3, $4, $5)",
            *(alert, dispatch, envelope, datetime.now(UTC), content),
        )
