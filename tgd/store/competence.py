"""What the choice of control rooms needs to know, in one statement.

Serves arrow 3. The rooms with the services that they answer for, and, of each alert, its latest
positions (sealed) and whose they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from tgd.conflict import Lock
from tgd.store.db import Connection, sql

RoomRow: TypeAlias = Mapping[str, Any]
"""A room as its row, and its ``lines``: the rows of those that can send, in order."""


class Placed(NamedTuple):
    """An alert, its holder if it has one, its latest positions as rows, and who must not know."""

    alert_id: UUID
    beneficiary_id: UUID | None
    positions: list[Any]
    locks: frozenset[Lock]


class Where(NamedTuple):
    """All rooms by id, and the alerts that were asked for."""

    rooms: list[RoomRow]
    alerts: list[Placed]


async def where(connection: Connection, alert_ids: Sequence[UUID], *, placed: bool = True) -> Where:
    """Return the rooms and what is known of where these alerts' phones are.

    Without ``placed`` that is nothing: positions are not read.
    """
    rows = await connection.fetch(sql("competence", "where"), list(alert_ids), placed)
    first = next(row for row in rows if row["alert_id"] is None)
    alerts = [
        Placed(row["alert_id"], row["beneficiary_id"], row["positions"], locks_of(row["locks"]))
        for row in rows
        if row["alert_id"] is not None
    ]
    return Where(with_lines(first["rooms"], first["lines"]), alerts)


def with_lines(
    rooms: Sequence[Mapping[str, Any]], lines: Sequence[Mapping[str, Any]]
) -> list[RoomRow]:
    """Return each room with its lines among these, in their order."""
    of_room: dict[str, list[Mapping[str, Any]]] = {room["id"]: [] for room in rooms}
    for line in lines:
        of_room[line["room_id"]].append(line)
    return [{**room, "lines": of_room[room["id"]]} for room in rooms]


def locks_of(rows: Sequence[Sequence[str]] | None) -> frozenset[Lock]:
    """Return the locks of a person's row: pairs of what kind of reader, and who."""
    return frozenset(Lock(kind, value) for kind, value in rows or ())
