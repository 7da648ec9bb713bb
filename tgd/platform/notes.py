"""The notes on an alert: kept, and opened for whoever works on it: what was heard, and why it was
passed on.

Serves arrow 2. Notes are sealed under the alert's key and go with it; one that does not open is
shown as being there. Coordinates in one are shown as the report shows them: not at all.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tgd.errors import NotFound, Refused
from tgd.geo.words import without_coordinates
from tgd.platform.typed import unlock
from tgd.seal import DataKey, SealBroken, Sealer
from tgd.store import alerts
from tgd.store.db import Connection, Database

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Note:
    """A note; ``text`` None: it was erased, or does not open just now."""

    at: datetime
    by: str
    text: str | None


class Notes:
    """Reads notes for operators; one for the whole server."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def read(self, alert_id: UUID) -> list[Note]:
        """Return an open alert's notes, oldest first; a closed one's stand in its report.

        Raises ``NotFound`` for an unknown alert.
        """
        async with self._database.connection() as connection:
            standing = await alerts.standing(connection, alert_id)
            if standing is None:
                raise NotFound("alert")
            if standing[1] == "closed":
                return []
            wrapped = await alerts.key_of(connection, alert_id)
            rows = await alerts.notes(connection, alert_id)
        key = unlock(self._sealer, wrapped)
        return [Note(row["at"], row["author"], _opened(row["text"], key, alert_id)) for row in rows]


async def keep(
    transaction: Connection,
    sealer: Sealer,
    alert_id: UUID,
    now: datetime,
    by: str,
    text: str,
    *,
    for_rooms: bool = False,
) -> bool:
    """Keep what an act was said with; False where the alert's key is away: the act stands.

    Rooms are told what is written about the danger, and not why colleagues passed it on. Raises
    ``Refused`` where all that was kept under the alert has been erased.
    """
    wrapped = await alerts.key_of(transaction, alert_id)
    if wrapped is None:
        raise Refused("erased", "what was kept under this alert has been erased")
    key = unlock(sealer, wrapped)
    if key is None:
        _log.error("a note of alert %s cannot be kept: its key is away", alert_id)
        return False
    sealed = key.seal(text.encode(), f"note {alert_id}")
    await alerts.add_note(transaction, alert_id, now, by, sealed, for_rooms=for_rooms)
    return True


def _opened(sealed: bytes | None, key: DataKey | None, alert_id: UUID) -> str | None:
    if sealed is None or key is None:
        return None
    try:
        return without_coordinates(key.open(sealed, f"note {alert_id}").decode())
    except SealBroken:
        return None
