"""Presses as rows: a batch is taken in one round trip and one commit.

Serves arrow 1. ``take`` runs the function ``take_presses``; a row of it is a ``PressRow``. The
database decides what is a duplicate and, in a block of its own, which alert each press belongs
to. Rescue and quarantine stand here too, as they are about presses and other messages as bytes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
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
    lat: float | None = None
    lon: float | None = None
    acc: float | None = None
    confidence: float | None = None
    method: str | None = None
    alt: float | None = None
    vac: float | None = None
    vel: float | None = None
    cog: float | None = None
    fixed_at: datetime | None = None
    fix_doubts: str | None = None


class Taken(NamedTuple):
    """What became of one press; ``fault`` is what went wrong with its alert, if it did."""

    fresh: bool
    alert_id: UUID | None
    opened: bool
    listen: str
    fault: str | None


class Position(NamedTuple):
    """A position on its way to an open alert; ``tst`` and times as in ``PressRow``."""

    device: str
    tst: float | None
    lat: float
    lon: float
    acc: float | None
    confidence: float
    method: str | None
    alt: float | None
    vac: float | None
    vel: float | None
    cog: float | None
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


async def add_positions(
    connection: Connection, rows: Sequence[Position], contact_now: datetime
) -> list[int]:
    """Keep those for which an open, located alert waits; return the indexes of those without.

    A fix taken before the alert's first gesture is dropped (it is not returned). A word from the
    phone, kept or not, is contact: the alert's deadline ``contact`` begins anew.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = await connection.fetch(sql("presses", "add_positions"), contact_now, *columns)
    return [row["ord"] - 1 for row in found]


async def word_from(connection: Connection, devices: Sequence[str], now: datetime) -> None:
    """Note a word from these phones: contact with their open alerts stands (again)."""
    await connection.execute(sql("presses", "word_from"), list(devices), now)


async def quarantine(
    connection: Connection, topic: str, reason: str, size: int, digest: bytes, now: datetime
) -> None:
    """Keep that something could not be read: hash, size and reason only."""
    await connection.execute(sql("presses", "quarantine"), now, topic, reason, size, digest)


async def forget_quarantine(connection: Connection, now: datetime, keep: timedelta) -> None:
    """Bound the quarantine: drop what is older than ``keep``."""
    await connection.execute(sql("presses", "forget_quarantine"), now - keep)
