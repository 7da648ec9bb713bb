"""Following the phone, by the rules alone: what it is asked, until when, and who is told what."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tgd.config import Deadlines
from tgd.errors import Refused
from tgd.platform.domain import deadlines, decision, dispatch, following
from tgd.platform.domain.alert import Alert
from tgd.platform.domain.routing import Room

NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
NORTH = Room("north", "Nord", "+33549000001", (0,), True, (), 1.0, "zone")
SOUTH = Room("south", "Sud", "+33549000002", (0,), False, (), 1.0, "zone")


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def opened(**differs: object) -> Alert:
    plan = deadlines.plan(Deadlines(), forward_unverified=True)
    alert = Alert(
        id=uuid4(),
        case_id="20300115-000001",
        device="tgd-86-01",
        reply_to="tgd-86-01",
        known=True,
        consent="given",
        located=True,
        listen="mic_only",
        plan=plan,
        opened_at=NOW,
        pressed_at=NOW,
        last_press_id=uuid4(),
        last_press_at=NOW,
    )
    for name, value in differs.items():
        setattr(alert, name, value)
    return alert


def with_police(*rooms: Room, **differs: object) -> Alert:
    alert = opened(**differs)
    decision.decide(alert, "op-1", "police", None, NOW, rooms or (NORTH,))
    alert.facts.clear()
    alert.phone_messages.clear()
    return alert


def sent(alert: Alert) -> None:
    """Whatever waited has arrived."""
    for envelope in alert.envelopes:
        if envelope.state in {"waiting", "sending"}:
            envelope.state, envelope.lease_until = "delivered", None


def waiting(alert: Alert, room: str = "north") -> list[str]:
    ids = {one.id for one in alert.dispatches if one.room_id == room}
    return [e.purpose for e in alert.envelopes if e.dispatch_id in ids and e.state == "waiting"]


def actions(alert: Alert) -> list[object]:
    return [said.get("action") or said.get("state") for said in alert.phone_messages]


def refusal(act: Callable[[], None]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code


# ── How long ────────────────────────────────────────────────────────────────────────


def test_two_hours_from_the_last_press() -> None:
    alert = opened(last_press_at=at(600))
    assert following.live_until(alert) == at(600) + TWO_HOURS


@given(st.integers(0, 10**5), st.none() | st.integers(0, 10**5))
def test_an_extension_never_shortens(pressed: int, extended: int | None) -> None:
    alert = opened(last_press_at=at(pressed))
    alert.followed_until = None if extended is None else at(extended)
    until = following.live_until(alert)
    assert until >= at(pressed) + TWO_HOURS
    assert extended is None or until >= at(extended)


def test_the_phone_is_asked_how_often_and_until_when() -> None:
    alert = opened()
    following.ask_phone(alert, at(60))
    (said,) = alert.phone_messages
    assert said["_type"] == "cmd"
    assert said["action"] == "reportLocation"
    assert said["alert"] == str(alert.id)
    assert (said["moving_s"], said["still_s"]) == (5, 30)
    assert (said["at"], said["until"]) == (at(60).timestamp(), (NOW + TWO_HOURS).timestamp())


@pytest.mark.parametrize(
    "differs",
    [
        {"consent": "refused", "located": False},
        {"status": "closed"},
        {"coerced": True, "told_state": "closed"},
        {"last_press_at": NOW - TWO_HOURS},
    ],
    ids=["not located", "closed", "coerced", "two hours over"],
)
def test_the_phone_is_not_asked(differs: dict[str, object]) -> None:
    alert = opened(**differs)
    following.ask_phone(alert, NOW)
    assert alert.phone_messages == []


def test_contact_lost_asks_again() -> None:
    alert = opened()
    deadlines.passed(alert, _running(alert, "contact"), at(60), ())
    assert actions(alert) == ["reportLocation"]


def _running(alert: Alert, name: str) -> deadlines.Deadline:
    alert.run(name, NOW, 60)
    found = alert.running(name)
    assert found
    return found


# ── An act of the operator's ────────────────────────────────────────────────────────


def test_following_on_is_recorded_and_said_to_the_phone() -> None:
    alert = opened(answered_by="op-1", status="answered")
    following.follow_on(alert, "op-1", at(3600))
    assert following.live_until(alert) == at(3600) + TWO_HOURS
    (fact,) = alert.facts
    assert (fact.kind, fact.actor) == ("follow_extended", "op-1")
    assert alert.phone_messages[0]["until"] == (at(3600) + TWO_HOURS).timestamp()


def test_following_on_after_the_two_hours_begins_again() -> None:
    alert = opened(answered_by="op-1", status="answered")
    following.follow_on(alert, "op-1", at(8000))
    assert actions(alert) == ["reportLocation"]


@pytest.mark.parametrize("act", [following.follow_on, following.withdraw])
def test_who_may_not(act: Callable[..., None]) -> None:
    heard = {"holder_heard_at": NOW}
    taken = opened(answered_by="op-1", status="answered", **heard)
    assert refusal(lambda: act(taken, "op-2", NOW)) == "answered_by_another"
    act(taken, "op-2", NOW, supervisor=True)
    assert refusal(lambda: act(opened(status="closed", **heard), "op-1", NOW)) == "closed"
    refused = opened(consent="refused", located=False, **heard)
    assert refusal(lambda: act(refused, "op-1", NOW)) == "not_located"


def test_a_withdrawal_ends_the_reports_and_nothing_else() -> None:
    alert = with_police(holder_heard_at=NOW)
    following.withdraw(alert, "op-1", at(10))
    assert (alert.consent, alert.located, alert.status) == ("refused", False, "police")
    assert actions(alert) == ["endAlert"]
    assert [fact.kind for fact in alert.facts] == ["consent_withdrawn"]
    assert refusal(lambda: following.withdraw(alert, "op-1", at(11))) == "not_located"
    following.ask_phone(alert, at(12))
    assert actions(alert) == ["endAlert"]


def test_a_withdrawal_needs_her_voice_after_the_latest_press() -> None:
    alert = opened(answered_by="op-1", status="answered")
    assert refusal(lambda: following.withdraw(alert, "op-1", NOW)) == "holder_not_heard"
    alert.holder_heard_at = NOW
    alert.last_press_at = at(1)
    assert refusal(lambda: following.withdraw(alert, "op-1", at(2))) == "holder_not_heard"
    assert alert.located
    assert not alert.facts
    assert not alert.phone_messages


def test_under_coercion_no_wish_is_her_own() -> None:
    alert = with_police(holder_heard_at=NOW, coerced=True)
    assert refusal(lambda: following.withdraw(alert, "op-1", at(1))) == "coerced"
    assert alert.located
    assert alert.phone_messages == []


# ── The rooms ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("waited_s", "moved_m", "news"),
    [
        *((0.0, None, True), (1.0, 50.0, True), (0.9, 5_000.0, False), (0.0, 49.9, False)),
        *((30.0, 0.0, True), (29.9, 0.0, False), (29.9, 49.9, False)),
    ],
)
def test_what_is_news(waited_s: float, moved_m: float | None, news: bool) -> None:
    assert following.is_news(waited_s=waited_s, moved_m=moved_m) is news


def test_rooms_are_told_without_any_deadline_and_for_five_minutes() -> None:
    alert = with_police()
    sent(alert)
    running = [(d.name, d.due_at) for d in alert.deadlines]
    following.tell_position(alert, at(30), [NORTH])
    update = alert.envelopes[-1]
    assert (update.purpose, update.expires_at) == ("position", at(330))
    assert [(d.name, d.due_at) for d in alert.deadlines] == running
    assert [t.about for t in alert.tasks] == ["dispatch"]


@pytest.mark.parametrize("state", ["waiting", "sending"])
def test_what_has_not_arrived_is_replaced(state: str) -> None:
    alert = with_police()
    sent(alert)
    following.tell_position(alert, at(30), [NORTH])
    old = alert.envelopes[-1]
    old.state, old.lease_until = state, at(35) if state == "sending" else None
    following.tell_position(alert, at(60), [NORTH])
    assert (old.state, old.lease_until) == ("expired", None)
    assert waiting(alert) == ["position"]


@pytest.mark.parametrize("purpose", ["press", "verdict", "contact"])
def test_nothing_newer_is_followed_by_an_old_position(purpose: str) -> None:
    alert = with_police()
    sent(alert)
    following.tell_position(alert, at(30), [NORTH])
    if purpose == "press":
        dispatch.tell_further_press(alert, at(40))
    else:
        dispatch.inform_rooms(alert, purpose, at(40))
    assert waiting(alert) == [purpose]


def test_a_position_does_not_replace_what_must_arrive() -> None:
    alert = with_police()
    dispatch.inform_rooms(alert, "verdict", at(10))
    following.tell_position(alert, at(30), [NORTH])
    assert waiting(alert) == ["report", "verdict", "position"]


def test_a_room_into_whose_ground_she_is_taken_hears_the_whole_case() -> None:
    alert = with_police()
    sent(alert)
    following.tell_position(alert, at(30), [SOUTH])
    assert waiting(alert) == ["position"]
    assert waiting(alert, "south") == ["report"]
    north, south = alert.dispatches
    assert (north.lead, south.lead) == (True, False)
    running = alert.running("acknowledged", south.id)
    assert running
    assert running.due_at == at(30 + alert.plan.acknowledged)
    kinds = [fact.kind for fact in alert.facts]
    assert kinds == ["another_room", "dispatched"]
    sent(alert)
    following.tell_position(alert, at(60), [SOUTH])
    assert waiting(alert, "south") == ["position"]


@pytest.mark.parametrize(
    ("share", "why", "told"),
    [(0.5, "zone", True), (0.49, "zone", False), (1.0, "no_zones", False), (0.0, "nearest", False)],
)
def test_only_a_room_that_is_hers_now_is_told_as_well(share: float, why: str, told: bool) -> None:
    alert = with_police()
    room = Room("south", "Sud", None, (0,), False, (), share, why)
    following.tell_position(alert, at(30), [room])
    assert (len(alert.dispatches) == 2) is told


def test_no_room_hears_of_a_case_first_when_there_is_no_danger_any_more() -> None:
    alert = with_police(holder_heard_at=NOW)
    decision.decide(alert, "op-1", "no_danger", str(alert.last_press_id), at(5), ())
    sent(alert)
    following.tell_position(alert, at(30), [SOUTH])
    assert waiting(alert) == ["position"]
    assert len(alert.dispatches) == 1
    alert.verdict = "police"  # as the press that comes now has it in its own transaction
    dispatch.tell_further_press(alert, at(40))
    following.tell_position(alert, at(60), [SOUTH])
    assert len(alert.dispatches) == 2


@pytest.mark.parametrize(
    "differs",
    [
        {"status": "closed"},
        {"consent": "refused", "located": False},
        {"last_press_at": at(30) - TWO_HOURS},
    ],
    ids=["closed", "withdrawn", "two hours over"],
)
def test_nothing_is_told_any_more(differs: dict[str, object]) -> None:
    alert = with_police()
    sent(alert)
    for name, value in differs.items():
        setattr(alert, name, value)
    following.tell_position(alert, at(30), [SOUTH])
    assert waiting(alert) == []
    assert len(alert.dispatches) == 1
    assert alert.facts == []


def test_nothing_is_told_before_the_police_are() -> None:
    alert = opened()
    following.tell_position(alert, at(30), [NORTH])
    assert alert.envelopes == alert.dispatches == alert.facts == []


def test_a_room_without_a_line_is_a_call() -> None:
    alert = with_police()
    deaf = Room("south", "Sud", "+33549000002", (), False, (), 1.0, "zone")
    following.tell_position(alert, at(30), [deaf])
    task = alert.tasks[-1]
    assert (task.room_id, task.number, task.red) == ("south", "+33549000002", True)
    assert waiting(alert, "south") == []


def test_since_when_the_rooms_know_nothing_new() -> None:
    alert = with_police(NORTH, SOUTH)
    assert following.told_at(alert) == NOW
    sent(alert)
    following.tell_position(alert, at(30), [])
    assert following.told_at(alert) == at(30)
    # One room is written to again, the other is not: it is the other that waits.
    alert.envelopes[-1].state = "expired"
    assert following.told_at(alert) == NOW
    assert following.told_at(opened()) is None


def test_where_rooms_are_only_called_it_counts_from_the_sending_of_the_police() -> None:
    deaf = Room("north", "Nord", "+33549000001", (), True, (), 1.0, "zone")
    assert following.told_at(with_police(deaf)) == NOW
