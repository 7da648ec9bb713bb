"""The alert: everything about one danger, from its first press to its closing.

Serves arrows 2 and 3. This is the aggregate that operators, deadlines and rooms act upon; the
acts themselves are in ``decision``, ``dispatch`` and ``deadlines``. It promises that its status
only moves forward, that whatever happens leaves a fact for the journal, and that after coercion
the phone is told nothing but ``closed``. How it is loaded and saved is left to ``store.alerts``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from tgd.devices.live import end_alert

Status = Literal["ringing", "answered", "police", "closed"]
Purpose = Literal["report", "press", "verdict", "contact", "position", "fact", "cancel"]
OPEN: tuple[Status, ...] = ("ringing", "answered", "police")
CLOSING_VERDICTS = ("no_danger", "test", "accidental")
VERDICTS = ("police", *CLOSING_VERDICTS)
OUTCOMES = ("intervention", "safe", "not_found", "other")
"""What the console offers; an outcome may also be in somebody's own words."""
SYSTEM = "deadline"
"""The actor of what no person did."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each step may take, in seconds; frozen into the alert when it opens."""

    overflow: float
    answer: float
    voice: float
    doubt: float
    received: float
    acknowledged: float
    engaged: float
    closing: float
    contact: float
    forward: bool = True
    """May a deadline send the police, or only a person?"""

    def opening(self) -> dict[str, float]:
        """Return the deadlines that begin to run when an alert opens."""
        return {"overflow": self.overflow, "answer": self.answer, "contact": self.contact}


@dataclass(slots=True)
class Deadline:
    """A running deadline. ``late``: it was overdue after an interruption of ours."""

    name: str
    due_at: datetime
    dispatch_id: UUID | None = None
    late: bool = False


@dataclass(slots=True)
class Dispatch:
    """One room that is told of the alert; ``room_id`` None means that a person must call.

    Withdrawn, it is told nothing more, and what it says changes nothing. ``lines`` are the room's
    electronic ones in order, ``line`` the one in use. A dispatch that stands in for another is to
    a neighbour: whoever of them answers first answers for both.
    """

    id: UUID
    room_id: str | None
    line: int | None
    lead: bool
    state: str
    dispatched_at: datetime
    round: int = 1
    attempts: int = 0
    sent_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    reference: str | None = None
    withdrawn_at: datetime | None = None
    lines: Sequence[int] = ()
    stands_in_for: UUID | None = None


@dataclass(slots=True)
class Envelope:
    """One message to one room. ``content`` is what is sent, sealed: here only of one that goes out
    with the decision; any other is written when it is first sent.
    """

    id: UUID
    dispatch_id: UUID
    purpose: Purpose
    round: int
    line: int
    created_at: datetime
    expires_at: datetime
    next_at: datetime
    state: str = "waiting"
    lease_until: datetime | None = None
    content: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class Task:
    """A telephone call that a person has to make."""

    id: UUID
    dispatch_id: UUID | None
    about: str
    room_id: str | None
    number: str | None
    red: bool
    raised_at: datetime
    kind: str = "voice"
    done_at: datetime | None = None
    done_by: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, for the journal: no name, address or position in it."""

    at: datetime
    actor: str
    kind: str
    details: dict[str, object]


@dataclass(slots=True)
class Alert:
    """The state of one alert. Fields bear the names of the table's columns."""

    id: UUID
    case_id: str
    device: str
    reply_to: str
    known: bool
    consent: str
    located: bool
    listen: str
    plan: Plan
    opened_at: datetime
    pressed_at: datetime
    last_press_id: UUID
    last_press_at: datetime
    assignment_id: UUID | None = None
    follows: UUID | None = None
    rescued: bool = False
    presses: int = 1
    status: Status = "ringing"
    rings: str = "first"
    answered_at: datetime | None = None
    answered_by: str | None = None
    voice: str | None = None
    voice_at: datetime | None = None
    nobody: int = 0
    holder_heard_at: datetime | None = None
    extended: int = 0
    verdict: str | None = None
    verdict_by: str | None = None
    verdict_at: datetime | None = None
    reason: str | None = None
    police_at: datetime | None = None
    coerced: bool = False
    told_rooms_at: datetime | None = None
    contact_lost_at: datetime | None = None
    followed_until: datetime | None = None
    offered_to: str | None = None
    released_at: datetime | None = None
    outcome: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    told: int = 1
    told_state: str = "received"

    deadlines: list[Deadline] = field(default_factory=list)
    dispatches: list[Dispatch] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    phone_messages: list[dict[str, object]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Say whether anything can still happen to it."""
        return self.status != "closed"

    def held_by(self, operator: str) -> bool:
        """Say whether this operator has it in charge, and has not given it back."""
        return self.answered_by == operator and self.released_at is None

    def free_for(self, operator: str) -> bool:
        """Say whether this operator may take it: nobody has, it was given back or is offered."""
        return (
            self.answered_by in {None, operator}
            or self.released_at is not None
            or self.offered_to == operator
        )

    @property
    def with_police(self) -> bool:
        """Say whether control rooms were told."""
        return self.police_at is not None

    def together(self, dispatch: Dispatch) -> list[Dispatch]:
        """Return the dispatches to a room and to its stand-ins: one answers for all."""
        first = dispatch.stands_in_for or dispatch.id
        return [one for one in self.standing if first in {one.id, one.stands_in_for}]

    @property
    def standing(self) -> list[Dispatch]:
        """Return the dispatches to rooms that are still to be told what comes."""
        return [dispatch for dispatch in self.dispatches if dispatch.withdrawn_at is None]

    def record(self, now: datetime, actor: str, kind: str, **details: object) -> None:
        """Add a fact for the journal."""
        self.facts.append(Fact(now, actor, kind, details))

    def run(
        self, name: str, now: datetime, seconds: float, dispatch_id: UUID | None = None
    ) -> None:
        """Start the deadline, or start it anew: it is due ``seconds`` from now."""
        self.stop(name, dispatch_id=dispatch_id)
        due_at = now + timedelta(seconds=seconds)
        self.deadlines.append(Deadline(name, due_at, dispatch_id))

    def stop(self, *names: str, dispatch_id: UUID | None = None) -> None:
        """End deadlines that were met or whose step is over."""
        self.deadlines = [
            d for d in self.deadlines if d.name not in names or d.dispatch_id != dispatch_id
        ]

    def running(self, name: str, dispatch_id: UUID | None = None) -> Deadline | None:
        """Return the running deadline of that name, if there is one."""
        for deadline in self.deadlines:
            if deadline.name == name and deadline.dispatch_id == dispatch_id:
                return deadline
        return None

    def raise_task(self, task: Task) -> None:
        """Put a call on the screen; the same call that is still to be made only turns red."""
        for open_task in self.tasks:
            if (
                open_task.done_at is None
                and open_task.dispatch_id == task.dispatch_id
                and open_task.about == task.about
            ):
                open_task.red = open_task.red or task.red
                return
        self.tasks.append(task)

    def tell_phone(self, state: str, now: datetime) -> None:
        """Send a state to the phone. After coercion only ``closed`` is sent, and once.

        With ``closed`` goes the command that ends the alert on the phone: what a verdict given
        under coercion looks like there is what an accepted one does.
        """
        if self.told_state == "closed" or (self.coerced and state != "closed"):
            return
        self.told += 1
        self.told_state = state
        self.phone_messages.append(
            {
                "_type": "state",
                "alert": str(self.id),
                "state": state,
                "n": self.told,
                "at": round(now.timestamp(), 3),
            }
        )
        if state == "closed":
            self.phone_messages.append(end_alert(str(self.id), now))

    def end(self, now: datetime, actor: str) -> None:
        """Close it: no deadline runs any more, no call is left to be made."""
        self.status = "closed"
        self.closed_at = now
        self.closed_by = actor
        self.deadlines.clear()
        for task in self.tasks:
            if task.done_at is None:
                task.done_at, task.done_by = now, actor
        self.tell_phone("closed", now)
        # What it came to in words of somebody's own is kept with the alert, and not for as long.
        own = self.outcome is not None and self.outcome not in OUTCOMES
        outcome = "in_words" if own else self.outcome
        self.record(now, actor, "closed", verdict=self.verdict, outcome=outcome)
