"""Sheets of rooms: opened by a room's address, read by operators, withdrawn by a supervisor.

Serves arrow 3. A sheet is made when it is asked for, by the very writer of the messages, so that it
says what a message to that room would say at that moment and no more. Promises: an address opens
nothing once its alert is closed, its dispatch withdrawn, its term over or itself revoked; each
opening is committed to the journal before anything is shown; it acknowledges nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.clock import Clock
from tgd.errors import NotFound
from tgd.platform.channels import cisu_case, script, sheet
from tgd.platform.channels.sheet import Sheet
from tgd.platform.channels.sheet_link import lives
from tgd.platform.telling import Telling
from tgd.seal import Sealer
from tgd.store import outbox, sheets
from tgd.store.db import Connection, Database


class Sheets:
    """Makes them."""

    def __init__(
        self, database: Database, clock: Clock, sealer: Sealer, sender: script.Sender
    ) -> None:
        self._database = database
        self._clock = clock
        self._telling = Telling(sealer)
        self._sender = sender
        self.links = sender.links

    async def by_link(self, dispatch_id: UUID, form: str | None) -> tuple[Sheet, datetime] | None:
        """Return the sheet of an address, having recorded its opening; None: it is dead.

        ``form`` None records nothing: whoever only asks whether it is there has seen nothing.
        """
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            await sheets.hold(transaction, dispatch_id)
            row = await sheets.told(transaction, dispatch_id, now)
            if row is None or row["held"]["status"] != "police" or not lives(row["told"], now):
                return None
            made = await self._made(transaction, row, now)
            if form is not None:
                await sheets.opened(transaction, dispatch_id, now, form)
        return made, now

    async def of(self, alert_id: UUID, dispatch_id: UUID) -> tuple[Sheet, datetime]:
        """Return what the room would see now; raises ``NotFound`` once the alert is closed."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            row = await sheets.told(connection, dispatch_id, now)
            if row is None or row["held"]["id"] != alert_id or row["held"]["status"] != "police":
                raise NotFound("sheet")
            return await self._made(connection, row, now), now

    async def revoke(self, alert_id: UUID, dispatch_id: UUID, by: str) -> None:
        """Have the address open nothing any more; raises ``NotFound`` where there is none."""
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            await sheets.hold(transaction, dispatch_id)
            row = await sheets.told(transaction, dispatch_id, now)
            if row is None or row["held"]["id"] != alert_id:
                raise NotFound("dispatch")
            await sheets.revoke(transaction, dispatch_id, alert_id, now, by)

    async def _made(self, connection: Connection, row: Mapping[str, Any], now: datetime) -> Sheet:
        alert = row["held"]
        known = await outbox.known(connection, [alert["id"]])
        told = self._telling.of(alert, known.get(alert["id"]), now)
        said = cisu_case.envelope(script.write(row, told, self._sender, now))
        return sheet.sheet(said, {address: name for address, name in row["named"] if address})
