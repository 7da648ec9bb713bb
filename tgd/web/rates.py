"""How often one caller may ask for what costs much, or for what nobody needs often.

Serves the guard; which route, and how often a minute, stands in the table of rights. Never a press,
never an act upon an alert. Counted in memory, per token or session: the login has ``delays``.
"""

from collections import OrderedDict
from datetime import datetime

from tgd.clock import Clock

_REMEMBERED = 10_000


class Rates:
    """Lets so many through at once, and as many in each minute after."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left: OrderedDict[tuple[bytes, str], tuple[float, datetime]] = OrderedDict()

    def wait_s(self, key: bytes, route: str, per_minute: int) -> float:
        """Count one request and return 0, or how long to wait before the next."""
        now, who = self._clock.now(), (key, route)
        left, at = self._left.pop(who, (float(per_minute), now))
        left = min(float(per_minute), left + (now - at).total_seconds() * per_minute / 60)
        allowed = left >= 1
        self._left[who] = (left - 1 if allowed else left, now)
        while len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) * 60 / per_minute
