"""Where a simulated phone is, and the location that it says.

Serves the geometry's tests and the demo: fixes around a true place that nobody but the simulator
knows. Promises: it moves as it was told, whatever is asked of it and when; a cold start finds
nothing for a while; speed and course are said by satellites only, and the course only in motion.
Leaves the ways to `journey.py`, the errors to `receiver.py`, when to send to the machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from firmware_sim import journey
from firmware_sim.journey import Leg, Point
from firmware_sim.receiver import CONFIDENCE, Found, Receiver, Reception

POITIERS = (46.58, 0.34)
MOVING_KMH = 1.0  # slower is standing about
STANDING = Leg(0.0, 0.0)


class Place:
    """A true place around `centre`, moving if told to, and its receiver.

    Degrees WGS 84, metres, km/h. `cold_start_s`: how long after waking nothing is found. `mock`:
    the phone says of its fixes that some program made them up.
    """

    def __init__(
        self,
        random: Random,
        *,
        centre: Point = POITIERS,
        spread_m: float = 8_000.0,
        reception: Reception = Reception.OPEN,
        cold_start_s: float = 0.0,
    ) -> None:
        self._random = random
        self._receiver = Receiver(random)
        self.lat, self.lon = centre
        self._shift(random.uniform(0, 360), spread_m * math.sqrt(random.random()))
        self.reception = reception
        self.cold_start_s = cold_start_s
        self.mock = False
        self._legs: Iterator[Leg] = iter(())
        self._leg = STANDING
        self._left_s = math.inf
        self._followed_at: float | None = None
        self._awake_since: float | None = None

    @property
    def moving(self) -> bool:
        """Under way, short stops included."""
        return self._leg is not STANDING

    def go(self, now: float, *, speed_kmh: float, bearing: float) -> None:
        """Go straight on, walking (5 km/h) or driving (50 km/h); 0 km/h stands still."""
        moving = speed_kmh >= MOVING_KMH
        self._set_out(now, journey.straight(bearing, speed_kmh) if moving else iter(()))

    def roam(self, now: float, *, speed_kmh: float, bearing: float) -> None:
        """Walk through streets or drive by road, on the whole towards `bearing`."""
        self._set_out(now, journey.streets(Random(self._random.random()), bearing, speed_kmh))

    def take(self, now: float, path: Sequence[Point], *, speed_kmh: float) -> None:
        """Go through each point of `path` in turn, and stay at the last."""
        self._follow(now)
        self._set_out(now, journey.along((self.lat, self.lon), path, speed_kmh))

    def put(self, now: float, point: Point) -> None:
        """Be there from now on, standing still."""
        self._set_out(now, iter(()))
        self.lat, self.lon = point

    def wake(self, now: float) -> None:
        """Start the receiver, as a press does; it stays on until `sleep`."""
        if self._awake_since is None:
            self._awake_since = now

    def sleep(self) -> None:
        """Switch the receiver off: outside alerts a phone does not know where it is."""
        self._awake_since = None

    def fix(self, now: float, tst: float) -> dict[str, Any] | None:
        """Return the location fields of §1 as found now, `tst` on the phone's own clock.

        None where the phone does not locate at all; `{"pm": "N", …}` where it tried in vain.
        """
        self._follow(now)
        if self.reception is Reception.OFF:
            return None
        searching = self._awake_since is None or now - self._awake_since < self.cold_start_s
        found = self._receiver.find(self.reception, (self.lat, self.lon), now)
        if found is None or searching:
            return {"pm": "N", "tst": round(tst, 3)}
        return self._said(found, tst)

    def _said(self, found: Found, tst: float) -> dict[str, Any]:
        said: dict[str, Any] = {
            "lat": round(found.place[0], 6),
            "lon": round(found.place[1], 6),
            "acc": round(found.acc, 1),
            "lc": CONFIDENCE,
            "pm": found.method,
            "tst": round(tst, 3),
        }
        if found.method == "G":
            said |= {"alt": 95, "vac": 12, **self._motion()}
        if self.mock:
            said["mock"] = True
        return said

    def _motion(self) -> dict[str, float]:
        """Speed, and in motion the course, as satellites tell them: the slower, the worse."""
        speed = self._leg.speed_kmh
        said = max(0.0, speed + self._random.gauss(0, 0.4)) if speed >= MOVING_KMH else 0.0
        if said < MOVING_KMH:
            return {"vel": round(said, 1)}
        wrong = self._random.gauss(0, 3 + 30 / said)
        return {"vel": round(said, 1), "cog": round(self._leg.bearing + wrong) % 360}

    def _set_out(self, now: float, legs: Iterator[Leg]) -> None:
        self._follow(now)
        self._legs = legs
        self._next_leg()

    def _next_leg(self) -> None:
        self._leg = next(self._legs, STANDING)
        self._left_s = self._leg.seconds

    def _follow(self, now: float) -> None:
        """Go as far as she has come by `now`."""
        passed = 0.0 if self._followed_at is None else max(0.0, now - self._followed_at)
        self._followed_at = now
        while self.moving and passed > 0:
            taken = min(passed, self._left_s)
            self._shift(self._leg.bearing, self._leg.speed_kmh / 3.6 * taken)
            passed -= taken
            self._left_s -= taken
            if self._left_s <= 0:
                self._next_leg()

    def _shift(self, bearing: float, metres: float) -> None:
        turned = math.radians(bearing)
        north, east = metres * math.cos(turned), metres * math.sin(turned)
        self.lat, self.lon = journey.shifted((self.lat, self.lon), north, east)
