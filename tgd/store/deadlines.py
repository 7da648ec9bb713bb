"""Deadlines as rows: which are due, which are next, and whether any alert has none.

Serves all arrows. Times are the caller's: the database's clock is never asked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tgd.store.db import Connection, sql


async def due(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Return the alerts with a deadline that has passed, the longest overdue first."""
    rows = await connection.fetch(sql("deadlines", "due"), now, limit)
    return [row["alert_id"] for row in rows]


async def next_due(connection: Connection) -> datetime | None:
    """Return when the next deadline is due."""
    at: datetime | None = await connection.fetchval(sql("deadlines", "next_due"))
    return at


async def grace(
    connection: Connection, names: Sequence[str], now: datetime, seconds: float
) -> list[UUID]:
    """Give overdue operators' deadlines so long once more, marked late; return their alerts."""
    rows = await connection.fetch(
        sql("deadlines", "grace"), list(names), now, timedelta(seconds=seconds)
    )
    return [row["alert_id"] for row in rows]


async def audit(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Return every open alert without a future step: ``alert_id`` and ``finding``."""
    rows = await connection.fetch(sql("deadlines", "audit"), now)
    return [dict(row) for row in rows]


async def mend(connection: Connection, alert_ids: Sequence[UUID], now: datetime) -> None:
    """Give alerts that have no deadline one that is due now, by what their status waits for."""
    await connection.execute(sql("deadlines", "mend"), list(alert_ids), now)
