"""A written course of events for simulated phones, read from a TOML file.

Serves demo and acceptance: what happens to which phone, when. Promises: the whole file is checked
before its first step, and an error names the step and the field. Leaves doing it to the phones.

    [[step]]
    at = 0.5                  # seconds from the start
    phone = "tgd-86-01"       # or its number, a list of these, or "all"
    action = "press"          # trigger = "button"

Actions and their fields: `press` (trigger; lose_s = seconds without network from the moment the
press has left, before any receipt can come), `glance` (her discreet gesture: the event `glanced`
tells what it showed), `network` (on = true|false, or off_s = seconds),
`battery` (level, plugged), `move` (speed_kmh = 5 walks, 50 drives, 0 stands still; bearing; way =
"straight" or "streets", with corners, stops and changing pace; or path = [[lat, lon], …]), `place`
(reception = "open", "indoors", "cell", "none", "off"; cold_start_s; mock = true|false; what is not
named returns to the first of these; lat and lon put it there), `clock` (epoch = seconds, or "1970",
"2106", "right"), `crash` (reboot_s, when = "now" or "after_send"), `fault` (loss, duplicate,
reorder, reorder_s, garble, garble_next, delay = [least, most]; what is not named returns to
nothing).
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from firmware_sim.faults import CLOCK_1970, CLOCK_2106, Faults
from firmware_sim.fleet import Fleet
from firmware_sim.phone import Phone
from firmware_sim.receiver import Reception

Act = Callable[[Phone], object]
_COMMON = {"at", "phone", "action"}
MOST_LAT, MOST_LON = 90.0, 180.0


class ScenarioError(ValueError):
    """The file says something that no phone can do; one line, naming step and field."""


@dataclass(frozen=True, slots=True)
class Step:
    """At `at` seconds, `act` is done to each of `phones` (ids or numbers; None: all)."""

    at: float
    phones: tuple[str | int, ...] | None
    action: str
    act: Act


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps in the order of their times."""

    steps: tuple[Step, ...]

    @classmethod
    def load(cls, path: Path) -> Scenario:
        """Read a file; ScenarioError if it is not one."""
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as fault:
            raise ScenarioError(f"{path}: {fault}") from fault
        return cls.read(raw)

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Scenario:
        """Check what the TOML said."""
        steps = raw.get("step")
        if not isinstance(steps, list) or not steps:
            raise ScenarioError("a scenario has at least one [[step]]")
        read = [_step(number, step) for number, step in enumerate(steps, start=1)]
        return cls(tuple(sorted(read, key=lambda step: step.at)))

    def check(self, fleet: Fleet) -> None:
        """ScenarioError if a step names a phone that the fleet has not."""
        for step in self.steps:
            _chosen(step, fleet)

    def do(self, fleet: Fleet) -> None:
        """Do every step now, whatever its time; ScenarioError before the first if one is wrong."""
        self.check(fleet)
        for step in self.steps:
            for phone in _chosen(step, fleet):
                step.act(phone)

    async def play(self, fleet: Fleet) -> None:
        """Do each step at its time, counted from now."""
        self.check(fleet)
        loop = asyncio.get_running_loop()
        start = loop.time()
        for step in self.steps:
            await asyncio.sleep(max(0.0, start + step.at - loop.time()))
            for phone in _chosen(step, fleet):
                step.act(phone)


def _chosen(step: Step, fleet: Fleet) -> list[Phone]:
    every = list(fleet)
    if step.phones is None:
        return every
    chosen = []
    for named in step.phones:
        if isinstance(named, int) and 1 <= named <= len(every):
            chosen.append(every[named - 1])
        elif named in fleet:
            chosen.append(fleet[str(named)])
        else:
            raise ScenarioError(f"phone {named!r} is not among the {len(every)} simulated")
    return chosen


def _step(number: int, raw: Any) -> Step:
    try:
        action = raw["action"]
        given = {name: value for name, value in raw.items() if name not in _COMMON}
        act = _ACTIONS[action](given)
        at = float(raw.get("at", 0.0))
        return Step(at, _phones(raw["phone"]), action, _with_nothing_left(act, given))
    except ScenarioError as fault:
        raise ScenarioError(f"step {number}: {fault}") from fault
    except KeyError as fault:
        raise ScenarioError(f"step {number}: unknown or missing {fault}") from fault
    except (TypeError, ValueError) as fault:
        raise ScenarioError(f"step {number}: {fault}") from fault


def _with_nothing_left(act: Act, given: dict[str, Any]) -> Act:
    if given:
        raise ScenarioError(f"unknown field {next(iter(given))!r}")
    return act


def _phones(raw: Any) -> tuple[str | int, ...] | None:
    if raw == "all":
        return None
    phones = tuple(raw) if isinstance(raw, list) else (raw,)
    if not all(isinstance(phone, str | int) for phone in phones):
        raise ScenarioError("field 'phone' is an id, a number, a list of these, or \"all\"")
    return phones


# Each takes its fields out of `given`, so that what is left over is known to be a mistake.


def _press(given: dict[str, Any]) -> Act:
    trigger = str(given.pop("trigger", "button"))
    lose_s = float(given.pop("lose_s", 0.0))

    def act(phone: Phone) -> None:
        if not phone.alive:
            return
        phone.press_now(trigger)
        if lose_s > 0:
            phone.lose_network_once_sent(lose_s)

    return act


def _glance(_given: dict[str, Any]) -> Act:
    return lambda phone: phone.glance()


def _network(given: dict[str, Any]) -> Act:
    if "off_s" in given:
        seconds = float(given.pop("off_s"))
        return lambda phone: phone.network_off_for(seconds)
    on = bool(given.pop("on"))
    return lambda phone: phone.network(on=on)


def _battery(given: dict[str, Any]) -> Act:
    level, plugged = float(given.pop("level")), bool(given.pop("plugged", False))
    return lambda phone: phone.charge(level, plugged=plugged)


def _move(given: dict[str, Any]) -> Act:
    speed_kmh, bearing = float(given.pop("speed_kmh")), float(given.pop("bearing", 0.0))
    way, path = given.pop("way", "straight"), [_point(raw) for raw in given.pop("path", ())]
    if way not in {"straight", "streets"}:
        raise ScenarioError('field \'way\' is "straight" or "streets"')
    return lambda phone: phone.move(
        speed_kmh=speed_kmh, bearing=bearing, streets=way == "streets", path=path
    )


def _place(given: dict[str, Any]) -> Act:
    reception = Reception(given.pop("reception", "open"))
    cold_start_s = float(given.pop("cold_start_s", 0.0))
    put = _point([given.pop("lat"), given.pop("lon")]) if "lat" in given else None
    mock = bool(given.pop("mock", False))

    def act(phone: Phone) -> None:
        phone.reception(reception, cold_start_s)
        phone.mock(on=mock)
        if put:
            phone.put(*put)

    return act


def _point(raw: Any) -> tuple[float, float]:
    lat, lon = (float(degrees) for degrees in raw)
    if not (abs(lat) <= MOST_LAT and abs(lon) <= MOST_LON):
        raise ScenarioError("a point is latitude and longitude in degrees")
    return lat, lon


def _clock(given: dict[str, Any]) -> Act:
    epoch = given.pop("epoch")
    if epoch == "right":
        return lambda phone: phone.set_clock_right()
    known = {"1970": CLOCK_1970, "2106": CLOCK_2106}
    stands = known[epoch] if epoch in known else float(epoch)
    return lambda phone: phone.set_clock(stands)


def _crash(given: dict[str, Any]) -> Act:
    reboot_s, when = float(given.pop("reboot_s", 5.0)), given.pop("when", "now")
    if when == "now":
        return lambda phone: phone.crash(reboot_s)
    if when != "after_send":
        raise ScenarioError('field \'when\' is "now" or "after_send"')

    def order(phone: Phone) -> None:
        phone.faults.crash_after_send = reboot_s

    return order


def _fault(given: dict[str, Any]) -> Act:
    known = {field.name for field in fields(Faults)} - {"crash_after_send"}
    taken = {name: given.pop(name) for name in known & given.keys()}
    if "delay" in taken:
        least, most = taken["delay"]
        taken["delay"] = (float(least), float(most))

    def order(phone: Phone) -> None:
        phone.faults = Faults(**taken)

    return order


_ACTIONS: dict[str, Callable[[dict[str, Any]], Act]] = {
    "press": _press,
    "glance": _glance,
    "network": _network,
    "battery": _battery,
    "move": _move,
    "place": _place,
    "clock": _clock,
    "crash": _crash,
    "fault": _fault,
}
