"""The air between a phone and its paths, where the ordered faults befall messages.

Serves the shell. Promises: what the faults say is told and carried out, and a crash takes with it
whatever was still under way. Leaves what a fault is to `faults.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import Random

from firmware_sim.events import Kind
from firmware_sim.faults import Faults
from firmware_sim.times import Time, Timer


class Air:
    """Carries payloads up and down; `tell` is told of each fault."""

    def __init__(
        self,
        faults: Faults,
        random: Random,
        time: Time,
        tell: Callable[[Kind, Mapping[str, object]], None],
    ) -> None:
        self.faults = faults
        self._random = random
        self._time = time
        self._tell = tell
        self._under_way: set[Timer] = set()

    def carry(self, payload: bytes, arrive: Callable[[bytes], None], *, up: bool) -> None:
        """Hand `payload` to `arrive`: now, later, twice, broken or not at all."""
        passage = self.faults.pass_through(payload, self._random, up=up)
        for what in passage.happened:
            self._tell(Kind.FAULT, {"what": what, "direction": "up" if up else "down"})
        for delay, copy in passage.copies:
            if delay > 0:
                self._later(delay, partial(arrive, copy))
            else:
                arrive(copy)

    def clear(self) -> None:
        """Lose all that is under way."""
        for timer in self._under_way:
            timer.cancel()
        self._under_way.clear()

    def _later(self, delay: float, act: Callable[[], None]) -> None:
        def arrive() -> None:
            self._under_way.discard(timer)
            act()

        timer = self._time.call_at(self._time.now() + delay, arrive)
        self._under_way.add(timer)
