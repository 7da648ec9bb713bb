"""The figures for the steering committee: what the office did in a period, with nobody in them.

Serves the page ``/parquet``. The committee has members from outside the office: small counts are
suppressed here (``domain.small_counts``), before anything is answered.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from tgd.errors import Invalid
from tgd.justice.domain.life import FRANCE
from tgd.justice.domain.small_counts import LEAST, parts, resting, told

USUAL: Final = timedelta(days=364)
LONGEST: Final = timedelta(days=3653)
_WHOLES: Final = {
    "requests": ("requests_by_status", "requests_by_source"),
    "assignments": ("assignments_by_basis",),
    "ends": ("ends_by_reason",),
    "alerts": ("alerts_by_verdict",),
}


def period(since: str | None, until: str | None, now: datetime) -> tuple[date, date]:
    """Return the first and the last day, in France, both counted; the last year where unsaid."""
    last = _day("to", until) or now.astimezone(FRANCE).date()
    first = _day("from", since) or last - USUAL
    if not timedelta(0) <= last - first <= LONGEST:
        raise Invalid("from", "must not be after the last day, nor ten years before it")
    return first, last


def bounds(first: date, last: date) -> tuple[datetime, datetime]:
    """Return the moments at which the period begins and has ended."""
    ends = (first, last + timedelta(days=1))
    start, end = (datetime.combine(day, time(), FRANCE).astimezone(UTC) for day in ends)
    return start, end


def figures(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be told of ``store.office.steering``; None: fewer than ``least``."""
    found: dict[str, Any] = {"least": LEAST, "allocation": row["allocation"] or 0}
    for name in ("held", "renewals"):
        found[name] = told(row[name])
    for whole, of in _WHOLES.items():
        found[whole] = told(row[whole])
        for name in of:
            found[name] = parts(row[name])
    found["wait_days"] = _rounded(resting(row["wait_days"], row["waits"]))
    found["held_days"] = _rounded(resting(row["held_days"], row["ends"]))
    return found


def _rounded(days: float | None) -> int | None:
    return None if days is None else round(days)


def _day(name: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise Invalid(name, "must be a day: YYYY-MM-DD") from None
