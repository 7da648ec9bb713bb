"""The sheet's small map: disc, point, the communes' borders, scale and north. Nothing from outside.

Serves the sheet. Pure: millimetres in a square of ``PLAN_MM``, which HTML and PDF both draw. The
streets are the room's own map's business: a server of tiles would learn where she is.
"""

from dataclasses import dataclass
from itertools import pairwise

from tgd.platform.channels.sheet import Disc
from tgd.web.sheet_fit import PLAN_MM

_LEAST_M, _KM, _ROUND = 60.0, 1000, (1, 2, 5)
_SHARE = 0.36
"""The disc's radius as a share of the square's side."""
_LONGEST_MM = 26.0
BORDERS = "pointillés : communes"


@dataclass(frozen=True, slots=True)
class Plan:
    """``disc_mm`` None: no radius is known. ``bar_mm`` is the scale's bar, ``bar`` its length.

    ``borders``: lines of points right of and below the square's upper left corner.
    """

    disc_mm: float | None
    bar_mm: float
    bar: str
    radius: str
    borders: tuple[tuple[tuple[float, float], ...], ...]


def reach_m(disc: Disc) -> float:
    """Return how far the square reaches from the point to each side."""
    return _metres_a_mm(disc) * PLAN_MM / 2


def plan(disc: Disc) -> Plan:
    """Return what is drawn of a disc."""
    radius = disc.radius_m
    metres_a_mm, half = _metres_a_mm(disc), PLAN_MM / 2
    bar_m = _bar(metres_a_mm * _LONGEST_MM)
    return Plan(
        disc_mm=None if radius is None else max(1.0, radius / metres_a_mm),
        bar_mm=bar_m / metres_a_mm,
        bar=_metres(bar_m),
        radius="rayon inconnu" if radius is None else f"rayon 95 % : {_metres(radius)}",
        borders=tuple(
            tuple((half + east / metres_a_mm, half - north / metres_a_mm) for east, north in line)
            for line in disc.borders
        ),
    )


def _metres_a_mm(disc: Disc) -> float:
    return max(disc.radius_m or 0.0, _LEAST_M) / (PLAN_MM * _SHARE)


def _bar(longest_m: float) -> int:
    """Return the longest round length that fits."""
    lengths: list[int] = [step * 10**power for power in range(9) for step in _ROUND]
    return next(short for short, long in pairwise(lengths) if long > longest_m)


def _metres(metres: float) -> str:
    if metres < _KM:
        return f"{metres:.0f} m"
    return f"{metres / _KM:.1f} km".replace(".0 km", " km").replace(".", ",")
