"""What a phone's position receiver makes of the true place: errors as real ones are.

Serves the geometry's tests and the demo. Promises: over many phones 68 % of the fixes lie within
`acc`, as `lc` says, but the rest lie further out than a normal error would have them, most of all
indoors; errors last, so that a minute's fixes are wrong together; the cell gives its own place
again and again until the phone is in another one. (0, 0) never. Leaves where she truly is to
`place.py`.

The error is a bivariate Student t: a normal one over the root of a chi-square, both of which change
slowly. P(error < r) = 1 − (1 + r²/s²)^(−ν/2), so that `acc` at 68 % gives s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from firmware_sim.journey import Point, apart, shifted

CONFIDENCE = 68  # percent, `lc`
LASTING = 0.7  # of the variance; the rest is new with each fix
CELL_REACH = 2.0  # of its `acc`: further away the phone is in another cell


class Reception(StrEnum):
    """What the receiver has to work with."""

    OPEN = "open"  # satellites in plain sky: a few metres
    INDOORS = "indoors"  # satellites through walls, Wi-Fi: tens of metres to over a hundred
    CELL = "cell"  # the cell only: kilometres
    NONE = "none"  # tried, none
    OFF = "off"  # the phone does not locate at all: no consent


@dataclass(frozen=True, slots=True)
class Quality:
    """Method, the range of `acc` (m), how long errors last (s), and ν: the fewer the heavier."""

    method: str
    least_m: float
    most_m: float
    lasts_s: float
    freedom: int


QUALITIES = {
    Reception.OPEN: Quality("G", 4, 15, 30, 8),
    Reception.INDOORS: Quality("W", 35, 160, 90, 3),
    Reception.CELL: Quality("C", 900, 5000, 600, 4),
}


@dataclass(frozen=True, slots=True)
class Found:
    """Where the receiver believes to be, with the radius in metres that it states."""

    place: Point
    acc: float
    method: str


class Receiver:
    """One phone's receiver, with its luck of the moment."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._quality: Quality | None = None
        self._at = 0.0
        self._lasting = (0.0, 0.0)
        self._spread = 1.0
        self._cell: Found | None = None

    def find(self, reception: Reception, true: Point, now: float) -> Found | None:
        """Look for the place at `now`; None where there is nothing to find it with."""
        quality = QUALITIES.get(reception)
        if quality is None:
            return None
        if reception is not Reception.CELL:
            return self._measured(quality, true, now)
        cell = self._cell
        if cell is None or math.hypot(*apart(cell.place, true)) > CELL_REACH * cell.acc:
            cell = self._cell = self._measured(quality, true, now)
        return cell

    def _measured(self, quality: Quality, true: Point, now: float) -> Found:
        random = self._random
        self._drift(quality, now)
        acc = random.uniform(quality.least_m, quality.most_m)
        outside = 1 - CONFIDENCE / 100
        scale = acc / math.sqrt(outside ** (-2 / quality.freedom) - 1)
        # Student t over s² = scale²: the normal part has variance scale²/ν before the division.
        sigma = scale / math.sqrt(quality.freedom) * self._spread
        north, east = (
            sigma * (math.sqrt(LASTING) * lasting + math.sqrt(1 - LASTING) * random.gauss(0, 1))
            for lasting in self._lasting
        )
        return Found(shifted(true, north, east), acc, quality.method)

    def _drift(self, quality: Quality, now: float) -> None:
        """Bring the lasting part of the error up to `now`."""
        random = self._random
        if quality is not self._quality:  # another sky: nothing of the old error is left
            kept = 0.0
        else:
            kept = math.exp(-max(0.0, now - self._at) / quality.lasts_s)
        fresh = math.sqrt(1 - kept * kept)
        north, east = self._lasting
        self._lasting = (
            kept * north + fresh * random.gauss(0, 1),
            kept * east + fresh * random.gauss(0, 1),
        )
        if random.random() >= kept:
            chi_square = random.gammavariate(quality.freedom / 2, 2)
            self._spread = math.sqrt(quality.freedom / chi_square)
        self._quality, self._at = quality, now
