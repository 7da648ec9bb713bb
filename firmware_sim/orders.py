"""`reportLocation` as a phone takes it: how often, until when, for which alert (protocol, §1).

Serves the live positions of an open alert. Promises: whatever a field holds, an order comes of it;
one that is missing or odd leaves that matter to the phone's own timing, and the others count.
Leaves whether to obey to `vigil.py`. `until` stays on the platform's clock. Seconds.
"""

from __future__ import annotations

from typing import Any

from firmware_sim.messages import Command
from firmware_sim.store import Order

LEAST_EVERY, MOST_EVERY = 1.0, 3600.0  # outside these a battery or a person is given up
LONGEST = 86_400.0  # nobody is followed for more than a day on one word


def order(command: Command, now: float) -> Order:
    """Read what the command asks; None where the phone's own timing is to hold."""
    fields = command.fields
    return Order(
        at=command.at,
        heard_at=now,
        moving_s=_within(fields.get("moving_s"), LEAST_EVERY, MOST_EVERY),
        still_s=_within(fields.get("still_s"), LEAST_EVERY, MOST_EVERY),
        until=_until(fields.get("until"), command.at),
    )


def alert(command: Command) -> str | None:
    """Return the alert that the command names; None if it names none."""
    named = command.fields.get("alert")
    return named if isinstance(named, str) and named else None


def _until(said: Any, at: float) -> float | None:
    until = _within(said, at, at + LONGEST)
    return until if until != at else None


def _within(said: Any, least: float, most: float) -> float | None:
    number = isinstance(said, int | float) and not isinstance(said, bool)
    return float(said) if number and least <= said <= most else None
