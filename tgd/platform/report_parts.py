"""The parts of an alert's report: plain values, no coordinate among them.

Serves ``platform.report``, which fills them, and the web, which words them. Times are in UTC, by
the platform's clock; what did not happen is None.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg; ``seconds`` None where it did not happen, ``met`` whether it kept its target."""

    name: str
    started_at: datetime | None
    ended_at: datetime | None
    seconds: float | None
    target_s: float
    met: bool | None


@dataclass(frozen=True, slots=True)
class Press:
    """One press; ``age_s`` is how late it came."""

    pressed_at: datetime
    received_at: datetime
    age_s: float
    path: str
    batt: int | None
    doubts: list[str]


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose voice was heard, and by whom."""

    at: datetime
    by: str
    heard: str


@dataclass(frozen=True, slots=True)
class Note:
    """A note; ``text`` None: erased (then), or not to be opened just now (``erased_at`` None)."""

    at: datetime
    by: str
    text: str | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class Radii:
    """The radii that the phone claimed, in metres."""

    least: float
    middle: float
    most: float


@dataclass(frozen=True, slots=True)
class Erasure:
    """So many positions were erased then."""

    at: datetime
    positions: int


@dataclass(frozen=True, slots=True)
class Positions:
    """What is kept of where the phone was, without saying where: counts, radii, doubts, terms."""

    kept: int
    readable: int
    radii_m: Radii | None
    methods: dict[str, int]
    doubts: dict[str, int]
    erased: list[Erasure]
    due_at: datetime | None
    held: bool
    held_for: str | None
    eight_days_by: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a dispatch, and who or what said so: an entry of the journal."""

    at: datetime
    by: str
    kind: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One room that was told; ``room`` None: none was configured, a person had to call."""

    room: str | None
    name: str | None
    address: str | None
    """What the room signs by in the journal."""
    lead: bool
    state: str
    rounds: int
    attempts: int
    dispatched_at: datetime
    sent_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    reference: str | None
    steps: list[Step]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a person had to make to a room."""

    room: str | None
    about: str
    red: bool
    raised_at: datetime
    done_at: datetime | None
    done_by: str | None


@dataclass(frozen=True, slots=True)
class Recontact:
    """A call back that is or was owed to the holder."""

    hours: int
    owner: str
    due_at: datetime
    done_at: datetime | None
    done_by: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal."""

    no: int
    at: datetime
    actor: str
    kind: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """The report of one alert. ``provisional``: it is still open."""

    alert: UUID
    case_id: str
    follows_case: str | None
    device: str
    known: bool
    beneficiary: str | None
    tribunal: str | None
    made_at: datetime
    made_for: str
    provisional: bool
    status: str
    consent: str
    rescued: bool
    opened_at: datetime
    answered_at: datetime | None
    answered_by: str | None
    verdict: str | None
    verdict_by: str | None
    verdict_at: datetime | None
    reason: str | None
    police_at: datetime | None
    outcome: str | None
    closed_at: datetime | None
    closed_by: str | None
    legs: list[Leg]
    presses: list[Press]
    voices: list[Voice]
    notes: list[Note]
    positions: Positions
    dispatches: list[Dispatch]
    calls: list[Call]
    recontacts: list[Recontact]
    journal: list[Entry]
