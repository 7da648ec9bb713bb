"""What anybody beside the demo's phones could see of them: kept from their events, for the page.

Serves ``/phones``. Promises: all of it follows from the phones' own events and from where the page
has put them (their events name no place); and what only her discreet gesture shows is never part of
it: of a new state it is known that the phone stirred, not what it says. Pure; times are epoch
seconds, degrees WGS 84. Leaves telling it to the page, and doing things to ``phones_orders``.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tgd.demo.phones import Event

PACES: Final = {"walk": 5.0, "drive": 50.0}
"""How fast she goes, in km/h."""

_METRES_PER_DEGREE = 111_195.0  # as the phones reckon
_FACTS: Final = {
    "pressed": ("seq",),
    "sent": ("attempt",),
    "unsent": ("attempt",),
    "receipt": ("attempt", "code", "latency_s"),
    "dial_112": ("after_s",),
    "state": (),
    "network": ("on",),
    "connected": (),
    "battery": ("level",),
    "crashed": (),
    "rebooted": (),
}
"""The events that a person is told of, with the details that she is told."""


class Receipt(msgspec.Struct, frozen=True):
    """The platform's word for a press: when it came, and how long after the gesture."""

    at: float
    latency_s: float


class Said(msgspec.Struct, frozen=True):
    """The last position that the phone reported: by what, how exact (m), when. Not where."""

    method: str
    acc_m: float
    at: float


class Seen(msgspec.Struct):
    """One phone. ``waiting`` are its presses without a receipt, ``stirred`` counts vibrations."""

    phone: str
    lat: float
    lon: float
    reception: str = "open"
    mock: bool = False
    on: bool = True
    network: bool = True
    connected: bool = False
    battery: int | None = None
    plugged: bool = False
    waiting: list[str] = []
    attempt: int = 0
    left: bool = False
    dialled: bool = False
    receipt: Receipt | None = None
    said: Said | None = None
    stirred: int = 0
    towards: tuple[float, float] | None = None
    speed_kmh: float = 0.0
    since: float = 0.0

    def hear(self, event: Event) -> dict[str, Any] | None:
        """Take an event in; returns what a person is told of it, None if nothing."""
        told = event.details
        match event.kind:
            case "pressed":
                self.waiting.append(str(told["press"]))
                self.dialled = False
            case "sent" | "unsent":
                self.attempt, self.left = int(told["attempt"]), event.kind == "sent"
            case "receipt":
                self._receipted(event)
            case "dial_112":
                self.dialled = True
            case "state":
                self.stirred += 1
            case "position":
                self.said = Said(str(told["method"]), float(told["acc_m"]), event.at)
            case "heartbeat":
                self.battery = int(told["batt"])
            case _:
                self._changed(event)
        return self._fact(event)

    def follow(self, now: float) -> None:
        """Bring her to where she is by now; at the end of her way she stands."""
        if self.towards is None:
            return
        here, there = (self.lat, self.lon), self.towards
        metres = apart(here, there)
        gone = self.speed_kmh / 3.6 * max(0.0, now - self.since)
        part = min(1.0, gone / metres) if metres else 1.0
        self.lat += (there[0] - here[0]) * part
        self.lon += (there[1] - here[1]) * part
        self.since = now
        if part == 1.0:
            self.towards, self.speed_kmh = None, 0.0

    def go(self, to: tuple[float, float], pace: str, now: float) -> None:
        """Set out, straight."""
        self.follow(now)
        self.towards, self.speed_kmh, self.since = to, PACES[pace], now

    def stand(self, now: float, at: tuple[float, float] | None = None) -> None:
        """Stand still where she is, or there."""
        self.follow(now)
        self.lat, self.lon = at or (self.lat, self.lon)
        self.towards, self.speed_kmh = None, 0.0

    def _receipted(self, event: Event) -> None:
        press = str(event.details["press"])
        self.waiting = [one for one in self.waiting if one != press]
        self.receipt = Receipt(event.at, float(event.details["latency_s"]))
        self.stirred += 1
        self.dialled = self.dialled and bool(self.waiting)

    def _changed(self, event: Event) -> None:
        match event.kind:
            case "network":
                self.network = bool(event.details["on"])
            case "connected" | "disconnected":
                self.connected = event.kind == "connected"
            case "battery":
                self.battery = int(event.details["level"])
            case "crashed" | "rebooted":
                self.on = event.kind == "rebooted"
            case _:
                pass

    def _fact(self, event: Event) -> dict[str, Any] | None:
        named = _FACTS.get(event.kind)
        if named is None or (event.kind == "sent" and event.details["attempt"] == 1):
            return None  # that the first sending left is what pressing means
        told = {name: event.details[name] for name in named}
        return {"phone": self.phone, "at": event.at, "kind": event.kind, **told}


def apart(here: Sequence[float], there: Sequence[float]) -> float:
    """Metres between two points (latitude, longitude); good for tens of kilometres."""
    north = (there[0] - here[0]) * _METRES_PER_DEGREE
    middle = math.radians((here[0] + there[0]) / 2)
    return math.hypot(north, (there[1] - here[1]) * _METRES_PER_DEGREE * math.cos(middle))
