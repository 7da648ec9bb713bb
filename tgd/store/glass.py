"""Files opened outside of rights or term, as rows: who, whose, until when, why (sealed).

Serves whoever shows a file. An opening and its entry in the journal are one statement.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tgd.store.db import Connection, sql


class Opening(NamedTuple):
    """One opening, in the order of the statement; ``alert_id`` where it was opened from one."""

    id: UUID
    beneficiary_id: UUID
    reader: str
    role: str
    at: datetime
    until: datetime
    reason: bytes
    alert_id: UUID | None
    key: bytes


async def opened(connection: Connection, opening: Opening) -> None:
    """Keep an opening, and enter it into the journal."""
    await connection.execute(sql("glass", "open"), *opening)


async def until(
    connection: Connection, beneficiary: UUID | None, reader: str, now: datetime
) -> datetime | None:
    """Return until when a file is open to somebody; None: it is not."""
    found: datetime | None = await connection.fetchval(
        sql("glass", "until"), beneficiary, reader, now
    )
    return found


async def listed(
    connection: Connection, tribunal: str | None, hidden: Collection[UUID], limit: int
) -> list[dict[str, Any]]:
    """Return openings, the latest first, but for those of the ``hidden`` persons' files."""
    rows = await connection.fetch(sql("glass", "list"), tribunal, [*hidden], limit)
    return [dict(row) for row in rows]


async def many(connection: Connection, now: datetime, reader: str, files: int) -> None:
    """Enter into the journal that somebody has read many files without an alert."""
    await connection.execute(sql("glass", "many"), now, reader, {"files": files})
