"""How a simulated phone gets about: a straight line, streets and roads, or a given way.

Serves the geometry's tests and the demo with paths that a person could take. Promises legs in
order, each with a direction, a speed and an end, and the same ones for the same `Random`; whoever
goes through streets makes headway on the bearing that was given. Leaves the place to `place.py`.
Degrees WGS 84 and clockwise from north, km/h, seconds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

Point = tuple[float, float]

METRES_PER_DEGREE = 111_195.0
WALKED_KMH = 10.0  # up to this speed one walks, and turns where walkers turn
WALKED_M, DRIVEN_M = (30.0, 150.0), (120.0, 900.0)  # from one corner to the next
PACE = (0.7, 1.15)  # of the speed asked for, from one corner to the next
STOPPED_S = (4.0, 40.0)  # a crossing, a light
STOPS = 0.2  # at that share of the corners
TURNS = ((0.0, 90.0, -90.0), (0.5, 0.25, 0.25))
CURVE = 8.0  # degrees by which no corner is square


@dataclass(frozen=True, slots=True)
class Leg:
    """Go (or, at 0 km/h, wait) for `seconds`."""

    bearing: float
    speed_kmh: float
    seconds: float = math.inf


def straight(bearing: float, speed_kmh: float) -> Iterator[Leg]:
    """Go on and on."""
    yield Leg(bearing % 360, speed_kmh)


def streets(random: Random, bearing: float, speed_kmh: float) -> Iterator[Leg]:
    """Go through streets, or by road above `WALKED_KMH`: corners, changing pace, short stops."""
    least, most = WALKED_M if speed_kmh <= WALKED_KMH else DRIVEN_M
    while True:
        (turn,) = random.choices(*TURNS)
        heading = (bearing + turn + random.gauss(0, CURVE)) % 360
        pace = speed_kmh * random.uniform(*PACE)
        yield Leg(heading, pace, random.uniform(least, most) / (pace / 3.6))
        if random.random() < STOPS:
            yield Leg(heading, 0.0, random.uniform(*STOPPED_S))


def along(start: Point, path: Sequence[Point], speed_kmh: float) -> Iterator[Leg]:
    """Go from `start` through each point of `path` in turn, and stay at the last."""
    for here, there in itertools.pairwise((start, *path)):
        north, east = apart(here, there)
        metres = math.hypot(north, east)
        if metres:
            yield Leg(
                math.degrees(math.atan2(east, north)) % 360, speed_kmh, metres / (speed_kmh / 3.6)
            )


def apart(here: Point, there: Point) -> tuple[float, float]:
    """Metres to the north and to the east; good for tens of kilometres."""
    north = (there[0] - here[0]) * METRES_PER_DEGREE
    middle = math.radians((here[0] + there[0]) / 2)
    return north, (there[1] - here[1]) * METRES_PER_DEGREE * math.cos(middle)


def shifted(point: Point, north: float, east: float) -> Point:
    """Return the point so many metres away."""
    lat = point[0] + north / METRES_PER_DEGREE
    middle = math.radians((point[0] + lat) / 2)
    return lat, point[1] + east / (METRES_PER_DEGREE * math.cos(middle))
