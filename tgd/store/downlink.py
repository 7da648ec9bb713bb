"""What phones are still to be told, as rows: states and commands of committed changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tgd.store.db import Connection, sql


class Waiting(NamedTuple):
    """One message for one phone."""

    no: int
    reply_to: str
    message: dict[str, Any]
    at: datetime


async def waiting(connection: Connection) -> list[Waiting]:
    """Lock and return up to 500 messages, oldest first; those locked elsewhere are left out."""
    return [Waiting(*row) for row in await connection.fetch(sql("downlink", "waiting"))]


async def remove(connection: Connection, numbers: Sequence[int]) -> None:
    """Forget messages that were published or are void."""
    await connection.execute(sql("downlink", "remove"), list(numbers))
