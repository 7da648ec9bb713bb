"""Which alerts' rooms know less of where she is than the platform does.

Serves arrow 3, the flow ``following``.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.log import fault
from tgd.store.db import OUTAGE, Connection, sql

_log = logging.getLogger(__name__)


async def moved(connection: Connection, limit: int, now: datetime) -> list[Mapping[str, Any]]:
    """Return alerts with the police that have positions newer than what a room was sent.

    Each with ``told_at``, when the room that has waited longest was last written to, ``known``, its
    latest positions of then, and ``positions``, the latest now, newest first. ``by_voice``: nothing
    is written to its rooms, a person calls them. One that cannot be read is left out.
    """
    statement = sql("following", "moved")
    try:
        return [dict(row) for row in await connection.fetch(statement, limit, now, None)]
    except OUTAGE:
        raise
    except Exception as error:  # noqa: BLE001  whichever alert it was, the others' rooms are told
        fault(_log, "reading where phones are", error)
    found = []
    for one in await connection.fetch(sql("following", "followed")):
        try:
            found += await connection.fetch(statement, limit, now, [one["id"]])
        except OUTAGE:
            raise
        except Exception:  # noqa: BLE001  where it failed was said for all of them
            _log.warning("where the phone of alert %s is cannot be read", one["id"])
    return [dict(row) for row in found]


async def picture(connection: Connection, alert_id: UUID, limit: int) -> Mapping[str, Any] | None:
    """Return what is known of where one alert's phone is, sealed; None: no such alert."""
    row = await connection.fetchrow(sql("following", "picture"), alert_id, limit)
    return dict(row) if row else None
