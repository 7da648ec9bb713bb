"""What the platform's clock says, on a phone whose own clock may be years off (protocol, rule 9).

Serves whoever judges a word of the platform: is it over 60 s old, has its `until` come? Promises:
the phone's own clock decides nothing once a receipt was heard; what is not known exactly is taken
in the word's favour when its age is asked, and against reporting too long when an end is asked;
a platform whose clock was set anew is believed from its next receipt on. Leaves what follows from
an age to `vigil.py` and `machine.py`. Times called `now`, `left_at` are the simulation's, which
never step; times called `at` are the platform's. Epoch seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_sim.store import Memory, Skew


class PlatformClock:
    """The difference between the two, in the phone's memory, as narrow as it has been heard.

    A receipt is written between the first sending of its press and its arrival, so the difference
    lies between the two that follow; no word arrives before it was written, so every later word
    can only raise the lower bound.
    """

    def __init__(self, memory: Memory, wall: Callable[[float], float]) -> None:
        self._memory = memory
        self._wall = wall

    def receipt(self, at: float, left_at: float, now: float) -> None:
        """Learn from the receipt of a press that first left at `left_at`."""
        fresh, known = Skew(at - now, at - left_at), self._memory.skew
        if known is not None:
            least, most = max(known.least, fresh.least), min(_most(known), _most(fresh))
            # Bounds that exclude each other: one of the two clocks was set, or drifted.
            fresh = Skew(least, most) if least <= most else fresh
        self._memory.skew = fresh

    def word(self, at: float, now: float) -> None:
        """Learn from any other word that was found not to be void."""
        known = self._memory.skew
        if known is None:
            self._memory.skew = Skew(at - now)
        elif known.least < at - now <= _most(known):
            known.least = at - now

    def age(self, at: float, now: float) -> float:
        """Return the seconds since the platform said `at`, at the least."""
        return self.there(now) - at

    def there(self, now: float) -> float:
        """Tell what the platform's clock shows at `now`, at the least; until it spoke, the own."""
        skew = self._memory.skew
        return self._wall(now) if skew is None else now + skew.least

    def here(self, at: float) -> float:
        """Tell when the platform's clock shows `at`, at the earliest, in the simulation's time.

        To be asked after a word was heard: before that there is no difference to go by.
        """
        skew = self._memory.skew
        if skew is None:
            raise LookupError("no word of the platform was heard yet")
        return at - (skew.least if skew.most is None else skew.most)


def _most(skew: Skew) -> float:
    return float("inf") if skew.most is None else skew.most
