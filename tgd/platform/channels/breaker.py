"""Which lines are held to be dead, so that one costs a time-out once and not for every alert.

Serves arrow 3's sending. A line that has failed is left alone for a while and then tried by one
message; whatever else is for it meanwhile fails at once, and goes by the room's next line, or a
little later where there is none: an only line is tried for ever, by one message at a time. What
probes find counts as well. A line that answers, and refuses for good what is said of several alerts
one after the other, is held to refuse everything: what has another line goes by that at once, but
for one message now and then that finds out, until it takes one again. Kept in memory: another
process finds out by itself. Which line comes next is the domain's business.
"""

from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import NamedTuple

ALONE = timedelta(seconds=5)
"""How long a line is left alone after a failure, where the room has others."""
ONLY = timedelta(seconds=0.25)
"""How long where it has none: it is to be found again as soon as it works."""

SEVERAL = 3
"""Of so many alerts in a row a line has refused what they say: it is the line, and not an alert."""

Line = tuple[str, int]
"""A room's id and the line's number."""


class Refusal(NamedTuple):
    """Since when a line refuses everything, and in which words it did so first."""

    since: datetime
    why: str


class Breaker:
    """The lines of all rooms that are left alone just now."""

    def __init__(self) -> None:
        self._until: dict[Line, datetime] = {}
        self._why: dict[Line, str] = {}
        self._dead: dict[Line, datetime] = {}
        self._worked: dict[Line, datetime] = {}
        self._refused: dict[Line, set[Hashable]] = {}
        self._refuses: dict[Line, Refusal] = {}
        self._asked: dict[Line, datetime] = {}

    def lets(
        self, line: Line, now: datetime, *, first: bool = False, pause: timedelta = ALONE
    ) -> bool:
        """Say whether a message may try the line; the first one after the pause is alone.

        ``first``: it has another line to go by if not, which it takes at once. A line that a probe
        has found dead costs such a message nothing; its later attempts try it all the same.
        """
        if first and now < self._dead.get(line, now):
            return False
        if first and line in self._refuses:
            if now < self._asked[line] + ALONE:
                return False
            self._asked[line] = now
        until = self._until.get(line)
        if until is not None:
            if now < until:
                return False
            self._until[line] = now + pause
        return True

    def failed(self, line: Line, now: datetime, why: str = "", pause: timedelta = ALONE) -> None:
        """Leave it alone from now on."""
        self._until[line], self._why[line] = now + pause, why

    def refused(self, line: Line, about: Hashable, now: datetime, why: str) -> None:
        """Note that it has said no, for good, to what it was sent about one alert."""
        told = self._refused.setdefault(line, set())
        if line not in self._refuses:
            told.add(about)
        if len(told) >= SEVERAL:
            told.clear()
            self._refuses[line] = Refusal(now, why)
            self._asked[line] = now

    def refusal(self, line: Line) -> Refusal | None:
        """Return since when it refuses everything; None where it does not, or nobody knows."""
        return self._refuses.get(line)

    def why(self, line: Line) -> str:
        """Return how it failed last."""
        return self._why.get(line, "")

    def dead(self, line: Line, until: datetime) -> None:
        """Know it to be dead, by a probe, until the next one should have said otherwise."""
        self._dead[line] = until

    def worked(self, line: Line, now: datetime) -> None:
        """Use it again."""
        self._worked[line] = now
        self.another(line)

    def another(self, line: Line) -> None:
        """Know nothing bad of it: it has taken a message, or is not the line that it was."""
        self.answers(line)
        self._refused.pop(line, None)
        self._refuses.pop(line, None)

    def answers(self, line: Line) -> None:
        """Use it again: a probe was answered."""
        self._until.pop(line, None)
        self._dead.pop(line, None)

    def worked_at(self, line: Line) -> datetime | None:
        """Return when it last took a message of this process."""
        return self._worked.get(line)
