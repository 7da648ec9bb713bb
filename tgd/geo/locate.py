"""Where she most probably is: the best honest statement out of several fixes.

Serves the alert's position (press → alert → room). Promises: pure, and never more certain than the
phone was. The estimate is one of the fixes, never an average of several, with the 95 % radius that
`radius` gives it now; of several, the one with the smallest radius. Whatever is odd about a fix
makes its disc wider and is named; nothing is dropped. So a doubtful fix loses against a clean one
that is about as useful, and is still the answer, wide, where it is all there is.

What each doubt costs: a time that cannot be believed, a minute of age; coordinates set by a
program, 10 km; an unusable radius, half as much again. A repeated fix is as old as its first
appearance. A jump (out of reach, at 320 km/h, of most of the fixes next to it in time) reaches as
far as it must to be possible at all; so does a fix whose successors show that she left faster than
assumed.

Leaves to others: consent, what to keep, zones and addresses; docs/position.md has the reasons.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from tgd.geo.position import Fix
from tgd.geo.radius import r95
from tgd.geo.sphere import EARTH_M, apart, bearing
from tgd.geo.trail import (
    FASTEST_MPS,
    FUTURE_S,
    MOCKED_M,
    Observed,
    Seen,
    in_time,
    look_around,
    near,
    radius_at,
    smallest,
)

__all__ = [
    "Estimate",
    "Judged",
    "Observed",
    "best",
    "distance_m",
    "judged",
    "metres",
    "on_platform_time",
    "r95",
]

STALE_S: Final = 60.0

_COARSE_M: Final = 2_000.0
_MOVED_IN_S: Final = 300.0  # further apart in time, two fixes show no direction
_DAY_S: Final = 86_400.0
_COURSE_KMH: Final = 3.0  # below a walk a receiver's course is chance
_SAYS_SPEED: Final = frozenset({"G", "F", None})


@dataclass(frozen=True, slots=True)
class Judged:
    """One fix as it is to be shown now: WGS 84 degrees, metres, seconds, codes of its doubts.

    `fixed_at` is the time that is believed of it, which is not always the one that it claims.
    """

    lat: float = field(repr=False)
    lon: float = field(repr=False)
    r95_m: float
    fixed_at: datetime
    age_s: float
    method: str | None
    doubts: tuple[str, ...]
    observed: Observed = field(repr=False)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The position to show: WGS 84 degrees, 95 % radius in metres and age in seconds at `now`.

    `speed_kmh` and `heading_deg` (from north) are her travel at the time of the fix, None where
    nothing shows any.
    """

    lat: float = field(repr=False)
    lon: float = field(repr=False)
    r95_m: float
    fixed_at: datetime
    age_s: float
    method: str | None
    doubts: tuple[str, ...]
    speed_kmh: float | None = None
    heading_deg: float | None = field(default=None, repr=False)


def best(observed: Sequence[Observed], now: datetime) -> Estimate | None:
    """Choose the fix with the smallest radius at `now`, the newest of equals; None out of none.

    Doubts are those of the fix, and `location_stale` (over 60 s), `radius_unknown`, `cell_only`,
    `fix_mocked`, `fix_from_future` (its time is after its arrival: aged from its arrival),
    `fix_repeated` (the same coordinates came before), `jump` (see the module's story).
    """
    if not observed:
        return None
    trail = in_time(observed)
    chosen, radius = smallest(trail, now.timestamp())
    speed_kmh, heading = _travel(chosen, trail)
    fixed_at = min(chosen.dated, now)
    age_s = (now - fixed_at).total_seconds()
    fix = chosen.one.fix
    return Estimate(
        fix.lat,
        fix.lon,
        radius,
        fixed_at,
        age_s,
        fix.method,
        _doubts(chosen, age_s),
        speed_kmh,
        heading,
    )


def judged(observed: Sequence[Observed], now: datetime) -> list[Judged]:
    """Return every fix as it stands at `now`, newest first by the time that is believed of it."""
    trail = in_time(observed)
    at = now.timestamp()
    found = []
    for seen in reversed(trail):
        look_around(seen, trail)
        fixed_at = min(seen.dated, now)
        age_s = (now - fixed_at).total_seconds()
        fix, doubts = seen.one.fix, _doubts(seen, age_s)
        radius = radius_at(seen, at)
        found.append(
            Judged(fix.lat, fix.lon, radius, fixed_at, age_s, fix.method, doubts, seen.one)
        )
    return found


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Return the great-circle distance in metres (haversine, mean Earth radius; within 0.6 %)."""
    half_lat = math.radians(lat2 - lat1) / 2
    half_lon = math.radians(lon2 - lon1) / 2
    across = math.cos(math.radians(lat1)) * math.cos(math.radians(lat2))
    chord = math.sin(half_lat) ** 2 + across * math.sin(half_lon) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(chord)))


def metres(a: Fix, b: Fix) -> float:
    """Return the distance between two fixes, see `distance_m`."""
    return distance_m(a.lat, a.lon, b.lat, b.lon)


def on_platform_time(fix_tst: float | None, phone_at: float | None, at: datetime) -> datetime:
    """Return when a fix was taken, on the platform's clock.

    `phone_at` is what the phone's clock said at the platform's `at`: the fix is as much older as
    the phone's own clock says, whatever year that clock is in. Some phones stamp fixes with
    satellite time and messages with a wrong clock: where the phone's clock gives an age that
    cannot be (over a day, or the future) and the platform's clock gives one that can, that one.
    A fix without a time counts as taken at `at`. Never raises; never more than a day ahead.
    """
    if fix_tst is None:
        return at
    direct = fix_tst - at.timestamp()
    shift = direct if phone_at is None else fix_tst - phone_at
    if not -_DAY_S <= shift <= FUTURE_S and -_DAY_S <= direct <= FUTURE_S:
        shift = direct
    try:
        return at + timedelta(seconds=min(_DAY_S, max(-365 * _DAY_S, shift)))
    except OverflowError:  # only at the two ends of the calendar
        return at


def _travel(seen: Seen, trail: Sequence[Seen]) -> tuple[float | None, float | None]:
    """Return km/h and degrees: what later fixes show, what the phone said, what earlier ones show.

    Two fixes show a direction if they are further apart than both of their radii together.
    """
    fix = seen.one.fix
    if seen.base_m > MOCKED_M or seen.jump_m > 0.0 or seen.repeated:
        return None, None
    for other in reversed(near(seen, trail, 1)):
        if _moved(seen, other):
            return _between(seen, other)
    if fix.vel is not None and seen.knows_speed and fix.method in _SAYS_SPEED:
        if fix.vel < _COURSE_KMH:
            return fix.vel, None
        if fix.cog is not None:
            return fix.vel, fix.cog
    for other in near(seen, trail, -1):
        if _moved(other, seen):
            return _between(other, seen)
    return None, None


def _moved(a: Seen, b: Seen) -> bool:
    within_s = b.at - a.at
    if not 1.0 <= within_s <= _MOVED_IN_S:
        return False
    return a.base_m + b.base_m < apart(a.place, b.place) <= FASTEST_MPS * within_s


def _between(a: Seen, b: Seen) -> tuple[float, float]:
    one, two = a.one.fix, b.one.fix
    speed_kmh = apart(a.place, b.place) / (b.at - a.at) * 3.6
    return speed_kmh, bearing(one.lat, one.lon, two.lat, two.lon)


def _doubts(seen: Seen, age_s: float) -> tuple[str, ...]:
    fix, found = seen.one.fix, list(seen.one.doubts)
    if fix.acc is None:
        found.append("radius_unknown")
    if fix.mocked:
        found.append("fix_mocked")
    if seen.future:
        found.append("fix_from_future")
    if age_s > STALE_S:
        found.append("location_stale")
    if fix.method == "C" or r95(fix) > _COARSE_M:
        found.append("cell_only")
    if seen.first is not seen:
        found.append("fix_repeated")
    if seen.jump_m > 0.0:
        found.append("jump")
    return tuple(dict.fromkeys(found))
