"""Arrow 2, alert → decision: what an operator may do with an alert, and when it is refused.

The rules of PROTOCOL §3, "Its life". Each act takes the operator's name, checks, changes the
alert and records a fact. Refusals are ``Refused`` (409) with a code; nothing is changed then.
``police`` is never refused to anyone while there is no verdict; a closing verdict needs the
holder's own voice after the latest press, and the operator's eyes on that press.
"""

from collections.abc import Sequence
from datetime import datetime

from tgd.errors import Refused
from tgd.platform.domain.alert import CLOSING_VERDICTS, SYSTEM, Alert
from tgd.platform.domain.dispatch import inform_rooms, tell_rooms
from tgd.platform.domain.routing import Room

EXTENSION_S = 60.0
REASONS = {
    "answer": "press, not answered",
    "voice": "no voice recorded",
    "doubt": "doubt not lifted",
    "coercion": "coercion",
}
"""Why an alert was forwarded, as PROTOCOL §5 words it."""


def answer(alert: Alert, operator: str, now: datetime) -> None:
    """Take charge; again by the same operator nothing changes."""
    _must_be_open(alert)
    if alert.held_by(operator):
        return
    if not alert.free_for(operator):
        raise Refused("answered_by_another", f"answered by {alert.answered_by}")
    _take(alert, operator, now)


def release(alert: Alert, operator: str, now: datetime, *, supervisor: bool = False) -> None:
    """Give it back: it rings everyone until somebody answers; its deadlines run on."""
    _must_be_open(alert)
    if alert.answered_by is None:
        raise Refused("not_answered", "nobody has it")
    if alert.released_at is not None:
        return
    if alert.answered_by != operator and not supervisor:
        raise Refused("answered_by_another", f"answered by {alert.answered_by}")
    let_go(alert, operator, now, "released")


def let_go(alert: Alert, actor: str, now: datetime, kind: str) -> None:
    """Let anybody take it: its holder has given it back, is not there, or has not decided."""
    alert.released_at, alert.offered_to, alert.rings = now, None, "everyone"
    alert.record(now, actor, kind, holder=alert.answered_by)


def offer(alert: Alert, operator: str, to: str, now: datetime, *, supervisor: bool = False) -> None:
    """Offer it to another operator, who has it on answering; until then it stays where it is.

    A supervisor who offers it to herself has it at once.
    """
    _must_be_open(alert)
    if alert.answered_by != operator and not supervisor:
        by = alert.answered_by or "nobody"
        raise Refused("answered_by_another", f"answered by {by}")
    if alert.held_by(to):
        raise Refused("already_theirs", f"{to} has it")
    alert.record(now, operator, "offered", to=to, holder=alert.answered_by)
    if to == operator:
        _take(alert, operator, now)
    else:
        alert.offered_to = to


def hear(
    alert: Alert,
    operator: str,
    heard: str,
    now: datetime,
    rooms: Sequence[Room],
    *,
    supervisor: bool = False,
) -> None:
    """Record whose voice was heard; nobody twice (after the one call-back) forwards at once."""
    must_hold(alert, operator, now, supervisor=supervisor)
    alert.voice, alert.voice_at = heard, now
    alert.record(now, operator, "voice", heard=heard)
    if heard == "nobody":
        alert.nobody += 1
        if alert.nobody > 1 and not alert.with_police:
            _nobody_twice(alert, now, rooms)
        return
    alert.stop("voice")
    if heard == "holder":
        alert.holder_heard_at = now


def extend(alert: Alert, operator: str, now: datetime, *, supervisor: bool = False) -> None:
    """Give 60 s more to decide: each time if the holder was heard, else once."""
    _must_be_open(alert)
    doubt = alert.running("doubt")
    if doubt is None:
        raise Refused("nothing_to_extend", "no decision is waited for")
    if alert.extended and alert.holder_heard_at is None:
        raise Refused("extended_already", "without the holder's voice, once only")
    must_hold(alert, operator, now, supervisor=supervisor)
    alert.extended += 1
    seconds = (doubt.due_at - now).total_seconds() + EXTENSION_S
    alert.run("doubt", now, seconds)
    alert.record(now, operator, "extended", due_in_s=round(seconds, 3))


def decide(
    alert: Alert,
    operator: str,
    verdict: str,
    seen: str | None,
    now: datetime,
    rooms: Sequence[Room],
    *,
    word_right: bool | None = None,
    supervisor: bool = False,
) -> None:
    """Give the verdict on an open alert (for a closed one see ``reopened`` in the flow).

    ``word_right`` is None where no all-clear word was agreed, else whether it was given.
    """
    if alert.verdict == verdict and alert.verdict_by == operator:
        return
    if verdict == "police":
        _send_police(alert, operator, now, rooms)
        return
    if alert.verdict in CLOSING_VERDICTS or not alert.is_open:
        raise Refused("decided", f"the verdict stands: {alert.verdict}")
    if not alert.with_police:
        _may_hold(alert, operator, supervisor=supervisor)
    if alert.holder_heard_at is None or alert.holder_heard_at < alert.last_press_at:
        raise Refused("holder_not_heard", "the holder was not heard after the latest press")
    if seen != str(alert.last_press_id):
        raise Refused("not_latest_press", "a newer press has come: look at it first")
    _take_if_free(alert, operator, now)
    if word_right is False:
        _coerced(alert, operator, verdict, now, rooms)
    else:
        _closing_verdict(alert, operator, verdict, now)


def forward(alert: Alert, reason: str, now: datetime, rooms: Sequence[Room]) -> None:
    """Send the police without an operator's verdict. The operators keep being rung."""
    alert.verdict, alert.verdict_by, alert.verdict_at = "forwarded", SYSTEM, now
    alert.reason = reason
    alert.record(now, SYSTEM, "forwarded", reason=reason)
    _to_police(alert, now, rooms)


def close(alert: Alert, operator: str, outcome: str, now: datetime) -> None:
    """End an alert that the police have; every dispatch must have been acknowledged."""
    if not alert.is_open:
        if alert.closed_by == operator and alert.outcome == outcome:
            return
        raise Refused("closed", "the alert is closed")
    if not alert.with_police:
        raise Refused("no_verdict", "an alert that is not with the police ends by a verdict")
    for dispatch in alert.standing:
        if dispatch.acknowledged_at is None:
            missing = dispatch.room_id or "any control room"
            raise Refused("not_acknowledged", f"not acknowledged by {missing}")
    if alert.running("further_press") is not None:
        raise Refused("further_press", "a press has come that the rooms are still to be told of")
    alert.outcome = outcome
    alert.end(now, operator)


def _send_police(alert: Alert, operator: str, now: datetime, rooms: Sequence[Room]) -> None:
    if not alert.is_open:
        raise Refused("closed", "the alert is closed")
    if alert.verdict == "police":
        raise Refused("decided", f"the police were sent by {alert.verdict_by}")
    before = alert.verdict
    alert.verdict, alert.verdict_by, alert.verdict_at = "police", operator, now
    alert.record(now, operator, "verdict", verdict="police", before=before)
    _take_if_free(alert, operator, now)
    if not alert.with_police:
        _to_police(alert, now, rooms)
    elif before in CLOSING_VERDICTS:
        inform_rooms(alert, "verdict", now)


def _to_police(alert: Alert, now: datetime, rooms: Sequence[Room]) -> None:
    alert.status = "police"
    alert.police_at = now
    alert.rings = "everyone"
    alert.stop("overflow", "answer", "voice", "doubt")
    for task in alert.tasks:  # what only a person could do has been done
        if task.done_at is None:
            task.done_at, task.done_by = now, alert.verdict_by
    tell_rooms(alert, rooms, now)


def _closing_verdict(alert: Alert, operator: str, verdict: str, now: datetime) -> None:
    alert.verdict, alert.verdict_by, alert.verdict_at = verdict, operator, now
    alert.record(now, operator, "verdict", verdict=verdict)
    if alert.with_police:
        # The platform informs, the room decides: no message recalls a patrol.
        inform_rooms(alert, "verdict", now)
    else:
        alert.end(now, operator)


def _coerced(
    alert: Alert, operator: str, verdict: str, now: datetime, rooms: Sequence[Room]
) -> None:
    """Answer as if accepted, and send the police: whoever spoke did not know the word."""
    alert.record(now, operator, "coercion", verdict=verdict)
    if not alert.with_police:
        alert.tell_phone("closed", now)  # what an accepted verdict would show
        alert.coerced = True
        forward(alert, REASONS["coercion"], now, rooms)
        return
    # An accepted one would close nothing: the phone is told nothing and says on where it is.
    known, alert.coerced = alert.coerced, True
    alert.verdict, alert.verdict_by, alert.verdict_at = "forwarded", SYSTEM, now
    alert.reason = REASONS["coercion"]
    if not known:
        inform_rooms(alert, "verdict", now)


def _nobody_twice(alert: Alert, now: datetime, rooms: Sequence[Room]) -> None:
    if alert.plan.forward:
        forward(alert, REASONS["voice"], now, rooms)
    else:
        # Without the agreement only a person may: what the deadline would do happens now, also
        # where another voice has ended it before.
        alert.run("voice", now, 0)


def _take(alert: Alert, operator: str, now: datetime) -> None:
    before = alert.answered_by
    alert.answered_by, alert.offered_to, alert.released_at = operator, None, None
    if before is not None:  # its deadlines run on: a second operator has no second minute
        alert.record(now, operator, "taken_over", holder=before)
        return
    alert.answered_at = now
    if alert.status == "ringing":
        alert.status = "answered"
        alert.stop("overflow", "answer")
        alert.run("voice", now, alert.plan.voice)
        alert.run("doubt", now, alert.plan.doubt)
        alert.tell_phone("answered", now)  # later it would step back from what was told
    alert.record(now, operator, "answered")


def _must_be_open(alert: Alert) -> None:
    if not alert.is_open:
        raise Refused("closed", "the alert is closed")


def _may_hold(alert: Alert, operator: str, *, supervisor: bool) -> None:
    _must_be_open(alert)
    if not alert.free_for(operator) and not supervisor:
        raise Refused("answered_by_another", f"answered by {alert.answered_by}")


def must_hold(alert: Alert, operator: str, now: datetime, *, supervisor: bool) -> None:
    """Let the operator in charge act; an act on a ringing alert answers it."""
    _may_hold(alert, operator, supervisor=supervisor)
    _take_if_free(alert, operator, now)


def _take_if_free(alert: Alert, operator: str, now: datetime) -> None:
    """Any act takes what nobody has, what was given back, and what is offered to who acts."""
    if not alert.held_by(operator) and alert.free_for(operator):
        _take(alert, operator, now)
