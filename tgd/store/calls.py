"""Dispatches as rows, by room: what the calls to a room are put together from.

Serves arrow 3's voice tasks. Files come sealed; what is one call is the domain's to say.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from tgd.store.db import Connection, sql


async def told(connection: Connection, hidden: Collection[UUID]) -> list[dict[str, Any]]:
    """Return the dispatches of open alerts by room, but those about the ``hidden`` persons."""
    return [dict(row) for row in await connection.fetch(sql("calls", "told"), [*hidden])]
