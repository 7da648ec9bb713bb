"""Control rooms and their lines: who can be told, and by which way.

Serves arrow 3, decision → dispatch. ``told`` is what routing chooses from; ``by_inbound_token``
says which room is calling us; ``replace`` takes a rooms file. A room is never deleted: dispatches
refer to it for as long as they are kept. Tokens are stored sealed (those we show) or as SHA-256
(those we are shown); reading a rooms file is left to the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from tgd.errors import Refused
from tgd.store.db import Connection, sql

ELECTRONIC = ("https",)
"""The adapters by which something is sent today; lines of the others are kept for later."""


def token_purpose(room: str, line: int) -> str:
    """Return what a line's token is sealed for: moved to another line it does not open."""
    return f"line:{room}:{line}"


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A room as routing sees it; ``lines`` are the numbers of those that can send, in order."""

    id: str
    name: str
    phone: str | None
    lines: list[int]
    is_default: bool


@dataclass(frozen=True, slots=True)
class LineEntry:
    """One line to be stored. ``token`` is sealed, with ``token_purpose``; seconds."""

    adapter: str
    url: str | None
    token: bytes | None
    timeout_s: float


@dataclass(frozen=True, slots=True)
class RoomEntry:
    """One room to be stored with its lines in order; ``inbound_token`` is a SHA-256."""

    id: str
    name: str
    institution: str
    address: str
    services: tuple[str, ...] = ()
    phone: str | None = None
    is_default: bool = False
    neighbour: str | None = None
    inbound_token: bytes | None = None
    lines: tuple[LineEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line as stored: ``line`` counts from 0 in the file's order; ``token`` is sealed."""

    room_id: str
    line: int
    adapter: str
    url: str | None
    token: bytes | None
    timeout_s: float


async def told(connection: Connection) -> list[RoomRow]:
    """Return all rooms, by id."""
    return [
        RoomRow(**row) for row in await connection.fetch(sql("rooms", "told"), list(ELECTRONIC))
    ]


async def by_inbound_token(connection: Connection, digest: bytes) -> tuple[str, str] | None:
    """Return the id and the CISU address of the room whose token has this SHA-256."""
    row = await connection.fetchrow(sql("rooms", "by_inbound_token"), digest)
    return (row["id"], row["address"]) if row else None


async def lines(connection: Connection) -> list[LineRow]:
    """Return every line, by room and number."""
    return [LineRow(**row) for row in await connection.fetch(sql("rooms", "lines"))]


async def replace(connection: Connection, rooms: Sequence[RoomEntry]) -> None:
    """Store these rooms with their lines over rooms of the same id; keep the others.

    A room marked as the default takes that place from whichever held it. Raises
    ``errors.Refused`` where a room that is kept already has one of the inbound tokens. To be
    called inside a transaction.
    """
    ids = [room.id for room in rooms]
    await connection.execute(sql("rooms", "one_import_at_a_time"))
    if any(room.is_default for room in rooms):
        await connection.execute(sql("rooms", "no_default"))
    await connection.execute(
        sql("rooms", "free_tokens"), ids, [room.inbound_token for room in rooms]
    )
    try:
        await connection.executemany(sql("rooms", "put_room"), [_room(room) for room in rooms])
    except asyncpg.UniqueViolationError as error:
        raise Refused(
            "inbound_token_taken", "another room, which is kept, has the same inbound_token"
        ) from error
    await connection.execute(sql("rooms", "drop_lines"), ids)
    await connection.executemany(
        sql("rooms", "put_line"),
        [_line(room.id, number, line) for room in rooms for number, line in enumerate(room.lines)],
    )


def _room(room: RoomEntry) -> tuple[object, ...]:
    return (
        room.id,
        room.name,
        room.institution,
        room.address,
        list(room.services),
        room.phone,
        room.is_default,
        room.neighbour,
        room.inbound_token,
    )


def _line(room: str, number: int, line: LineEntry) -> tuple[object, ...]:
    return room, number, line.adapter, line.url, line.token, line.timeout_s
