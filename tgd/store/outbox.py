"""Messages to control rooms as rows: claimed under a lease, sent, recorded.

Serves arrow 3. The claim's transaction also keeps the content that was built for a message, so
that whatever is sent again is the same to the letter. A lease that has run out makes the message
claimable again, under the same id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from tgd.conflict import Lock
from tgd.store.competence import RoomRow, locks_of, with_lines
from tgd.store.db import Connection, sql


class Sent(NamedTuple):
    """What became of one sending; ``retry_at`` None: delivered."""

    envelope_id: UUID
    at: datetime
    retry_at: datetime | None
    error: str | None


class Pressed(msgspec.Struct, frozen=True):
    """A press of an alert, as far as rooms are told of it."""

    no: int
    id: UUID
    pressed_at: datetime
    received_at: datetime
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an alert and its holder: as it is kept, sealed; presses in their order.

    ``positions`` are the newest first: those of the last minutes, of every press, and those with
    which the case began.
    """

    beneficiary_id: UUID | None
    sim: bytes | None = field(repr=False)
    sim_key: bytes | None = field(repr=False)
    file: bytes | None = field(repr=False)
    file_key: bytes | None = field(repr=False)
    places: Sequence[Mapping[str, Any]] = field(repr=False)
    places_key: bytes | None = field(repr=False)
    notes: Sequence[Mapping[str, Any]] = field(repr=False)
    positions: Sequence[Mapping[str, Any]] = field(repr=False)
    presses: Sequence[Pressed]


@dataclass(frozen=True, slots=True)
class Background:
    """What rooms are chosen by for one alert, and what its first messages are written from.

    ``rooms`` by id, each with its electronic ``lines``; ``held`` is the alert's row.
    """

    held: Mapping[str, Any] = field(repr=False)
    beneficiary: str | None
    doubts: Sequence[str]
    locks: frozenset[Lock]
    rooms: Mapping[str, RoomRow] = field(repr=False)
    known: Known


_KNOWN = tuple(one.name for one in fields(Known) if one.name != "presses")


async def claim(
    connection: Connection, now: datetime, lease: timedelta, limit: int
) -> list[dict[str, Any]]:
    """Lease messages that are to be sent now, and return all that is needed to write them."""
    rows = await connection.fetch(sql("outbox", "claim"), now, lease, limit)
    return [{**row, "doubts": [one for one in row["doubts"] if one]} for row in rows]


async def known(connection: Connection, alerts: Sequence[UUID]) -> dict[UUID, Known]:
    """Return what messages about these alerts may tell of their holders, sealed."""
    rows = await connection.fetch(sql("outbox", "known"), alerts)
    return {row["alert_id"]: _known(dict(row)) for row in rows}


async def background(connection: Connection, alert_id: UUID) -> Background:
    """Return what a decision on this alert, which must exist, needs to tell rooms of it."""
    rows = await connection.fetch(sql("outbox", "background"), alert_id)
    row: Mapping[str, Any] = dict(rows[0])
    return Background(
        held=row["held"],
        beneficiary=row["beneficiary"],
        doubts=row["doubts"],
        locks=locks_of(row["locks"]),
        rooms={room["id"]: room for room in with_lines(row["rooms"], row["lines"])},
        known=_known(row),
    )


def _known(row: Mapping[str, Any]) -> Known:
    presses = msgspec.convert(row["presses"], list[Pressed])
    return Known(**{name: row[name] for name in _KNOWN}, presses=presses)


async def keep_contents(
    connection: Connection, contents: Sequence[tuple[UUID, bytes]], keys: Mapping[UUID, bytes]
) -> None:
    """Keep what was built for messages, sealed; ``keys`` by alert: only what is still sealed so."""
    ids, sealed = zip(*contents, strict=True)
    await connection.execute(
        sql("outbox", "keep_contents"), list(ids), list(sealed), list(keys), list(keys.values())
    )


async def record(connection: Connection, sent: Sequence[Sent]) -> list[float]:
    """Record sendings; return, for alerts first delivered now, the seconds since their verdict."""
    ids, ats, retries, errors = (list(column) for column in zip(*sent, strict=True))
    rows = await connection.fetch(sql("outbox", "record"), ids, ats, retries, errors)
    return [row["first_s"] for row in rows if row["first_s"] is not None]


async def waiting(connection: Connection) -> int:
    """Count the messages that are not delivered."""
    return int(await connection.fetchval(sql("outbox", "waiting")))
