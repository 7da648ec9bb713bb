"""Whose ground it is: from the disc in which she is to the services competent there.

Serves press → dispatch: the rooms follow from what is said here. Promises: the whole 95 % disc is
judged and not its centre, each service with its exact share of the disc; every question has an
answer, and where the answer is not simply "these", `Claim.reason` says why. One index holds all the
communes of France; asking it is fast enough for the press path and never waits for anything.
`claim` depends on neither the order of the zones nor on where a ring begins.

How exact: the disc is a true circle in a plane that touches the WGS 84 ellipsoid at its centre
(`disc.Plane`), and its share is a line integral along borders and circle, no polygon of chords. A
point 5 km from the centre is misplaced by 2 cm, one at 50 km by 2 m, one at 100 km by 10 m.

Leaves to others: where zones come from (`load`), whether a set is fit for use (`survey`), which
room serves which service, and what to do with a reason.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import shapely

from tgd.geo import disc
from tgd.geo.disc import Plane
from tgd.geo.nearest import Nearest

OUTSIDE: Final = "outside_every_zone"
PARTLY_OUTSIDE: Final = "partly_outside"
NO_SERVICE: Final = "commune_without_service"
TOO_WIDE: Final = "disc_too_wide"

WIDEST_M: Final = 100_000.0
"""A disc that is wider is judged as if it had this radius, and the answer says so."""

_SMALLEST_M: Final = 1.0
_CRACK: Final = 1e-3  # neighbours whose borders were drawn apart leave cracks; those are not "out"
_MANY: Final = 16  # candidates from which it pays to set those apart that lie wholly in the disc
_DIGITS: Final = 9  # what is closer than a billionth of the disc is a tie


Lines: TypeAlias = tuple[tuple[tuple[float, float], ...], ...]
"""Lines as their points, in metres east and north."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A commune: INSEE code, service competent there (institution "PN" or "GN"), contour as WKB.

    The contour is a polygon or several, longitude before latitude, WGS 84 degrees.
    """

    code: str
    name: str
    service: str | None
    institution: str | None
    shape: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Share:
    """A service and its part of the disc, 0 to 1; 0.0 is "nearest, or touched by a hair"."""

    service: str
    share: float


@dataclass(frozen=True, slots=True)
class Claim:
    """The services by share (ties by id), the communes by share, and what is to be known of it.

    `reason` is None where the disc lies in communes that all have a service. Otherwise, the first
    that holds: `outside_every_zone` and the nearest service with its distance in metres;
    `disc_too_wide` (judged as if of `WIDEST_M`); `commune_without_service` (where no service has
    any part of the disc, the nearest and its distance); `partly_outside` (sea, abroad, a hole).
    """

    shares: tuple[Share, ...]
    communes: tuple[str, ...]
    reason: str | None
    distance_m: float | None


class Territory:
    """Every zone of one set in one index. Immutable; make it with `build`."""

    __slots__ = (
        "_beside",
        "_boxes",
        "_moments",
        "_starts",
        "_tree",
        "_vertices",
        "_zones",
        "version",
    )

    def __init__(
        self, zones: list[tuple[str, str | None]], rings: disc.Rings, version: int
    ) -> None:
        self._zones = zones
        self._vertices = rings.vertices
        self._starts = rings.starts.tolist()
        self._boxes = rings.boxes
        self._moments = disc.moments(rings)
        self._tree = shapely.STRtree([shapely.box(*box) for box in rings.boxes.tolist()])
        served = np.array([service is not None for _code, service in zones], dtype=np.bool_)
        self._beside = Nearest(rings, np.flatnonzero(served))
        self.version = version

    @classmethod
    def build(cls, zones: Iterable[Zone], version: int = 0) -> "Territory":
        """Build the index, 1 to 5 s for 35,000 communes: not for the event loop.

        Raises `ValueError` where a shape is no WKB; what is not an area holds nothing.
        """
        ordered = sorted(zones, key=lambda zone: zone.code)
        rings = disc.rings([zone.shape for zone in ordered])
        return cls([(zone.code, zone.service) for zone in ordered], rings, version)

    def __len__(self) -> int:
        return len(self._zones)

    def claim(self, lat: float, lon: float, r95_m: float) -> Claim:
        """Say who is competent within `r95_m` metres of a point, WGS 84 degrees.

        Never raises for finite input. A share is exact to 1e-9 of the disc in its own plane.
        """
        plane = Plane.at(lat)
        widest = min(WIDEST_M, plane.widest_m)
        radius = max(_SMALLEST_M, min(r95_m, widest))
        touched = self._touched(plane, lat, lon, radius)
        if not touched:
            return self._nearest(lat, lon, OUTSIDE, ())
        by_service: dict[str, float] = {}
        bare, total = False, 0.0
        for place, share in touched:
            service = self._zones[place][1]
            total += share
            if service is None:
                bare = True
            else:
                by_service[service] = by_service.get(service, 0.0) + share
        communes = tuple(self._zones[place][0] for place, _share in touched)
        reason = TOO_WIDE if r95_m > widest else None
        if reason is None and bare:
            reason = NO_SERVICE
        if reason is None and total < 1 - _CRACK:
            reason = PARTLY_OUTSIDE
        if not by_service:
            return self._nearest(lat, lon, reason or NO_SERVICE, communes)
        shares = [Share(name, min(1.0, round(part, _DIGITS))) for name, part in by_service.items()]
        shares.sort(key=lambda one: (-one.share, one.service))
        return Claim(tuple(shares), communes, reason, None)

    def borders(self, lat: float, lon: float, reach_m: float) -> Lines:
        """Return the borders in a square around a point, as metres east and north of it.

        For the eye: a line is drawn within a hundredth of the square's half side `reach_m`; a wider
        square than `WIDEST_M` has none. Not for the event loop where the square is wide.
        """
        plane = Plane.at(lat)
        if reach_m > min(WIDEST_M, plane.widest_m):
            return ()
        high, wide = plane.half_box(reach_m * math.sqrt(2))
        rings = []
        for at in _turns(lon, wide):
            near = self._tree.query(shapely.box(at - wide, lat - high, at + wide, lat + high))
            for place in near.tolist():
                x, y = self._vertices[:, self._starts[place] : self._starts[place + 1]]
                placed = plane.project(x - at, y - lat, 1.0)
                ends = np.flatnonzero(np.isnan(placed.real))
                rings += [one[~np.isnan(one.real)] for one in np.split(placed, ends)]
        lines = [shapely.linestrings(one.real, one.imag) for one in rings if one.size > 1]
        seen = shapely.clip_by_rect(
            np.array(lines, dtype=object), *(-reach_m,) * 2, *(reach_m,) * 2
        )
        once = shapely.line_merge(shapely.union_all(seen, grid_size=reach_m / 1000))
        drawn = shapely.get_parts(shapely.simplify(once, reach_m / 100))
        return tuple(tuple((x, y) for x, y in one.coords) for one in drawn if not one.is_empty)

    def _touched(
        self, plane: Plane, lat: float, lon: float, radius: float
    ) -> list[tuple[int, float]]:
        """Return the zones that the disc touches with their shares, by share, then by code."""
        high, wide = plane.half_box(radius)
        found: list[tuple[int, float]] = []
        for at in _turns(lon, wide):
            near = self._tree.query(shapely.box(at - wide, lat - high, at + wide, lat + high))
            near.sort()
            if len(near) > _MANY:
                inner = plane.within(self._boxes[near], lat, at, radius)
                areas = plane.areas(self._moments[:, near[inner]], lat, at)
                parts = areas / (math.pi * radius * radius)
                found += zip(near[inner].tolist(), parts.tolist(), strict=True)
                near = near[~inner]
            places = near.tolist()
            if places:
                borders = [self._vertices[:, self._starts[i] : self._starts[i + 1]] for i in places]
                shares = disc.shares(plane, borders, lat, at, radius, (high, wide))
                found += [(i, s) for i, s in zip(places, shares, strict=True) if s is not None]
        if len(found) > 1:
            found.sort(key=lambda one: (-round(one[1], _DIGITS), one[0]))
        return found

    def _nearest(self, lat: float, lon: float, reason: str, communes: tuple[str, ...]) -> Claim:
        """Name the service of the nearest zone that has one, as far as there is one at all."""
        found = [
            (service, metres)
            for metres, place in self._beside(lat, lon)
            if (service := self._zones[place][1]) is not None
        ]
        if not found:
            return Claim((), communes, reason, None)
        service, metres = min(found)
        return Claim((Share(service, 0.0),), communes, reason, metres)


def _turns(lon: float, wide: float) -> Sequence[float]:
    """Return the longitude, and the same one turn further where the disc crosses the 180th."""
    if wide >= 180.0:  # noqa: PLR2004  at a pole: all the way round
        return (lon,)
    if lon + wide > 180.0:  # noqa: PLR2004  the antimeridian
        return (lon, lon - 360.0)
    if lon - wide < -180.0:  # noqa: PLR2004  the same
        return (lon, lon + 360.0)
    return (lon,)
