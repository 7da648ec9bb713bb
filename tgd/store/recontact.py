"""Calls back as rows: two for each alert that was no test and no mistake, written by its closing.

Serves what comes after the arrows. The rows are made by a trigger of the schema, in the transaction
that closes the alert; here they are listed and done.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.store.db import Connection, sql


@dataclass(frozen=True, slots=True)
class Held:
    """One call back, its alert locked until the transaction ends; ``key`` None: erased."""

    id: UUID
    alert_id: UUID
    hours: int
    due_at: datetime
    done_at: datetime | None
    done_by: str | None
    key: bytes | None
    beneficiary_id: UUID | None


async def listed(
    connection: Connection,
    *,
    done: bool,
    follower: str | None,
    now: datetime,
    limit: int,
    hidden: Collection[UUID] = (),
) -> list[dict[str, Any]]:
    """Return calls to make, soonest due first, or those made, latest first.

    Of those whom ``follower`` follows; None: of all, and the phones' that no register knows.
    None is to one of the ``hidden`` persons.
    """
    rows = await connection.fetch(sql("recontact", "list"), done, follower, now, limit, [*hidden])
    return [dict(row) for row in rows]


async def hold(connection: Connection, recontact_id: UUID) -> Held | None:
    """Lock the alert of a call back; None if there is no such call."""
    row = await connection.fetchrow(sql("recontact", "hold"), recontact_id)
    return Held(**row) if row else None


async def done(connection: Connection, recontact_id: UUID, now: datetime, by: str) -> None:
    """Record that the call was made, in the journal too."""
    await connection.execute(sql("recontact", "done"), recontact_id, now, by)


async def rekey(connection: Connection, alert_id: UUID, key: bytes, now: datetime) -> None:
    """Give an alert whose key was erased another, and a day on which that goes too."""
    await connection.execute(sql("recontact", "rekey"), alert_id, key, now)


async def overdue(connection: Connection, now: datetime) -> int:
    """Count the calls that should have been made by now."""
    return int(await connection.fetchval(sql("recontact", "overdue"), now))
