"""How much of a disc lies in a polygon: borders as arrays of numbers, and one integral along them.

Serves `zones`. The area that a disc and a polygon share is an integral along its edge (Green):
along the pieces of border inside the circle, and along the arcs between where the border leaves
the circle and where it enters again. Both sums need only the few edges near the circle. They give
the share but for a whole number, and a share lies between 0 and 1: only where the sum is whole,
that is where the border does not matter, one has to look on which side of it the centre lies.

Leaves to others: which polygons may be touched at all, and what belongs to whom.
"""

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import shapely

Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Ints: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Points: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.complex128]]
Flags: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

EQUATOR_M: Final = 6_378_137.0  # WGS 84
FLATTENING_2: Final = 0.00669437999014  # WGS 84, first eccentricity squared

_WIDEST_RAD: Final = 0.1  # of longitude; beyond it a plane is no picture of the Earth
_MARGIN: Final = 1.001  # of boxes that must hold the whole disc
_WHOLE: Final = 1e-9
_NO_EDGE: Final = 1e-30  # squared length of a point that is given twice
_FEW: Final = 16  # edges up to which one after the other is faster than all at once
_BLOCK: Final = 1_000  # shapes at a time, lest all of France stands in memory several times
_BOTH_ENDS: Final = np.array([[0], [1]])
_DEGREE: Final = math.pi / 180


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane that touches the ellipsoid at a latitude: metres from differences of degrees.

    Second order in the distance from its origin; the error grows with its cube.
    """

    east: float  # metres to the degree of longitude
    east_north: float  # by how much that shrinks with each degree of latitude
    north: float  # metres to the degree of latitude
    north_east: float  # how parallels bend away from straight east, metres to the degree squared
    widest_m: float

    @classmethod
    def at(cls, lat: float) -> "Plane":
        """Return the plane of a latitude in degrees."""
        sine, cosine = math.sin(lat * _DEGREE), math.cos(lat * _DEGREE)
        bulge = 1 - FLATTENING_2 * sine * sine
        across = EQUATOR_M / math.sqrt(bulge)  # radius of curvature eastwards
        along = across * (1 - FLATTENING_2) / bulge  # and northwards
        return cls(
            across * cosine * _DEGREE,
            along * sine * _DEGREE**2,
            along * _DEGREE,
            across * sine * cosine / 2 * _DEGREE**2,
            across * cosine * _WIDEST_RAD,
        )

    def half_box(self, radius: float) -> tuple[float, float]:
        """Return how many degrees of latitude and longitude a disc reaches at most."""
        high = radius / self.north
        narrowest = self.east - abs(self.east_north) * high * _MARGIN
        if narrowest * 180 <= radius:
            return high * _MARGIN, 180.0
        wide = radius / narrowest * _MARGIN
        return (high + abs(self.north_east) * wide * wide / self.north) * _MARGIN, wide

    def project(self, x: Floats, y: Floats, unit: float) -> Points:
        """Return as x + y·i, in `unit` metres, where points are.

        `x` and `y` are by how many degrees of longitude and latitude they lie from the origin.
        """
        placed = np.empty(x.shape, np.complex128)
        placed.real = x * (self.east / unit - self.east_north / unit * y)
        placed.imag = y * (self.north / unit) + x * x * (self.north_east / unit)
        return placed

    def areas(self, moments: Floats, lat: float, lon: float) -> Floats:
        """Return the square metres of shapes whose `moments` are given, origin at `lat`, `lon`."""
        area, of_lon, of_lat, of_square = moments
        apart = (
            of_square - 2 * lon * of_lon + lon * lon * area
        )  # squares of the longitude from ours
        metres: Floats = (
            self.north * self.east * area
            - self.north * self.east_north * (of_lat - lat * area)
            + 2 * self.east_north * self.north_east * apart
        )
        return metres

    def within(self, boxes: Floats, lat: float, lon: float, radius: float) -> Flags:
        """Say which boxes (west, south, east, north) lie wholly in a disc, all but a hair."""
        x, y = boxes[:, (0, 0, 2, 2)] - lon, boxes[:, (1, 3, 1, 3)] - lat
        inside: Flags = _square(self.project(x, y, radius)).max(axis=1) < 1 / _MARGIN**2
        return inside


@dataclass(frozen=True, slots=True)
class Rings:
    """The rings of many shapes in one array, longitudes above latitudes, in degrees.

    Each ring is closed, has its area on the right, and ends with a NaN; the rings of shape `i`
    stand from starts[i] to starts[i + 1]. `boxes` are west, south, east, north.
    """

    vertices: Floats
    starts: Ints
    boxes: Floats


def rings(shapes: Sequence[bytes]) -> Rings:
    """Read shapes in WKB; what has no area has no rings and an empty box (NaN).

    Raises `ValueError` where one is no WKB.
    """
    blocks = [_block(shapes[at : at + _BLOCK]) for at in range(0, len(shapes), _BLOCK)]
    if not blocks:
        return Rings(np.empty((2, 0)), np.zeros(1, dtype=np.int64), np.empty((0, 4)))
    vertices, sizes, boxes = zip(*blocks, strict=True)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.concatenate(sizes))])
    return Rings(np.concatenate(vertices, axis=1), starts, np.concatenate(boxes))


def _block(shapes: Sequence[bytes]) -> tuple[Floats, Ints, Floats]:
    """Return vertices, their number for each shape, and boxes."""
    # The normal form begins each ring at its smallest vertex and runs round it clockwise.
    try:
        areas = shapely.normalize(shapely.from_wkb(np.array(shapes, dtype=object)))
    except shapely.errors.GEOSException as error:
        raise ValueError("a shape is no WKB") from error
    parts, of_shape = shapely.get_parts(areas, return_index=True)
    lines, of_part = shapely.get_rings(parts, return_index=True)
    points, of_line = shapely.get_coordinates(lines, return_index=True)
    vertices = np.full((2, len(points) + len(lines)), np.nan)
    vertices[:, np.arange(len(points)) + of_line] = points.T
    ends = np.bincount(of_line, minlength=len(lines)) + 1
    sizes = np.bincount(of_shape[of_part], weights=ends, minlength=len(shapes)).astype(np.int64)
    return vertices, sizes, shapely.bounds(areas).reshape(-1, 4)


def moments(rings: Rings) -> Floats:
    """Return the area of each shape and its integrals of longitude, latitude, longitude squared.

    Four rows, in degrees and their powers. From them follows the area in any `Plane`, as exact as
    an integral along the border would give it: what lies wholly in a disc needs none.
    """
    starts = rings.starts
    found = np.zeros((4, len(starts) - 1))
    for first in range(0, len(starts) - 1, _BLOCK):
        block = starts[first : first + _BLOCK + 1]
        x, y = rings.vertices[:, block[0] : block[-1]]
        x0, x1, y0, y1 = x[:-1], x[1:], y[:-1], y[1:]
        twice = np.nan_to_num(x1 * y0 - x0 * y1)  # rings run clockwise; NaN is between two rings
        of = np.repeat(np.arange(len(block) - 1), np.diff(block))[:-1]
        terms = (1 / 2, (x0 + x1) / 6, (y0 + y1) / 6, (x0 * x0 + x0 * x1 + x1 * x1) / 12)
        for row, term in enumerate(terms):
            sums = np.bincount(of, np.nan_to_num(term * twice), minlength=len(block) - 1)
            found[row, first : first + _BLOCK] = sums
    return found


def shares(
    plane: Plane,
    parts: Sequence[Floats],
    lat: float,
    lon: float,
    radius: float,
    reach: tuple[float, float],
) -> list[float | None]:
    """Return what share of the disc each part holds; None where the disc does not touch it.

    `parts` are vertices as in `Rings`, one array for each shape; metres and degrees; `reach` is the
    plane's `half_box` of that radius.
    """
    ends = np.array([part.shape[1] for part in parts]).cumsum()
    x, y = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
    x, y = x - lon, y - lat
    inside = _holds_centre(x, y, ends)
    high, wide = reach
    x0, x1, y0, y1 = x[:-1], x[1:], y[:-1], y[1:]
    (near,) = (
        (np.minimum(x0, x1) < wide)
        & (np.maximum(x0, x1) > -wide)
        & (np.minimum(y0, y1) < high)
        & (np.maximum(y0, y1) > -high)
    ).nonzero()
    if not len(near):
        return [1.0 if within else None for within in inside.tolist()]
    pair = near + _BOTH_ENDS
    edges = plane.project(x[pair], y[pair], radius)
    owner = ends.searchsorted(near, "right")
    sums, touched = (_along_few if len(near) <= _FEW else _along)(edges, owner, len(parts))
    return [
        _part(turns, within) if touch or within else None
        for turns, within, touch in zip(sums, inside.tolist(), touched, strict=True)
    ]


def _holds_centre(x: Floats, y: Floats, ends: Ints) -> Flags:
    """Say of each part whether the origin is in it: is the number of borders east of it odd?"""
    above = y > 0
    (cross,) = (above[:-1] != above[1:]).nonzero()
    x0, y0 = x[cross], y[cross]
    # NaN, beside the end of a ring, compares false.
    east = x0 - y0 * (x[cross + 1] - x0) / (y[cross + 1] - y0) > 0
    counts = np.bincount(ends.searchsorted(cross[east], "right"), minlength=len(ends))
    odd: Flags = counts % 2 == 1
    return odd


def _along_few(edges: Points, owner: Ints, parts: int) -> tuple[list[float], list[bool]]:
    """Integrate along edges from edges[0] to edges[1] inside the unit circle, for each part.

    `owner` is the part that each edge belongs to. Returns shares of the disc but for a whole
    number, and whether an edge of the part enters the circle at all.
    """
    sums, touched = [0.0] * parts, [False] * parts
    for start, stop, part in zip(*edges.tolist(), owner.tolist(), strict=True):
        step = stop - start
        excess = start.real * start.real + start.imag * start.imag - 1
        starts_in = excess < 0
        ends_in = stop.real * stop.real + stop.imag * stop.imag - 1 < 0
        # |start + t·step|² = 1, as a quadratic in t: length·t² + 2·half·t + excess = 0
        length = max(step.real * step.real + step.imag * step.imag, _NO_EDGE)
        half = start.real * step.real + start.imag * step.imag
        root2 = half * half - length * excess
        if not (starts_in or ends_in or (root2 > 0 and half < 0 < half + length)):
            continue
        touched[part] = True
        root = math.sqrt(max(root2, 0.0))
        begin = 0.0 if starts_in else (half + root) / -length
        end = 1.0 if ends_in else (root - half) / length
        turn = (start.real * step.imag - start.imag * step.real) * (begin - end)
        if not starts_in:
            turn -= cmath.phase(start + begin * step)
        if not ends_in:
            turn += cmath.phase(start + end * step)
        sums[part] += turn / (2 * math.pi)
    return sums, touched


def _along(edges: Points, owner: Ints, parts: int) -> tuple[list[float], list[bool]]:
    """Do what `_along_few` does for many edges at once."""
    start, step = edges[0], edges[1] - edges[0]
    excess = _square(edges) - 1
    starts_in, ends_in = excess < 0
    length = np.maximum(_square(step), _NO_EDGE)
    products = start.conj() * step
    half, swept = products.real, products.imag
    root2 = half * half - length * excess[0]
    touches = starts_in | ends_in | ((root2 > 0) & (half < 0) & (half + length > 0))
    root = np.sqrt(np.maximum(root2, 0.0))
    begin, end = (half + root) / -length, (root - half) / length
    begin[starts_in] = 0.0
    end[ends_in] = 1.0
    (enters,), (leaves,) = (touches > starts_in).nonzero(), (touches > ends_in).nonzero()
    crosses = np.concatenate((enters, leaves))
    met = start[crosses] + np.concatenate((begin[enters], end[leaves])) * step[crosses]
    turn = np.arctan2(met.imag, met.real)
    turn[: len(enters)] *= -1
    weights = np.concatenate((swept * (begin - end) * touches, turn))
    owners = np.concatenate((owner, owner[crosses]))
    sums = np.bincount(owners, weights=weights, minlength=parts) / (2 * math.pi)
    touched = np.zeros(parts, dtype=np.bool_)
    touched[owner[touches]] = True
    return sums.tolist(), touched.tolist()


def _part(turns: float, holds_centre: bool) -> float:  # noqa: FBT001  it is what was found
    part = turns % 1.0
    return part if _WHOLE < part < 1 - _WHOLE else float(holds_centre)


def _square(vectors: Points) -> Floats:
    squared: Floats = vectors.real * vectors.real + vectors.imag * vectors.imag
    return squared
