"""The nearest of many shapes, anywhere on Earth: at sea, beyond a border, across the 180° line.

Serves `zones`, where a disc touches nothing. Distances are straight lines through the ellipsoid
(WGS 84, no map between them, hence neither poles nor edges), turned at the end into arcs of the
mean sphere: within 0.3 %. Each shape stands in a ball; only those whose ball can hold the nearest
point are looked at border by border.
"""

import math
from typing import Final

import numpy as np

from tgd.geo.disc import EQUATOR_M, FLATTENING_2, Floats, Ints, Rings

_EARTH_M: Final = 6_371_009.0
_BLOCK: Final = 1_000  # shapes at a time, to spare memory


class Nearest:
    """The balls around the shapes of `rings`, of which only `eligible` ones are ever answered."""

    __slots__ = ("_centres", "_eligible", "_radii", "_rings")

    def __init__(self, rings: Rings, eligible: Ints) -> None:
        self._rings = rings
        self._eligible = eligible[rings.starts[eligible + 1] > rings.starts[eligible]]
        west, south, east, north = rings.boxes[self._eligible].T
        self._centres = _in_space((west + east) / 2, (south + north) / 2)
        blocks = range(0, len(self._eligible), _BLOCK)
        radii = [self._farthest(slice(first, first + _BLOCK)) for first in blocks]
        self._radii = np.concatenate([np.empty(0), *radii])

    def _farthest(self, some: slice) -> Floats:
        """Return how far the borders of some shapes reach from their centres."""
        places = self._eligible[some]
        parts = [self._border(int(place)) for place in places]
        sizes = np.array([part.shape[1] for part in parts])
        points = _in_space(*np.concatenate(parts, axis=1))
        apart = _lengths(points - np.repeat(self._centres[:, some], sizes, axis=1))
        farthest: Floats = np.fmax.reduceat(apart, np.cumsum(sizes) - sizes)
        return farthest

    def __call__(self, lat: float, lon: float) -> list[tuple[float, int]]:
        """Return the distance in metres and the index of the nearest shapes, several if equal."""
        if not len(self._eligible):
            return []
        here = _in_space(np.array([lon]), np.array([lat]))
        to_centre = _lengths(self._centres - here)
        limit = float(np.min(to_centre + self._radii))
        near = self._eligible[to_centre - self._radii <= limit]
        found = [(self._distance(int(i), here), int(i)) for i in near]
        least = min(found)[0]
        return [(_arc(chord), place) for chord, place in found if chord <= least + 0.001]

    def _border(self, place: int) -> Floats:
        starts = self._rings.starts
        return self._rings.vertices[:, starts[place] : starts[place + 1]]

    def _distance(self, place: int, here: Floats) -> float:
        points = _in_space(*self._border(place)) - here
        start, step = points[:, :-1], np.diff(points)
        length = np.maximum((step * step).sum(axis=0), 1e-12)  # a point given twice is an edge too
        along = np.clip(-(start * step).sum(axis=0) / length, 0, 1)
        return float(np.nanmin(_lengths(start + along * step)))


def _in_space(lon: Floats, lat: Floats) -> Floats:
    """Return earth-centred coordinates in metres, three rows, from degrees."""
    phi, lam = np.radians(lat), np.radians(lon)
    sine, cosine = np.sin(phi), np.cos(phi)
    across = EQUATOR_M / np.sqrt(1 - FLATTENING_2 * sine * sine)
    plumb = across * cosine
    return np.stack((plumb * np.cos(lam), plumb * np.sin(lam), across * (1 - FLATTENING_2) * sine))


def _lengths(vectors: Floats) -> Floats:
    lengths: Floats = np.sqrt((vectors * vectors).sum(axis=0))
    return lengths


def _arc(chord: float) -> float:
    return 2 * _EARTH_M * math.asin(min(1.0, chord / (2 * _EARTH_M)))
