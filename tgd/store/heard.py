"""What control rooms have said, by the numbers that they themselves give their messages.

Serves the way back of arrow 3. A row is written in the transaction of what the message changes:
either both are there or neither is, so that a message whose taking failed is new when it comes
again. Of the number and of the words only hashes are kept.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

from tgd.store.db import Connection, sql


class Heard(Enum):
    """How a message stands beside what its room has said under the same number."""

    NEW = "new"
    AGAIN = "again"
    OTHERWISE = "otherwise"


async def keep(
    transaction: Connection,
    room: str,
    distribution_id: str,
    words: bytes,
    alerts: Sequence[UUID],
    now: datetime,
) -> Heard:
    """Keep that a room has said these words about these alerts, if that is new; say whether."""
    own = hashlib.sha256(distribution_id.encode()).digest()
    digest = hashlib.sha256(words).digest()
    if await transaction.fetchrow(sql("heard", "add"), room, own, digest, list(alerts), now):
        return Heard.NEW
    said = await transaction.fetchval(sql("heard", "said"), room, own)
    return Heard.AGAIN if said in {digest, None} else Heard.OTHERWISE
