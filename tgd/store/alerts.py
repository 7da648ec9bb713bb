"""Alerts as rows: held under a lock and saved whole; found for the console.

Serves arrows 2 and 3. ``hold`` locks and reads, ``save`` writes a document of changes (its shape
stands above ``save_alerts`` in the migrations); both are one round trip. What the rows mean is
left to the platform's domain.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from tgd.log import fault
from tgd.store.db import OUTAGE, Connection, sql

_NOT_OWN = ("key", "follows", "outcome", "line", "line_at")
_NONE = ("beneficiary", "sim", "sim_key", "follows_person", "former", "last_test", "last_note")
_EMPTY = ("deadlines", "dispatches", "live", "tasks", "presses", "linked", "positions")
"""What a bare alert does without."""
_log = logging.getLogger(__name__)


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


async def agreed_word(connection: Connection, alert_id: UUID) -> tuple[bytes | None, bytes | None]:
    """Return the holder's sealed all-clear word, None where none is, and its key.

    Without a key it is sealed under the master secret itself, as an older version did.
    """
    row = await connection.fetchrow(sql("alerts", "agreed_word"), alert_id)
    return (row["all_clear_word"], row["word_key"]) if row else (None, None)


async def add_note(
    connection: Connection,
    alert_id: UUID,
    now: datetime,
    author: str,
    text: bytes,
    *,
    for_rooms: bool = False,
) -> None:
    """Keep a note, sealed under the alert's key; ``for_rooms``: control rooms are told it too."""
    values = alert_id, now, author, text, for_rooms
    await connection.execute(sql("alerts", "add_note"), *values)


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
    hidden: Collection[UUID] = (),
) -> list[dict[str, Any]]:
    """Return alerts, newest first, each with all that the console shows.

    ``open_only`` None returns all. ``before`` is the last alert of the page before; ``ids`` leaves
    out all others; nor is there one of the ``hidden`` persons. One of which something cannot be
    read is ``unread``, and bare: it is there, whose it is and how it stands.
    """
    at, last = before or (None, None)
    asked = open_only, at, last, limit, ids, [*hidden]
    try:
        return [dict(row) for row in await connection.fetch(sql("alerts", "page"), *asked)]
    except OUTAGE:
        raise
    except Exception as error:  # noqa: BLE001  whichever alert it was, the others are to be seen
        fault(_log, "reading alerts", error)
    bare = await connection.fetch(sql("alerts", "bare"), *asked)
    return [await one(connection, row["id"]) or _bare(dict(row)) for row in bare]


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    own = {**dict.fromkeys(_NOT_OWN), "plan": {"forward": True}, **row}
    around = {**dict.fromkeys(_NONE), **dict.fromkeys(_EMPTY, ())}
    return {**around, "alert": own, "person": row["person"], "unread": True}


async def marks(connection: Connection) -> dict[UUID, str]:
    """Return the open alerts, each with a mark that changes whenever ``page`` would say other.

    One of which something cannot be read has another each time.
    """
    statement = sql("alerts", "marks")
    try:
        return {row["id"]: row["mark"] for row in await connection.fetch(statement, None)}
    except OUTAGE:
        raise
    except Exception as error:  # noqa: BLE001  whichever alert it was, the others are to be seen
        fault(_log, "marking alerts", error)
    found = {}
    for one in await connection.fetch(sql("alerts", "standing_open")):
        try:
            row = await connection.fetchrow(statement, [one["id"]])
        except OUTAGE:
            raise
        except Exception:  # noqa: BLE001  where it failed was said for all of them
            found[one["id"]] = f"unread {uuid4()}"
        else:
            found |= {row["id"]: row["mark"]} if row else {}
    return found


async def one(connection: Connection, alert_id: UUID) -> dict[str, Any] | None:
    """Return one alert as ``page`` does."""
    try:
        row = await connection.fetchrow(sql("alerts", "one"), alert_id)
        return dict(row) if row else None
    except OUTAGE:
        raise
    except Exception as error:  # noqa: BLE001  it is shown all the same, as far as it can be
        fault(_log, f"reading alert {alert_id}", error)
    bare = await connection.fetchrow(
        sql("alerts", "bare"), None, None, None, 1, [alert_id], list[UUID]()
    )
    return _bare(dict(bare)) if bare else None


async def of_envelope(connection: Connection, envelope_id: UUID) -> tuple[UUID, str | None] | None:
    """Return the alert that one of our messages is about and the room that it went to."""
    row = await connection.fetchrow(sql("alerts", "of_envelope"), envelope_id)
    return (row["alert_id"], row["room_id"]) if row else None


async def of_case(connection: Connection, case_id: str, room: str) -> UUID | None:
    """Return the alert with this case number, if that room was told of it."""
    found: UUID | None = await connection.fetchval(sql("alerts", "of_case"), case_id, room)
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
