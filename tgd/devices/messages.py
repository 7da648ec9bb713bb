"""What phones say, once read (arrow 1: press → alert begins with a `Press`).

Shapes only; `wire` makes them and promises what is in them. Times are aware datetimes on the
platform's clock, "epoch" fields are seconds on the phone's own clock, which may be years off.
Bytes, positions and network facts stay out of `repr`: nothing here can leak into a log line.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, get_args

from tgd.devices import phone_clock, salvage
from tgd.geo.position import Fix

Reason = Literal["oversized", "unreadable", "wrong_type", "location_invalid", "topic"]
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
"""Every reason for a quarantine: a metric's labels exist from the start."""


@dataclass(frozen=True, slots=True)
class Press:
    """One press of the button, whatever arrived: made from every byte string on a press topic.

    `device` is the register's key (the topic's device where it is well formed, else "x-" and 32
    hexadecimal digits of its SHA-256); `reply_to` the device exactly as the topic had it.
    `sent_id` is the id as the phone sent it, 1 to 64 legible characters, echoed in the receipt.
    `seq` fits a signed 64-bit integer. `age_s` and `pressed_at` follow PROTOCOL §2 rule 5.
    `digest` is the SHA-256 of `raw`. `doubts` are codes in the order found, each once.
    """

    device: str
    reply_to: str
    sent_id: str | None
    seq: int | None
    attempt: int | None
    tst: float | None
    created_at: float | None
    trigger: str
    fix: Fix | None = field(repr=False)
    batt: int | None
    path: str
    raw: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    retained: bool
    received_at: datetime
    pressed_at: datetime
    age_s: float
    doubts: tuple[str, ...]

    @property
    def redacted(self) -> bytes:
        """The bytes without coordinates; computed when asked for, as few presses need it."""
        return salvage.redact(self.raw)

    @property
    def fixed_at(self) -> datetime | None:
        """When the fix was taken, on the platform's clock; None without a fix."""
        if self.fix is None:
            return None
        return phone_clock.fixed_at(
            self.fix.tst,
            tst=self.tst,
            created_at=self.created_at,
            pressed_at=self.pressed_at,
            received_at=self.received_at,
        )


@dataclass(frozen=True, slots=True)
class PositionReport:
    """A position sent during an alert; whether it may be kept is the intake's decision."""

    device: str
    fix: Fix = field(repr=False)
    received_at: datetime
    doubts: tuple[str, ...]
    created_at: float | None = None

    @property
    def fixed_at(self) -> datetime:
        """When the fix was taken, on the platform's clock (the phone's against itself)."""
        sent_at = phone_clock.age(None, self.created_at, self.received_at).pressed_at
        return phone_clock.fixed_at(
            self.fix.tst,
            tst=None,
            created_at=self.created_at,
            pressed_at=sent_at,
            received_at=self.received_at,
        )


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A phone's health: battery percent, state (0-3), connection (m, w, o), firmware.

    `net` holds at most 16 flat entries; coordinates, cells and access points are never read.
    """

    device: str
    seq: int | None
    tst: float | None
    batt: int | None
    bs: int | None
    conn: str | None
    net: dict[str, str | float | bool | None] | None = field(repr=False)
    fw: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class LastWill:
    """The broker says that the phone's connection broke."""

    device: str
    received_at: datetime


class Quarantined(Exception):
    """A message on a topic other than `press` that cannot be used; `reason` is a metric label."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason; never the message, which may say where a person is."""
        super().__init__(reason)
        self.reason: Reason = reason
