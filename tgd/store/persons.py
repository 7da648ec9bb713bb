"""Files of persons as rows: whose, sealed, and under which key.

Serves arrow 2. What the bytes say is ``platform.persons``'s; here nothing can be read.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tgd.store.db import Connection, sql


class OfAlert(NamedTuple):
    """The file of an alert's holder; ``open``: is the alert?"""

    open: bool
    beneficiary_id: UUID | None
    content: bytes | None
    key: bytes | None


async def of_alert(connection: Connection, alert_id: UUID) -> OfAlert | None:
    """Return the file of an alert's holder; None: no such alert."""
    row = await connection.fetchrow(sql("persons", "of_alert"), alert_id)
    return OfAlert(*row) if row else None


async def put(
    connection: Connection, beneficiary_id: UUID, content: bytes, key: bytes, now: datetime,
    name_digest: bytes | None,
) -> None:  # fmt: skip
    """Store a file, with its name's hash; the key of the one before is on its way out."""
    values = beneficiary_id, content, key, now, name_digest
    await connection.execute(sql("persons", "put"), *values)


async def file_of(connection: Connection, beneficiary_id: UUID) -> tuple[bytes, bytes] | None:
    """Return a person's file, sealed, and its key; None: there is none."""
    row = await connection.fetchrow(sql("persons", "file_of"), beneficiary_id)
    return (row["content"], row["key"]) if row else None


async def note_reading(connection: Connection, alert_id: UUID, reader: str, now: datetime) -> None:
    """Journal that somebody read the file of an alert's holder."""
    await connection.execute(sql("persons", "note_reading"), alert_id, reader, now)


async def link(connection: Connection, one: UUID, other: UUID) -> None:
    """Link two persons, both ways: their alerts name each other."""
    await connection.execute(sql("persons", "link"), one, other)
