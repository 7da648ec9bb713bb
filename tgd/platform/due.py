"""When what is sealed of an alert is due, by the table of terms.

Serves the flow ``forget``. A thing's term runs from its own recording; what decides how long it is,
is its kind, whether a magistrate has authorised more, and whether the alert ended as a test or a
mistake.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from tgd.platform.terms import Term, Terms
from tgd.store.forget import KINDS, Held, Kept

_AT_ONCE = ("test", "accidental")
_DAY_0 = datetime(2030, 1, 1, tzinfo=UTC)


class Due:
    """The table's terms of alerts."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def term(self, kind: str, alert: Held) -> Term:
        """Return how long a thing is kept; what has no term for tests is kept as ever."""
        row = self._terms.kept[kind]
        if alert.status == "closed" and alert.verdict in _AT_ONCE and row.test is not None:
            return row.test
        if alert.eight_days and row.authorised is not None:
            return row.authorised
        return self._terms[kind]

    def ends(self, thing: Kept, alert: Held) -> datetime:
        """Return when a thing is to be erased."""
        return self.term(thing.kind, alert).after(thing.recorded_at)

    def first(self, now: datetime) -> datetime:
        """Return when the first of what is recorded now is due."""
        return min(self._terms[kind].after(now) for kind in KINDS)

    def told(self, counts: Counter[str], left: Sequence[Kept], alert: Held) -> dict[str, object]:
        """Return the proof for the journal: how much went, how much is left, by which term."""
        term = self.term("position", alert)
        return {
            **{f"{kind}s" if kind != "press" else "presses": counts[kind] for kind in KINDS},
            "left": len(left),
            "days": (term.after(_DAY_0) - _DAY_0).days,
        }
