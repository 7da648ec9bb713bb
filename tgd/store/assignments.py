"""Assignments as rows: who has which phone, on what ground, since when, until when, with what said.

Serves the prosecutor's office. The phone's tribunals are held first (``store.stock.hold``). What is
said of a person is sealed by the caller; here nothing can be read.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tgd.errors import NotFound
from tgd.store.db import Connection, sql
from tgd.store.refusals import refusing
from tgd.store.stock import Row


class New(NamedTuple):
    """An assignment to be made, in the order of the statement."""

    id: UUID
    device: str
    beneficiary_id: UUID
    starts_at: datetime
    ends_at: datetime
    handed_over_at: datetime | None
    request_id: UUID | None
    replaces: UUID | None
    decided_by: str
    legal_basis: str | None
    content: bytes | None
    key: bytes | None


class Filter(NamedTuple):
    """Which assignments to list; ``tribunal`` None: every one's; ``hidden``: of whom none."""

    tribunal: str | None
    status: str | None = None
    device: str | None = None
    before: tuple[datetime, UUID] | None = None
    id: UUID | None = None
    hidden: Collection[UUID] = ()


async def listed(connection: Connection, some: Filter, limit: int = 1) -> list[Row]:
    """Return assignments, the latest first."""
    at, last = some.before or (None, None)
    rows = await connection.fetch(
        sql("assignments", "list"),
        *(some.tribunal, some.status, some.device, at, last, limit, some.id, [*some.hidden]),
    )
    return [dict(row) for row in rows]


async def where(connection: Connection, assignment: UUID) -> Row:
    """Return the phone of an assignment and its tribunals; raises ``NotFound``."""
    row = await connection.fetchrow(sql("assignments", "where"), assignment)
    if row is None:
        raise NotFound("assignment")
    return dict(row)


async def hold(connection: Connection, assignment: UUID) -> Row:
    """Return an assignment with its phone, both locked; raises ``NotFound``."""
    row = await connection.fetchrow(sql("assignments", "hold"), assignment)
    if row is None:
        raise NotFound("assignment")
    return dict(row)


async def heard(
    connection: Connection, assignment: UUID, since: datetime, press: UUID | None
) -> Row | None:
    """Return the press that shows the phone alive best; None: there is none."""
    row = await connection.fetchrow(sql("assignments", "heard"), assignment, since, press)
    return dict(row) if row else None


async def add(connection: Connection, new: New) -> None:
    """Give a person a phone; refused where the phone, she or the allocation does not allow it."""
    with refusing():
        await connection.execute(sql("assignments", "add"), *new)


async def act(connection: Connection, name: str, assignment: UUID, *values: object) -> None:
    """Do one of the named statements that change an assignment."""
    with refusing():
        await connection.execute(sql("assignments", name), assignment, *values)


async def unseen(connection: Connection, now: datetime) -> dict[int, int]:
    """Return how many terms end of which nobody has taken note, by step."""
    rows = await connection.fetch(sql("assignments", "unseen"), now)
    return {row["days"]: row["terms"] for row in rows}


async def consent(
    connection: Connection, assignment: UUID, kind: str, given: object, now: datetime, by: str
) -> None:
    """Record what she agreed to, or did not."""
    await connection.execute(sql("assignments", "consent"), assignment, kind, given, now, by)


async def consents(connection: Connection, assignment: UUID) -> dict[str, bool]:
    """Return the latest consent of each kind."""
    rows = await connection.fetch(sql("assignments", "consents_of"), assignment)
    return {row["kind"]: row["given"] for row in rows}


async def add_beneficiary(connection: Connection, beneficiary: UUID, *more: Any) -> None:
    """Enter a person: then ``label, listen, word (sealed), its key, now``."""
    await connection.execute(sql("assignments", "add_beneficiary"), beneficiary, *more)


async def amend_beneficiary(
    connection: Connection, beneficiary: UUID, listen: str | None, label: str
) -> None:
    """Change how her phone listens; None stays. ``label``: for one whose own was erased."""
    values = beneficiary, listen, label
    await connection.execute(sql("assignments", "amend_beneficiary"), *values)


async def of_tribunal(connection: Connection, beneficiary: UUID, tribunal: str | None) -> bool:
    """Say whether this person is one of a tribunal's (None: of any)."""
    known: bool = await connection.fetchval(
        sql("assignments", "of_tribunal"), beneficiary, tribunal
    )
    return known


async def active_of(connection: Connection, beneficiary: UUID) -> UUID | None:
    """Return the assignment that a person has."""
    found: UUID | None = await connection.fetchval(sql("assignments", "active_of"), beneficiary)
    return found


async def journal(connection: Connection, assignment: UUID) -> list[Row]:
    """Return what happened to an assignment, oldest first."""
    return [dict(row) for row in await connection.fetch(sql("assignments", "journal"), assignment)]
