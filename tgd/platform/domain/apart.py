"""An alert that some may not know of: what they have of it goes to others, and nobody says why.

Serves arrows 2 and 3. Who may not is ``tgd.conflict``'s, and how it is found out the flow
``apart``'s. Whoever has it in charge has it no more, whoever was offered it is not any more; it
rings everyone else, and a superior service is to be called at once; a room is told nothing more,
and another is told instead. The record says what was done, and never on whose account. A case that
went to the wrong room, or twice, is withdrawn by a supervisor, and that is said.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import uuid4

from tgd.errors import Refused
from tgd.platform.domain.alert import CLOSING_VERDICTS, SYSTEM, Alert, Dispatch, Task
from tgd.platform.domain.decision import let_go
from tgd.platform.domain.dispatch import (
    LADDER,
    call_again,
    tell_also,
    tell_rooms,
)
from tgd.platform.domain.echoes import answered_for, unanswered
from tgd.platform.domain.outgoing import post
from tgd.platform.domain.routing import Room

SUPERIOR = "superior"
"""What the call to the superior service is about."""
MISTAKES = ("wrong_room", "twice")
"""Why a case is withdrawn from a room."""


def pass_on(alert: Alert, holder: str, now: datetime) -> None:
    """Let anybody else take what its holder may not know of any more."""
    if alert.is_open and alert.held_by(holder):  # and not another's by now
        let_go(alert, SYSTEM, now, "passed_on")


def take_back_offer(alert: Alert, to: str, now: datetime) -> None:
    """Offer it no more."""
    if alert.is_open and alert.offered_to == to:
        alert.offered_to = None
        alert.record(now, SYSTEM, "offer_void")


def pass_over(alert: Alert, number: str | None, now: datetime) -> None:
    """Ring the others, and have a superior service called at once."""
    if not alert.is_open or not waits(alert):
        return
    if alert.rings != "everyone":
        alert.rings = "everyone"
        alert.record(now, SYSTEM, "rang_everyone", why="nobody_there")
    if not any(task.about == SUPERIOR and task.done_at is None for task in alert.tasks):
        alert.raise_task(Task(uuid4(), None, SUPERIOR, None, number, red=True, raised_at=now))
        alert.record(now, SYSTEM, "superior_called")


def waits(alert: Alert) -> bool:
    """Say whether it waits for somebody to take it."""
    return alert.status == "ringing" or (
        alert.status == "answered" and alert.released_at is not None
    )


def withdraw(alert: Alert, rooms: Collection[str], instead: Sequence[Room], now: datetime) -> None:
    """Tell these rooms nothing more, and others what they knew; a person if there is no other.

    What is under way to them cannot be called back. No room hears of the case first while a
    verdict stands that there is no danger.
    """
    for dispatch in [one for one in alert.standing if one.room_id in rooms]:
        _withdraw(alert, dispatch, now)
        alert.record(now, SYSTEM, "dispatch_withdrawn", dispatch=str(dispatch.id))
    if alert.verdict not in CLOSING_VERDICTS:
        _tell_instead(alert, instead, now)
    if alert.running("closing") is None and not alert.standing:
        alert.run("closing", now, alert.plan.closing)


def cancel(alert: Alert, room_id: str, by: str, why: str, now: datetime) -> None:
    """Withdraw the case from a room to which it was sent by mistake, or twice, and tell it so.

    Only where another room has it by a person's word; and never where this room has sent a patrol,
    or somebody there took it by telephone and may have: no message recalls one.
    """
    dispatch = next((one for one in alert.standing if one.room_id == room_id), None)
    if not alert.is_open or dispatch is None:
        raise Refused("not_told", "this room has nothing of this alert to be withdrawn")
    by_voice = dispatch.reference is not None
    if by_voice or LADDER.index(dispatch.state) >= LADDER.index("engaged"):
        raise Refused("patrol_engaged", "the room may have sent a patrol: no message recalls one")
    others = [one for one in alert.standing if one is not dispatch]
    echoes = answered_for(alert, dispatch)
    if all(one.acknowledged_at is None or one in echoes for one in others):
        raise Refused("nobody_else", "no other room has confirmed that it has the case")
    electronic = any(one.dispatch_id == dispatch.id for one in alert.envelopes)
    _withdraw(alert, dispatch, now)
    if dispatch.lead:
        dispatch.lead, others[0].lead = False, True
    if electronic:
        post(alert, dispatch, "cancel", now)
    alert.record(now, by, "dispatch_cancelled", dispatch=str(dispatch.id), why=why)


def _withdraw(alert: Alert, dispatch: Dispatch, now: datetime) -> None:
    for one in answered_for(alert, dispatch):
        unanswered(alert, one, now)
        call_again(alert, one, "dispatch", now)
    dispatch.withdrawn_at = now
    alert.deadlines = [one for one in alert.deadlines if one.dispatch_id != dispatch.id]
    for envelope in alert.envelopes:
        if envelope.dispatch_id == dispatch.id and envelope.state in {"waiting", "sending"}:
            envelope.state, envelope.lease_until = "expired", None
    for task in alert.tasks:
        if task.dispatch_id == dispatch.id and task.done_at is None:
            task.done_at, task.done_by = now, SYSTEM


def _tell_instead(alert: Alert, instead: Sequence[Room], now: datetime) -> None:
    told = {dispatch.room_id for dispatch in alert.dispatches}
    more = [room for room in instead if room.id not in told]
    if not alert.standing:
        tell_rooms(alert, more, now)
        return
    tell_also(alert, more, now)
    if not any(dispatch.lead for dispatch in alert.standing):
        alert.standing[0].lead = True
