"""Where a simulated phone is, and what its receiver makes of it.

Serves the geometry's tests and the demo: fixes with honest radii around a true place that nobody
but the simulator knows. Promises: errors spread as `acc` and `lc` say (68 % inside `acc`), a cold
start that finds nothing for a while, (0, 0) never. Leaves when to send to the machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

POITIERS = (46.58, 0.34)
METRES_PER_DEGREE = 111_195.0
# 68 % of a round normal error fall within this many standard deviations of one axis.
SIGMAS_68 = 1.5096


class Reception(StrEnum):
    """What the receiver has to work with."""

    OPEN = "open"  # satellites in plain sky: a few metres
    INDOORS = "indoors"  # satellites through walls, Wi-Fi: tens of metres to over a hundred
    CELL = "cell"  # the cell only: kilometres
    NONE = "none"  # tried, none
    OFF = "off"  # the phone does not locate at all: no consent


@dataclass(frozen=True, slots=True)
class _Quality:
    method: str
    least_m: float
    most_m: float


_QUALITIES = {
    Reception.OPEN: _Quality("G", 4, 15),
    Reception.INDOORS: _Quality("W", 35, 160),
    Reception.CELL: _Quality("C", 900, 5000),
}


class Place:
    """A true place around `centre`, moving along a bearing if told to, and its receiver.

    Degrees WGS84, metres, km/h. `cold_start_s`: how long after waking nothing is found.
    """

    def __init__(
        self,
        random: Random,
        *,
        centre: tuple[float, float] = POITIERS,
        spread_m: float = 8_000.0,
        reception: Reception = Reception.OPEN,
        cold_start_s: float = 0.0,
    ) -> None:
        self._random = random
        self.lat, self.lon = centre
        self._shift(random.uniform(0, 360), spread_m * math.sqrt(random.random()))
        self.reception = reception
        self.cold_start_s = cold_start_s
        self.speed_kmh = 0.0
        self.bearing = 0.0
        self._moved_at: float | None = None
        self._awake_since: float | None = None

    @property
    def moving(self) -> bool:
        """Faster than standing about."""
        return self.speed_kmh >= 1.0

    def go(self, now: float, *, speed_kmh: float, bearing: float) -> None:
        """Walk (5 km/h) or drive (50 km/h) from now on; 0 km/h stands still."""
        self._follow(now)
        self.speed_kmh, self.bearing = speed_kmh, bearing % 360

    def wake(self, now: float) -> None:
        """Start the receiver, as a press does; it stays on until `sleep`."""
        if self._awake_since is None:
            self._awake_since = now

    def sleep(self) -> None:
        """Switch the receiver off: outside alerts a phone does not know where it is."""
        self._awake_since = None

    def fix(self, now: float, tst: float) -> dict[str, Any] | None:
        """Return the location fields of §2 as found now, `tst` on the phone's own clock.

        None where the phone does not locate at all; `{"pm": "N", …}` where it tried in vain.
        """
        self._follow(now)
        if self.reception is Reception.OFF:
            return None
        searching = self._awake_since is None or now - self._awake_since < self.cold_start_s
        quality = _QUALITIES.get(self.reception)
        if quality is None or searching:
            return {"pm": "N", "tst": round(tst, 3)}
        return self._measured(quality, tst)

    def _measured(self, quality: _Quality, tst: float) -> dict[str, Any]:
        acc = self._random.uniform(quality.least_m, quality.most_m)
        north, east = (self._random.gauss(0, acc / SIGMAS_68) for _ in range(2))
        found = {
            "lat": round(self.lat + north / METRES_PER_DEGREE, 6),
            "lon": round(self.lon + east / self._metres_per_degree_east(), 6),
            "acc": round(acc, 1),
            "lc": 68,
            "pm": quality.method,
            "tst": round(tst, 3),
        }
        if quality.method == "G":
            found |= {"alt": 95, "vac": 12, "vel": round(self.speed_kmh, 1)}
            if self.moving:
                found["cog"] = round(self.bearing)
        return found

    def _follow(self, now: float) -> None:
        if self._moved_at is not None and self.moving:
            self._shift(self.bearing, self.speed_kmh / 3.6 * (now - self._moved_at))
        self._moved_at = now

    def _shift(self, bearing: float, metres: float) -> None:
        self.lat += metres * math.cos(math.radians(bearing)) / METRES_PER_DEGREE
        self.lon += metres * math.sin(math.radians(bearing)) / self._metres_per_degree_east()

    def _metres_per_degree_east(self) -> float:
        return METRES_PER_DEGREE * math.cos(math.radians(self.lat))
