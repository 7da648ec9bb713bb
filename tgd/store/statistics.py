"""Figures about many alerts, reckoned by the database in one round trip; no person is in them.

Serves what comes after the arrows. It must not disturb a press: the statement reads by the index of
the opening times, is given a bounded period by its caller, uses one processor and ends after a few
seconds whatever happens.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

from tgd.store.db import Connection, sql

_FOR_ITSELF = "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL statement_timeout = '8s'"


async def figures(
    connection: Connection,
    since: date,
    until: date,
    step: str,
    *,
    tribunal: str | None,
    now: datetime,
    hidden: Collection[UUID] = (),
) -> dict[str, Any]:
    """Return ``percentiles``, ``counts``, ``phones``, ``worst``, as the statement says.

    Both days count, ``step`` is day or week; ``hidden`` are persons who do not count.
    """
    await connection.execute(_FOR_ITSELF)
    row = await connection.fetchrow(
        sql("statistics", "figures"), since, until, step, tribunal, now, [*hidden]
    )
    return dict(row or {})
