"""After the alert, closed → called back: somebody asks her how she is, after a day and after two.

Beside the arrows, for the associations. The closing writes two rows with a due time and an owner
(a trigger of the schema: no closing can forget them); none after a test or a mistake. They are
never in the alarm queue: what is late is counted, and an alarm of the day shows it. Promises: a
call is done once and by a named person, it is on the record, and what was said is sealed like every
note, and goes on the same terms.
"""

from datetime import datetime
from uuid import UUID

from tgd.clock import Clock
from tgd.errors import NotFound, Refused
from tgd.metrics import Metrics
from tgd.seal import Sealer
from tgd.store import alerts, associations, recontact
from tgd.store.db import Connection, Database, again
from tgd.store.minutely import every_minute
from tgd.store.recontact import Held


class Recontact:
    """Takes calls that were made, and counts those that should have been."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics, sealer: Sealer) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._sealer = sealer

    async def run(self) -> None:
        """Count what is late, every minute."""
        await every_minute(self._clock, "calls back", self.count)

    async def count(self) -> None:
        """Count the calls that are late now."""
        async with self._database.connection() as connection:
            late = await recontact.overdue(connection, self._clock.now())
        self._metrics.recontacts_overdue.set(late)

    @again
    async def done(
        self, recontact_id: UUID, by: str, note: str | None, *, follower: str | None = None
    ) -> None:
        """Record that she was called; the note says what came of it, sealed.

        ``follower``: only for a person whom that account follows. Again by the same person changes
        nothing; ``Refused`` where another has made the call, ``NotFound`` for one that is not
        there.
        """
        async with self._database.transaction() as transaction:
            now = self._clock.now()
            held = await recontact.hold(transaction, recontact_id)
            if held is None or not await self._may(transaction, held, follower, now):
                raise NotFound("recontact")
            if held.done_by == by:
                return
            if held.done_at is not None:
                raise Refused("done_already", f"the call was made by {held.done_by}")
            await recontact.done(transaction, recontact_id, now, by)
            if note:
                await self._keep(transaction, held, by, note, now)
        await self.count()

    async def _may(
        self, transaction: Connection, held: Held, follower: str | None, now: datetime
    ) -> bool:
        if follower is None:
            return True
        hers = [] if held.beneficiary_id is None else [held.beneficiary_id]
        return bool(await associations.followed(transaction, follower, hers, now))

    async def _keep(
        self, transaction: Connection, held: Held, by: str, note: str, now: datetime
    ) -> None:
        """Seal the note under the alert's key, or a new one where that was erased already."""
        if held.key is None:
            key = self._sealer.new_key()
            await recontact.rekey(transaction, held.alert_id, key.wrapped, now)
        else:
            key = self._sealer.unwrap(held.key)
        sealed = key.seal(note.encode(), f"note {held.alert_id}")
        await alerts.add_note(transaction, held.alert_id, now, by, sealed)
