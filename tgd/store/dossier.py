"""What is kept of a person beside her sealed file: word, consents, links, conflicts, releases.

Serves the prosecutor's office and whoever follows her. The sealed parts are read by
``store.persons`` and ``store.places``.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from tgd.errors import NotFound
from tgd.store import persons
from tgd.store.db import Connection, sql
from tgd.store.stock import Row


async def whole(connection: Connection, beneficiary: UUID) -> Row:
    """Return all of a person that is not sealed; raises ``NotFound``."""
    row = await connection.fetchrow(sql("dossier", "whole"), beneficiary)
    if row is None:
        raise NotFound("beneficiary")
    found = dict(row)
    found["releases"] = [
        dict(one) for one in await connection.fetch(sql("dossier", "releases"), beneficiary)
    ]
    return found


async def hold(connection: Connection, beneficiary: UUID) -> datetime | None:
    """Lock a person for this transaction; return when her file was last changed."""
    row = await connection.fetchrow(sql("dossier", "hold"), beneficiary)
    if row is None:
        raise NotFound("beneficiary")
    changed_at: datetime | None = row["changed_at"]
    return changed_at


async def listen(connection: Connection, beneficiary: UUID, how: str) -> None:
    """Say how her phone listens."""
    await connection.execute(sql("dossier", "listen"), beneficiary, how)


async def word(
    connection: Connection,
    beneficiary: UUID,
    sealed: bytes | None,
    key: bytes | None,
    now: datetime,
) -> None:
    """Agree another word, sealed under this key, or none."""
    await connection.execute(sql("dossier", "word"), beneficiary, sealed, key, now)


async def link(
    connection: Connection, beneficiary: UUID, others: Sequence[UUID], spared: Collection[UUID]
) -> None:
    """Link a person to these, both ways, and to nobody else; what is spared stays as it is."""
    await connection.execute(sql("dossier", "unlink"), beneficiary, [*others, *spared])
    for other in others:
        await persons.link(connection, beneficiary, other)
