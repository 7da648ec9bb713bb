"""The process's clock: wall time anchored once, then counted on the monotonic clock.

Serves every arrow: deadlines are rows with a wall time, and a living process must count them so
that nobody who sets the machine's clock can fire or delay one. The promise: ``now()`` never goes
back and never jumps. A wall clock that is being slewed is followed gradually (differences up to
``STEP_S``); a greater one is a step, which is held off and reported by ``step()`` for the alarm.
Restarting the process takes the new time. Tests drive a clock of their own with these methods.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

STEP_S = 2.0
"""Above this difference, in seconds, the wall clock has stepped (PROTOCOL, deadlines)."""

_SLEW = 100  # absorb at most one part in a hundred: faster than any NTP slew, far from a jump
_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_SLEEP_S = 600.0  # a far deadline is slept for in pieces, so that slewing is followed


class Clock:
    """Wall time that never steps. Both time sources count nanoseconds and can be injected."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._last = monotonic_ns()
        self._offset = wall_ns() - self._last  # ours = monotonic + offset

    def now(self) -> datetime:
        """Return the time: aware, UTC, whole microseconds, never smaller than before."""
        monotonic, apart = self._read()
        if abs(apart) <= STEP_S * _NS:
            most = (monotonic - self._last) // _SLEW
            self._offset += max(-most, min(most, apart))
        self._last = monotonic
        return _EPOCH + timedelta(microseconds=(monotonic + self._offset) // 1000)

    def step(self) -> float:
        """Return by how many seconds the wall clock is ahead of ours (behind: negative)."""
        return self._read()[1] / _NS

    async def wait(self, event: asyncio.Event, until: datetime | None) -> None:
        """Return when ``event`` is set or ``now() >= until`` (None: only the event counts)."""
        while not event.is_set():
            left = _LONGEST_SLEEP_S if until is None else (until - self.now()).total_seconds()
            if left <= 0:
                return
            try:
                async with asyncio.timeout(min(left, _LONGEST_SLEEP_S)):
                    await event.wait()
            except TimeoutError:
                continue

    def _read(self) -> tuple[int, int]:
        """Return the monotonic time and the wall clock's lead over ours, in nanoseconds."""
        monotonic = self._monotonic_ns()
        return monotonic, self._wall_ns() - monotonic - self._offset
