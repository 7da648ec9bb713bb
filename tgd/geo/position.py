"""A position as a phone said it, validated (serves press → alert, and the positions after it).

Promises: `read_fix` never raises and never refuses more than it must. Coordinates that cannot be
a place (absent, out of range, not finite, the (0, 0) of a receiver that has no fix) are no fix and
the doubt says why; everything beside the coordinates is kept where it is usable and dropped where
it is not. A position never decides whether a press counts.

Leaves to others: which of several fixes to believe and how it ages (`locate`), whether a position
may be kept at all (consent is the intake's affair).
"""

import math
from dataclasses import dataclass, field
from typing import Final

DEFAULT_CONFIDENCE: Final = 68.0
"""Percent; what Android means by an accuracy, and what the protocol assumes when unsaid."""

_METHODS: Final = frozenset({"G", "W", "C", "F"})
_MAX_INT: Final = 2**64
_MAX_EPOCH: Final = 253_402_300_799.0  # the last second that a datetime can hold
_MAX_LAT_DEG: Final = 90.0
_MAX_LON_DEG: Final = 180.0
_NULL_ISLAND_DEG: Final = 0.001  # ±111 m around (0, 0), in the open sea: a receiver without a fix
# No two places are further apart than half the Earth's circumference. A smaller radius, however
# large, is kept: replacing it by a default would claim more than the phone did.
_MAX_RADIUS_M: Final = 20_040_000.0
_MAX_SPEED_KMH: Final = 400.0  # above any train's service speed; negative is "unknown" in OwnTracks
_MAX_ALTITUDE_M: Final = 20_000.0
# Android knows it of every fix (Location.isMock); apps hand it on under one of these two names, and
# most leave the field out where it is false.
_MOCK_FIELDS: Final = ("mock", "mocked")
_YES: Final = (True, "true", "1")


@dataclass(frozen=True, slots=True)
class Fix:
    """One position as the phone gave it: WGS 84 degrees, metres, percent, km/h, epoch seconds.

    `acc` is the radius in metres that holds with `confidence` percent, None if unknown; `method`
    is G (satellites), W (Wi-Fi), C (cell), F (fused) or None; `tst` is the phone's own clock;
    `mocked` says that the phone's own system knows the coordinates to be set by a program.
    The coordinates stay out of `repr`, so that no log line or traceback can carry a position.
    """

    lat: float = field(repr=False)
    lon: float = field(repr=False)
    acc: float | None = None
    confidence: float = DEFAULT_CONFIDENCE
    method: str | None = None
    tst: float | None = None
    alt: float | None = field(default=None, repr=False)
    vac: float | None = None
    vel: float | None = None
    cog: float | None = None
    mocked: bool = False


def number(value: object) -> float | None:
    """Return a finite JSON number as a float; None for anything else, booleans included."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is int:
        return float(value) if -_MAX_INT < value < _MAX_INT else None
    return None


def epoch(value: object) -> float | None:
    """Return epoch seconds that a datetime can hold; None for anything else."""
    seconds = number(value)
    return seconds if seconds is not None and 0.0 <= seconds <= _MAX_EPOCH else None


def read_fix(loc: object) -> tuple[Fix | None, tuple[str, ...]]:
    """Read the protocol's location object (docs/protocol.md, `location`), whatever it is.

    Returns the fix, or None, and the doubts found: `location_absent` (null, `pm` "N", or neither
    coordinate given), `location_invalid`, `radius_unknown` (a radius or confidence that cannot
    be), `fix_time_unknown` (a time that cannot be), `fix_mocked` (the phone says that a program
    set the coordinates). Never raises.
    """
    if loc is None:
        return None, ("location_absent",)
    if not isinstance(loc, dict):
        return None, ("location_invalid",)
    said_lat, said_lon = loc.get("lat"), loc.get("lon")
    if loc.get("pm") == "N" or (said_lat is None and said_lon is None):
        return None, ("location_absent",)
    lat, lon = number(said_lat), number(said_lon)
    if lat is None or lon is None or not _is_a_place(lat, lon):
        return None, ("location_invalid",)
    acc, confidence, doubts = _radius(loc.get("acc"), loc.get("lc"))
    said_tst, method = loc.get("tst"), loc.get("pm")
    tst = epoch(said_tst)
    if tst is None and said_tst is not None:
        doubts = (*doubts, "fix_time_unknown")
    mocked = any(loc.get(name) in _YES for name in _MOCK_FIELDS)
    if mocked:
        doubts = (*doubts, "fix_mocked")
    return Fix(
        lat,
        lon,
        acc,
        confidence,
        method if isinstance(method, str) and method in _METHODS else None,
        tst,
        _within(loc.get("alt"), -_MAX_ALTITUDE_M, _MAX_ALTITUDE_M),
        _within(loc.get("vac"), 0.0, _MAX_ALTITUDE_M),
        _within(loc.get("vel"), 0.0, _MAX_SPEED_KMH),
        _within(loc.get("cog"), 0.0, 360.0),
        mocked,
    ), doubts


def _is_a_place(lat: float, lon: float) -> bool:
    if abs(lat) > _MAX_LAT_DEG or abs(lon) > _MAX_LON_DEG:
        return False
    return abs(lat) >= _NULL_ISLAND_DEG or abs(lon) >= _NULL_ISLAND_DEG


def _radius(
    said_acc: object, said_confidence: object
) -> tuple[float | None, float, tuple[str, ...]]:
    """Radius, confidence, doubts. Zero is Android's "no accuracy known", not perfection."""
    acc, confidence = number(said_acc), _within(said_confidence, 0.0, 100.0)
    wrong_confidence = confidence is None and said_confidence is not None
    if acc is not None and not 0.0 < acc <= _MAX_RADIUS_M:
        acc = None
    wrong = wrong_confidence or (acc is None and said_acc is not None)
    doubts = ("radius_unknown",) if wrong else ()
    return acc, DEFAULT_CONFIDENCE if confidence is None else confidence, doubts


def _within(value: object, low: float, high: float) -> float | None:
    figure = number(value)
    return figure if figure is not None and low <= figure <= high else None
