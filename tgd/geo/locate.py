"""Where she most probably is: the best estimate out of several fixes, with radius, age and doubts.

Serves the alert's position (press → alert → room). Promises: pure, and never more certain than the
phone was. The estimate is one of the fixes, never an average of several; its 95 % radius only
grows with age; a fix whose time cannot be believed cannot stand before the ones that follow it.

How a radius becomes the 95 % radius: horizontal errors are taken as Rayleigh distributed, so
P(error < r) = 1 − exp(−r²/2σ²) and r95 = r·√(ln 0.05 / ln(1 − c)); a 68 % radius grows by 1.62.

How it grows: for its first minute a fix ages at the speed that it carried, at least a brisk walk
(1.5 m/s); after that nobody knows, and it ages at 80 km/h, the limit on ordinary French roads
outside towns (Code de la route, art. R413-2): whoever drives her away cannot leave the circle
unnoticed, and a straight line at that speed is already generous. The growth ends at 50 km: beyond
that the position says only which region she was in.

Leaves to others: consent, what to keep, zones and addresses.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from tgd.geo.position import Fix

STALE_S: Final = 60.0
FUTURE_S: Final = 5.0
"""Ordinary skew between two clocks; a fix further ahead than this is from the future."""

_WALK_MPS: Final = 1.5
_ROAD_MPS: Final = 80 / 3.6
_KNOWN_SPEED_S: Final = 60.0
_MAX_GROWTH_M: Final = 50_000.0
_MAX_SPEED_MPS: Final = (
    320 / 3.6
)  # a high-speed train; faster than this between two fixes is a jump
_FLOOR_M: Final = 10.0  # no telephone's fix is believed closer than this
_COARSE_M: Final = 2_000.0
_DEFAULT_R95_M: Final = {"G": 50.0, "W": 150.0, "C": 3_000.0}
_UNKNOWN_R95_M: Final = 500.0
_LN_5_PERCENT: Final = math.log(0.05)
_EARTH_M: Final = 6_371_009.0
_NEIGHBOURS: Final = 4  # fixes on either side in time with which one must agree
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Observed:
    """A fix on the platform's own time line; both times are aware datetimes."""

    fix: Fix
    fixed_at: datetime
    received_at: datetime
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """The position to show: WGS 84 degrees, 95 % radius in metres and age in seconds at `now`."""

    lat: float = field(repr=False)
    lon: float = field(repr=False)
    r95_m: float
    fixed_at: datetime
    age_s: float
    method: str | None
    doubts: tuple[str, ...]


def best(observed: Sequence[Observed], now: datetime) -> Estimate | None:
    """Choose the fix with the smallest radius at `now`, the newest of equals; None out of none.

    Doubts: those of the fix, and `radius_unknown`, `location_stale` (over 60 s), `cell_only`,
    `fix_from_future` (its time is after its arrival: aged from its arrival and one minute more),
    `fix_repeated` (the same coordinates came before), `jump` (unreachable from most of the fixes
    next to it in time).
    """
    if not observed:
        return None
    chosen = min(observed, key=lambda one: (_radius_at(one, now), -_believed(one, now).timestamp()))
    fix, fixed_at = chosen.fix, _believed(chosen, now)
    age_s = max(0.0, (now - fixed_at).total_seconds())
    doubts = (*chosen.doubts, *_doubts(chosen, age_s, now), *_company(chosen, observed, now))
    return Estimate(
        lat=fix.lat,
        lon=fix.lon,
        r95_m=_radius_at(chosen, now),
        fixed_at=fixed_at,
        age_s=age_s,
        method=fix.method,
        doubts=tuple(dict.fromkeys(doubts)),
    )


def r95(fix: Fix) -> float:
    """Return the 95 % radius of a fix when it was taken, in metres; a default where unsaid."""
    if fix.acc is None:
        return _DEFAULT_R95_M.get(fix.method or "", _UNKNOWN_R95_M)
    confidence = min(0.999, max(0.01, fix.confidence / 100))
    return max(_FLOOR_M, fix.acc * math.sqrt(_LN_5_PERCENT / math.log1p(-confidence)))


def growth(age_s: float, vel_kmh: float | None) -> float:
    """Return by how many metres a radius has grown at that age (see the module's story)."""
    first = max(_WALK_MPS, (vel_kmh or 0.0) / 3.6)
    known, unknown = min(age_s, _KNOWN_SPEED_S), max(0.0, age_s - _KNOWN_SPEED_S)
    return min(_MAX_GROWTH_M, first * known + max(first, _ROAD_MPS) * unknown)


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


def metres(a: Fix, b: Fix) -> float:
    """Return the great-circle distance (haversine, mean Earth radius; within 0.6 %)."""
    half_lat = math.radians(b.lat - a.lat) / 2
    half_lon = math.radians(b.lon - a.lon) / 2
    across = math.cos(math.radians(a.lat)) * math.cos(math.radians(b.lat))
    chord = math.sin(half_lat) ** 2 + across * math.sin(half_lon) ** 2
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(chord)))


def _from_future(one: Observed, now: datetime) -> bool:
    """Compare with the arrival, so that a fix stays "from the future" when its hour has come."""
    return (one.fixed_at - min(one.received_at, now)).total_seconds() > FUTURE_S


def _believed(one: Observed, now: datetime) -> datetime:
    return min(one.received_at, now) if _from_future(one, now) else min(one.fixed_at, now)


def _radius_at(one: Observed, now: datetime) -> float:
    age_s = (now - _believed(one, now)).total_seconds()
    if _from_future(one, now):
        age_s += _KNOWN_SPEED_S
    return r95(one.fix) + growth(age_s, one.fix.vel)


def _doubts(one: Observed, age_s: float, now: datetime) -> list[str]:
    found = []
    if one.fix.acc is None:
        found.append("radius_unknown")
    if _from_future(one, now):
        found.append("fix_from_future")
    if age_s > STALE_S:
        found.append("location_stale")
    if one.fix.method == "C" or r95(one.fix) > _COARSE_M:
        found.append("cell_only")
    return found


def _company(one: Observed, observed: Sequence[Observed], now: datetime) -> list[str]:
    """Say what the other fixes make of this one."""
    found = []
    others = [other for other in observed if other is not one]
    if any(_same_place(one, other) and other.received_at <= one.received_at for other in others):
        found.append("fix_repeated")
    here = _believed(one, now)
    before = sorted(
        (other for other in others if _believed(other, now) <= here),
        key=lambda other: _believed(other, now),
        reverse=True,
    )
    after = sorted(
        (other for other in others if _believed(other, now) > here),
        key=lambda other: _believed(other, now),
    )
    near = [*islice(before, _NEIGHBOURS), *islice(after, _NEIGHBOURS)]
    unreachable = sum(_unreachable(one, other, now) for other in near)
    if unreachable * 2 > len(near):
        found.append("jump")
    return found


def _same_place(one: Observed, other: Observed) -> bool:
    return one.fix.lat == other.fix.lat and one.fix.lon == other.fix.lon


def _unreachable(one: Observed, other: Observed, now: datetime) -> bool:
    apart_s = abs((_believed(one, now) - _believed(other, now)).total_seconds())
    reach = _MAX_SPEED_MPS * apart_s + r95(one.fix) + r95(other.fix)
    return metres(one.fix, other.fix) > reach
