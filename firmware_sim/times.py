"""Time for the simulation: one that runs with the event loop, one that a test turns by hand.

Promises epoch seconds that never step back, and timers in order. A phone's *own* clock, which may
stand in 1970, is an offset to this one and lives in the phone.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something set to happen that can be called off."""

    def cancel(self) -> None:
        """Call it off; harmless if it has happened."""


class Time(Protocol):
    """What a phone needs of time."""

    def now(self) -> float:
        """Epoch seconds, never stepping."""
        ...

    def call_at(self, when: float, act: Callable[[], None]) -> Timer:
        """Run `act` at `when` (epoch seconds), or as soon as may be if that has passed."""
        ...


class LoopTime:
    """Real time: the wall clock read once, counted on the monotonic clock since."""

    def __init__(self) -> None:
        self._anchor = time.time() - time.monotonic()

    def now(self) -> float:
        """Epoch seconds."""
        return self._anchor + time.monotonic()

    def call_at(self, when: float, act: Callable[[], None]) -> Timer:
        """Set a timer on the running loop."""
        return asyncio.get_running_loop().call_later(max(0.0, when - self.now()), act)


class _Entry:
    __slots__ = ("act", "off")

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act
        self.off = False

    def cancel(self) -> None:
        self.off = True


class HandTime:
    """Time that stands still until `advance`: for tests of what happens when."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._heap: list[tuple[float, int, _Entry]] = []

    def now(self) -> float:
        """Epoch seconds, as far as it has been turned."""
        return self._now

    def call_at(self, when: float, act: Callable[[], None]) -> Timer:
        """Set a timer that `advance` will run."""
        entry = _Entry(act)
        heapq.heappush(self._heap, (max(when, self._now), next(self._order), entry))
        return entry

    def advance(self, seconds: float) -> None:
        """Turn time on by `seconds`, running each timer at its own instant, in order."""
        end = self._now + seconds
        while self._heap and self._heap[0][0] <= end:
            when, _, entry = heapq.heappop(self._heap)
            self._now = max(self._now, when)
            if not entry.off:
                entry.act()
        self._now = end
