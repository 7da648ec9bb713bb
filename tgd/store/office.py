"""What the prosecutor's page reads beside the register: tests under way, neighbours, counts.

Serves the page ``/parquet``. Reads only; no name and no position is in any of it.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.store.db import Connection, sql
from tgd.store.stock import Row


async def handing(connection: Connection, assignment: UUID, tribunal: str | None) -> Row | None:
    """Return how far the hand-over test of an assignment is; None: no such one is the caller's."""
    row = await connection.fetchrow(sql("office", "handing"), assignment, tribunal)
    return dict(row) if row else None


async def neighbours(connection: Connection, tribunal: str) -> list[Row]:
    """Return the other tribunals of the same court of appeal: ``id``, ``name``."""
    return [dict(row) for row in await connection.fetch(sql("office", "neighbours"), tribunal)]


async def steering(
    connection: Connection,
    since: datetime,
    before: datetime,
    tribunal: str | None,
    hidden: Collection[UUID] = (),
) -> dict[str, Any]:
    """Return the counts of a period as the statement names them; small ones are still in clear.

    The ``hidden`` persons do not count.
    """
    row = await connection.fetchrow(sql("office", "steering"), since, before, tribunal, [*hidden])
    return dict(row or {})
