"""Every deadline of PROTOCOL §5 in one module: how long, and what happens when it passes.

Serves all arrows. A deadline is a row that runs from one fact until another; when it passes, the
flow ``watch`` calls ``passed`` with the alert under its lock, so a stale or doubled timer finds no
row and does nothing. The promise: whatever passes leaves the open alert with a future step. The
deadline ``further_press`` is our own: it spaces the Updates that tell rooms of further presses.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import uuid4

from tgd.config import Deadlines
from tgd.platform.domain.alert import SYSTEM, Alert, Deadline, Dispatch, Plan, Task
from tgd.platform.domain.decision import REASONS, forward, let_go
from tgd.platform.domain.dispatch import (
    CLOSING_AGAIN_S,
    call_again,
    inform_rooms,
    tell_further_press,
)
from tgd.platform.domain.following import ask_phone
from tgd.platform.domain.insisting import not_acknowledged, not_received
from tgd.platform.domain.routing import Room

GRACE_S = 20.0
"""After an interruption of ours, overdue operators' deadlines ring this long before they fire."""
OPERATORS = ("overflow", "answer", "voice", "doubt")
RING_AGAIN_S = 20.0
"""An alert that only a person may forward rings everyone this often until one does."""


def plan(deadlines: Deadlines, *, forward_unverified: bool) -> Plan:
    """Freeze today's policy for an alert that opens now."""
    return Plan(
        overflow=deadlines.overflow,
        answer=deadlines.answer,
        voice=deadlines.voice,
        doubt=deadlines.doubt,
        received=deadlines.received,
        acknowledged=deadlines.acknowledged,
        engaged=deadlines.engaged,
        closing=deadlines.closing,
        contact=deadlines.contact,
        forward=forward_unverified,
    )


def passed(
    alert: Alert,
    deadline: Deadline,
    now: datetime,
    rooms: Sequence[Room],
    neighbours: Mapping[str, Room] = MappingProxyType({}),
) -> None:
    """Do what the deadline's passing asks for; it is no longer running afterwards.

    ``rooms`` are those to tell where it sends the police, ``neighbours`` those of rooms told.
    """
    if deadline not in alert.deadlines:
        return
    alert.stop(deadline.name, dispatch_id=deadline.dispatch_id)
    if not alert.is_open:
        return
    if deadline.name != "further_press":
        over = round((now - deadline.due_at).total_seconds(), 6)
        alert.record(
            now, SYSTEM, "deadline", name=deadline.name, late=deadline.late, overdue_s=over
        )
    if deadline.dispatch_id is None:
        _OF_ALERT[deadline.name](alert, now, rooms)
    else:
        dispatch = next(d for d in alert.dispatches if d.id == deadline.dispatch_id)
        _OF_DISPATCH[deadline.name](alert, dispatch, neighbours, now)


def _overflow(alert: Alert, now: datetime, _rooms: Sequence[Room]) -> None:
    alert.rings = "everyone"
    alert.record(now, SYSTEM, "rang_everyone")


def _unverified(name: str) -> Callable[[Alert, datetime, Sequence[Room]], None]:
    def act(alert: Alert, now: datetime, rooms: Sequence[Room]) -> None:
        if alert.with_police:
            return
        if alert.known and alert.plan.forward:
            forward(alert, REASONS[name], now, rooms)
            return
        # Only a person may send the police for it: nothing goes quiet meanwhile. Whoever has it in
        # charge has it again with her next act; until then it rings, and is anybody's.
        if alert.answered_by is not None and alert.released_at is None:
            let_go(alert, SYSTEM, now, "undecided")
        else:
            alert.rings = "everyone"
            alert.record(now, SYSTEM, "rang_everyone")
        if alert.known:
            number = rooms[0].phone if rooms else None
            room = rooms[0].id if rooms else None
            about = f"not_forwarded:{name}"
            alert.raise_task(Task(uuid4(), None, about, room, number, red=True, raised_at=now))
        alert.run(name, now, RING_AGAIN_S)

    return act


def _closing(alert: Alert, now: datetime, _rooms: Sequence[Room]) -> None:
    alert.rings = "everyone"
    alert.record(now, SYSTEM, "rang_holder_and_supervisors")
    alert.run("closing", now, min(CLOSING_AGAIN_S, alert.plan.closing))


def _contact(alert: Alert, now: datetime, _rooms: Sequence[Room]) -> None:
    alert.contact_lost_at = now
    alert.record(now, SYSTEM, "contact_lost")
    ask_phone(alert, now)
    if alert.with_police:
        inform_rooms(alert, "contact", now)


def _further_press(alert: Alert, now: datetime, _rooms: Sequence[Room]) -> None:
    tell_further_press(alert, now)


def _received(alert: Alert, dispatch: Dispatch, _: Mapping[str, Room], now: datetime) -> None:
    not_received(alert, dispatch, now)
    alert.run("received", now, alert.plan.received, dispatch.id)


def _acknowledged(
    alert: Alert, dispatch: Dispatch, neighbours: Mapping[str, Room], now: datetime
) -> None:
    not_acknowledged(alert, dispatch, neighbours.get(dispatch.room_id or ""), now)
    alert.run("acknowledged", now, alert.plan.acknowledged, dispatch.id)


def _engaged(alert: Alert, dispatch: Dispatch, _: Mapping[str, Room], now: datetime) -> None:
    call_again(alert, dispatch, "not_engaged", now)
    alert.run("engaged", now, alert.plan.engaged, dispatch.id)


_OF_ALERT: dict[str, Callable[[Alert, datetime, Sequence[Room]], None]] = {
    "overflow": _overflow,
    "answer": _unverified("answer"),
    "voice": _unverified("voice"),
    "doubt": _unverified("doubt"),
    "closing": _closing,
    "contact": _contact,
    "further_press": _further_press,
}
_OF_DISPATCH: dict[str, Callable[[Alert, Dispatch, Mapping[str, Room], datetime], None]] = {
    "received": _received,
    "acknowledged": _acknowledged,
    "engaged": _engaged,
}
