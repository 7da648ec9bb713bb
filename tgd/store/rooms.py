"""Control rooms and their lines: who can be told, and by which way.

Serves arrow 3, decision → dispatch. ``told`` is what routing chooses from; ``by_inbound_token``
says which room is calling us; ``replace`` takes a rooms file. A room is never deleted: dispatches
refer to it for as long as they are kept. Tokens are stored sealed (those we show) or as SHA-256
(those we are shown); reading a rooms file is left to the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from tgd.errors import Refused
from tgd.store.db import Connection, sql

ELECTRONIC = ("https", "amqp", "cap")
"""The adapters by which something is sent; the others are people with telephones."""


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
    """One line to be stored. ``token`` is sealed, with ``token_purpose``; seconds.

    ``hours`` are ``HH:MM-HH:MM`` in Paris, ``days`` ISO numbers; None: always.
    """

    adapter: str
    url: str | None
    token: bytes | None
    timeout_s: float
    hours: str | None = None
    days: tuple[int, ...] | None = None


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
    simulated: bool = False
    lines: tuple[LineEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line as stored: ``line`` counts from 0 in the file's order; ``token`` is sealed.

    ``address`` is the room's CISU identifier.
    """

    room_id: str
    address: str
    line: int
    adapter: str
    url: str | None
    token: bytes | None
    timeout_s: float
    live: bool


async def called(connection: Connection, name: str) -> str | None:
    """Return the id of the room that is called so, by its id or by its name."""
    found: str | None = await connection.fetchval(sql("rooms", "called"), name)
    return found


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


async def services(connection: Connection) -> set[str]:
    """Return the services of the competence table in force; none where there is no table."""
    return {row["id"] for row in await connection.fetch(sql("rooms", "services"))}


async def exists(connection: Connection, room: str) -> bool:
    """Say whether there is a room of that id."""
    return bool(await connection.fetchval(sql("rooms", "exists"), room))


async def overview(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Return every room with its lines as they stand, and of each line its latest exercise.

    No token, no address that holds one, and nobody's name.
    """
    return [dict(row) for row in await connection.fetch(sql("rooms", "overview"), now)]


async def probed(
    connection: Connection,
    line: LineRow,
    now: datetime,
    theirs: datetime | None,
    ours: datetime | None,
    *,
    up: bool,
    worked_at: datetime | None = None,
) -> bool:
    """Keep what a probe has found; say whether the line stood otherwise before.

    ``theirs``, ``ours``: the certificates' ends, None where none was shown; ``worked_at``: when it
    last took a message. Nothing of a line that has been imported anew meanwhile.
    """
    which = (line.room_id, line.line, line.adapter, line.url)
    found = (up, now, theirs, ours, worked_at)
    row = await connection.fetchrow(sql("rooms", "probed"), *which, *found)
    return bool(row and row["changed"])


async def refuses(
    connection: Connection, room: str, line: int, since: datetime | None, why: str | None
) -> None:
    """Note since when a line refuses everything, and how; None: it does not."""
    await connection.execute(sql("rooms", "refuses"), room, line, since, why)


async def stranger(connection: Connection, urls: Sequence[str], now: datetime) -> None:
    """Note at the lines of a broker that somebody who is none of its rooms has written to us."""
    await connection.execute(sql("rooms", "stranger"), urls, now)


async def replace(connection: Connection, rooms: Sequence[RoomEntry]) -> None:
    """Store these rooms with their lines over rooms of the same id; keep the others.

    A line that is what it was stays live; one that has changed is to be proved anew. A room
    marked as the default takes that place from whichever held it. Raises
    ``errors.Refused`` where a room that is kept already has one of the inbound tokens. To be
    called inside a transaction.
    """
    ids = [room.id for room in rooms]
    await connection.execute(sql("rooms", "one_import_at_a_time"))
    if any(room.is_default for room in rooms):
        await connection.execute(sql("rooms", "no_default"))
    await connection.execute(sql("rooms", "tell"))
    await connection.execute(
        sql("rooms", "free_tokens"), ids, [room.inbound_token for room in rooms]
    )
    try:
        await connection.executemany(sql("rooms", "put_room"), [_room(room) for room in rooms])
    except asyncpg.UniqueViolationError as error:
        raise Refused(
            "inbound_token_taken", "another room, which is kept, has the same inbound_token"
        ) from error
    proved = await connection.fetchval(sql("rooms", "proved"), ids)
    await connection.execute(sql("rooms", "drop_lines"), ids)
    await connection.executemany(
        sql("rooms", "put_line"),
        [_line(room.id, number, line) for room in rooms for number, line in enumerate(room.lines)],
    )
    await connection.execute(sql("rooms", "still_live"), proved)


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
        room.simulated,
    )


def _line(room: str, number: int, line: LineEntry) -> tuple[object, ...]:
    days = None if line.days is None else list(line.days)
    return room, number, line.adapter, line.url, line.token, line.timeout_s, line.hours, days
