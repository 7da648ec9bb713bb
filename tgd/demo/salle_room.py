"""What a simulated control room knows and how it was told to behave.

Serves the demonstration and the acceptance tests of arrow 3: it stands where a police room's own
software would. It promises to keep what a real one must keep (every message id once, one case per
case number) and to count what must never happen (two cases for one alert). It speaks no network
and reads no clock: ``salle`` brings the envelopes and carries the answers away. Nothing here knows
more of a case than its envelopes said.
"""

from collections import deque
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec

from tgd.demo.salle_envelope import LADDER, Envelope, Step

Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
TROUBLES_KEPT = 50


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Orders for one room. Delays are seconds after the step before; None: the step never comes.

    ``refuse_first`` counts messages refused (RC-REF ERREUR) since the order was given;
    ``http_status`` is answered instead of 202, to the first ``http_first`` posts or for
    ``http_for_s`` seconds from the first of them (both unsaid: until other orders); ``slow_s`` is
    waited before the 202. ``hangs``: a message is taken and its post never answered. ``twice``:
    each answer is given twice, under two ids. ``wrong``: what is amiss with each answer.
    """

    automatic: bool = True
    silent: bool = False
    recu_s: Seconds | None = 0.0
    integre_s: Seconds | None = 0.3
    consulte_s: Seconds | None = 1.0
    engaged_s: Seconds | None = 2.0
    on_scene_s: Seconds | None = 5.0
    refuse_first: Count = 0
    http_status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    http_first: Count | None = None
    http_for_s: Seconds | None = None
    slow_s: Seconds = 0.0
    retry_after_s: Seconds | None = None
    hangs: bool = False
    twice: bool = False
    wrong: Literal["reference", "sender", "json"] | None = None

    @property
    def answers(self) -> bool:
        """Whether the room answers by itself."""
        return self.automatic and not self.silent

    def delay(self, step: Step) -> float | None:
        """Return the seconds to wait before ``step``, None if it never comes."""
        delays: dict[str, float | None] = {
            "ERREUR": self.recu_s,
            "RECU": self.recu_s,
            "INTEGRE": self.integre_s,
            "CONSULTE": self.consulte_s,
            "engaged": self.engaged_s,
            "on_scene": self.on_scene_s,
        }
        return delays.get(step)


FAULTS: MappingProxyType[str, dict[str, object]] = MappingProxyType(
    {
        "silent": {"silent": True},
        "hangs": {"hangs": True},
        "500": {"http_status": 500},
        "429": {"http_status": 429, "retry_after_s": 2.0},
        "redirects": {"http_status": 301},
        "refuses": {"refuse_first": 1_000_000},
        "twice": {"twice": True},
        "late": {"recu_s": 20.0},
        "wrong_reference": {"wrong": "reference"},
        "wrong_sender": {"wrong": "sender"},
        "invalid_json": {"wrong": "json"},
    }
)
"""Faults to order by name: what each changes in a room's behaviour."""

NEXT: MappingProxyType[str, tuple[Step, ...]] = MappingProxyType(
    {
        "new": ("RECU", "INTEGRE", "CONSULTE", "ERREUR", "engaged"),
        "RECU": ("INTEGRE", "CONSULTE", "ERREUR", "engaged"),
        "INTEGRE": ("CONSULTE", "ERREUR", "engaged"),
        "CONSULTE": ("engaged", "ERREUR", "closed"),
        "engaged": ("on_scene", "closed"),
        "on_scene": ("closed",),
        "closed": (),
        "ERREUR": (),
    }
)
"""What a person may do in each state: as the alarm protocol of APCO has it (ANS 2.101), an alarm
is accepted, or rejected with a reason while nobody is under way; dispatched; on scene; closed with
a disposition. What is refused or closed is taken up again only with the platform's next message.
"""
REASONS = ("address", "event", "too_old", "elsewhere", "other")
"""Why a room rejects."""
DISPOSITIONS = ("assisted", "arrested", "nobody_there", "unfounded", "cancelled")
"""How a room closes."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One accepted post. ``monotonic`` and ``wall`` are seconds, taken as the post came in.

    The monotonic clock is the machine's: processes on one machine may compare it.
    """

    distribution_id: str
    case_id: str
    room: str
    kind: str
    exercise: bool
    duplicate: bool
    monotonic: float
    wall: float


@dataclass(slots=True)
class Answer:
    """One thing that this room said, about which message, and whether the platform took it."""

    step: Step
    about: str
    at: float
    because: str | None = None
    delivered: bool = False


@dataclass(slots=True)
class Affair:
    """One case at this room: its newest message, how many came, and what was answered."""

    newest: Envelope
    raw: bytes = b""
    messages: int = 0
    taken_up: int = 0  # the messages that we did not refuse
    answers: list[Answer] = field(default_factory=list)

    @property
    def state(self) -> str:
        """The furthest step said, or ``new``; ``ERREUR`` while a refusal is the last word."""
        said = [answer.step for answer in self.answers]
        if said and said[-1] == "ERREUR":
            return "ERREUR"
        return max((step for step in said if step in LADDER), key=LADDER.index, default="new")

    @property
    def acts(self) -> tuple[Step, ...]:
        """What a person may do now; a message that nobody has looked at is to be accepted again."""
        state = self.state
        looked = {"CONSULTE", "engaged", "on_scene", "closed", "ERREUR"}
        own = (one for one in self.answers if one.about == self.newest.distribution_id)
        if any(one.step in looked for one in own) or state in {"new", "RECU", "INTEGRE"}:
            return NEXT[state]
        if state in {"ERREUR", "closed"}:
            return NEXT["new"]
        return tuple(dict.fromkeys(("CONSULTE", *NEXT[state])))

    def show(self) -> dict[str, Any]:
        """Return what a screen may show: what the newest envelope says, and our answers."""
        newest, case = self.newest, self.newest.case
        geometry = case.location.geometry
        point = geometry.point if geometry else None
        return {
            "case_id": case.case_id,
            "room": newest.room,
            "exercise": newest.exercise,
            "kind": newest.kind,
            "state": self.state,
            "acts": list(self.acts),
            "message": newest.distribution_id,
            "sheet": next((one.uri for one in case.alert.attachments), None),
            "messages": self.messages,
            "nature": f"{case.qualification.nature.code} {case.qualification.nature.label}",
            "lines": case.lines,
            "notes": [note.freetext for note in case.alert.notes],
            "caller": case.alert.caller.named.complete,
            "contact": case.alert.caller.contact.detail,
            "warning": case.alert.caller.freetext,
            "location": case.location.freetext,
            "coord": msgspec.to_builtins(point.coord) if point else None,
            "answers": [msgspec.to_builtins(answer) for answer in self.answers],
        }


class Room:
    """One simulated room: its orders, its cases by number, every message id that it has seen."""

    def __init__(self, address: str, behaviour: Behaviour) -> None:
        self.address = address
        self.cases: dict[str, Affair] = {}
        self.duplicates = 0
        self.turned_away = 0
        self.split_alerts = 0
        self.troubles: deque[str] = deque(maxlen=TROUBLES_KEPT)
        self._seen: set[str] = set()
        self._case_of: dict[str, str] = {}
        self.order(behaviour)

    @property
    def behaviour(self) -> Behaviour:
        """The orders now in force."""
        return self._behaviour

    @property
    def ordered(self) -> Behaviour:
        """The orders without the fault."""
        return self._ordered

    def order(self, behaviour: Behaviour) -> None:
        """Put other orders in force; their counts and times begin anew, and a fault ends."""
        self._ordered = behaviour
        self.fail(None)

    def fail(self, fault: str | None) -> None:
        """Have the fault of that name, or none: then the orders are as they were."""
        changed = {} if fault is None else FAULTS[fault]
        self.fault = fault
        self._behaviour = msgspec.convert(msgspec.to_builtins(self._ordered) | changed, Behaviour)
        self._refused = self._turned = 0
        self._first_turned: float | None = None

    def status(self, monotonic: float) -> int | None:
        """Return the HTTP status to turn this post away with, None to take it."""
        told = self._behaviour
        if told.http_status is None:
            return None
        since = monotonic if self._first_turned is None else self._first_turned
        if told.http_first is not None and self._turned >= told.http_first:
            return None
        if told.http_for_s is not None and monotonic > since + told.http_for_s:
            return None
        self._first_turned = since
        self._turned += 1
        self.turned_away += 1
        return told.http_status

    def take(self, told: Envelope, raw: bytes = b"") -> bool:
        """Keep a message, as it came; return whether its id was new."""
        if told.distribution_id in self._seen:
            self.duplicates += 1
            return False
        self._seen.add(told.distribution_id)
        case_id = told.case.case_id
        if told.kind != "Cancel":
            self.split_alerts += self._case_of.setdefault(told.case.alert.id, case_id) != case_id
        affair = self.cases.setdefault(case_id, Affair(told))
        affair.newest, affair.raw = told, raw
        affair.messages += 1
        return True

    def refuses(self) -> bool:
        """Tell whether the message just taken is to be refused, and count it."""
        refused = self._refused < self._behaviour.refuse_first
        self._refused += refused
        return refused

    def figures(self) -> dict[str, int]:
        """Return what must add up: cases, messages, repetitions, posts turned away."""
        return {
            "cases": len(self.cases),
            "messages": len(self._seen),
            "duplicates": self.duplicates,
            "turned_away": self.turned_away,
            "split_alerts": self.split_alerts,
        }
