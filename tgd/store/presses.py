"""Presses as rows: a batch is taken in one round trip and one commit.

Serves arrow 1. ``take`` runs the function ``take_presses``; a row of it is a ``PressRow``. The
database decides what is a duplicate and, in a block of its own, which alert each press belongs
to. Rescue and quarantine stand here too, as they are about presses and other messages as bytes.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tgd.store.db import Connection, sql


class PressRow(NamedTuple):
    """One press, in the order of the function's arguments; bytes are sealed already."""

    device: str
    reply_to: str
    id: UUID
    sent_id: str | None
    seq: int | None
    attempt: int | None
    tst: float | None
    pressed_at: datetime
    received_at: datetime
    age_s: float
    trigger: str
    path: str
    batt: int | None
    doubts: str
    digest: bytes
    retained: bool
    raw: bytes
    redacted: bytes | None
    raw_key: bytes
    plan: str | None
    fix: bytes | None = None
    fixed_at: datetime | None = None
    fix_doubts: str | None = None


class Taken(NamedTuple):
    """What became of one press; ``fault`` is what went wrong with its alert, if it did."""

    fresh: bool
    alert_id: UUID | None
    opened: bool
    listen: str
    located: bool
    fault: str | None


class Position(NamedTuple):
    """A position on its way to an open alert; ``fix`` is sealed under ``key``."""

    alert_id: UUID
    key: bytes
    tst: float | None
    fix: bytes
    received_at: datetime
    doubts: str
    fixed_at: datetime


async def take(
    connection: Connection, rows: Sequence[PressRow], now: datetime, group_from: int
) -> list[Taken]:
    """Keep these presses and open or join their alerts; one result for each row, in order."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = await connection.fetch(sql("presses", "take"), now, group_from, *columns)
    return [Taken(*row) for row in found]


async def warm(connection: Connection) -> None:
    """Prepare the short way; without a phone it keeps nothing."""
    nothing = [None] * len(PressRow._fields)
    await connection.fetchrow(sql("presses", "take_one"), None, 0, *nothing)


async def take_one(
    connection: Connection, row: PressRow, now: datetime, group_from: int
) -> Taken | None:
    """Keep an ordinary press and open its alert; None, and nothing is changed, for any other."""
    found = await connection.fetchrow(sql("presses", "take_one"), now, group_from, *row)
    return Taken(*found) if found else None


async def unlinked(
    connection: Connection, after_no: int, before: datetime
) -> list[tuple[int, UUID, str]]:
    """Return presses that got no alert: number, id, device; received before ``before``."""
    rows = await connection.fetch(sql("presses", "unlinked"), after_no, before)
    return [tuple(row) for row in rows]


async def checked_until(connection: Connection, before: datetime) -> int:
    """Return the highest number received before ``before``: what the rescue need not see again."""
    return int(await connection.fetchval(sql("presses", "checked_until"), before) or 0)


async def rescue(connection: Connection, press_no: int, now: datetime, plan: str) -> UUID | None:
    """Give a press a bare alert, or the phone's open one; None if it has one meanwhile."""
    found: UUID | None = await connection.fetchval(sql("presses", "rescue"), press_no, now, plan)
    return found


async def standing(connection: Connection, devices: Sequence[str]) -> dict[str, UUID]:
    """Return the open alerts of these phones; one that has none is left out."""
    rows = await connection.fetch(sql("presses", "standing"), list(devices))
    return {row["device"]: row["id"] for row in rows}


async def last_closed(connection: Connection, devices: Sequence[str]) -> dict[str, UUID]:
    """Return the latest alert of each of these phones that has one, and none open."""
    rows = await connection.fetch(sql("presses", "last_closed"), list(devices))
    return {row["device"]: row["id"] for row in rows}


async def add_positions(
    connection: Connection, rows: Sequence[Position], now: datetime
) -> list[int]:
    """Keep those whose alert wants them; return the indexes of those whose alert was just closed.

    A fix taken before the alert's first gesture, or without consent, or after live positions have
    ended, is dropped (it is not returned).
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = await connection.fetch(sql("presses", "add_positions"), now, *columns)
    return sorted(row["ord"] - 1 for row in found if row["ord"] is not None)


async def word_from(connection: Connection, devices: Sequence[str], now: datetime) -> None:
    """Note a word from these phones: contact with their open alerts stands (again)."""
    await connection.execute(sql("presses", "word_from"), list(devices), now)


async def quarantine(
    connection: Connection, topic: str, reason: str, size: int, digest: bytes, now: datetime
) -> None:
    """Keep that something could not be read: hash, size and reason only."""
    await connection.execute(sql("presses", "quarantine"), now, topic, reason, size, digest)
