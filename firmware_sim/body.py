"""A phone's body: a battery that drains, a radio's complexion, and the place it is in.

Serves the machine, which asks for everything a message carries in one call. Promises: the level
only falls unless charging, faster while an alert is open. Names no cell: `net` tells a heartbeat's
reader about the reception, and a cell's identity would be a position.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from firmware_sim.place import Place

UNPLUGGED, CHARGING, FULL = 1, 2, 3


class Battery:
    """Percent by hour: a little when idle, a lot with receiver and radio on during an alert."""

    def __init__(
        self,
        level: float = 90.0,
        *,
        idle_per_hour: float = 0.6,
        alert_per_hour: float = 12.0,
        charge_per_hour: float = 45.0,
    ) -> None:
        self.level = level
        self.charging = False
        self._rates = (idle_per_hour, alert_per_hour, charge_per_hour)
        self._seen_at: float | None = None

    def drain(self, now: float, *, alert: bool) -> None:
        """Bring the level up to `now`."""
        hours = 0.0 if self._seen_at is None else max(0.0, now - self._seen_at) / 3600
        self._seen_at = now
        idle, busy, charge = self._rates
        change = charge if self.charging else -(busy if alert else idle)
        self.level = min(100.0, max(0.0, self.level + change * hours))

    @property
    def status(self) -> int:
        """`bs` of §2, as OwnTracks counts it: 1 unplugged, 2 charging, 3 full."""
        if not self.charging:
            return UNPLUGGED
        return FULL if self.level >= 100.0 else CHARGING


@dataclass(frozen=True, slots=True)
class Sensed:
    """One look at everything: `loc` as §2's location or None, the rest as in a heartbeat."""

    loc: dict[str, Any] | None
    health: dict[str, Any]
    moving: bool


class Body:
    """Place, battery and radio together."""

    def __init__(self, place: Place, battery: Battery, random: Random) -> None:
        self.place = place
        self.battery = battery
        self._random = random

    def sense(self, now: float, tst: float, *, alert: bool) -> Sensed:
        """Look now; `tst` is the phone's own clock, `alert` whether it is in one."""
        self.battery.drain(now, alert=alert)
        health = {
            "batt": round(self.battery.level),
            "bs": self.battery.status,
            "conn": "m",
            "net": {"rat": "lte", "rsrp": self._random.randint(-115, -75)},
        }
        return Sensed(self.place.fix(now, tst), health, self.place.moving)
