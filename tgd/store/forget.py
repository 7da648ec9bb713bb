"""What is to be erased and when, as rows: terms, sealed things, and keys on their way out.

Serves the flow ``forget``. Every sealed thing is a ``Kept``: what it is, when it was recorded, and
the reference to the key that opens it. What the law makes of that is left to the flow.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tgd.store.db import Connection, sql

KINDS = ("position", "press", "message", "note")


class Held(NamedTuple):
    """An alert under its lock: is it held for a criminal case, may it be kept 8 days?"""

    status: str
    verdict: str | None
    key: bytes | None
    held: bool
    eight_days: bool
    forget_at: datetime | None


class Kept(NamedTuple):
    """One sealed thing of an alert; ``kind`` is one of ``KINDS``."""

    kind: str
    id: str
    recorded_at: datetime
    key: bytes | None
    sealed: bytes


async def due(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Return alerts of which something is to be erased."""
    return [row["id"] for row in await connection.fetch(sql("forget", "due"), now, limit)]


async def next_due(connection: Connection, after: datetime) -> datetime | None:
    """Return when something is next to be erased or asked about, of what was not due already."""
    found: datetime | None = await connection.fetchval(sql("forget", "next_due"), after)
    return found


async def hold(connection: Connection, alert_id: UUID) -> Held | None:
    """Lock an alert and return what was decided about it."""
    row = await connection.fetchrow(sql("forget", "hold"), alert_id)
    return Held(*row) if row else None


async def kept(connection: Connection, alert_id: UUID) -> list[Kept]:
    """Return everything of an alert that is sealed."""
    return [Kept(*row) for row in await connection.fetch(sql("forget", "kept"), alert_id)]


async def erase(connection: Connection, kind: str, ids: Sequence[str]) -> None:
    """Erase these things of one kind."""
    await connection.execute(sql("forget", f"erase_{kind}"), list(ids))


async def reseal(
    connection: Connection, kind: str, things: Sequence[tuple[str, bytes]], key: bytes
) -> None:
    """Put the same content, sealed under another key, in the place of these."""
    ids, sealed = zip(*things, strict=True)
    await connection.execute(sql("forget", f"reseal_{kind}"), list(ids), list(sealed), key)


async def settle(
    connection: Connection, alert_id: UUID, key: bytes | None, forget_at: datetime | None
) -> None:
    """Give the alert its key from now on, and the time when its next thing is due."""
    await connection.execute(sql("forget", "settle"), alert_id, key, forget_at)


async def bury(connection: Connection, keys: Sequence[bytes], now: datetime) -> None:
    """Mark keys for erasure from the key store."""
    await connection.execute(sql("forget", "bury"), list(keys), now)


async def dead(connection: Connection, limit: int) -> list[bytes]:
    """Return keys that are to be erased from the key store."""
    return [row["key"] for row in await connection.fetch(sql("forget", "dead"), limit)]


async def buried(connection: Connection, keys: Sequence[bytes]) -> list[bytes]:
    """Note that these keys are gone; return those of which nobody had noted it."""
    return [row["key"] for row in await connection.fetch(sql("forget", "buried"), list(keys))]


async def named(connection: Connection) -> list[bytes]:
    """Return every key that any row of the database names."""
    return [row["key"] for row in await connection.fetch(sql("forget", "named"))]


async def ask_again(connection: Connection, now: datetime) -> int:
    """Ask once more, 24 hours before the erasure; return how many were asked."""
    told = await connection.execute(sql("forget", "ask_again"), now)
    return int(told.rsplit(" ", 1)[1])


async def answer_hold(
    connection: Connection, alert_id: UUID, now: datetime, by: str, reference: str | None
) -> None:
    """Record the prosecutor's answer: held under this reference, or, with None, not held."""
    await connection.execute(
        sql("forget", "answer_hold"), alert_id, now, by, reference is not None, reference
    )


async def authorise_eight_days(
    connection: Connection, alert_id: UUID, now: datetime, by: str, magistrate: str
) -> None:
    """Record who authorised keeping the positions up to 8 days, and who entered it."""
    await connection.execute(sql("forget", "authorise_eight_days"), alert_id, now, by, magistrate)


async def terms(connection: Connection, alert_id: UUID) -> Mapping[str, Any] | None:
    """Return what is decided about keeping one alert's positions; None: no such alert."""
    row = await connection.fetchrow(sql("forget", "terms"), alert_id)
    return dict(row) if row else None


async def questions(
    connection: Connection, tribunal: str | None, hidden: Collection[UUID] = ()
) -> list[Mapping[str, Any]]:
    """Return the closed alerts that a prosecutor is still to answer for; None: every tribunal's.

    A phone that the register does not know is no tribunal's: any of them may answer. None is about
    one of the ``hidden`` persons.
    """
    rows = await connection.fetch(sql("forget", "questions"), tribunal, [*hidden])
    return [dict(row) for row in rows]


async def note(
    connection: Connection,
    now: datetime,
    alert_id: UUID | None,
    kind: str,
    details: dict[str, Any],
) -> None:
    """Enter into the journal what was erased: counts only."""
    await connection.execute(sql("forget", "note"), now, alert_id, kind, details)


async def overdue(connection: Connection, before: datetime) -> int:
    """Count the alerts, and the keys, of which something should have been erased by that time."""
    return int(await connection.fetchval(sql("forget", "overdue"), before))
