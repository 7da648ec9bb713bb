"""Associations as rows: conventions, who of the staff is cleared, and whom each of them follows.

Serves the prosecutor's office and whatever an association reads. Who follows whom is one view
(``followed``): it lasts as long as the convention, the clearance and the entrusting all do.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tgd.errors import NotFound
from tgd.store.db import Connection, sql
from tgd.store.stock import Row


class Convention(NamedTuple):
    """A convention to be entered, in the order of the statement."""

    id: UUID
    tribunal: str
    association: str
    starts_at: datetime
    ends_at: datetime
    now: datetime
    by: str


async def listed(
    connection: Connection, tribunal: str | None, convention: UUID | None = None
) -> list[Row]:
    """Return conventions, the last to end first; ``tribunal`` None: every one's."""
    rows = await connection.fetch(sql("associations", "list"), tribunal, convention)
    return [dict(row) for row in rows]


async def add(connection: Connection, new: Convention) -> None:
    """Enter a convention."""
    await connection.execute(sql("associations", "add"), *new)


async def end(connection: Connection, convention: UUID, now: datetime, by: str) -> None:
    """End a convention before its term; again changes nothing."""
    await connection.execute(sql("associations", "end"), convention, now, by)


async def member(connection: Connection, username: str) -> UUID | None:
    """Return the account of a member of an association's staff."""
    found: UUID | None = await connection.fetchval(sql("associations", "member"), username)
    return found


async def clear(
    connection: Connection, clearance: UUID, convention: UUID, account: UUID,
    now: datetime, by: str,
) -> None:  # fmt: skip
    """Clear a member."""
    values = clearance, convention, account, now, by
    await connection.execute(sql("associations", "clear"), *values)


async def clearance(connection: Connection, one: UUID) -> Row:
    """Return a clearance that stands, held; raises ``NotFound``."""
    row = await connection.fetchrow(sql("associations", "clearance"), one)
    if row is None:
        raise NotFound("clearance")
    return dict(row)


async def end_clearance(connection: Connection, one: UUID, now: datetime, by: str) -> None:
    """End a clearance."""
    await connection.execute(sql("associations", "end_clearance"), one, now, by)


async def entrust(
    connection: Connection, one: UUID, beneficiary: UUID, now: datetime, by: str
) -> None:
    """Have a cleared member follow a person."""
    await connection.execute(sql("associations", "entrust"), one, beneficiary, now, by)


async def take_back(
    connection: Connection, one: UUID, beneficiary: UUID, now: datetime, by: str
) -> None:
    """Have a cleared member follow a person no longer."""
    await connection.execute(sql("associations", "take_back"), one, beneficiary, now, by)


async def note(
    connection: Connection, now: datetime, by: str, kind: str, details: dict[str, Any],
    beneficiary: UUID | None = None,
) -> None:  # fmt: skip
    """Journal what was done; ``details`` name no person."""
    await connection.execute(sql("associations", "note"), now, by, beneficiary, kind, details)


async def followed(
    connection: Connection, username: str, people: Collection[UUID], now: datetime
) -> set[UUID]:
    """Return those of these persons whom somebody follows at this moment."""
    rows = await connection.fetch(sql("associations", "followed"), username, list(people), now)
    return {row["beneficiary_id"] for row in rows}
