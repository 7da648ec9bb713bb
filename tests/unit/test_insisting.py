"""A room that does not answer: next line, every line, its neighbour; and who answers for whom."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tgd.config import Deadlines
from tgd.errors import Refused
from tgd.platform.domain import apart, deadlines, dispatch
from tgd.platform.domain.alert import Alert, Dispatch, Envelope
from tgd.platform.domain.routing import Room, neighbours

NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
RANK = {state: rank for rank, state in enumerate(dispatch.LADDER)}


def room(name: str = "cic", lines: Sequence[int] = (0, 1, 2), neighbour: str | None = None) -> Room:
    return Room(name, name, "17", tuple(lines), is_default=True, neighbour=neighbour)


def told(*rooms: Room) -> Alert:
    alert = Alert(
        *(uuid4(), "case", "86-01", "86-01", True, "given", True, "ring"),
        deadlines.plan(Deadlines(), forward_unverified=True),
        *(NOW, NOW, uuid4(), NOW),
        status="police",
        verdict="police",
        verdict_by="operateur-1",
        police_at=NOW,
    )
    dispatch.tell_rooms(alert, rooms, NOW)
    for one in alert.dispatches:
        alert.run("received", NOW, alert.plan.received, one.id)  # the claim of the first sending
    return alert


def passes(alert: Alert, name: str, of: Dispatch, now: datetime, *rooms: Room) -> None:
    deadline = alert.running(name, of.id)
    assert deadline is not None
    deadlines.passed(alert, deadline, now, [], neighbours(rooms, []))


def sent(alert: Alert, of: Dispatch) -> list[tuple[int, str]]:
    return [(one.line, one.state) for one in alert.envelopes if one.dispatch_id == of.id]


def of(alert: Alert, name: str) -> Dispatch:
    [found] = [one for one in alert.dispatches if one.room_id == name]
    return found


def by(alert: Alert, where: Dispatch, line: int) -> Envelope:
    return [e for e in alert.envelopes if (e.dispatch_id, e.line) == (where.id, line)][-1]


def says(alert: Alert, envelope: Envelope, step: str, name: str = "cic", **more: bool) -> None:
    refused = more.get("refused", False)
    dispatch.room_stepped(alert, envelope.id, step, name, NOW, refused=refused)


# ── Lines ───────────────────────────────────────────────────────────────────────────


def test_what_is_not_received_goes_by_the_next_line_under_another_id() -> None:
    alert = told(room())
    cic = of(alert, "cic")
    passes(alert, "received", cic, NOW)
    assert cic.line == 1
    assert sent(alert, cic) == [(0, "waiting"), (1, "waiting")]
    assert alert.tasks[0].red
    assert alert.running("received", cic.id) is not None


def test_after_the_last_line_comes_the_first_with_the_same_id() -> None:
    alert = told(room())
    cic = of(alert, "cic")
    first = by(alert, cic, 0)
    first.state = "delivered"
    for _ in range(3):
        passes(alert, "received", cic, NOW)
    assert cic.line == 0
    assert [line for line, _ in sent(alert, cic)] == [0, 1, 2]
    assert by(alert, cic, 0) is first
    assert first.state == "waiting"


def test_one_line_is_tried_again_with_the_same_id_until_it_expires() -> None:
    alert = told(room(lines=[4]))
    cic = of(alert, "cic")
    first = by(alert, cic, 4)
    first.state = "delivered"
    passes(alert, "received", cic, NOW)
    assert sent(alert, cic) == [(4, "waiting")]
    first.state = "delivered"
    passes(alert, "received", cic, first.expires_at)
    assert sent(alert, cic) == [(4, "expired"), (4, "waiting")]


def test_a_receipt_by_one_line_spares_the_others() -> None:
    alert = told(room())
    cic = of(alert, "cic")
    passes(alert, "received", cic, NOW)
    says(alert, by(alert, cic, 1), "RECU")
    assert sent(alert, cic) == [(0, "expired"), (1, "received")]
    assert alert.running("received", cic.id) is None


def test_a_late_answer_by_the_first_line_is_recorded_and_changes_nothing_else() -> None:
    alert = told(room())
    cic = of(alert, "cic")
    passes(alert, "received", cic, NOW)
    says(alert, by(alert, cic, 1), "CONSULTE", "two")
    before = (cic.state, cic.acknowledged_by, sent(alert, cic), len(alert.deadlines))
    facts = len(alert.facts)
    says(alert, by(alert, cic, 0), "CONSULTE", "one")
    assert (cic.state, cic.acknowledged_by, sent(alert, cic), len(alert.deadlines)) == before
    assert [fact.kind for fact in alert.facts[facts:]] == ["room_said"]


def read_by_the_second_line() -> tuple[Alert, Dispatch]:
    alert = told(room())
    cic = of(alert, "cic")
    passes(alert, "received", cic, NOW)
    says(alert, by(alert, cic, 1), "CONSULTE")
    assert by(alert, cic, 0).state == "expired"  # the room has it by the other
    return alert, cic


def test_a_person_refuses_the_case_by_whichever_line_s_copy() -> None:
    alert, cic = read_by_the_second_line()
    says(alert, by(alert, cic, 0), "RECU", refused=True)
    assert (cic.state, cic.acknowledged_at, cic.round) == ("pending", None, 2)
    assert alert.running("acknowledged", cic.id) is not None
    assert [t.about for t in alert.tasks if t.red and t.done_at is None] == ["refused"]
    assert alert.facts[-1].kind == "room_refused"


def test_a_machine_that_cannot_use_the_other_line_s_copy_takes_nothing_back() -> None:
    alert, cic = read_by_the_second_line()
    says(alert, by(alert, cic, 0), "ERREUR")
    assert (cic.state, cic.round) == ("seen", 1)
    assert cic.acknowledged_at is not None
    assert alert.facts[-1].kind == "room_refused"  # on record all the same


def test_what_a_room_says_of_what_is_over_for_it_is_on_record_and_no_more() -> None:
    alert, cic = read_by_the_second_line()
    report, state = by(alert, cic, 1), cic.state
    alert.end(NOW, "operateur-1")
    facts = len(alert.facts)
    says(alert, report, "INTEGRE")
    says(alert, report, "CONSULTE", refused=True)
    dispatch.patrol_moved(alert, "cic", "engaged", "cic", NOW)
    told_since = [fact.kind for fact in alert.facts[facts:]]
    assert told_since == ["room_said", "room_refused", "patrol"]
    assert (cic.state, cic.round, alert.status) == (state, 1, "closed")


def test_a_patrol_of_a_room_that_has_it_no_more_is_on_record_and_no_more() -> None:
    alert, cic = read_by_the_second_line()
    apart.withdraw(alert, {"cic"}, [], NOW)
    dispatch.patrol_moved(alert, "cic", "engaged", "cic", NOW)
    assert alert.facts[-1].kind == "patrol"
    assert cic.state == "seen"


def test_a_verdict_that_is_not_received_goes_by_the_next_line_as_well() -> None:
    alert = told(room())
    cic = of(alert, "cic")
    says(alert, by(alert, cic, 0), "CONSULTE")
    dispatch.inform_rooms(alert, "verdict", NOW)
    alert.run("received", NOW, 10, cic.id)
    passes(alert, "received", cic, NOW)
    verdicts = [e.line for e in alert.envelopes if e.purpose == "verdict"]
    assert verdicts == [0, 1]
    assert not any(e.purpose == "report" and e.line == 1 for e in alert.envelopes)


# ── The neighbour ───────────────────────────────────────────────────────────────────


PAIR = (room(neighbour="next"), room("next", [0]))


def unanswered() -> Alert:
    alert = told(PAIR[0])
    passes(alert, "acknowledged", of(alert, "cic"), NOW, *PAIR)
    return alert


def test_what_nobody_has_looked_at_goes_by_every_line_and_to_the_neighbour() -> None:
    alert = told(PAIR[0])
    cic = of(alert, "cic")
    says(alert, by(alert, cic, 0), "INTEGRE")
    passes(alert, "acknowledged", cic, NOW, *PAIR)
    assert sent(alert, cic) == [(0, "waiting"), (1, "waiting"), (2, "waiting")]
    stand_in = of(alert, "next")
    assert stand_in.stands_in_for == cic.id
    assert not stand_in.lead
    assert sent(alert, stand_in) == [(0, "waiting")]
    assert any(t.room_id == "next" and t.number == "17" for t in alert.tasks)
    assert alert.running("acknowledged", cic.id) is not None
    assert alert.running("acknowledged", stand_in.id) is not None


def test_the_neighbour_is_told_once_and_has_no_neighbour_of_its_own() -> None:
    far = (PAIR[0], room("next", [0], neighbour="third"), room("third", [0]))
    alert = told(far[0])
    for _ in range(3):
        passes(alert, "acknowledged", of(alert, "cic"), NOW, *far)
        passes(alert, "acknowledged", of(alert, "next"), NOW, *far)
    assert [one.room_id for one in alert.dispatches] == ["cic", "next"]


@pytest.mark.parametrize("first", ["cic", "next"])
def test_whoever_answers_first_answers_for_both(first: str) -> None:
    alert = unanswered()
    says(alert, by(alert, of(alert, first), 0), "CONSULTE", first)
    assert {one.acknowledged_by for one in alert.dispatches} == {first}
    assert dispatch.not_acknowledged(alert) == []
    assert [d.name for d in alert.deadlines if d.dispatch_id == of(alert, first).id] == ["engaged"]
    assert sum(fact.kind == "acknowledged" for fact in alert.facts) == 1


def test_what_the_neighbour_takes_back_it_has_taken_back_for_both() -> None:
    alert = unanswered()
    report = by(alert, of(alert, "next"), 0)
    says(alert, report, "CONSULTE", "next")
    says(alert, report, "CONSULTE", "next", refused=True)
    assert len(dispatch.not_acknowledged(alert)) == 2
    for one in alert.dispatches:
        assert alert.running("acknowledged", one.id) is not None


def test_a_refusal_by_a_room_for_which_its_neighbour_answers_leaves_it_acknowledged() -> None:
    alert = unanswered()
    says(alert, by(alert, of(alert, "next"), 0), "CONSULTE", "next")
    says(alert, by(alert, of(alert, "cic"), 0), "CONSULTE", "cic", refused=True)
    assert dispatch.not_acknowledged(alert) == []


def test_a_hand_off_by_telephone_to_the_neighbour_counts_for_both() -> None:
    alert = unanswered()
    dispatch.handed_off(alert, "operateur-1", "next", "poste 4", "ref", NOW)
    assert dispatch.not_acknowledged(alert) == []


# ── Whatever happens ────────────────────────────────────────────────────────────────

STEPS = st.sampled_from(["RECU", "INTEGRE", "CONSULTE", "ERREUR", "refused"])
DONE = st.sampled_from(["deliver", "answer", "pass", "press", "patrol"])
ACTS = st.lists(st.tuples(DONE, st.integers(0, 10_000), STEPS), max_size=40)


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.integers(0, 9), max_size=4, unique=True),
    beside=st.booleans(),
    acts=ACTS,
)
def test_whatever_rooms_do_something_always_comes_next_and_an_answer_ends_it(
    lines: list[int], beside: bool, acts: list[tuple[str, int, str]]
) -> None:
    rooms = (room(lines=sorted(lines), neighbour="next"), room("next", [0] if beside else []))
    alert, now = told(rooms[0]), NOW
    reached: dict[UUID, tuple[int, int]] = {}
    for what, number, step in acts:
        now += timedelta(seconds=1)
        _act(alert, what, number, step, now, rooms)
        for one in alert.dispatches:
            stands = (one.round, RANK[one.state])
            assert stands >= reached.get(one.id, (0, 0)), "the ladder goes down"
            reached[one.id] = stands
            if one.acknowledged_at is None:
                assert alert.running("acknowledged", one.id), "nothing comes next"
        for message in alert.envelopes:
            assert message.line in rooms[0].lines or message.line == 0
    _until_answered(alert, now, rooms)


def _act(
    alert: Alert, what: str, number: int, step: str, now: datetime, rooms: tuple[Room, Room]
) -> None:
    if what == "press":
        alert.last_press_id, alert.last_press_at = uuid4(), now
        dispatch.tell_further_press(alert, now)
    elif what == "patrol":
        state = ("engaged", "on_scene", "closed")[number % 3]
        name = alert.dispatches[number % len(alert.dispatches)].room_id or ""
        dispatch.patrol_moved(alert, name, state, name, now)
    elif what == "pass":
        deadline = alert.deadlines[number % len(alert.deadlines)]
        deadlines.passed(alert, deadline, now, [], neighbours(rooms, []))
    elif alert.envelopes:
        message = alert.envelopes[number % len(alert.envelopes)]
        if what == "deliver":
            if message.state == "waiting":
                message.state = "delivered"
        elif message.state != "waiting":
            name = next(d.room_id for d in alert.dispatches if d.id == message.dispatch_id) or ""
            said = "CONSULTE" if step == "refused" else step
            refused = step == "refused"
            dispatch.room_stepped(alert, message.id, said, name, now, refused=refused)


def _until_answered(alert: Alert, now: datetime, rooms: tuple[Room, Room]) -> None:
    """One line of one room works again: within a round of its own somebody has it."""
    works = next(((one, one.lines[-1]) for one in rooms if one.lines), None)
    if works is None:
        assert any(t.red and t.done_at is None for t in alert.tasks) or not (
            dispatch.not_acknowledged(alert)
        ), "no line at all, and nobody is called"
        return
    for _ in range(4):
        for one in list(dispatch.not_acknowledged(alert)):
            now += timedelta(seconds=61)
            passes_for(alert, one, now, rooms)
        for message in list(alert.envelopes):
            where = next(d for d in alert.dispatches if d.id == message.dispatch_id)
            if message.state == "waiting" and (where.room_id, message.line) == (
                works[0].id,
                works[1],
            ):
                message.state = "delivered"
                dispatch.room_stepped(
                    alert, message.id, "CONSULTE", works[0].id, now, refused=False
                )
    assert dispatch.not_acknowledged(alert) == []


def passes_for(alert: Alert, one: Dispatch, now: datetime, rooms: tuple[Room, Room]) -> None:
    deadline = alert.running("acknowledged", one.id)
    if deadline is not None:
        deadlines.passed(alert, deadline, now, [], neighbours(rooms, []))


def test_no_rooms_have_no_neighbours() -> None:
    assert neighbours([], []) == MappingProxyType({})


def test_what_an_older_round_left_unconfirmed_is_said_once_by_each_line() -> None:
    alert = told(room(lines=(0, 1)))
    [where] = alert.dispatches
    says(alert, by(alert, where, 0), "CONSULTE")
    dispatch.inform_rooms(alert, "verdict", NOW)
    alert.envelopes[-1].state = "delivered"  # the room's machine has lost it and confirms it never
    alert.run("received", NOW, alert.plan.received, where.id)
    later = NOW + timedelta(seconds=60)
    dispatch.tell_further_press(alert, later)
    says(alert, alert.envelopes[-1], "CONSULTE")
    for turn in range(20):
        for one in alert.envelopes:  # what goes out arrives, and the room stays silent about it
            one.state = "delivered" if one.state == "waiting" else one.state
        alert.run("received", later, 0, where.id)
        passes(alert, "received", where, later + timedelta(seconds=10 * turn))
    assert len([one for one in alert.envelopes if one.purpose == "verdict"]) <= 3


def both_answered_by_one() -> tuple[Alert, Dispatch, Dispatch]:
    alert = told(room(neighbour="corg"))
    first = of(alert, "cic")
    passes(alert, "acknowledged", first, NOW, room(neighbour="corg"), room("corg", (0,)))
    second = of(alert, "corg")
    says(alert, by(alert, first, 0), "CONSULTE")
    assert second.acknowledged_at is not None  # by the other's person: nobody there has looked
    return alert, first, second


def test_what_a_withdrawn_room_has_answered_for_another_falls_with_it() -> None:
    alert, _, second = both_answered_by_one()
    apart.withdraw(alert, {"cic"}, [], NOW)
    assert second.acknowledged_at is None
    assert alert.running("acknowledged", second.id) is not None
    assert [one.about for one in alert.tasks if one.done_at is None] == ["dispatch"]


def test_a_withdrawn_room_takes_nothing_over_for_another() -> None:
    alert, _, second = both_answered_by_one()
    apart.withdraw(alert, {"cic"}, [], NOW)
    with pytest.raises(Refused, match="nothing of this alert"):
        dispatch.handed_off(alert, "operateur-1", "cic", "poste 4", "ref", NOW)
    assert second.acknowledged_at is None


def test_a_case_is_not_cancelled_where_only_that_room_s_own_word_stands_for_the_other() -> None:
    alert, first, second = both_answered_by_one()
    with pytest.raises(Refused, match="no other room"):
        apart.cancel(alert, "cic", "chef-1", "wrong_room", NOW)
    says(alert, by(alert, second, 0), "CONSULTE", "corg")
    apart.cancel(alert, "cic", "chef-1", "wrong_room", NOW)
    assert first.withdrawn_at == NOW
    assert second.acknowledged_at is not None
