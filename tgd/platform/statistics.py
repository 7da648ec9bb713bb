"""How long each leg took, day by day; how many alerts there were; how many phones were tested.

Serves supervisors, prosecutors, administrators and auditors, after the arrows. Promises: no person
is named, and a phone only by its id, for its tests; tests stand apart from alerts; the period is
bounded and only one such question is asked of the database at a time, so that no press waits for a
figure.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tgd.clock import Clock
from tgd.errors import Invalid
from tgd.platform.legs import LEGS
from tgd.store import statistics as store
from tgd.store.db import Database

LONGEST = timedelta(days=366)
LONGEST_BY_DAY = timedelta(days=92)
USUAL = timedelta(days=30)
STEPS = ("day", "week")

_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """Percentiles, in seconds, of ``n`` alerts opened in the step that begins then."""

    begins: date | None
    n: int
    p50: float
    p90: float
    p99: float


@dataclass(frozen=True, slots=True)
class Series:
    """A leg over the whole period (None: it never happened) and step by step."""

    whole: Figures | None
    steps: list[Figures]


@dataclass(frozen=True, slots=True)
class LegFigures:
    """One leg; ``targets`` are seconds by percent of the alerts (``p90``)."""

    name: str
    targets: dict[str, float]
    alerts: Series
    tests: Series


@dataclass(frozen=True, slots=True)
class StepCount:
    """How many were opened in the step that begins then."""

    begins: date
    alerts: int
    tests: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many alerts and tests; ``by_verdict`` and ``by_reason`` are of alerts, not of tests."""

    alerts: int
    tests: int
    open: int
    by_verdict: dict[str, int]
    by_reason: dict[str, int]
    steps: list[StepCount]


@dataclass(frozen=True, slots=True)
class PhoneTested:
    """One phone by its id, and the whole days since its test; None: never tested."""

    device: str
    days: int | None


@dataclass(frozen=True, slots=True)
class Phones:
    """Of the phones in somebody's hands: how many their holders tested within so many days.

    ``rehearsed``: of how many the latest test was one at which an agreed word was given; ``worst``
    are up to 100 of them, the longest untested first.
    """

    assigned: int
    within_15: int
    within_21: int
    never: int
    rehearsed: int
    percent_15: float | None
    percent_21: float | None
    worst: list[PhoneTested]


@dataclass(frozen=True, slots=True)
class Period:
    """From a day to a day, both in Paris and counted, by ``day`` or ``week``."""

    since: date
    until: date
    step: str


@dataclass(frozen=True, slots=True)
class Overview:
    """All figures of a period; ``tribunal`` None: every one's."""

    period: Period
    tribunal: str | None
    legs: list[LegFigures]
    counts: Counts
    phones: Phones


class Statistics:
    """Answers one question at a time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._one_at_a_time = asyncio.Semaphore(1)

    def period(self, since: str | None, until: str | None, step: str | None) -> Period:
        """Return the period asked for; unsaid, the last 30 days, by day up to 92 of them."""
        today = self._clock.now().astimezone(ZoneInfo("Europe/Paris")).date()
        last = _day("to", until) or today
        first = _day("from", since) or last - USUAL + timedelta(days=1)
        length = last - first + timedelta(days=1)
        if length <= timedelta(0):
            raise Invalid("from", "must not be after to")
        if length > LONGEST:
            raise Invalid("from", f"at most {LONGEST.days} days at once")
        if step is None:
            step = "day" if length <= LONGEST_BY_DAY else "week"
        if step not in STEPS:
            raise Invalid("step", f"must be one of {', '.join(STEPS)}")
        if step == "day" and length > LONGEST_BY_DAY:
            raise Invalid("step", f"by day, at most {LONGEST_BY_DAY.days} days at once")
        return Period(first, last, step)

    async def of(
        self, period: Period, tribunal: str | None, hidden: Collection[UUID] = ()
    ) -> Overview:
        """Return the figures of the period; of one tribunal's phones, or of all.

        Nothing of the ``hidden`` persons is counted.
        """
        async with self._one_at_a_time, self._database.transaction() as transaction:
            found = await store.figures(
                transaction,
                period.since,
                period.until,
                period.step,
                tribunal=tribunal,
                now=self._clock.now(),
                hidden=hidden,
            )
        return Overview(
            period=period,
            tribunal=tribunal,
            legs=[_leg(name, found["percentiles"]) for name in LEGS],
            counts=_counts(found["counts"]),
            phones=_phones(found["phones"], found["worst"]),
        )


def _day(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(name, "must be a day such as 2030-01-15") from None


def _leg(name: str, rows: Iterable[_Row]) -> LegFigures:
    own = [row for row in rows if row["leg"] == name]
    return LegFigures(
        name=name,
        targets={f"p{percent}": seconds for percent, seconds in LEGS[name].items()},
        alerts=_series(row for row in own if not row["test"]),
        tests=_series(row for row in own if row["test"]),
    )


def _series(rows: Iterable[_Row]) -> Series:
    whole, steps = None, []
    for row in rows:
        begins = None if row["whole"] else date.fromisoformat(row["begins"])
        figures = Figures(begins, row["n"], *(round(value, 6) for value in row["p"]))
        if row["whole"]:
            whole = figures
        else:
            steps.append(figures)
    return Series(whole, steps)


def _phones(counted: _Row, worst: Iterable[_Row]) -> Phones:
    assigned: int = counted["assigned"]

    def percent(tested: int) -> float | None:
        return round(100 * tested / assigned, 1) if assigned else None

    return Phones(
        **counted,
        percent_15=percent(counted["within_15"]),
        percent_21=percent(counted["within_21"]),
        worst=[PhoneTested(one["device"], one["days"]) for one in worst],
    )


def _counts(rows: Iterable[_Row]) -> Counts:
    verdicts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    steps: dict[date, Counter[bool]] = {}
    waiting = 0
    for row in rows:
        steps.setdefault(date.fromisoformat(row["begins"]), Counter())[row["test"]] += row["n"]
        waiting += row["n"] if row["open"] else 0
        if not row["test"]:
            verdicts[row["verdict"] or "none"] += row["n"]
            if row["reason"]:
                reasons[row["reason"]] += row["n"]
    by_step = [StepCount(begins, n[False], n[True]) for begins, n in steps.items()]
    return Counts(
        alerts=sum(one.alerts for one in by_step),
        tests=sum(one.tests for one in by_step),
        open=waiting,
        by_verdict=dict(verdicts.most_common()),
        by_reason=dict(reasons.most_common()),
        steps=by_step,
    )
