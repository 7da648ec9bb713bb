"""Requests and releases as rows: who asks, whose aggressor comes out, who is not to know.

Serves the prosecutor's office. A request that is not met always has a dated reason: the columns
allow none without.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tgd.errors import NotFound
from tgd.store.db import Connection, sql
from tgd.store.refusals import refusing
from tgd.store.stock import Row


class New(NamedTuple):
    """A request to be entered, in the order of the statement."""

    id: UUID
    tribunal: str
    beneficiary_id: UUID
    asked_at: datetime
    source: str
    means: str
    legal_basis: str | None
    status: str
    reason: str
    now: datetime
    by: str


async def listed(
    connection: Connection,
    tribunal: str | None,
    statuses: list[str],
    after: tuple[datetime, UUID] | None = None,
    limit: int = 1,
    request: UUID | None = None,
    *,
    hidden: Collection[UUID] = (),
) -> list[Row]:
    """Return requests, the oldest first, each with its place on the waiting list.

    Those of the ``hidden`` persons are left out, and take no place.
    """
    at, last = after or (None, None)
    rows = await connection.fetch(
        sql("requests", "list"), tribunal, statuses, at, last, limit, request, [*hidden]
    )
    return [dict(row) for row in rows]


async def where(connection: Connection, request: UUID) -> str:
    """Return whose request it is; raises ``NotFound``."""
    return await _where(connection, "requests", request, "request")


async def hold(connection: Connection, request: UUID) -> Row:
    """Return a request, locked; raises ``NotFound``."""
    return await _hold(connection, "requests", request, "request")


async def unmet_of(connection: Connection, beneficiary: UUID, tribunal: str) -> UUID | None:
    """Return the request of a person that waits, if there is one."""
    found: UUID | None = await connection.fetchval(
        sql("requests", "unmet_of"), beneficiary, tribunal
    )
    return found


async def add(connection: Connection, new: New) -> None:
    """Enter a request; refused where hers is on the list already."""
    with refusing():
        await connection.execute(sql("requests", "add"), *new)


async def settle(
    connection: Connection, request: UUID, status: str, reason: str, now: datetime, by: str
) -> None:
    """Record what was decided about a request."""
    with refusing():
        await connection.execute(sql("requests", "settle"), request, status, reason, now, by)


async def releases(
    connection: Connection, tribunal: str | None, *, open_only: bool, limit: int = 500,
    release: UUID | None = None, hidden: Collection[UUID] = (),
) -> list[Row]:  # fmt: skip
    """Return releases and leaves, the soonest first, but for those of the ``hidden`` persons."""
    rows = await connection.fetch(
        sql("releases", "list"), tribunal, open_only, limit, release, [*hidden]
    )
    return [dict(row) for row in rows]


async def add_release(connection: Connection, release: UUID, *more: object) -> None:
    """Enter one: then ``tribunal, beneficiary, kind, happens_at, now, by, device``."""
    with refusing():
        await connection.execute(sql("releases", "add"), release, *more)


async def release_where(connection: Connection, release: UUID) -> str:
    """Return whose it is; raises ``NotFound``."""
    return await _where(connection, "releases", release, "release")


async def hold_release(connection: Connection, release: UUID) -> Row:
    """Return one, locked; raises ``NotFound``."""
    return await _hold(connection, "releases", release, "release")


async def evaluated(
    connection: Connection, release: UUID, now: datetime, by: str, outcome: str
) -> None:
    """Record what the new evaluation found."""
    await connection.execute(sql("releases", "evaluated"), release, now, by, outcome)


async def answered(connection: Connection, beneficiary: UUID, now: datetime, by: str) -> list[str]:
    """Answer a person's releases, for she has a phone now; returns the phones reserved for her."""
    rows = await connection.fetch(sql("releases", "given"), beneficiary, now, by)
    return [row["device_id"] for row in rows if row["device_id"] is not None]


async def lock_out(
    connection: Connection, conflict: UUID, beneficiary: UUID, *more: object
) -> None:
    """Lock a reader out of all that is hers: then ``kind, value, now, by``."""
    with refusing():
        await connection.execute(sql("releases", "lock_out"), conflict, beneficiary, *more)


async def lift(connection: Connection, beneficiary: UUID, *more: object) -> None:
    """Let a reader in again: ``kind, value, now, by``; raises ``NotFound``."""
    if await connection.fetchval(sql("releases", "lift"), beneficiary, *more) is None:
        raise NotFound("conflict")


async def locks_of(connection: Connection, beneficiary: UUID) -> list[Row]:
    """Return who must not know of a person: ``kind``, ``value``, ``known``: somebody has it."""
    rows = await connection.fetch(sql("releases", "locks_of"), beneficiary)
    return [dict(row) for row in rows]


async def _where(connection: Connection, file: str, one: UUID, what: str) -> str:
    found: str | None = await connection.fetchval(sql(file, "where"), one)
    if found is None:
        raise NotFound(what)
    return found


async def _hold(connection: Connection, file: str, one: UUID, what: str) -> Row:
    row = await connection.fetchrow(sql(file, "hold"), one)
    if row is None:
        raise NotFound(what)
    return dict(row)
