"""Many dispatches for one control room at once: their calls are one call, with a list by urgency.

Serves arrow 3's voice tasks. Nothing is withheld: each alert keeps its own dispatch and its own
task. But a room of two people cannot take eight calls in a minute, and an operator who calls them
one after the other calls the last one late. The rule, in one place: when more than three dispatches
for one room fall within sixty seconds, all of that room's calls that are still to be made are one
call. First in it come those of whom dangers are known, then those where a voice was heard, then
what an operator has confirmed before what a deadline forwarded, and among equals the oldest press.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

MOST_APART = 3
"""So many dispatches for one room within ``WITHIN`` are still calls of their own."""
WITHIN = timedelta(seconds=60)


class Case(NamedTuple):
    """One dispatch of an open alert. ``waits``: it is still to be called about."""

    alert: UUID
    dispatched_at: datetime
    pressed_at: datetime
    danger: bool
    heard: bool
    confirmed: bool
    waits: bool


def one_call(cases: Sequence[Case]) -> list[Case]:
    """Return the cases of one room that are one call, the most urgent first; empty: none are."""
    waiting = [case for case in cases if case.waits]
    if len(waiting) < 2 or not crowded([case.dispatched_at for case in cases]):  # noqa: PLR2004  two
        return []
    return sorted(waiting, key=_urgency)


def crowded(moments: Sequence[datetime]) -> bool:
    """Say whether more than three of these fall within a minute."""
    ordered = sorted(moments)
    later = ordered[MOST_APART:]
    return any(last - first <= WITHIN for first, last in zip(ordered, later, strict=False))


def _urgency(case: Case) -> tuple[bool, bool, bool, datetime, UUID]:
    return not case.danger, not case.heard, not case.confirmed, case.pressed_at, case.alert
