"""Arrow 3, decision → dispatch: telling control rooms, and what they answer.

The ladder of PROTOCOL §4. A dispatch is one room that is told; it goes through rounds. A round
begins with a Report or a further-press Update and rises through the ladder; a refusal before a
patrol is engaged voids it and begins the next, under a new distributionID. A late message of an
earlier round never moves a state. The voice task stands beside the electronic sending from the
first moment. Sending itself, leases and repetition are left to ``flow.sending``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from tgd.errors import Refused
from tgd.platform.domain.alert import (
    SYSTEM,
    Alert,
    Dispatch,
    Envelope,
    Task,
)
from tgd.platform.domain.echoes import answered_for, unanswered
from tgd.platform.domain.outgoing import PASSING, post
from tgd.platform.domain.routing import Room

LADDER = (
    "pending",
    "sending",
    "delivered",
    "received",
    "integrated",
    "seen",
    "engaged",
    "on_scene",
    "closed",
)
STEPS = {"RECU": "received", "INTEGRE": "integrated", "CONSULTE": "seen"}
"""RC-REF's steps on the ladder."""

ABOUT = ("dispatch", "further_press", "refused", "not_engaged", "verdict")
"""Why a room is to be called."""

UPDATE_EVERY_S = 30.0
"""A room is told of further presses at most this often."""
LONGEST_PAUSE_S = 15.0
CLOSING_AGAIN_S = 300.0

_ARRIVED = frozenset({"delivered", "received", "integrated", "seen"})
_RANK = {state: rank for rank, state in enumerate(LADDER)}


def tell_rooms(alert: Alert, rooms: Sequence[Room], now: datetime) -> None:
    """Dispatch the alert to these rooms, the first being the lead; to a person if none."""
    if not rooms:
        dispatch = Dispatch(uuid4(), None, None, lead=True, state="pending", dispatched_at=now)
        _begin(alert, dispatch, now, number=None, red=True)
    for rank, room in enumerate(rooms):
        _tell(alert, room, now, lead=rank == 0)


def tell_also(alert: Alert, rooms: Sequence[Room], now: datetime) -> None:
    """Dispatch the alert to further rooms; the first one goes on leading."""
    for room in rooms:
        _tell(alert, room, now, lead=False)


def tell_neighbour(alert: Alert, dispatch: Dispatch, room: Room, now: datetime) -> None:
    """Dispatch the alert to a room that stands in for one that does not answer."""
    _tell(alert, room, now, lead=False, stands_in_for=dispatch.id)


def inform_rooms(
    alert: Alert, purpose: Literal["verdict", "contact", "position", "fact"], now: datetime
) -> None:
    """Send every room told an Update; a verdict is a voice task as well."""
    for dispatch in alert.standing:
        if _has_envelopes(alert, dispatch):
            post(alert, dispatch, purpose, now)
        if purpose == "verdict":
            _call(alert, dispatch, "verdict", now, red=not _has_envelopes(alert, dispatch))


def tell_further_press(alert: Alert, now: datetime) -> None:
    """Tell every room of a further press, to be acknowledged anew; at most one per 30 s.

    A room that no Report has reached is sent one: an Update would be of a case unknown there.
    """
    if not alert.with_police or not alert.is_open:
        return
    if alert.told_rooms_at is not None:
        waited = (now - alert.told_rooms_at).total_seconds()
        if waited < UPDATE_EVERY_S:
            alert.run("further_press", now, UPDATE_EVERY_S - waited)
            return
    alert.told_rooms_at = now
    alert.record(now, SYSTEM, "further_press_told", press=str(alert.last_press_id))
    for dispatch in alert.standing:
        _void(alert, dispatch, now)
        if _has_envelopes(alert, dispatch):
            post(alert, dispatch, "press" if _knows(alert, dispatch) else "report", now)
        _call(alert, dispatch, "further_press", now, red=not _has_envelopes(alert, dispatch))


def room_stepped(
    alert: Alert, envelope_id: UUID, step: str, by: str, now: datetime, *, refused: bool
) -> None:
    """Take a room's RC-REF for one of our messages."""
    if refused or step == "ERREUR":
        cause = "refused" if refused else step
        room_refused(alert, envelope_id, by, now, cause=cause, by_a_person=refused)
        return
    envelope = next((e for e in alert.envelopes if e.id == envelope_id), None)
    if envelope is None:
        return
    dispatch = _dispatch(alert, envelope.dispatch_id)
    if not alert.is_open or dispatch.withdrawn_at is not None:
        alert.record(now, by, "room_said", step=step, message=str(envelope_id))
        return
    state = STEPS.get(step)
    if state is None or envelope.state == "refused":
        alert.record(now, by, "room_said", step=step, message=str(envelope_id))
        return
    if envelope.state != "expired" and _RANK[state] > _RANK.get(envelope.state, 0):
        envelope.state, envelope.lease_until = state, None
    _has_it(alert, envelope)
    alert.record(now, by, "room_said", step=step, message=str(envelope_id), of=envelope.purpose)
    if not _awaits_receipt(alert, dispatch):
        alert.stop("received", dispatch_id=dispatch.id)
    # CONSULTE on any message since the latest Report or further-press Update acknowledges.
    if envelope.round == dispatch.round and (
        envelope.purpose in {"report", "press"} or state == "seen"
    ):
        _rise(alert, dispatch, state, by, now)


def room_refused(
    alert: Alert,
    envelope_id: UUID,
    by: str,
    now: datetime,
    *,
    cause: str,
    by_a_person: bool = False,
) -> None:
    """Take a refusal (refused, ERREUR, RS-ERROR): before a patrol is engaged, begin anew.

    A room whose machine cannot read us (ERREUR, RS-ERROR) does not take back what one of its
    people has said on the telephone: that acknowledgement is not the refused attempt's. Nor does a
    machine by a copy of what another line has brought: only a person refuses the case by that one.
    """
    envelope = next((e for e in alert.envelopes if e.id == envelope_id), None)
    if envelope is None:
        return
    dispatch = _dispatch(alert, envelope.dispatch_id)
    alert.record(now, by, "room_refused", cause=cause, message=str(envelope_id))
    spared = envelope.state == "refused" or (envelope.state == "expired" and not by_a_person)
    if spared or not alert.is_open or dispatch.withdrawn_at is not None:
        return
    envelope.state, envelope.lease_until = "refused", None
    _call(alert, dispatch, "refused", now, red=True)
    stale = envelope.round != dispatch.round or _RANK[dispatch.state] >= _RANK["engaged"]
    if stale:
        return
    spoken = not by_a_person and dispatch.acknowledged_by not in {None, by}
    if any(_RANK[one.state] >= _RANK["seen"] for one in alert.together(dispatch)):
        spoken = spoken or _RANK[dispatch.state] < _RANK["seen"]  # another answers for this room
    if envelope.purpose in {"report", "press"} and not spoken:
        _void(alert, dispatch, now)
        # The first repetition goes at once; a room that refuses everything is not flooded.
        pause = min(LONGEST_PAUSE_S, 2.0 ** min(dispatch.round - 2, 10) - 1)
        post(alert, dispatch, envelope.purpose, now, pause_s=pause)
    elif envelope.purpose not in PASSING:  # by then it would be old news
        post(alert, dispatch, envelope.purpose, now, pause_s=LONGEST_PAUSE_S)


def patrol_moved(alert: Alert, room_id: str, state: str, by: str, now: datetime) -> None:
    """Take a room's EMSI: a patrol is engaged, on scene, or the room has closed the event.

    Of a case that is closed, or was withdrawn from that room, it is on record and no more.
    """
    for dispatch in alert.dispatches:
        if dispatch.room_id == room_id:
            alert.record(now, by, "patrol", state=state)
            if alert.is_open and dispatch.withdrawn_at is None:
                _rise(alert, dispatch, state, by, now)


def handed_off(
    alert: Alert, operator: str, room: str, call_taker: str, reference: str, now: datetime
) -> None:
    """Record that a named person of a room took the case over by telephone.

    It acknowledges that room's dispatch, or, where the room stands in for another, the first
    that is not acknowledged yet.
    """
    if not alert.is_open or not alert.with_police:
        raise Refused("not_with_police", "only an open alert with verdict police is handed off")
    dispatch = next((d for d in alert.dispatches if d.room_id == room), None)
    if dispatch is not None and dispatch.withdrawn_at is not None:  # its word counts for nobody
        raise Refused("not_told", "this room has nothing of this alert any more")
    if dispatch is None:
        dispatch = (not_acknowledged(alert) or alert.standing or alert.dispatches)[0]
    alert.record(now, operator, "voice_handoff", room=room, dispatch=str(dispatch.id))
    dispatch.reference = reference
    _called(alert, dispatch, operator, now, *ABOUT)
    _acknowledge(alert, dispatch, call_taker, now, actor=operator)


def not_acknowledged(alert: Alert) -> list[Dispatch]:
    """Return the dispatches that nobody has acknowledged."""
    return [d for d in alert.standing if d.acknowledged_at is None]


def call_again(alert: Alert, dispatch: Dispatch, about: str, now: datetime) -> None:
    """Raise the call to a room, in red."""
    _call(alert, dispatch, about, now, red=True)


def _tell(
    alert: Alert, room: Room, now: datetime, *, lead: bool, stands_in_for: UUID | None = None
) -> None:
    line = room.lines[0] if room.lines else 0
    dispatch = Dispatch(
        *(uuid4(), room.id, line, lead, "pending", now),
        lines=room.lines,
        stands_in_for=stands_in_for,
    )
    _begin(alert, dispatch, now, number=room.phone, red=not room.lines, room=room)
    if room.lines:
        post(alert, dispatch, "report", now)


def _begin(
    alert: Alert,
    dispatch: Dispatch,
    now: datetime,
    *,
    number: str | None,
    red: bool,
    room: Room | None = None,
) -> None:
    alert.dispatches.append(dispatch)
    alert.run("acknowledged", now, alert.plan.acknowledged, dispatch.id)
    task = Task(uuid4(), dispatch.id, "dispatch", dispatch.room_id, number, red, now)
    alert.raise_task(task)
    alert.record(
        now,
        alert.verdict_by or SYSTEM,
        "dispatched",
        room=dispatch.room_id,
        dispatch=str(dispatch.id),
        share=None if room is None or room.share is None else round(room.share, 3),
        why="no_room" if room is None else room.why,
    )


def _void(alert: Alert, dispatch: Dispatch, now: datetime) -> None:
    """Begin the next round: what was acknowledged is so no more."""
    dispatch.round += 1
    dispatch.state = "pending"
    dispatch.sent_at = None
    own = [] if dispatch.acknowledged_by is None else [dispatch]
    for one in (*own, *answered_for(alert, dispatch)):  # what it had answered for another falls too
        unanswered(alert, one, now)
    alert.stop("engaged", dispatch_id=dispatch.id)
    for envelope in alert.envelopes:
        superseded = envelope.dispatch_id == dispatch.id and envelope.state == "waiting"
        if superseded and envelope.purpose in {"report", "press"}:
            envelope.state = "expired"


def _call(alert: Alert, dispatch: Dispatch, about: str, now: datetime, *, red: bool) -> None:
    number = next((t.number for t in alert.tasks if t.dispatch_id == dispatch.id), None)
    alert.raise_task(Task(uuid4(), dispatch.id, about, dispatch.room_id, number, red, now))


def _called(alert: Alert, dispatch: Dispatch, by: str, now: datetime, *about: str) -> None:
    """Take calls to this room off the screen: what they were to bring about has happened."""
    for task in alert.tasks:
        if task.dispatch_id == dispatch.id and task.done_at is None and task.about in about:
            task.done_at, task.done_by = now, by


def _has_envelopes(alert: Alert, dispatch: Dispatch) -> bool:
    return any(e.dispatch_id == dispatch.id for e in alert.envelopes)


def _knows(alert: Alert, dispatch: Dispatch) -> bool:
    """Say whether a Report has reached the room; one under way may come to nothing yet."""
    return any(
        one.dispatch_id == dispatch.id and one.purpose == "report" and one.state in _ARRIVED
        for one in alert.envelopes
    )


def _has_it(alert: Alert, envelope: Envelope) -> None:
    """Spare a room the same message by its other lines: it has confirmed it by one."""
    for other in alert.envelopes:
        if (
            (other.dispatch_id, other.purpose, other.round)
            == (envelope.dispatch_id, envelope.purpose, envelope.round)
            and other.line != envelope.line
            and other.state in {"waiting", "sending", "delivered"}
        ):
            other.state, other.lease_until = "expired", None


def _awaits_receipt(alert: Alert, dispatch: Dispatch) -> bool:
    return any(
        e.dispatch_id == dispatch.id
        and e.state in {"waiting", "sending", "delivered"}
        and e.purpose not in PASSING
        for e in alert.envelopes
    )


def _rise(alert: Alert, dispatch: Dispatch, state: str, by: str, now: datetime) -> None:
    if _RANK[state] <= _RANK[dispatch.state]:
        return
    dispatch.state = state
    if _RANK[state] >= _RANK["seen"]:
        _acknowledge(alert, dispatch, by, now)
    if _RANK[state] >= _RANK["engaged"]:
        alert.stop("engaged", dispatch_id=dispatch.id)
        _called(alert, dispatch, by, now, "not_engaged")


def _acknowledge(
    alert: Alert, dispatch: Dispatch, by: str, now: datetime, *, actor: str | None = None
) -> None:
    """Note who at the room has it; the journal names the ``actor``, never a call-taker."""
    if dispatch.acknowledged_at is not None:
        return
    for one in alert.together(dispatch):
        if one.acknowledged_at is None:
            one.acknowledged_at, one.acknowledged_by = now, by
            _called(alert, one, by, now, "dispatch", "further_press", "refused")
            alert.stop("acknowledged", "received", dispatch_id=one.id)
    alert.run("engaged", now, alert.plan.engaged, dispatch.id)
    if alert.running("closing") is None:
        alert.run("closing", now, alert.plan.closing)
    alert.record(
        now,
        actor or by,
        "acknowledged",
        dispatch=str(dispatch.id),
        since_sent_s=_since(dispatch.sent_at, now),
        since_press_s=_since(alert.pressed_at, now),
    )
    if not not_acknowledged(alert):
        alert.tell_phone("police_acknowledged", now)


def _since(then: datetime | None, now: datetime) -> float | None:
    return None if then is None else round((now - then).total_seconds(), 6)


def _dispatch(alert: Alert, dispatch_id: UUID) -> Dispatch:
    return next(d for d in alert.dispatches if d.id == dispatch_id)
