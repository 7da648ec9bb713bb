"""The stock as rows: tribunals with their allocation, phones with their state.

Serves the prosecutor's office. ``hold`` first: whoever has a tribunal's row decides about its
phones alone until the transaction ends. What the schema refuses comes out as ``errors.Refused``.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.errors import NotFound
from tgd.store.db import Connection, sql
from tgd.store.refusals import refusing

Row = Mapping[str, Any]


async def hold(connection: Connection, tribunals: Sequence[str | None]) -> None:
    """Lock these tribunals until the transaction ends; ``NotFound`` where one does not exist."""
    named = {one for one in tribunals if one is not None}
    if len(await connection.fetch(sql("stock", "hold"), sorted(named))) != len(named):
        raise NotFound("tribunal")


async def tribunals(
    connection: Connection, tribunal: str | None = None, hidden: Collection[UUID] = ()
) -> list[Row]:
    """Return the tribunals with what is out and who waits; ``tribunal`` None: all.

    The ``hidden`` persons and their phones do not count.
    """
    rows = await connection.fetch(sql("stock", "tribunals"), tribunal, [*hidden])
    return [dict(row) for row in rows]


async def allocate(
    connection: Connection, tribunal: str, allocation: int | None, reserve_floor: int | None
) -> None:
    """Set how many phones a tribunal has; refused below what is out."""
    with refusing():
        await connection.execute(sql("stock", "allocate"), tribunal, allocation, reserve_floor)


async def owners(connection: Connection, device: str) -> tuple[str, str | None] | None:
    """Return whose a phone is and to whom it is lent; None: the register does not know it."""
    row = await connection.fetchrow(sql("stock", "owners"), device)
    return (row["tribunal_id"], row["lent_to"]) if row else None


async def phones(connection: Connection, tribunal: str) -> list[Row]:
    """Return the phones that are a tribunal's to give."""
    return [dict(row) for row in await connection.fetch(sql("stock", "phones"), tribunal)]


async def phone(connection: Connection, device: str) -> Row:
    """Return one phone, locked; raises ``NotFound``."""
    row = await connection.fetchrow(sql("stock", "phone"), device)
    if row is None:
        raise NotFound("device")
    return dict(row)


async def add(connection: Connection, device: str, tribunal: str, *more: object) -> None:
    """Enter a phone: then ``now, state, label, imei, generation, firmware, sim, key, hash``."""
    with refusing():
        await connection.execute(sql("stock", "add"), device, tribunal, *more)


async def amend(connection: Connection, device: str, *more: object) -> None:
    """Change what is known; None stays.

    ``now, label, imei, generation, firmware, sim, key, hash``.
    """
    with refusing():
        await connection.execute(sql("stock", "amend"), device, *more)


async def move(connection: Connection, device: str, state: str, now: datetime) -> None:
    """Set a phone's state."""
    with refusing():
        await connection.execute(sql("stock", "move"), device, state, now)


async def lend(
    connection: Connection, device: str, to: str | None, state: str, now: datetime
) -> None:
    """Lend a phone to a tribunal, or have it back (``to`` None)."""
    with refusing():
        await connection.execute(sql("stock", "lend"), device, to, state, now)


async def compromise(connection: Connection, device: str, now: datetime, by: str) -> None:
    """Mark a phone as compromised: it still raises alerts."""
    with refusing():
        await connection.execute(sql("stock", "compromise"), device, now, by)


async def mute(connection: Connection, device: str, now: datetime, by: str) -> None:
    """End a compromised phone's credentials; refused for the first person, or untested."""
    with refusing():
        await connection.execute(sql("stock", "mute"), device, now, by)


async def wiped(connection: Connection, device: str, now: datetime, by: str) -> list[UUID]:
    """Attest that a phone holds nothing of those who had it; returns their assignments."""
    rows = await connection.fetch(sql("stock", "wiped"), device, now, by)
    return [row["id"] for row in rows]


async def listed(
    connection: Connection,
    tribunal: str | None,
    *,
    after: str | None = None,
    limit: int = 1,
    device: str | None = None,
    hidden: Collection[UUID] = (),
) -> list[Row]:
    """Return phones by id with their holders and all that a red list looks at.

    Those that the ``hidden`` persons have, or that wait for them, are left out.
    """
    rows = await connection.fetch(sql("stock", "list"), tribunal, after, limit, device, [*hidden])
    return [dict(row) for row in rows]


async def note(
    connection: Connection,
    now: datetime,
    by: str,
    kind: str,
    assignment: UUID | None = None,
    /,
    **details: object,
) -> None:
    """Write into the journal what was done: ids and codes only, never a name."""
    await connection.execute(sql("stock", "note"), now, by, assignment, kind, details)
    await connection.execute(sql("stock", "hint"))
