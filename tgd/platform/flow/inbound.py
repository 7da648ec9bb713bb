"""Arrow 3's way back: what control rooms answer, taken into the ladder.

Promises: an answer is committed before it is accepted (202), and its number with it: said again,
by whatever way and however much later, it is accepted as the first time and changes nothing; what
failed was not said. Other words under the same number are refused, and so is what fits no message
of ours, with the reason; a room can speak only of what it was told. The ladder's rules are in
``domain.dispatch``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from tgd.clock import Clock
from tgd.metrics import Metrics
from tgd.platform.channels import cap_inbound, cisu_inbound, cisu_wire
from tgd.platform.channels.cisu_inbound import BadEnvelope, ErrorReport, Patrol
from tgd.platform.domain import dispatch
from tgd.platform.domain.alert import Alert
from tgd.platform.holding import holding
from tgd.store import alerts, exercises, heard
from tgd.store.db import Connection, Database, again
from tgd.store.heard import Heard

_NO_EXERCISE = "statut : exercice, pour une affaire réelle"
_OTHERWISE = "distributionID : déjà reçu de cette salle, avec un autre contenu"


@dataclass(frozen=True, slots=True)
class _Said:
    """What a message says of one of our alerts, or of an exercise: then ``alert_id`` is None.

    ``ours`` is the message of ours that it answers, None where it speaks of the whole case.
    """

    message: cisu_inbound.Inbound
    alert_id: UUID | None
    ours: UUID | None = None


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
        await self._take(room_id, [message])

    @again
    async def receive_cap(self, room_id: str, room_address: str, raw: bytes) -> None:
        """Take one CAP message, which may answer several of ours; raises ``BadEnvelope``."""
        messages = cap_inbound.read(raw, room_address)
        if messages[0].sender != room_address:
            raise _refused(messages[0], cisu_inbound.SENDER, "sender n'est pas celui de ce jeton")
        await self._take(room_id, messages)

    async def _take(self, room_id: str, messages: Sequence[cisu_inbound.Inbound]) -> None:
        """Take all that one message says, or nothing of it."""
        async with self._database.connection() as connection:
            said = [await self._understood(connection, room_id, one) for one in messages]
        about = sorted({one.alert_id for one in said if one.alert_id is not None})
        async with holding(self._database, about, self._metrics) as (transaction, held):
            own, words = messages[0].distribution_id, _words(messages)
            now = self._clock.now()
            stands = await heard.keep(transaction, room_id, own, words, about, now)
            if stands is Heard.NEW:
                alert_of = {alert.id: alert for alert in held}
                for one in said:
                    if one.alert_id is None:
                        await _exercise(transaction, one)
                    else:
                        _says(alert_of[one.alert_id], room_id, one, now)
        self._metrics.room_messages[stands.value].inc()
        if stands is Heard.OTHERWISE:
            raise _refused(messages[0], cisu_inbound.INVALID, _OTHERWISE)

    async def _understood(
        self, connection: Connection, room_id: str, message: cisu_inbound.Inbound
    ) -> _Said:
        """Return of what a room speaks; raise where it was not told of that."""
        if isinstance(message, Patrol):
            what, ours = "affaire inconnue de cette salle", None
            case_id = cisu_wire.local_case_id(self._sender_id, message.case_id)
            alert_id = await alerts.of_case(connection, case_id, room_id) if case_id else None
            drill = await exercises.room_of_case(connection, case_id) if case_id else None
        else:
            what, ours = "distributionID inconnu de cette salle", self._ours(message.referenced)
            found = await alerts.of_envelope(connection, ours) if ours else None
            alert_id = found[0] if found and found[1] == room_id else None
            drill = await exercises.room_of(connection, ours) if ours and not found else None
        if alert_id is None and drill != room_id:
            raise _refused(message, cisu_inbound.INVALID, what)
        if alert_id is not None and message.exercise:
            raise _refused(message, cisu_inbound.INVALID, _NO_EXERCISE)
        return _Said(message, alert_id, ours)

    def _ours(self, distribution_id: str) -> UUID | None:
        """Return our envelope's id out of a distributionID, None if it is not one of ours."""
        own = distribution_id.removeprefix(f"{self._sender_id}_")
        try:
            return UUID(own) if own != distribution_id else None
        except ValueError:
            return None


def _says(alert: Alert, room_id: str, said: _Said, now: datetime) -> None:
    """Change what the alert's rules say that this changes."""
    message, by = said.message, said.message.sender
    if isinstance(message, Patrol):
        if message.state is not None:
            dispatch.patrol_moved(alert, room_id, message.state, by, now)
    elif said.ours is None:
        return
    elif isinstance(message, ErrorReport):
        # The room's own text may quote what it was sent, a name or a position for one.
        dispatch.room_refused(alert, said.ours, by, now, cause=str(message.code))
    else:
        refused = message.is_refusal
        dispatch.room_stepped(alert, said.ours, message.step, by, now, refused=refused)


async def _exercise(transaction: Connection, said: _Said) -> None:
    """Take what the room's machine says of an exercise; only a person's name makes a line live."""
    message = said.message
    if isinstance(message, Patrol) or said.ours is None:
        return  # a patrol that was moved for an exercise is the room's own business
    if isinstance(message, ErrorReport):
        await exercises.answered(transaction, said.ours, "refused", str(message.code))
    elif message.is_refusal:
        await exercises.answered(transaction, said.ours, "refused", message.step)
    elif (state := dispatch.STEPS.get(message.step)) is not None:
        await exercises.answered(transaction, said.ours, state)


def _words(messages: Sequence[cisu_inbound.Inbound]) -> bytes:
    """Return what they say, but for when: a repetition may be of another moment."""
    told = [
        {**msgspec.to_builtins(one), "sent_at": None, "body": type(one).__name__}
        for one in messages
    ]
    return msgspec.json.encode(told, order="sorted")


def _refused(message: cisu_inbound.Inbound, code: tuple[int, str], cause: str) -> BadEnvelope:
    bad = BadEnvelope(*code, cause)
    bad.referenced = message.distribution_id
    bad.sender = message.sender
    return bad
