"""A world of people and receivers: where somebody truly is, and what her phone says of it.

The errors are those that are published about receivers, not those that the estimate assumes; every
figure here has its source in docs/position.md ("The simulated world"). Nothing in this module knows
the formula, and nothing here is to be changed to make the formula look better.

A walk is 40 minutes of somebody's way, second by second, with one press in it. Her phone puts a fix
into the press (fresh, some seconds old, or kept from minutes before), reports on while the alert is
open, and may fall silent at any moment. She is looked for twice: when the press arrives, and once
in the five minutes after it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import numpy as np

from tgd.geo.locate import Observed
from tgd.geo.position import Fix

Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Flags: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Random: TypeAlias = np.random.Generator

PRESSED: Final = datetime(2027, 1, 15, 20, 0, tzinfo=UTC)
BEFORE_S, AFTER_S = 1_900, 420
_DEGREE_M: Final = 111_195.08  # on the sphere that the estimate uses as well
_SIGMAS_68: Final = 1.5096  # 68 % of a round normal error lie within so many of its deviations
_GONE_FOR_LONG_S: Final = 7_200.0


# ── receivers ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Receiver:
    """How wrong one kind of fix is, and how wrong about itself.

    ``r68_m`` is the true 68 % radius of a typical stay and ``between`` its spread (log normal)
    from stay to stay; ``claims`` is the claimed radius over the true one, ``claims_spread`` its
    spread from fix to fix. Errors of successive fixes resemble each other for about ``tau_s``
    (moving, resting). Of all fixes, ``astray`` are further off by ``astray_m`` without knowing.
    """

    method: str
    r68_m: float
    between: float
    claims: float
    claims_spread: float
    tau_s: tuple[float, float]
    astray: float = 0.0
    astray_m: tuple[float, float] = (0.0, 0.0)
    least_claim_m: float = 3.0
    most_m: float = 1e6
    first_fix_s: float = 5.0


OPEN = Receiver("G", 6.3, 0.40, 1.0, 0.35, (40.0, 90.0), first_fix_s=6.0)
CANYON = Receiver("G", 22.0, 0.50, 0.75, 0.45, (15.0, 60.0), 0.03, (60.0, 200.0), first_fix_s=12.0)
WIFI = Receiver(
    "W", 60.0, 0.60, 0.80, 0.50, (20.0, 150.0), 0.01, (500.0, 4_000.0), 10.0, first_fix_s=3.0
)
FUSED = Receiver(
    "F", 25.0, 0.60, 0.80, 0.50, (20.0, 90.0), 0.005, (300.0, 3_000.0), first_fix_s=3.0
)
TOWN_CELL = Receiver(
    "C", 770.0, 0.60, 0.70, 0.40, (60.0, 600.0), least_claim_m=150.0, most_m=10_000.0
)
LAND_CELL = Receiver(
    "C", 2_600.0, 0.70, 0.70, 0.40, (90.0, 600.0), least_claim_m=300.0, most_m=35_000.0
)


# ── ways ────────────────────────────────────────────────────────────────────────────────

Way: TypeAlias = Callable[[Random], Array]
"""Makes the speed (m/s) and the heading (radians) of every second, as two rows."""

_SECONDS = BEFORE_S + AFTER_S


def rest(random: Random) -> Array:
    """Stay in a flat or a garden: a step or two now and then."""
    speed = np.where(random.random(_SECONDS) < 0.03, 0.7, 0.0)
    return np.stack([speed, random.uniform(0, 2 * math.pi, _SECONDS)])


def on_foot(random: Random) -> Array:
    """Walk along streets with a halt now and then; one in six runs from shortly before."""
    pace = float(np.clip(random.normal(1.35, 0.25), 0.5, 2.2))
    speed = np.where(_spells(random, 90.0, 0.15), 0.0, pace)
    if random.random() < 1 / 6:
        speed[BEFORE_S - int(random.uniform(0, 90)) :] = random.uniform(2.5, 4.5)
    return np.stack([speed, _turns(random, 70.0, 55.0)])


def in_town(random: Random) -> Array:
    """Drive in a town: up to 50 km/h, lights, corners."""
    top = random.uniform(30, 52, _SECONDS // 20 + 1) / 3.6
    speed = np.where(_spells(random, 18.0, 0.3), 0.0, np.repeat(top, 20)[:_SECONDS])
    return np.stack([_eased(speed), _turns(random, 30.0, 60.0)])


def on_road(random: Random) -> Array:
    """Drive between villages: 50 to 90 km/h and bends."""
    speed = np.repeat(random.uniform(50, 90, _SECONDS // 60 + 1) / 3.6, 60)[:_SECONDS]
    return np.stack([_eased(speed), _turns(random, 90.0, 40.0) + _bends(random, 2.0)])


def on_motorway(random: Random) -> Array:
    """Drive 110 to 130 km/h, nearly straight on."""
    speed = np.full(_SECONDS, random.uniform(105, 130) / 3.6)
    return np.stack([speed, random.uniform(0, 2 * math.pi) + _bends(random, 0.6)])


def driven_off(random: Random) -> Array:
    """Stand or walk about; between 60 s before and 90 s after the press a car takes her away."""
    still = rest(random) if random.random() < 0.7 else on_foot(random)
    road = random.choice(3, p=(0.6, 0.3, 0.1))
    car = (in_town, on_road, on_motorway)[road](random)
    leaves = BEFORE_S + int(random.uniform(-60, 90))
    seconds = np.arange(_SECONDS) - leaves
    pulling_away = np.maximum(0.0, seconds) * random.uniform(1.0, 2.0)
    speed = np.where(seconds < 0, still[0], np.minimum(car[0], pulling_away))
    return np.stack([speed, np.where(seconds < 0, still[1], car[1])])


def _spells(random: Random, mean_s: float, part: float) -> Flags:
    """Whether each second lies in one of the spells that make up this part of the time."""
    lengths = random.exponential(mean_s, 4 * int(_SECONDS / mean_s) + 8)
    ends = np.cumsum(lengths)
    in_spell = random.random(len(ends)) < part
    return in_spell[np.minimum(np.searchsorted(ends, np.arange(_SECONDS)), len(ends) - 1)]


def _turns(random: Random, every_s: float, by_deg: float) -> Array:
    turning = random.random(_SECONDS) < 1 / every_s
    turns = np.where(turning, random.normal(0, math.radians(by_deg), _SECONDS), 0.0)
    return random.uniform(0, 2 * math.pi) + np.cumsum(turns)


def _bends(random: Random, deg_per_s: float) -> Array:
    return np.cumsum(random.normal(0, math.radians(deg_per_s), _SECONDS))


def _eased(speed: Array) -> Array:
    """Round the corners of a speed: nobody stops within a second."""
    return np.convolve(speed, np.full(7, 1 / 7), mode="same")


# ── scenarios ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Scenario:
    """Who, with which receivers: one of them for each fix, by ``odds``.

    ``after`` replaces the receivers once she moves faster than a walk. Of the phones, ``says_vel``
    say the speed of their satellite fixes. ``freezes``: the receiver repeats its last place under
    new times; ``ahead``: one fix in five is dated into the future.
    """

    name: str
    weight: float
    way: Way
    receivers: tuple[Receiver, ...]
    odds: tuple[float, ...] = (1.0,)
    after: tuple[Receiver, ...] = ()
    says_vel: float = 0.7
    freezes: bool = False
    ahead: bool = False


SCENARIOS: Final = (
    Scenario("at home, Wi-Fi", 16, rest, (WIFI,)),
    Scenario("at home, satellites indoors", 6, rest, (CANYON,)),
    Scenario("at home, cell only", 5, rest, (LAND_CELL,)),
    Scenario("in the garden", 6, rest, (OPEN,)),
    Scenario("on foot, open sky", 11, on_foot, (OPEN,)),
    Scenario("on foot, among houses", 11, on_foot, (CANYON,)),
    Scenario("on foot, fused", 8, on_foot, (FUSED,)),
    Scenario("on foot, cell only", 4, on_foot, (TOWN_CELL,)),
    Scenario("in and out, changing", 6, on_foot, (CANYON, WIFI, TOWN_CELL), (0.4, 0.4, 0.2)),
    Scenario("by car in town", 5, in_town, (OPEN, CANYON), (0.5, 0.5)),
    Scenario("by car on a road", 5, on_road, (OPEN,)),
    Scenario("by car on a motorway", 3, on_motorway, (OPEN,)),
    Scenario("by car, cell only", 3, on_road, (LAND_CELL,)),
    Scenario("driven off, satellites", 3, driven_off, (CANYON,), after=(OPEN,)),
    Scenario("driven off from Wi-Fi", 3, driven_off, (WIFI,), after=(OPEN,)),
    Scenario("driven off, no speed said", 2, driven_off, (OPEN,), says_vel=0.0),
    Scenario("the receiver freezes", 2, on_foot, (OPEN,), freezes=True),
    Scenario("the clock runs ahead", 2, on_foot, (CANYON,), ahead=True),
)


@dataclass(frozen=True, slots=True)
class Look:
    """One moment at which somebody asks where she is, and the truth."""

    scenario: str
    at_press: bool
    now: datetime
    observed: tuple[Observed, ...]
    lat: float
    lon: float


def looks(walks: int, seed: int) -> Iterator[tuple[Look, ...]]:
    """Yield the looks of each walk; the same seed gives the same world."""
    weights = np.array([one.weight for one in SCENARIOS])
    order = np.random.default_rng(seed).choice(len(SCENARIOS), walks, p=weights / weights.sum())
    for number, index in enumerate(order):
        yield _Walk(np.random.default_rng((seed, number)), SCENARIOS[index]).looks()


class _Walk:
    """One way and one phone: makes its fixes as they come, each at most once."""

    def __init__(self, random: Random, scenario: Scenario) -> None:
        self._random, self._scenario = random, scenario
        self._speed, self._heading = scenario.way(random)
        self._east = np.cumsum(self._speed * np.sin(self._heading))
        self._north = np.cumsum(self._speed * np.cos(self._heading))
        self._lat, self._lon = random.uniform(42.5, 50.5), random.uniform(-4.0, 7.5)
        self._scale: dict[Receiver, float] = {}
        self._error: dict[Receiver, tuple[float, Array]] = {}
        self._says_vel = random.random() < scenario.says_vel
        self._says_95 = random.random() < 0.15
        self._kept: Fix | None = None

    def looks(self) -> tuple[Look, ...]:
        """Return the look at the arrival of the press and the one after it."""
        arrives_s = self._arrival(0.0)
        observed = [self._observed(-self._age_of_the_first(), arrives_s)]
        observed += self._reports()
        later_s = arrives_s + self._random.uniform(5.0, 300.0)
        return (
            self._look(arrives_s, observed[:1], at_press=True),
            self._look(later_s, observed, at_press=False),
        )

    def _look(self, at_s: float, observed: list[Observed], *, at_press: bool) -> Look:
        now = PRESSED + timedelta(seconds=at_s)
        seen = tuple(one for one in observed if one.received_at <= now)
        lat, lon = self._place(at_s)
        return Look(self._scenario.name, at_press, now, seen, lat, lon)

    def _age_of_the_first(self) -> float:
        """How long before the gesture its fix was taken: live, just now, or kept from before."""
        kind = self._random.random()
        if kind < 0.55:
            return float(self._random.uniform(0.0, 3.0))
        if kind < 0.85:
            return float(min(300.0, self._random.exponential(20.0)))
        return float(math.exp(self._random.uniform(math.log(60.0), math.log(1_800.0))))

    def _arrival(self, sent_s: float) -> float:
        """When something sent arrives: about a second, one in twenty out of a dead zone."""
        delay = 0.2 + self._random.exponential(0.8)
        if self._random.random() < 0.05:
            delay += self._random.uniform(5.0, 90.0)
        return sent_s + float(delay)

    def _reports(self) -> list[Observed]:
        """Return what follows the press: every 5 s moving, every 30 s still, until silence."""
        first = self._receiver(0.0).first_fix_s * self._random.lognormal(0.0, 0.7)
        silent_s = self._random.uniform(0.0, 150.0) if self._random.random() < 0.2 else AFTER_S
        frozen_s = self._random.uniform(0.0, 60.0) if self._scenario.freezes else math.inf
        found, at_s = [], float(first)
        while at_s < min(silent_s, AFTER_S - 100):
            found.append(self._observed(at_s, self._arrival(at_s), frozen=at_s > frozen_s))
            at_s += 5.0 if self._speed[self._second(at_s)] > 0.5 else 30.0
        return found

    def _observed(self, at_s: float, received_s: float, *, frozen: bool = False) -> Observed:
        fix = self._kept if frozen and self._kept is not None else self._measured(at_s)
        self._kept = fix
        said_s = at_s
        if self._scenario.ahead and self._random.random() < 0.2:
            said_s += self._random.uniform(60.0, _GONE_FOR_LONG_S)
        fixed_at, received_at = (PRESSED + timedelta(seconds=s) for s in (said_s, received_s))
        return Observed(fix, fixed_at, received_at)

    def _receiver(self, at_s: float) -> Receiver:
        scenario = self._scenario
        if scenario.after and self._speed[self._second(at_s)] > 3.0:
            return scenario.after[0]
        return scenario.receivers[self._random.choice(len(scenario.receivers), p=scenario.odds)]

    def _measured(self, at_s: float) -> Fix:
        random, receiver = self._random, self._receiver(at_s)
        east, north = self._erred(receiver, at_s)
        r68 = self._scale[receiver]
        claim = r68 * receiver.claims * random.lognormal(0.0, receiver.claims_spread)
        claim = max(receiver.least_claim_m, claim)
        if random.random() < receiver.astray:
            way, off = random.uniform(0, 2 * math.pi), random.uniform(*receiver.astray_m)
            east, north = east + off * math.sin(way), north + off * math.cos(way)
        lat, lon = self._place(at_s, float(east), float(north))
        vel = cog = None
        if receiver.method == "G" and self._says_vel:
            second = self._second(at_s)
            vel = max(0.0, (self._speed[second] + random.normal(0, 0.4)) * 3.6)
            cog = math.degrees(self._heading[second] + random.normal(0, 0.1)) % 360
        acc = None if random.random() < 0.01 else claim * (1.6214 if self._says_95 else 1.0)
        confidence = 95.0 if self._says_95 else 68.0
        return Fix(lat, lon, acc, confidence, receiver.method, vel=vel, cog=cog)

    def _erred(self, receiver: Receiver, at_s: float) -> Array:
        """Return the error in metres east and north: it wanders about its stay's own size."""
        random = self._random
        if receiver not in self._scale:
            self._scale[receiver] = min(
                receiver.most_m, receiver.r68_m * random.lognormal(0.0, receiver.between)
            )
            self._error[receiver] = (-math.inf, np.zeros(2))
        deviation = self._scale[receiver] / _SIGMAS_68
        last_s, last = self._error[receiver]
        tau_s = receiver.tau_s[0 if self._speed[self._second(at_s)] > 0.5 else 1]
        alike = math.exp(-abs(at_s - last_s) / tau_s)
        error = alike * last + math.sqrt(1 - alike**2) * random.normal(0, deviation, 2)
        self._error[receiver] = (at_s, error)
        return error

    def _second(self, at_s: float) -> int:
        return min(_SECONDS - 1, max(0, int(at_s) + BEFORE_S))

    def _place(self, at_s: float, east: float = 0.0, north: float = 0.0) -> tuple[float, float]:
        """Return degrees of where she is at that second, so many metres beside it."""
        exact, second = at_s + BEFORE_S, self._second(at_s)
        part = exact - math.floor(exact)
        ahead = min(_SECONDS - 1, second + 1)
        east += self._east[second] + part * (self._east[ahead] - self._east[second])
        north += self._north[second] + part * (self._north[ahead] - self._north[second])
        across = _DEGREE_M * math.cos(math.radians(self._lat))
        return float(self._lat + north / _DEGREE_M), float(self._lon + east / across)
