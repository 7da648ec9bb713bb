"""Where she is, while the alert is open: what the phone, the rooms and the holder's will change.

Serves arrows 1 and 3 between them. The phone is asked for positions until two hours after the last
press, longer by an act on the record; rooms that were told get what is new of her position; a
withdrawal of the consent to be located takes effect at once only if the operator, having heard the
holder, says that it is her own (PROTOCOL §2 rule 7). Where she is is never in here: no coordinate
enters the domain.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tgd.devices import live
from tgd.errors import Refused
from tgd.platform.domain.alert import CLOSING_VERDICTS, SYSTEM, Alert
from tgd.platform.domain.decision import must_hold
from tgd.platform.domain.dispatch import inform_rooms, tell_also
from tgd.platform.domain.routing import Room

UPDATE_EVERY_S = 30.0
MOVED_M = 50.0
AT_LEAST_S = 1.0
"""Rooms are told of a new position every 30 s at most, or when she has moved by so much."""
ANOTHER_ROOM = 0.5
"""From this share of the disc on, a room that was not told is competent for her now."""


def live_until(alert: Alert) -> datetime:
    """Return when live positions end; at the closing in any case."""
    end = alert.last_press_at + live.LIVE_FOR
    return end if alert.followed_until is None else max(end, alert.followed_until)


def ask_phone(alert: Alert, now: datetime) -> None:
    """Ask the phone (again) to say where it is, where its holder agreed to that.

    Not where coercion had it told that all is over: it hears nothing after it.
    """
    until = live_until(alert)
    over = alert.told_state == "closed"
    if alert.is_open and alert.located and not over and now < until:
        alert.phone_messages.append(live.report_location(str(alert.id), now, until))


def follow_on(alert: Alert, operator: str, now: datetime, *, supervisor: bool = False) -> None:
    """Follow the phone for two hours from now: an act on the record, with a note of its reason."""
    _must_be_located(alert)
    must_hold(alert, operator, now, supervisor=supervisor)
    alert.followed_until = now + live.LIVE_FOR
    until = alert.followed_until.isoformat(timespec="seconds")
    alert.record(now, operator, "follow_extended", until=until)
    ask_phone(alert, now)


def withdraw(alert: Alert, operator: str, now: datetime, *, supervisor: bool = False) -> None:
    """End the locating for this alert: the operator has verified that it is the holder's own wish.

    What was kept of her positions goes in the same transaction; the alert itself goes on. After
    coercion nobody can verify it: the register's word then counts from her next alert on.
    """
    _must_be_located(alert)
    if alert.coerced:
        raise Refused("coerced", "the agreed word was not given: the wish may not be her own")
    must_hold(alert, operator, now, supervisor=supervisor)
    if alert.holder_heard_at is None or alert.holder_heard_at < alert.last_press_at:
        raise Refused("holder_not_heard", "the holder was not heard after the latest press")
    alert.consent, alert.located = "refused", False
    alert.record(now, operator, "consent_withdrawn")
    alert.phone_messages.append(live.end_alert(str(alert.id), now))


def tell_position(alert: Alert, now: datetime, competent: Sequence[Room]) -> None:
    """Tell the rooms what is new of her position, and a room that is now hers as well.

    No room hears of the case first while a verdict stands that there is no danger.
    """
    if not (alert.with_police and alert.is_open and alert.located and now < live_until(alert)):
        return
    told = {dispatch.room_id for dispatch in alert.dispatches}
    more = [
        room
        for room in competent
        if room.why == "zone" and (room.share or 0.0) >= ANOTHER_ROOM and room.id not in told
    ]
    if alert.verdict in CLOSING_VERDICTS:
        more = []
    inform_rooms(alert, "position", now)
    if more:
        alert.record(now, SYSTEM, "another_room", rooms=[room.id for room in more])
        tell_also(alert, more, now)


def told_at(alert: Alert) -> datetime | None:
    """Return since when the rooms know nothing new: the one that has heard nothing longest.

    What expired on its way told nobody anything. Where rooms are told by telephone alone, it is
    when the police were sent; None before that.
    """
    latest: dict[UUID, datetime] = {}
    standing = {dispatch.id for dispatch in alert.standing}
    for envelope in alert.envelopes:
        if envelope.state != "expired" and envelope.dispatch_id in standing:
            before = latest.get(envelope.dispatch_id, envelope.created_at)
            latest[envelope.dispatch_id] = max(before, envelope.created_at)
    return min(latest.values(), default=alert.police_at)


def is_news(*, waited_s: float, moved_m: float | None) -> bool:
    """Say whether rooms are to be told: 30 s have passed or she moved 50 m since they were.

    ``moved_m`` None: they were told no position yet, and now there is one. A phone that jumps to
    and fro does not flood them.
    """
    moved = moved_m is not None and moved_m >= MOVED_M and waited_s >= AT_LEAST_S
    return moved_m is None or moved or waited_s >= UPDATE_EVERY_S


def _must_be_located(alert: Alert) -> None:
    if not alert.is_open:
        raise Refused("closed", "the alert is closed")
    if not alert.located:
        raise Refused("not_located", "the holder did not agree to be located")
