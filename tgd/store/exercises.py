"""Exercises as rows: what proves that a line of a control room ends at somebody who reads it.

Serves arrow 3, beside the alerts' own messages and apart from them: an exercise has no alert, no
position and none of the ladder's deadlines. A row is leased, sent and recorded like a message to a
room; its id is the distributionID. Which line it proves is decided here in one statement, because
a line that was changed meanwhile is another.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from tgd.store.db import Connection, sql
from tgd.store.rooms import ELECTRONIC

OPEN = ("waiting", "sending", "delivered", "received", "integrated", "seen")
"""The states in which it can still be confirmed or expire."""


class Asked(NamedTuple):
    """One exercise that was asked for; the case number is what a room's person reads out."""

    id: UUID
    line: int
    case_id: str


async def ask(
    connection: Connection,
    room: str,
    line: int | None,
    by: str,
    now: datetime,
    expires_at: datetime,
) -> list[Asked]:
    """Ask for an exercise by each electronic line of a room, or by one; none where it has none."""
    rows = await connection.fetch(
        sql("exercises", "ask"), room, line, list(ELECTRONIC), now, by, expires_at
    )
    return [Asked(row["id"], row["line"], row["case_id"]) for row in rows]


async def expire(connection: Connection, now: datetime) -> list[tuple[str, int]]:
    """End what nobody has confirmed in its time; return the rooms and lines."""
    rows = await connection.fetch(sql("exercises", "expire"), now)
    return [(row["room_id"], row["line"]) for row in rows]


async def claim(
    connection: Connection, now: datetime, lease: timedelta, limit: int
) -> list[dict[str, Any]]:
    """Lease what is to be sent now; ``room_line`` is None where the line has been changed."""
    rows = await connection.fetch(sql("exercises", "claim"), now, lease, limit)
    return [dict(row) for row in rows]


async def sent(
    connection: Connection,
    exercise_id: UUID,
    now: datetime,
    retry_at: datetime | None,
    error: str | None,
) -> None:
    """Record what became of one sending; ``retry_at`` None: delivered."""
    await connection.execute(sql("exercises", "sent"), exercise_id, now, retry_at, error)


async def gone(connection: Connection, exercise_id: UUID) -> None:
    """End an exercise whose line has been changed."""
    await connection.execute(sql("exercises", "gone"), exercise_id)


async def room_of(connection: Connection, exercise_id: UUID) -> str | None:
    """Return the room that an exercise went to; None if it is none of ours."""
    found: str | None = await connection.fetchval(sql("exercises", "room_of"), exercise_id)
    return found


async def room_of_case(connection: Connection, case_id: str) -> str | None:
    """Return the room that the exercise with this case number went to."""
    found: str | None = await connection.fetchval(sql("exercises", "room_of_case"), case_id)
    return found


async def answered(
    connection: Connection, exercise_id: UUID, state: str, error: str | None = None
) -> None:
    """Take the room's own answer; nothing goes back, and ``refused`` ends it."""
    await connection.execute(sql("exercises", "answered"), exercise_id, state, error)


async def hold(connection: Connection, exercise_id: UUID) -> dict[str, Any] | None:
    """Return one exercise under its lock."""
    row = await connection.fetchrow(sql("exercises", "hold"), exercise_id)
    return dict(row) if row else None


async def acknowledge(
    connection: Connection, exercise_id: UUID, now: datetime, by: str, name: bytes, key: bytes
) -> bool:
    """Record that a named person of the room has it; say whether its line is live now.

    ``name`` is sealed under ``key``, which is wrapped; ``by`` is who spoke with that person.
    """
    row = await connection.fetchrow(
        sql("exercises", "acknowledge"), exercise_id, now, by, name, key
    )
    return bool(row and row["live"])
