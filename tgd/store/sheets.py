"""What a room's sheet is made of, that it was opened, and that its address was withdrawn.

Serves arrow 3. Both acts change the dispatch's row and write the journal in one statement; the
alert is locked first, as by whoever touches its rows.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.store.db import Connection, sql


async def hold(transaction: Connection, dispatch_id: UUID) -> None:
    """Lock the dispatch's alert until the transaction ends."""
    await transaction.execute(sql("sheets", "hold"), dispatch_id)


async def told(connection: Connection, dispatch_id: UUID, now: datetime) -> dict[str, Any] | None:
    """Return what ``script.write`` writes this dispatch's message from; None: it has no room."""
    row = await connection.fetchrow(sql("sheets", "told"), dispatch_id, now)
    return dict(row) if row else None


async def opened(transaction: Connection, dispatch_id: UUID, now: datetime, form: str) -> None:
    """Record that the sheet was opened by its address, in which form."""
    await transaction.execute(sql("sheets", "opened"), dispatch_id, now, form)


async def revoke(
    transaction: Connection, dispatch_id: UUID, alert_id: UUID, now: datetime, by: str
) -> None:
    """Record that the address is dead; a second time changes nothing."""
    await transaction.execute(sql("sheets", "revoke"), dispatch_id, alert_id, now, by)
