"""A phone's fixes in time, each held against the others (serves the estimate, under `locate`).

Promises: pure, the same whatever the order in which the fixes are given, and nothing in a `Seen`
depends on the present moment: a later look can only widen. Everything that the others say
against a fix makes its disc wider by as much as it takes, never narrower:

- **speed**: a phone that says none is as fast as its last two fixes show, errors included;
- **reach** (`jump_m`): most of the fixes next to it in time must be reachable at 320 km/h;
- **outrun** (`shown_out`): where most of the later ones show her further out than this disc had
  grown to by then, she left faster than assumed, and it grows on from there;
- **repetition**: the same coordinates under a new time are as old as their first appearance.

Leaves to others: the radius of a fix alone (`radius`), codes, choice and travel (`locate`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tgd.geo.position import Fix
from tgd.geo.radius import WALK_MPS, believed, growth, unsaid_mps
from tgd.geo.sphere import Unit, apart, unit

FUTURE_S: Final = 5.0
"""Ordinary skew between two clocks; a fix further ahead than this is from the future."""
FASTEST_MPS: Final = 320 / 3.6
"""A high-speed train; whoever is faster between two fixes has jumped."""
MOCKED_M: Final = 10_000.0
"""Added where a program set the coordinates: they lose against any ordinary cell's."""

_NO_RADIUS: Final = 1.5
_NO_TIME_S: Final = 60.0
_SHOWN_MPS: Final = 130 / 3.6  # what two fixes can show of a speed: more is their errors
_NEIGHBOURS: Final = 4  # fixes on either side in time with which one must agree
_PREDECESSORS: Final = 2  # fixes that show how fast she was: of two, one may be wrong
_SHOWS_SPEED_S: Final = 1.0  # two fixes of one moment show no speed
_SPEED_ERROR_MPS: Final = 1.0
_NOISE: Final = 0.5  # how far two errors in succession differ, by their radii: they resemble


@dataclass(frozen=True, slots=True)
class Observed:
    """A fix on the platform's own time line; both times are aware datetimes."""

    fix: Fix
    fixed_at: datetime
    received_at: datetime
    doubts: tuple[str, ...] = ()


class Seen:
    """A fix in the making of a judgement: what is known of it alone, then among the others.

    Nothing here depends on the present moment, so that a later look can only widen.
    """

    __slots__ = (
        "_place",
        "at",
        "base_m",
        "dated",
        "extra_s",
        "first",
        "first_mps",
        "future",
        "index",
        "jump_m",
        "knows_speed",
        "one",
        "said",
        "shown_out",
    )

    def __init__(self, one: Observed) -> None:
        fix, doubts = one.fix, one.doubts
        self.one = one
        self.first = self
        self.index = 0
        self.said = one.fixed_at.timestamp()
        self.at = one.received_at.timestamp()
        self.future = self.said - self.at > FUTURE_S
        self.dated = one.received_at
        if self.said < self.at:
            self.at, self.dated = self.said, one.fixed_at
        self.extra_s = _NO_TIME_S if self.future or "fix_time_unknown" in doubts else 0.0
        self.base_m = believed(fix)
        if fix.acc is None or "radius_unknown" in doubts:
            self.base_m *= _NO_RADIUS
        if fix.mocked or "fix_mocked" in doubts:
            self.base_m += MOCKED_M
        # Some apps say 0 where they know no speed: only a satellite fix is believed at rest.
        vel = fix.vel
        self.knows_speed = vel is not None and (vel > 0.0 or fix.method == "G")
        self.first_mps = WALK_MPS
        if vel and self.knows_speed:
            self.first_mps = max(WALK_MPS, vel / 3.6 + _SPEED_ERROR_MPS)
        self.jump_m = 0.0
        self.shown_out: Sequence[tuple[float, float]] = ()
        self._place: Unit | None = None

    @property
    def place(self) -> Unit:
        """The place as a vector, made when first asked for: most fixes are never asked."""
        if self._place is None:
            self._place = unit(self.one.fix.lat, self.one.fix.lon)
        return self._place

    @property
    def repeated(self) -> bool:
        """Whether an earlier fix said the same place."""
        return self.first is not self

    def order(self) -> tuple[object, ...]:
        """Return what puts fixes in time, and equals always in the same order."""
        fix = self.one.fix
        vel = -1.0 if fix.vel is None else fix.vel
        cog = -1.0 if fix.cog is None else fix.cog
        place = fix.lat, fix.lon
        return self.at, self.said, place, self.base_m, fix.method or "", vel, cog, self.one.doubts


def in_time(observed: Sequence[Observed]) -> list[Seen]:
    """Return the fixes, oldest first, those that repeat an earlier one dated back to it."""
    trail = [Seen(one) for one in observed]
    if len(trail) > 1:
        trail.sort(key=Seen.order)
        if _date_back(trail):
            trail.sort(key=Seen.order)
        for index, seen in enumerate(trail):
            seen.index = index
    return trail


def _date_back(trail: Iterable[Seen]) -> bool:
    """Find those that say an earlier place under a new time: a receiver that has frozen does.

    A cell's place is its mast's, and repeats for as long as the phone hangs on it.
    """
    first: dict[tuple[float, float], Seen] = {}
    found = False
    for seen in trail:
        fix = seen.one.fix
        earlier = first.setdefault((fix.lat, fix.lon), seen)
        if seen.at > earlier.at and fix.method != "C":
            found = True
            seen.first, seen.at, seen.dated = earlier, earlier.at, earlier.dated
            seen.base_m = max(seen.base_m, earlier.base_m)
            seen.extra_s = max(seen.extra_s, earlier.extra_s)
    return found


def smallest(trail: Sequence[Seen], at: float) -> tuple[Seen, float]:
    """Look around from the most promising on, until no other can be smaller: that only widens."""
    chosen, least, newest = trail[0], math.inf, 1
    for at_least, index in sorted((radius_at(seen, at), -seen.index) for seen in trail):
        if at_least > least:
            break
        seen = trail[-index]
        look_around(seen, trail)
        radius = radius_at(seen, at)
        if (radius, index) < (least, newest):
            chosen, least, newest = seen, radius, index
    return chosen, least


def radius_at(seen: Seen, at: float) -> float:
    """Return the 95 % radius in metres at that moment (epoch seconds)."""
    age_s, first_mps = max(0.0, at - seen.at) + seen.extra_s, seen.first_mps
    radius = seen.base_m + seen.jump_m + growth(age_s, first_mps)
    if not seen.shown_out:
        return radius
    # Where most of the later fixes show her outside, the disc grows on from as far as they show.
    outer = sorted(far + growth(max(0.0, at - then), first_mps) for far, then in seen.shown_out)
    return max(radius, outer[(len(outer) - 1) // 2])


def look_around(seen: Seen, trail: Sequence[Seen]) -> None:
    """Let the fixes next to it in time say how fast she was, and what cannot be."""
    older, newer = near(seen, trail, -1), near(seen, trail, 1)
    if not seen.knows_speed:
        unknown = unsaid_mps(seen.one.fix)
        before = [one for one in older if seen.at - one.at >= _SHOWS_SPEED_S]
        shown = [_shown_mps(seen, one, unknown) for one in before[:_PREDECESSORS]]
        seen.first_mps = max(WALK_MPS, min(shown, default=unknown))
    if older or newer:
        seen.jump_m = _most(_out_of_reach(seen, one) for one in older + newer)
    seen.shown_out = [_shown_out(seen, one) for one in newer]


def near(seen: Seen, trail: Sequence[Seen], step: int) -> list[Seen]:
    """Return the fixes next to one in time, nearest first; a frozen receiver has one vote."""
    found: list[Seen] = []
    index = seen.first.index + step
    while 0 <= index < len(trail) and len(found) < _NEIGHBOURS:
        if trail[index].first is trail[index]:
            found.append(trail[index])
        index += step
    return found


def _most(missing: Iterable[float]) -> float:
    """Return by how much to widen so that at most half of the others are still contradicted."""
    ordered = sorted(missing)
    return max(0.0, ordered[(len(ordered) - 1) // 2])


def _shown_mps(seen: Seen, before: Seen, unknown: float) -> float:
    """Return the speed that she may have had by two fixes; errors alone show less than unknown."""
    within_s = seen.at - before.at
    moved = apart(seen.place, before.place)
    at_most = moved + _NOISE * (seen.base_m + before.base_m)
    return min(_SHOWN_MPS, at_most / within_s, max(unknown, moved / within_s))


def _out_of_reach(seen: Seen, other: Seen) -> float:
    reach = seen.base_m + other.base_m + FASTEST_MPS * abs(other.at - seen.at)
    return apart(seen.place, other.place) - reach


def _shown_out(seen: Seen, after: Seen) -> tuple[float, float]:
    """Return how far out the later fix shows her at the least, and when (epoch seconds).

    What cannot be reached at all shows nothing of the kind: it is a jump, or this one is.
    """
    far = apart(seen.place, after.place) - after.base_m
    within = seen.base_m + FASTEST_MPS * (after.at - seen.at)
    return (far if far <= within else -math.inf), after.at
