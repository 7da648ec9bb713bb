"""Who is there: operators whose screen is connected and who want to be rung.

Serves arrow 2. A screen is noted every few seconds while its stream stands; ``GONE_AFTER`` without
makes its operator away, whatever she last said. Busy is whoever holds an alert that waits for a
verdict. What follows from an absence is the flow ``attendance``'s.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tgd.store.db import Connection, sql

GONE_AFTER = timedelta(seconds=10)
WANTS = ("available", "away")


async def arrived(connection: Connection, name: str, role: str, now: datetime) -> None:
    """Note a screen that has just connected; back after an absence, she is available again."""
    await connection.execute(sql("presence", "arrived"), name, role, now, now - GONE_AFTER)


async def seen(connection: Connection, name: str, _role: str, now: datetime) -> None:
    """Note a screen that is still connected."""
    await connection.execute(sql("presence", "seen"), name, now)


async def wants(connection: Connection, name: str, role: str, state: str, now: datetime) -> None:
    """Note that an operator wants to be rung (``available``), or not (``away``)."""
    await connection.execute(sql("presence", "wants"), name, role, state, now)


async def present(
    connection: Connection, now: datetime, hidden: Collection[UUID] = ()
) -> list[Mapping[str, Any]]:
    """Return everybody of the last day: name, role, state, since, group, site, alerts held.

    An alert of one of the ``hidden`` persons makes nobody busy.
    """
    rows = await connection.fetch(sql("presence", "present"), now, now - GONE_AFTER, [*hidden])
    return [dict(row) for row in rows]


async def role_of(connection: Connection, name: str) -> str | None:
    """Return the role in which somebody was last there; None: never."""
    role: str | None = await connection.fetchval(sql("presence", "role_of"), name)
    return role


async def is_there(connection: Connection, name: str, now: datetime) -> bool:
    """Say whether this person is there to take an alert."""
    there: bool = await connection.fetchval(sql("presence", "is_there"), name, now - GONE_AFTER)
    return there


async def left_alone(connection: Connection, now: datetime) -> dict[UUID, str]:
    """Return open alerts whose holder was there and is not any more, each with its holder."""
    rows = await connection.fetch(sql("presence", "left_alone"), now - GONE_AFTER, GONE_AFTER)
    return {row["id"]: row["name"] for row in rows}


async def unattended(connection: Connection, now: datetime) -> list[UUID]:
    """Return alerts that ring only the first group, none of which is there, while others are."""
    rows = await connection.fetch(sql("presence", "unattended"), now - GONE_AFTER)
    return [row["id"] for row in rows]


async def available(connection: Connection, now: datetime) -> dict[str, int]:
    """Count who is available, by ring group."""
    rows = await connection.fetch(sql("presence", "available"), now - GONE_AFTER)
    return {row["ring_group"]: row["n"] for row in rows}


async def held(connection: Connection, name: str) -> dict[UUID, UUID | None]:
    """Return the open alerts that somebody has in charge, each with whom it is about."""
    rows = await connection.fetch(sql("presence", "held"), name)
    return {row["id"]: row["person"] for row in rows}
