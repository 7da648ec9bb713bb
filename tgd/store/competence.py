"""What the choice of control rooms needs to know, in one statement.

Serves arrow 3. The rooms with the services that they answer for, and, of each alert, its latest
positions (sealed) and whose they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from tgd.store.db import Connection, sql
from tgd.store.rooms import ELECTRONIC

RoomRow: TypeAlias = Mapping[str, Any]
"""A room: id, name, phone, is_default, services, and lines, the numbers of those that can send."""


class Placed(NamedTuple):
    """An alert, its holder if it has one, and its latest positions as rows."""

    alert_id: UUID
    beneficiary_id: UUID | None
    positions: list[Any]


class Where(NamedTuple):
    """All rooms by id, and the alerts that were asked for."""

    rooms: list[RoomRow]
    alerts: list[Placed]


async def where(connection: Connection, alert_ids: Sequence[UUID]) -> Where:
    """Return the rooms and what is known of where these alerts' phones are."""
    rows = await connection.fetch(sql("competence", "where"), list(alert_ids), list(ELECTRONIC))
    rooms = next((row["rooms"] for row in rows if row["alert_id"] is None), None)
    alerts = [
        Placed(row["alert_id"], row["beneficiary_id"], row["positions"])
        for row in rows
        if row["alert_id"] is not None
    ]
    return Where(rooms or [], alerts)
