"""The life of an alert under whatever people, rooms and deadlines do, in any order.

A machine of random acts over the pure rules; no database, no clock. What the intake does to an
alert's row when the phone presses again is done here as it is done there.
"""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tgd.config import Deadlines
from tgd.errors import Refused
from tgd.platform.domain import deadlines, decision, dispatch
from tgd.platform.domain.alert import CLOSING_VERDICTS, Alert
from tgd.platform.domain.routing import Room

OPERATORS = st.sampled_from(["op-1", "op-2"])
ORDER = ("ringing", "answered", "police", "closed")
ROOMS = [Room("cic86", "CIC", "+33549000017", (0,), is_default=True)]
STEPS = st.sampled_from(["RECU", "INTEGRE", "CONSULTE", "ERREUR", "SUPPRIME"])
PATROLS = st.sampled_from(["engaged", "on_scene", "closed"])
START = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)


def opened(*, known: bool, forward: bool, now: datetime = START) -> Alert:
    """An alert as the intake opens it."""
    plan = deadlines.plan(Deadlines(), forward_unverified=forward)
    alert = Alert(
        id=uuid4(),
        case_id="20300115-000001",
        device="tgd-86-01",
        reply_to="tgd-86-01",
        known=known,
        consent="given",
        located=True,
        listen="mic_only",
        plan=plan,
        opened_at=now,
        pressed_at=now,
        last_press_id=uuid4(),
        last_press_at=now,
    )
    for name, seconds in plan.opening().items():
        alert.run(name, now, seconds)
    return alert


class Life(RuleBasedStateMachine):
    """One alert, and everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.rooms = ROOMS
        self.alert = opened(known=True, forward=True)
        self.statuses = ["ringing"]
        self.told = 1
        self.messages = 0
        self.coerced_at: int | None = None
        self.word: bool | None = None

    @rule(known=st.booleans(), forward=st.booleans(), rooms=st.booleans())
    @precondition(lambda self: self.now == START and not self.alert.facts)
    def begins_otherwise(self, known: bool, forward: bool, rooms: bool) -> None:
        self.alert = opened(known=known, forward=forward)
        self.rooms = ROOMS if rooms else []

    @rule(agreed=st.sampled_from([None, True, False]))
    def speaks(self, agreed: bool | None) -> None:
        """Whoever speaks from now on has no word to give, gives the right one, or a wrong one."""
        self.word = agreed

    @rule(operator=OPERATORS)
    def answers(self, operator: str) -> None:
        self._may(lambda: decision.answer(self.alert, operator, self.now))

    @rule(operator=OPERATORS, heard=st.sampled_from(["holder", "child", "other", "nobody"]))
    def hears(self, operator: str, heard: str) -> None:
        self._may(lambda: decision.hear(self.alert, operator, heard, self.now, self.rooms))

    @rule(operator=OPERATORS)
    def extends(self, operator: str) -> None:
        self._may(lambda: decision.extend(self.alert, operator, self.now))

    @rule(
        operator=OPERATORS,
        verdict=st.sampled_from(["police", "no_danger", "test", "accidental"]),
        looked=st.booleans(),
    )
    def decides(self, operator: str, verdict: str, looked: bool) -> None:
        seen = str(self.alert.last_press_id) if looked else None
        was_open, before = self.alert.is_open, self.alert.verdict
        with_police, said = self.alert.with_police, self.messages_so_far()
        done = self._may(
            lambda: decision.decide(
                *(self.alert, operator, verdict, seen, self.now, self.rooms),
                word_right=self.word,
            )
        )
        if verdict == "police" and was_open and before is None:
            assert done, "police was refused"
        if done and verdict != "police" and was_open and before != verdict:
            assert self.alert.holder_heard_at is not None
            assert self.alert.holder_heard_at >= self.alert.last_press_at
            assert looked
        if self.alert.coerced and self.coerced_at is None:
            assert (self.messages_so_far() == said) == with_police  # as an accepted one would
            self.coerced_at = self.messages_so_far()

    @rule(operator=OPERATORS)
    def closes(self, operator: str) -> None:
        if self._may(lambda: decision.close(self.alert, operator, "fin", self.now)):
            assert all(d.acknowledged_at for d in self.alert.dispatches)

    @rule(operator=OPERATORS, room=st.sampled_from(["cic86", "corg86"]))
    def hands_off(self, operator: str, room: str) -> None:
        self._may(
            lambda: dispatch.handed_off(self.alert, operator, room, "brigadier", "7", self.now)
        )

    @rule(seconds=st.floats(0, 400))
    def time_passes(self, seconds: float) -> None:
        """Everything that is due fires, as the watch fires it."""
        self.now += timedelta(seconds=seconds)
        for deadline in sorted(self.alert.deadlines, key=lambda d: d.due_at):
            if deadline.due_at <= self.now:
                deadlines.passed(self.alert, deadline, self.now, self.rooms)
                # Fired twice it does nothing.
                facts = len(self.alert.facts)
                deadlines.passed(self.alert, deadline, self.now, self.rooms)
                assert len(self.alert.facts) == facts

    @rule()
    @precondition(lambda self: self.alert.is_open)
    def presses_again(self) -> None:
        alert = self.alert
        alert.last_press_id, alert.last_press_at = uuid4(), self.now
        alert.presses += 1
        alert.contact_lost_at = None
        if alert.verdict in CLOSING_VERDICTS:
            alert.verdict = "forwarded" if alert.reason else "police"
        alert.run("contact", self.now, alert.plan.contact)
        if alert.status == "police" and alert.running("further_press") is None:
            alert.run("further_press", self.now, 0)

    @rule()
    @precondition(lambda self: self.alert.envelopes)
    def everything_is_sent(self) -> None:
        """The sending, as the store's own functions do it."""
        for envelope in self.alert.envelopes:
            if envelope.state == "waiting" and envelope.next_at <= self.now:
                envelope.state = "delivered"
                told = next(d for d in self.alert.dispatches if d.id == envelope.dispatch_id)
                if envelope.round == told.round and envelope.purpose in {"report", "press"}:
                    told.sent_at = told.sent_at or self.now
                    if told.state in {"pending", "sending"}:
                        told.state = "delivered"
                if self.alert.status == "police" and envelope.purpose != "contact":
                    self.alert.run("received", self.now, 10, told.id)

    @rule(which=st.integers(0, 50), step=STEPS, refused=st.booleans())
    @precondition(lambda self: self.alert.envelopes)
    def room_steps(self, which: int, step: str, refused: bool) -> None:
        envelope = self.alert.envelopes[which % len(self.alert.envelopes)]
        told = next(d for d in self.alert.dispatches if d.id == envelope.dispatch_id)
        before = (told.round, dispatch.LADDER.index(told.state))
        dispatch.room_stepped(
            self.alert, envelope.id, step, "fr.police.cic86", self.now,
            refused=refused and step == "RECU",
        )  # fmt: skip
        assert (told.round, dispatch.LADDER.index(told.state)) >= before, "the ladder fell"

    @rule(state=PATROLS)
    @precondition(lambda self: self.alert.dispatches)
    def patrol_moves(self, state: str) -> None:
        dispatch.patrol_moved(self.alert, "cic86", state, "fr.police.cic86", self.now)

    @rule(which=st.integers(0, 50))
    @precondition(lambda self: self.alert.envelopes)
    def room_errs(self, which: int) -> None:
        envelope = self.alert.envelopes[which % len(self.alert.envelopes)]
        dispatch.room_refused(self.alert, envelope.id, "room", self.now, cause="300")

    def _may(self, act: object) -> bool:
        """Do an act that may be refused; then nothing may have changed."""
        before = repr(self.alert)
        try:
            act()
        except Refused:
            assert repr(self.alert) == before, "refused, and yet something changed"
            return False
        return True

    def messages_so_far(self) -> int:
        return len(self.alert.phone_messages)

    @invariant()
    def status_moves_forward(self) -> None:
        if self.alert.status != self.statuses[-1]:
            self.statuses.append(self.alert.status)
        ranks = [ORDER.index(status) for status in self.statuses]
        assert ranks == sorted(ranks), self.statuses

    @invariant()
    def it_always_has_a_future_step(self) -> None:
        running = {d.name for d in self.alert.deadlines}
        if self.alert.is_open:
            assert running - {"contact", "further_press"}, f"{self.alert.status}: {running}"
        else:
            assert not running
            assert not [t for t in self.alert.tasks if t.done_at is None]

    @invariant()
    def no_room_is_dispatched_twice(self) -> None:
        told = [d.room_id for d in self.alert.dispatches]
        assert len(told) == len(set(told))
        assert bool(told) == (self.alert.police_at is not None)

    @invariant()
    def what_nobody_acknowledged_is_waited_for(self) -> None:
        for one in self.alert.dispatches:
            waited = self.alert.running("acknowledged", one.id) is not None
            if self.alert.is_open:
                assert waited == (one.acknowledged_at is None)

    @invariant()
    def the_phone_is_told_ever_greater_numbers(self) -> None:
        told = [message["n"] for message in self.alert.phone_messages if "n" in message]
        assert told == sorted(set(told))
        assert all(n > 1 for n in told)

    @invariant()
    def after_coercion_it_is_told_nothing_but_closed(self) -> None:
        messages = self.alert.phone_messages
        told = [message["state"] for message in messages if "state" in message]
        assert told.count("closed") <= 1
        if self.coerced_at is not None:
            later = messages[self.coerced_at :]
            assert {message["state"] for message in later if "state" in message} <= {"closed"}
        if "closed" in told:
            assert told[-1] == "closed"

    @invariant()
    def what_is_closed_was_closed_by_somebody_with_a_verdict(self) -> None:
        alert = self.alert
        if not alert.is_open:
            assert alert.closed_by
            assert alert.verdict
            assert alert.closed_at
        assert (alert.verdict is None) == (alert.verdict_at is None)
        assert alert.police_at is None or alert.verdict
        assert alert.verdict != "forwarded" or alert.reason
        assert (alert.answered_at is None) == (alert.answered_by is None)

    @invariant()
    def what_stands_alone_is_not_forwarded(self) -> None:
        if not (self.alert.known and self.alert.plan.forward):
            facts = [f for f in self.alert.facts if f.kind == "forwarded"]
            reasons = {f.details["reason"] for f in facts}
            assert not reasons & {"press, not answered", "doubt not lifted"}


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
