"""What one message to one room says, before it is written in anybody's standard.

Serves arrow 3: ``script`` fills it from an alert's rows, ``cisu_case`` and ``cap`` write it down.
Nothing here is a name of a person: labels, codes, places and texts that were told for this.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tgd.platform.places import Access

NATURE = "C02.15.04"
"""What happened, by default: violences intrafamiliales (code list HubSante.fait)."""


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """A place of her file: ``kind`` is that of ``platform.places``, ``how`` the way there."""

    kind: str
    address: str | None = field(default=None, repr=False)
    access: Access | None = field(default=None, repr=False)
    how: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A position as told to a room: degrees WGS84, metres, seconds, km/h, degrees from north.

    ``method`` is the phone's letter (G, W, C, F) or None; ``doubts`` are codes; ``at`` is the known
    place at which she then is, ``near`` one that is not hers and is close by.
    """

    lat: float = field(repr=False)
    lon: float = field(repr=False)
    r95_m: float
    fixed_at: datetime
    age_s: float
    method: str | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None
    doubts: tuple[str, ...] = ()
    at: KnownPlace | None = None
    near: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What an operator wrote, and when."""

    at: datetime
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FurtherPress:
    """A press after the first: its id, when it came, and where she was with it."""

    id: str
    pressed_at: datetime
    received_at: datetime
    doubts: tuple[str, ...] = ()
    position: Place | None = None


@dataclass(frozen=True, slots=True)
class Hers:
    """What of her file goes to a room. ``risks`` and ``victim`` are codes of the lists.

    ``languages`` are codes in her order, ``lines`` texts for those who go there, ``home`` is where
    she lives, for when nobody knows where she is.
    """

    risks: tuple[str, ...] = ()
    victim: str | None = None
    children: int = 0
    languages: tuple[str, ...] = ()
    lines: tuple[str, ...] = field(default=(), repr=False)
    home: KnownPlace | None = None


NOTHING_KNOWN = Hers()


@dataclass(frozen=True, slots=True)
class CaseMessage:
    """Everything one message to one room says. Times are aware; texts are French, of any length.

    ``room`` is the CISU address written to. ``case_id`` is our local number. ``reason`` says why
    the room is told now. ``first_position`` is where she was as the case began; it never changes
    under a case. ``voice`` is what was heard last, ``silent`` whether nobody had spoken to the
    platform as the case began. ``lead`` and ``others`` name rooms (``lead`` None: this room alone
    is told). ``phone`` and ``callback`` may be in any format and are left out if they are no
    number. ``doubts`` are the alert's, ``first_doubts`` those of its first press, as codes.
    ``further`` are the presses after the first, oldest first. ``sheet`` is the address at which
    this room, and nobody else, sees the case on one page.
    """

    distribution_id: str
    sender_id: str
    room: str
    sent_at: datetime
    expires_at: datetime
    exercise: bool
    kind: Literal["Report", "Update", "Cancel"]
    case_id: str
    alert_id: str
    case_created_at: datetime
    alert_opened_at: datetime
    reason: str
    position: Place | None
    presses: int
    last_press_at: datetime
    device_label: str
    first_position: Place | None = None
    first_press_at: datetime | None = None
    first_doubts: tuple[str, ...] = ()
    further: tuple[FurtherPress, ...] = ()
    beneficiary_label: str | None = None
    hers: Hers = NOTHING_KNOWN
    phone: str | None = field(default=None, repr=False)
    callback: str | None = None
    operator_id: str | None = None
    voice: Literal["holder", "child", "other", "nobody"] | None = None
    silent: bool = False
    danger_retained: bool = False
    doubts: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    lead: str | None = None
    others: tuple[str, ...] = ()
    nature: str = NATURE
    nature_label: str | None = None
    sheet: str | None = field(default=None, repr=False)
