"""Arrow 3's way back: what control rooms answer, taken into the ladder.

Promises: an answer is committed before it is accepted (202); an answer said twice changes
nothing; one that fits no message of ours is refused with its reason; a room can speak only of
what it was told. The ladder's rules are in ``domain.dispatch``.
"""

from uuid import UUID

from tgd.clock import Clock
from tgd.metrics import Metrics
from tgd.platform.channels import cisu_inbound, cisu_wire
from tgd.platform.channels.cisu_inbound import BadEnvelope, ErrorReport, Patrol, Reference
from tgd.platform.domain import dispatch
from tgd.platform.holding import holding
from tgd.store import alerts
from tgd.store.db import Database, again


class Inbound:
    """Takes envelopes of rooms whose token was checked."""

    def __init__(
        self, database: Database, clock: Clock, metrics: Metrics, *, sender_id: str
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._sender_id = sender_id

    @again
    async def receive(self, room_id: str, room_address: str, raw: bytes) -> None:
        """Take one envelope; raises ``BadEnvelope`` (its code says whose fault it is)."""
        message = cisu_inbound.read(raw)
        if message.sender != room_address:
            raise _refused(message, cisu_inbound.SENDER, "senderID n'est pas celui de ce jeton")
        if isinstance(message, Patrol):
            await self._patrol(room_id, message)
        else:
            await self._answer(room_id, message)

    async def _answer(self, room_id: str, message: Reference | ErrorReport) -> None:
        envelope_id = self._ours(message.referenced)
        async with self._database.connection() as connection:
            found = await alerts.of_envelope(connection, envelope_id) if envelope_id else None
        if envelope_id is None or found is None or found[1] != room_id:
            raise _refused(message, cisu_inbound.INVALID, "distributionID inconnu de cette salle")
        async with holding(self._database, [found[0]], self._metrics) as (_, held):
            now, by = self._clock.now(), message.sender
            if isinstance(message, ErrorReport):
                # The room's own text may quote what it was sent, a name or a position for one.
                dispatch.room_refused(held[0], envelope_id, by, now, cause=str(message.code))
            else:
                refused = message.is_refusal
                step = message.step
                dispatch.room_stepped(held[0], envelope_id, step, by, now, refused=refused)

    async def _patrol(self, room_id: str, message: Patrol) -> None:
        case_id = cisu_wire.local_case_id(self._sender_id, message.case_id)
        async with self._database.connection() as connection:
            alert_id = await alerts.of_case(connection, case_id) if case_id else None
        if alert_id is None:
            raise _refused(message, cisu_inbound.INVALID, "affaire inconnue")
        async with holding(self._database, [alert_id], self._metrics) as (_, held):
            if all(d.room_id != room_id for d in held[0].dispatches):
                raise _refused(message, cisu_inbound.INVALID, "affaire inconnue de cette salle")
            if message.state is not None:
                now = self._clock.now()
                dispatch.patrol_moved(held[0], room_id, message.state, message.sender, now)

    def _ours(self, distribution_id: str) -> UUID | None:
        """Return our envelope's id out of a distributionID, None if it is not one of ours."""
        own = distribution_id.removeprefix(f"{self._sender_id}_")
        try:
            return UUID(own) if own != distribution_id else None
        except ValueError:
            return None


def _refused(message: cisu_inbound.Inbound, code: tuple[int, str], cause: str) -> BadEnvelope:
    bad = BadEnvelope(*code, cause)
    bad.referenced = message.distribution_id
    bad.sender = message.sender
    return bad
