"""One alert read whole, for its report; and who has read it.

Serves what comes after the arrows. One statement reads everything, so that the parts agree. What is
sealed comes sealed.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.store.db import Connection, sql


async def one(
    connection: Connection, alert_id: UUID, reader: str, hidden: Collection[UUID]
) -> dict[str, Any] | None:
    """Return the alert with all that belongs to it; ``acted``: the reader is in its journal.

    The alert that it follows is not named where it is one of the ``hidden`` persons'.
    """
    row = await connection.fetchrow(sql("report", "one"), alert_id, reader, [*hidden])
    return dict(row) if row else None


async def was_read(
    connection: Connection, alert_id: UUID, now: datetime, reader: str, *, form: str, role: str
) -> None:
    """Enter into the journal who has read the report, and in which form."""
    await connection.execute(sql("report", "was_read"), alert_id, now, reader, form, role)
