"""Distances and bearings on the sphere (serves the estimate of where a phone is).

Promises: pure arithmetic on any finite degrees, right across the poles and the 180th meridian.
The Earth is a sphere of mean radius, which is within 0.6 % of the ellipsoid everywhere: less than
any telephone knows. Distances between many points go by unit vectors, which are made once.

Leaves to others: shapes and zones (`zones`), what a distance means (`locate`).
"""

import math
from typing import Final, TypeAlias

EARTH_M: Final = 6_371_009.0
"""Mean radius of the Earth (IUGG R1)."""

Unit: TypeAlias = tuple[float, float, float]
"""A place as a vector of length 1 from the Earth's centre."""


def unit(lat: float, lon: float) -> Unit:
    """Return the place at these degrees as a unit vector."""
    phi, lam = math.radians(lat), math.radians(lon)
    across = math.cos(phi)
    return across * math.cos(lam), across * math.sin(lam), math.sin(phi)


def apart(a: Unit, b: Unit) -> float:
    """Return the great-circle distance in metres; the chord keeps small distances exact."""
    half = math.dist(a, b) / 2
    return 2 * EARTH_M * math.asin(half) if half < 1.0 else math.pi * EARTH_M


def bearing(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Return the direction from the first place to the second, degrees from north, 0 to 360."""
    phi1, phi2, turn = math.radians(lat1), math.radians(lat2), math.radians(lon2 - lon1)
    east = math.sin(turn) * math.cos(phi2)
    north = math.cos(phi1) * math.sin(phi2) - math.sin(phi1) * math.cos(phi2) * math.cos(turn)
    return math.degrees(math.atan2(east, north)) % 360.0
