"""Small counts are not told: with eight phones, "one" is a person.

Serves the figures for the steering committee, which leave the office. Promises: no count from 1 to
4 is told, none can be reckoned back from a total and what is told beside it, and what rests on
fewer than five is not told either. None stands for "fewer than five, or hidden with one that is".
"""

from collections.abc import Mapping
from typing import Final

LEAST: Final = 5


def told(n: int) -> int | None:
    """Return the count; None where it would be about few."""
    return n if n == 0 or n >= LEAST else None


def resting(value: float | None, n: int) -> float | None:
    """Return a figure that rests on ``n`` cases; None where these are few."""
    return value if n >= LEAST else None


def parts(counts: Mapping[str, int]) -> dict[str, int | None]:
    """Return the parts of a whole.

    Where those hidden are few together, the total would give them away: then the next smallest is
    hidden with them, until they are not.
    """
    hidden = {name for name, n in counts.items() if told(n) is None}
    others = sorted((n, name) for name, n in counts.items() if n >= LEAST)
    for _, name in others:
        if not hidden or (len(hidden) > 1 and sum(counts[one] for one in hidden) >= LEAST):
            break
        hidden.add(name)
    return {name: None if name in hidden else n for name, n in counts.items()}
