"""When a line of a control room is attended, and what that does to the order of its lines.

Serves arrow 3. Hours are of French local time, whatever the clocks do in March and October. Outside
of its hours a line comes after those that are attended, and is never left out: nobody may be there
at night, and somebody may. Where none is attended the order is the file's.
"""

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As a rooms file has them; kept as ISO numbers, Monday is 1."""
EVERY_DAY = frozenset(range(1, 8))
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Line(NamedTuple):
    """A line by its number; ``hours`` are ``HH:MM-HH:MM``, ``days`` ISO numbers; None: always."""

    line: int
    hours: str | None = None
    days: Sequence[int] | None = None


def read(text: str) -> tuple[time, time] | None:
    """Return from when until when; None of what is no ``HH:MM-HH:MM``, or of no time at all."""
    found = _HOURS.fullmatch(text)
    if found is None:
        return None
    hour, minute, last_hour, last_minute = (int(part) for part in found.groups())
    opens, closes = time(hour, minute), time(last_hour, last_minute)
    return None if opens == closes else (opens, closes)


def attended(line: Line, now: datetime) -> bool:
    """Say whether it is one of the line's hours; a night belongs to the day on which it begins."""
    local = now.astimezone(_zone())
    days = EVERY_DAY if line.days is None else line.days
    told = None if line.hours is None else read(line.hours)
    if told is None:
        return local.isoweekday() in days
    opens, closes = told
    at = local.time()
    if opens < closes:
        return local.isoweekday() in days and opens <= at < closes
    yesterday = (local - timedelta(days=1)).isoweekday()
    return (local.isoweekday() in days and at >= opens) or (yesterday in days and at < closes)


def in_order(lines: Sequence[Line], now: datetime) -> tuple[int, ...]:
    """Return the lines' numbers, those attended first, each as before among its own."""
    return tuple(one.line for one in sorted(lines, key=lambda one: not attended(one, now)))


@cache
def _zone() -> ZoneInfo:
    return ZoneInfo("Europe/Paris")
