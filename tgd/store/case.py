"""A case as rows, for its archive: which alert it is, its journal, the checkpoint that vouches.

Serves ``platform.case``. Everything is read from one snapshot; what is sealed is read by
``store.forget``.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.ledger import Entry
from tgd.store.db import Connection, sql


async def of_case(connection: Connection, case_id: str) -> UUID | None:
    """Return the alert of a case, None if there is no such case."""
    found: UUID | None = await connection.fetchval(sql("case", "of_case"), case_id)
    return found


async def one(connection: Connection, alert_id: UUID) -> dict[str, Any] | None:
    """Return ``case_id``, ``status`` and ``beneficiary_id`` of an alert; None: there is none."""
    row = await connection.fetchrow(sql("case", "one"), alert_id)
    return dict(row) if row else None


async def of_assignment(connection: Connection, assignment: UUID) -> list[dict[str, Any]]:
    """Return the cases of an assignment, the latest first."""
    return [dict(row) for row in await connection.fetch(sql("case", "of_assignment"), assignment)]


async def exported(
    connection: Connection, alert_id: UUID, now: datetime, by: str, ground: str
) -> None:
    """Enter into the alert's journal who has its case exported, and on what ground."""
    await connection.execute(sql("case", "exported"), alert_id, now, by, ground)


async def journal(connection: Connection, alert_id: UUID) -> list[Entry]:
    """Return the alert's journal whole, oldest first."""
    return [Entry(*row) for row in await connection.fetch(sql("case", "journal"), alert_id)]


async def checkpoint(connection: Connection, alert_id: UUID) -> dict[str, Any]:
    """Return the latest checkpoint that vouches for the alert's journal, with all its heads."""
    row = await connection.fetchrow(sql("case", "checkpoint"), alert_id)
    if row is None:
        return {"statement": "", "signature": "", "heads": []}
    heads = [[str(chain), number, hash_.hex()] for chain, number, hash_ in row["heads"]]
    return {
        "statement": row["statement"],
        "signature": row["signature"].hex(),
        "public_key": row["public_key"].hex(),
        "heads": heads,
    }
