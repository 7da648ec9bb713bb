"""Which control rooms an alert goes to, as the register stands now.

Serves arrow 3, between the store's rows and ``domain.routing``.
"""

from tgd.platform.domain.dispatch import Room
from tgd.platform.domain.routing import competent
from tgd.store import rooms
from tgd.store.db import Connection


async def competent_rooms(transaction: Connection) -> list[Room]:
    """Return the rooms that are to be told, the lead first; none where none is configured."""
    found = await rooms.told(transaction)
    return competent([Room(r.id, r.name, r.phone, tuple(r.lines), r.is_default) for r in found])
