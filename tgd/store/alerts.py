"""Alerts as rows: held under a lock and saved whole; found for the console.

Serves arrows 2 and 3. ``hold`` locks and reads, ``save`` writes a document of changes (its shape
stands above ``save_alerts`` in the migrations); both are one round trip. What the rows mean is
left to the platform's domain.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.store.db import Connection, sql


async def hold(connection: Connection, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Lock these alerts and return them with their deadlines, dispatches, messages and calls.

    Each is a row with ``held``, ``running``, ``told``, ``sent`` and ``calls``; unknown ids are
    left out. The lock lasts until the transaction ends.
    """
    rows = await connection.fetch(sql("alerts", "hold"), list(ids))
    return [dict(row) for row in rows]


async def save(connection: Connection, changes: dict[str, list[dict[str, Any]]]) -> None:
    """Write what has changed; the shape of ``changes`` is that of ``save_alerts``."""
    await connection.execute(sql("alerts", "save"), changes)


async def warm(connection: Connection) -> None:
    """Prepare what an operator's act needs: the first of the day must be as quick as any."""
    await hold(connection, [])
    await page(connection, open_only=True, limit=0, ids=[])
    await marks(connection)


async def standing(connection: Connection, alert_id: UUID) -> tuple[str, str] | None:
    """Return the alert's phone and status; None if there is no such alert."""
    row = await connection.fetchrow(sql("alerts", "standing"), alert_id)
    return (row["device"], row["status"]) if row else None


async def open_for(connection: Connection, device: str) -> UUID | None:
    """Return the phone's open alert."""
    found: UUID | None = await connection.fetchval(sql("alerts", "open_for"), device)
    return found


async def open_follow_up(
    connection: Connection, follows: UUID, now: datetime, key: bytes, plan: dict[str, Any]
) -> UUID | None:
    """Open an alert without a press of its own, which names a closed one; return its id.

    None, and nothing is changed, where the phone has an open alert.
    """
    opened: UUID | None = await connection.fetchval(
        sql("alerts", "open_follow_up"), follows, now, key, plan
    )
    return opened


async def positions(connection: Connection, alert_id: UUID) -> list[Any]:
    """Return all that is kept of an alert's positions, sealed, oldest first."""
    return list(await connection.fetch(sql("alerts", "positions"), alert_id))


async def bring_positions(
    connection: Connection, alert_id: UUID, key: bytes, moved: Sequence[tuple[int, bytes]]
) -> None:
    """Copy positions to another alert: their numbers, and the fixes sealed anew under ``key``."""
    numbers, fixes = zip(*moved, strict=True)
    await connection.execute(
        sql("alerts", "bring_positions"), alert_id, key, list(numbers), list(fixes)
    )


async def withdraw_consent(
    connection: Connection, alert_id: UUID, operator: str, now: datetime
) -> None:
    """Record in the register that the alert's holder is not to be located any more."""
    await connection.execute(sql("alerts", "withdraw_consent"), alert_id, operator, now)


async def listen(connection: Connection, alert_id: UUID, mode: str, now: datetime) -> None:
    """Keep what an operator has made of the line to the phone, and since when."""
    await connection.execute(sql("alerts", "listen"), alert_id, mode, now)


async def key_of(connection: Connection, alert_id: UUID) -> bytes | None:
    """Return the alert's wrapped data key; None once it was erased."""
    key: bytes | None = await connection.fetchval(sql("alerts", "key_of"), alert_id)
    return key


async def agreed_word(connection: Connection, alert_id: UUID) -> bytes | None:
    """Return the sealed all-clear word that was agreed with the alert's holder, if any."""
    word: bytes | None = await connection.fetchval(sql("alerts", "agreed_word"), alert_id)
    return word


async def add_note(
    connection: Connection, alert_id: UUID, now: datetime, author: str, text: bytes
) -> None:
    """Keep a note, sealed under the alert's key."""
    await connection.execute(sql("alerts", "add_note"), alert_id, now, author, text)


async def notes(connection: Connection, alert_id: UUID) -> list[dict[str, Any]]:
    """Return an alert's notes, oldest first: ``at``, ``author``, ``text`` sealed or None."""
    return [dict(row) for row in await connection.fetch(sql("alerts", "notes"), alert_id)]


async def page(
    connection: Connection,
    *,
    open_only: bool | None,
    limit: int,
    before: tuple[datetime, UUID] | None = None,
    ids: Sequence[UUID] | None = None,
) -> list[dict[str, Any]]:
    """Return alerts, newest first, each with all that the console shows.

    ``open_only`` None returns all. ``before`` is the last alert of the page before; ``ids`` leaves
    out all others.
    """
    at, last = before or (None, None)
    rows = await connection.fetch(sql("alerts", "page"), open_only, at, last, limit, ids)
    return [dict(row) for row in rows]


async def marks(connection: Connection) -> dict[UUID, str]:
    """Return the open alerts, each with a mark that changes whenever ``page`` would say other."""
    return {row["id"]: row["mark"] for row in await connection.fetch(sql("alerts", "marks"))}


async def one(connection: Connection, alert_id: UUID) -> dict[str, Any] | None:
    """Return one alert as ``page`` does."""
    row = await connection.fetchrow(sql("alerts", "one"), alert_id)
    return dict(row) if row else None


async def of_envelope(connection: Connection, envelope_id: UUID) -> tuple[UUID, str | None] | None:
    """Return the alert that one of our messages is about and the room that it went to."""
    row = await connection.fetchrow(sql("alerts", "of_envelope"), envelope_id)
    return (row["alert_id"], row["room_id"]) if row else None


async def of_case(connection: Connection, case_id: str) -> UUID | None:
    """Return the alert with this case number."""
    found: UUID | None = await connection.fetchval(sql("alerts", "of_case"), case_id)
    return found


async def open_by_status(connection: Connection) -> dict[str, int]:
    """Count the open alerts by status."""
    rows = await connection.fetch(sql("alerts", "open_by_status"))
    return {row["status"]: row["n"] for row in rows}


async def done(connection: Connection, ids: Sequence[UUID], act: str) -> UUID | None:
    """Return the alert on which the act with this key was done, if it was."""
    found: UUID | None = await connection.fetchval(sql("alerts", "done"), ids, act)
    return found


async def journal(connection: Connection, alert_id: UUID) -> list[dict[str, Any]]:
    """Return the alert's journal, oldest first."""
    rows = await connection.fetch(sql("alerts", "journal"), alert_id)
    return [dict(row) for row in rows]
