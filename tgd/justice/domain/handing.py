"""How far a hand-over test is, step by step, while the magistrate's office looks on.

Serves the page ``/parquet``. Pure: derived from the latest press since the phone was handed over.
That the steps are done finishes nothing: a person compares sticker, cards and voice, and says so
(``life.tested``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

STEPS: Final = ("received", "answered", "heard", "located", "recognised")
STATES: Final = ("done", "waiting", "failed", "not_asked")


@dataclass(frozen=True, slots=True)
class Step:
    """One of ``STEPS`` with its state, and since when where that is known."""

    step: str
    state: str
    at: datetime | None = None


def steps(row: Mapping[str, Any]) -> list[Step]:
    """Return the steps in their order, from a row of ``store.office.handing``."""
    closed = row["verdict"] is not None
    recognised = row["verdict"] == "test" and row["located"] is not None

    def reached(at: datetime | None, step: str) -> Step:
        if at is not None:
            return Step(step, "done", at)
        return Step(step, "failed" if closed else "waiting")

    last = Step("recognised", "done", row["verdict_at"])
    if not recognised:
        last = Step("recognised", "failed" if closed else "waiting")
    return [
        reached(row["opened_at"], "received"),
        reached(row["answered_at"], "answered"),
        reached(row["holder_heard_at"], "heard"),
        _located(row, closed=closed),
        last,
    ]


def _located(row: Mapping[str, Any], *, closed: bool) -> Step:
    if not row["agreed"]:
        return Step("located", "not_asked")
    if row["located"] in {"yes", "stale"} or row["positioned"]:
        return Step("located", "done")
    return Step("located", "failed" if closed else "waiting")
