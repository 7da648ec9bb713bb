"""Arrow 2, alert → decision: what a test has proved of a phone.

She tests her phone every 15 days by an ordinary press. The test has passed when an operator, having
heard her, has decided that it was one, and, where a word was agreed, she has given it. Of where she
was nothing is kept but how well the phone could say it: no position.
"""

import unicodedata
from datetime import timedelta
from typing import NamedTuple

from tgd.geo.locate import Estimate
from tgd.platform.domain.alert import Alert

RADII = ((50.0, "to_50_m"), (200.0, "to_200_m"), (1000.0, "to_1_km"))
BEYOND = "beyond"
FRESH = timedelta(seconds=60)
"""A fix that is so much older than the gesture says nothing of what the phone can do now."""


class Located(NamedTuple):
    """``located``: yes, stale (an old fix), no or refused; ``radius``: its class, if any."""

    located: str
    radius: str | None


def passed(alert: Alert) -> bool:
    """Say whether what was just decided is a test that the phone and its holder have passed.

    Not under coercion: whoever finds the right word afterwards has not rehearsed it.
    """
    return not alert.coerced and any(
        fact.kind == "verdict" and fact.details.get("verdict") == "test" for fact in alert.facts
    )


def located(alert: Alert, estimate: Estimate | None) -> Located:
    """Return how well the phone said where it was, from the best of its fixes."""
    if not alert.located:
        return Located("refused", None)
    if estimate is None:
        return Located("no", None)
    within = next((name for most, name in RADII if estimate.r95_m <= most), BEYOND)
    fresh = estimate.fixed_at >= alert.pressed_at - FRESH
    return Located("yes" if fresh else "stale", within)


def spoken(word: str) -> bytes:
    """Compare words as they are heard: case, accents' spelling and spaces do not matter."""
    folded = unicodedata.normalize("NFKD", word).casefold()
    return "".join(c for c in folded if c.isalnum()).encode()
