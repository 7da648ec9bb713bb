"""Known places as rows: whose they are, of what kind, and sealed bytes.

Serves arrow 2: beside an alert's position stand the places of the person that it touches. What
the bytes say, and the keys that open them, is ``platform.places``'s; here nothing can be read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tgd.errors import NotFound
from tgd.store.db import Connection, sql


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A place as stored; ``content`` opens with the ``key`` of its person's file."""

    id: UUID
    beneficiary_id: UUID
    kind: str
    content: bytes = field(repr=False)
    key: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedPlace:
    """A place to be stored."""

    id: UUID
    kind: str
    content: bytes = field(repr=False)


async def of_beneficiaries(connection: Connection, ids: Sequence[UUID]) -> list[PlaceRow]:
    """Return the places of these persons, sealed."""
    rows = await connection.fetch(sql("places", "of_beneficiaries"), list(ids))
    return [PlaceRow(**row) for row in rows]


async def hold_key(connection: Connection, beneficiary_id: UUID) -> bytes | None:
    """Return the key of a person's file, None if it has none, and lock it for the transaction.

    Raises ``errors.NotFound`` where there is no such person.
    """
    row = await connection.fetchrow(sql("places", "hold_key"), beneficiary_id)
    if row is None:
        raise NotFound("beneficiary")
    key: bytes | None = row["key"]
    return key


async def put_key(connection: Connection, beneficiary_id: UUID, key: bytes | None) -> None:
    """Give a person's file its key, or take it away. To be called under ``hold_key``."""
    await connection.execute(sql("places", "put_key"), beneficiary_id, key)


async def replace(
    connection: Connection, beneficiary_id: UUID, places: Sequence[SealedPlace], now: datetime
) -> None:
    """Store these places instead of all that the person had. To be called under ``hold_key``."""
    await connection.execute(sql("places", "drop"), beneficiary_id)
    await connection.executemany(
        sql("places", "put"),
        [(place.id, beneficiary_id, place.kind, place.content, now) for place in places],
    )


async def holders(connection: Connection, devices: Sequence[str]) -> dict[str, UUID | None]:
    """Return who holds each of these phones; None: nobody. Unknown phones are left out."""
    rows = await connection.fetch(sql("places", "holders"), list(devices))
    return {row["device"]: row["beneficiary_id"] for row in rows}
