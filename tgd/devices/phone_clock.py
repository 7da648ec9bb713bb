"""How old a press is, told by a clock that may be years off (arrow 1, PROTOCOL §2 rule 5).

The phone's clock is only ever compared with itself: `created_at − tst` is how long the press waited
in the phone. `received_at − created_at` is how long it travelled, believed only from 0 to 24 h.
Promises: total over every float; no result leaves the calendar. A clock up to 5 s ahead of ours is
ordinary skew and counts as no travel, without a doubt. A gesture up to 1 s after its sending is a
clock rounded to whole seconds, and counts as no wait.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from tgd.geo import locate

_SKEW_S: Final = 5.0
_ROUNDING_S: Final = 1.0
_MAX_TRAVEL_S: Final = 24 * 3600.0
_MAX_WAIT_S: Final = 7 * 24 * 3600.0


class Age(NamedTuple):
    """Seconds since the gesture, the gesture on the platform's clock, and the doubts about both."""

    age_s: float
    pressed_at: datetime
    doubts: tuple[str, ...]


def age(tst: float | None, created_at: float | None, received_at: datetime) -> Age:
    """Return the age of a press from the phone's epoch seconds of gesture and sending.

    One missing is taken for the other; both missing is "now" and `time_missing`. An impossible
    wait or travel is `clock_wrong`: the wait makes the whole age 0, the travel only itself.
    """
    sent = created_at if created_at is not None else tst
    if sent is None:
        return Age(0.0, received_at, ("time_missing",))
    waited = sent - tst if tst is not None else 0.0
    if not -_ROUNDING_S <= waited <= _MAX_WAIT_S:
        return Age(0.0, received_at, ("clock_wrong",))
    travelled = received_at.timestamp() - sent
    possible = -_SKEW_S <= travelled <= _MAX_TRAVEL_S
    seconds = max(0.0, waited) + (max(0.0, travelled) if possible else 0.0)
    try:
        pressed_at = received_at - timedelta(seconds=seconds)
    except OverflowError:  # only in the first week of the calendar
        return Age(0.0, received_at, ("clock_wrong",))
    return Age(seconds, pressed_at, () if possible else ("clock_wrong",))


def fixed_at(
    fix_tst: float | None,
    *,
    tst: float | None,
    created_at: float | None,
    pressed_at: datetime,
    received_at: datetime,
) -> datetime:
    """Return when a fix was taken, on the platform's clock.

    The gesture anchors the phone's clock to ours; where its time cannot be, the sending does.
    """
    if tst is not None and created_at is not None:
        if not -_ROUNDING_S <= created_at - tst <= _MAX_WAIT_S:
            return locate.on_platform_time(fix_tst, created_at, received_at)
        return locate.on_platform_time(fix_tst, tst, pressed_at)
    return locate.on_platform_time(fix_tst, created_at if tst is None else tst, pressed_at)
