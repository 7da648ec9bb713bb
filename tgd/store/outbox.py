"""Messages to control rooms as rows: claimed under a lease, sent, recorded.

Serves arrow 3. The claim's transaction also keeps the content that was built for a message, so
that whatever is sent again is the same to the letter. A lease that has run out makes the message
claimable again, under the same id.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from tgd.store.db import Connection, sql


class Sent(NamedTuple):
    """What became of one sending; ``retry_at`` None: delivered."""

    envelope_id: UUID
    at: datetime
    retry_at: datetime | None
    error: str | None


async def claim(
    connection: Connection, now: datetime, lease: timedelta, limit: int
) -> list[dict[str, Any]]:
    """Lease messages that are to be sent now, and return all that is needed to write them."""
    rows = await connection.fetch(sql("outbox", "claim"), now, lease, limit)
    return [dict(row) for row in rows]


async def keep_contents(connection: Connection, contents: Sequence[tuple[UUID, bytes]]) -> None:
    """Keep what was built for messages, sealed."""
    ids, sealed = zip(*contents, strict=True)
    await connection.execute(sql("outbox", "keep_contents"), list(ids), list(sealed))


async def record(connection: Connection, sent: Sequence[Sent]) -> list[float]:
    """Record sendings; return, for alerts first delivered now, the seconds since their verdict."""
    ids, ats, retries, errors = (list(column) for column in zip(*sent, strict=True))
    rows = await connection.fetch(sql("outbox", "record"), ids, ats, retries, errors)
    return [row["first_s"] for row in rows if row["first_s"] is not None]


async def waiting(connection: Connection) -> int:
    """Count the messages that are not delivered."""
    return int(await connection.fetchval(sql("outbox", "waiting")))
