"""The red lists: every phone that may not answer when she presses, and why, the worst first.

Serves the prosecutor's office. A system this rarely used dies silently unless something says so:
each reason is derived from what the register holds at that moment, so that none has to be raised
by anybody, and none can be forgotten. Nothing here acts: expiry ends nothing, and a silent phone
keeps its button.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tgd.justice.domain import life

TEST_EVERY: Final = timedelta(days=15)
TEST_LATEST: Final = timedelta(days=21)
SILENT: Final = timedelta(hours=24)
BATTERY_LOW: Final = 20

REASONS: Final = (
    "compromised",
    "stolen",
    "lost",
    "broken",
    "handover_untested",
    "never_pressed",
    "test_overdue",
    "test_due",
    "silent",
    "battery_low",
    "radio_2g",
    "expired",
    "expiring_7",
    "expiring_30",
    "expiring_60",
    "ended_not_returned",
    "not_wiped",
    "consent_missing",
    "legal_basis_missing",
    "evaluation_due",
)
"""Every reason, the worst first."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One phone and its present assignment (``status`` None: nobody holds it)."""

    device_state: str
    compromised: bool
    generation: str | None
    status: str | None = None
    handed_over_at: datetime | None = None
    ends_at: datetime | None = None
    pressed_at: datetime | None = None
    """The last press since the hand-over."""
    tested_at: datetime | None = None
    """The last test that an operator heard."""
    heard_at: datetime | None = None
    """The last word of any kind from the phone."""
    battery: int | None = None
    wiped: bool = True
    consented: bool | None = None
    legal_basis: str | None = None
    evaluation_due: bool = False


def reasons(seen: Seen, now: datetime) -> list[str]:
    """Return why the phone is on a red list, in the order of ``REASONS``; nothing: it is not."""
    found = {seen.device_state} & {"lost", "stolen", "broken"}
    if seen.compromised:
        found.add("compromised")
    if seen.status is not None and seen.status not in {"returned", "wiped"}:
        found |= _held(seen, now)
    return [reason for reason in REASONS if reason in found]


def _held(seen: Seen, now: datetime) -> set[str]:
    found = _ending(seen, now)
    if seen.status == "ended":
        return found
    if seen.status in {"preparing", "handed_over"}:
        found.add("handover_untested")
    if seen.handed_over_at is not None:
        found |= _alive(seen, seen.handed_over_at, now)
    if not seen.wiped:
        found.add("not_wiped")
    if not seen.consented:
        found.add("consent_missing")
    if seen.legal_basis is None:
        found.add("legal_basis_missing")
    if seen.evaluation_due:
        found.add("evaluation_due")
    if seen.generation == "2G":
        found.add("radio_2g")
    return found


def _alive(seen: Seen, since: datetime, now: datetime) -> set[str]:
    found = set()
    if seen.pressed_at is None:
        found.add("never_pressed")
    else:
        age = now - (seen.tested_at or since)
        if age > TEST_LATEST:
            found.add("test_overdue")
        elif age > TEST_EVERY:
            found.add("test_due")
    if now - (seen.heard_at or since) > SILENT:
        found.add("silent")
    if seen.battery is not None and seen.battery < BATTERY_LOW:
        found.add("battery_low")
    return found


def _ending(seen: Seen, now: datetime) -> set[str]:
    if seen.status == "ended":
        return {"ended_not_returned"}
    if seen.ends_at is None:
        return set()
    if seen.ends_at <= now:
        return {"expired"}
    days = life.warned(seen.ends_at, now)
    return set() if days is None else {f"expiring_{days}"}
