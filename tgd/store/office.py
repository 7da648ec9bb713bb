"""What the prosecutor's page reads beside the register: tests under way, neighbours, counts.

Serves the page ``/parquet``. Reads only; no name and no position is in any of it.
"""

from collections.abc import Sequence
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


async def locks(
    connection: Connection, beneficiaries: Sequence[UUID]
) -> dict[UUID, list[tuple[str, str]]]:
    """Return by person the (kind, value) of those who must not know of her."""
    found: dict[UUID, list[tuple[str, str]]] = {}
    for row in await connection.fetch(sql("office", "locks"), list(beneficiaries)):
        found.setdefault(row["beneficiary_id"], []).append((row["kind"], row["value"]))
    return found


async def steering(
    connection: Connection, since: datetime, before: datetime, tribunal: str | None
) -> dict[str, Any]:
    """Return the counts of a period as the statement names them; small ones are still in clear."""
    row = await connection.fetchrow(sql("office", "steering"), since, before, tribunal)
    return dict(row or {})
