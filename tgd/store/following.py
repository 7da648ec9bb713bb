"""Which alerts' rooms know less of where she is than the platform does.

Serves arrow 3, the flow ``following``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.store.db import Connection, sql


async def moved(connection: Connection, limit: int, now: datetime) -> list[Mapping[str, Any]]:
    """Return alerts with the police that have positions newer than what a room was sent.

    Each with ``told_at``, when the room that has waited longest was last written to, ``known``, its
    latest positions of then, and ``positions``, the latest now, newest first. ``by_voice``: nothing
    is written to its rooms, a person calls them.
    """
    return [dict(row) for row in await connection.fetch(sql("following", "moved"), limit, now)]


async def picture(connection: Connection, alert_id: UUID, limit: int) -> Mapping[str, Any] | None:
    """Return what is known of where one alert's phone is, sealed; None: no such alert."""
    row = await connection.fetchrow(sql("following", "picture"), alert_id, limit)
    return dict(row) if row else None
