"""Faults to order: what the air, the modem and the clock do to a phone's messages.

Serves every test and story of "late, partial, doubled, broken": each fault is drawn from the
phone's own seeded random, so a run repeats. Promises: with nothing ordered, every message passes
untouched. Leaves carrying out the delays, and the crash, to the shell. Seconds and probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

# Clocks that real modems boot with: no time at all, and the end of the unsigned 32-bit second.
CLOCK_1970 = 0.0
CLOCK_2106 = 4_294_967_000.0


@dataclass(slots=True)
class Faults:
    """What is ordered now; each field may be changed at any moment.

    `loss`, `duplicate`, `reorder`, `garble`: probability by message, in both directions except
    `garble` (upwards only, as the phone is the one with the broken modem). `delay`: least and most
    seconds. A reordered message waits `reorder_s`, so that later ones overtake it.
    `garble_next`: that many messages from now on. `crash_after_send`: at the next press that
    leaves, lose the process and boot again after that many seconds.
    """

    loss: float = 0.0
    delay: tuple[float, float] = (0.0, 0.0)
    duplicate: float = 0.0
    reorder: float = 0.0
    reorder_s: float = 0.5
    garble: float = 0.0
    garble_next: int = 0
    crash_after_send: float | None = None

    def pass_through(self, payload: bytes, random: Random, *, up: bool) -> Passage:
        """Say what becomes of one message."""
        if random.random() < self.loss:
            return Passage([], ("loss",))
        happened: list[str] = []
        if up and self._garbles(random):
            payload = garbled(payload, random)
            happened.append("garble")
        copies = [(self._lag(random, happened), payload)]
        if random.random() < self.duplicate:
            happened.append("duplicate")
            copies.append((self._lag(random, happened), payload))
        return Passage(copies, tuple(happened))

    def take_crash(self) -> float | None:
        """Return the ordered crash's reboot time, once."""
        after, self.crash_after_send = self.crash_after_send, None
        return after

    def _garbles(self, random: Random) -> bool:
        if self.garble_next > 0:
            self.garble_next -= 1
            return True
        return random.random() < self.garble

    def _lag(self, random: Random, happened: list[str]) -> float:
        least, most = self.delay
        lag = random.uniform(least, most) if most > 0 else 0.0
        if lag:
            happened.append("delay")
        if random.random() < self.reorder:
            happened.append("reorder")
            lag += self.reorder_s
        return lag


@dataclass(frozen=True, slots=True)
class Passage:
    """What becomes of one message: copies with their delays (none: lost), and what was done."""

    copies: list[tuple[float, bytes]]
    happened: tuple[str, ...]


def garbled(payload: bytes, random: Random) -> bytes:
    """Break some bytes as a bad modem does: cut short, overwritten, or no UTF-8 any more."""
    cut = payload[: random.randint(len(payload) // 2, len(payload))]
    broken = bytearray(cut)
    for _ in range(random.randint(1, 6)):
        broken[random.randrange(len(broken))] = random.randrange(256)
    broken[random.randrange(len(broken))] = 0xFF  # never valid in UTF-8
    return bytes(broken)
