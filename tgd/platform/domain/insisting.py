"""Arrow 3, what is done about a room that does not answer: again, another line, its neighbour.

Serves the deadlines ``received`` and ``acknowledged`` (PROTOCOL §4 and §5). A message that a room
has not confirmed, or that its line has not taken, goes out by its next line; one that nobody there
has looked at, by every line, and the neighbour is told as well. Promises: the same message by the
same line keeps its distributionID until it expires; a line that was left is not forgotten, its turn
comes again; and a red call stands on the operators' screens beside whatever a deadline brings.
"""

from datetime import datetime
from uuid import UUID

from tgd.platform.domain.alert import SYSTEM, Alert, Dispatch, Envelope
from tgd.platform.domain.dispatch import call_again, tell_neighbour
from tgd.platform.domain.outgoing import PASSING, post
from tgd.platform.domain.routing import Room

_ROUNDS = frozenset({"report", "press"})
"""What begins a round: it is for somebody to look at."""
_UNCONFIRMED = frozenset({"waiting", "sending", "delivered"})


def not_received(alert: Alert, dispatch: Dispatch, now: datetime) -> None:
    """Send what the room has not confirmed by its next line; with one line, by that one again.

    The call to it turns red. A room that has the case is not called for it again, only for a
    verdict.
    """
    if dispatch.acknowledged_at is None:
        call_again(alert, dispatch, "dispatch", now)
    for task in alert.tasks:
        if task.dispatch_id == dispatch.id and task.done_at is None and task.about == "verdict":
            task.red = True
    _by_next_line(alert, dispatch, now)


def not_sent(alert: Alert, envelope_id: UUID, now: datetime) -> None:
    """Go on by the next line at once: a line has not taken the message, and there are others."""
    envelope = next((one for one in alert.envelopes if one.id == envelope_id), None)
    if envelope is None or not alert.is_open or envelope.state != "waiting":
        return
    dispatch = next(one for one in alert.dispatches if one.id == envelope.dispatch_id)
    if dispatch.withdrawn_at is None and envelope.line == dispatch.line and dispatch.lines[1:]:
        _by_next_line(alert, dispatch, now)
        alert.run("received", now, alert.plan.received, dispatch.id)


def not_acknowledged(
    alert: Alert, dispatch: Dispatch, neighbour: Room | None, now: datetime
) -> None:
    """Send the round's Report or further-press Update by every line again, also what was received:
    nobody has looked at it yet. The room's neighbour is told as well.
    """
    call_again(alert, dispatch, "dispatch", now)
    of_round = [
        one
        for one in _sent(alert, dispatch)
        if one.purpose in _ROUNDS and one.round == dispatch.round
    ]
    for line in dict.fromkeys((*dispatch.lines, dispatch.line)):
        if of_round:
            _again(alert, dispatch, of_round[-1], line, now)
    told = {one.room_id for one in alert.dispatches}
    if neighbour is not None and neighbour.id not in told and dispatch.stands_in_for is None:
        tell_neighbour(alert, dispatch, neighbour, now)


def _by_next_line(alert: Alert, dispatch: Dispatch, now: datetime) -> None:
    unconfirmed = [
        one
        for one in _sent(alert, dispatch)
        if one.state in _UNCONFIRMED and one.purpose not in PASSING and one.line == dispatch.line
    ]
    dispatch.line = _next(alert, dispatch, now)
    for envelope in unconfirmed:
        _again(alert, dispatch, envelope, dispatch.line, now)


def _next(alert: Alert, dispatch: Dispatch, now: datetime) -> int | None:
    """Return the line after the one in use, the first after the last."""
    lines = list(dispatch.lines)
    if not lines or lines == [dispatch.line]:
        return dispatch.line
    place = lines.index(dispatch.line) + 1 if dispatch.line in lines else 0
    line = lines[place % len(lines)]
    alert.record(now, SYSTEM, "next_line", dispatch=str(dispatch.id), line=line)
    return line


def _again(
    alert: Alert, dispatch: Dispatch, envelope: Envelope, line: int | None, now: datetime
) -> None:
    """Send a message by this line again: the same until it expires, then a new one."""
    last = next((e for e in reversed(_sent(alert, dispatch)) if _same(e, envelope, line)), None)
    if last is not None and last.expires_at > now:
        if last.state not in {"waiting", "sending"}:
            last.state, last.next_at = "waiting", now
        return
    if last is not None:
        last.state, last.lease_until = "expired", None
    post(alert, dispatch, envelope.purpose, now, line=line)


def _same(one: Envelope, envelope: Envelope, line: int | None) -> bool:
    """Say whether one says by a line what the other says, or what a later round has made of it."""
    return (
        one.purpose == envelope.purpose
        and one.round >= envelope.round
        and one.line == line
        and one.state != "refused"
    )


def _sent(alert: Alert, dispatch: Dispatch) -> list[Envelope]:
    """Return the dispatch's messages that were not refused, oldest first."""
    return [
        one for one in alert.envelopes if one.dispatch_id == dispatch.id and one.state != "refused"
    ]
