"""How long what is kept is kept: the table ``terms.toml``, read once, which a jurist may correct.

Serves the flow ``forget``, which erases by it, and the document ``docs/terms.md``. A row has a
code, by which the code that erases and the journal's entries name it. A table that cannot be
carried out (a log that would outlast what finds it, an unknown unit) is refused when it is read.
"""

import calendar
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

_SPAN = re.compile(r"(\d{1,4}) (hour|day|month|year)s?")
_OUTLASTED = (
    ("alert", "journal_alert"),
    ("alert", "recontact"),
    ("assignment", "journal_assignment"),
    ("assignment", "file"),
    ("request", "refused"),
)
"""The first is what the second is found by: it may not go before it."""


class Term(NamedTuple):
    """A span as the calendar has it: ``6 months`` before 31 August is 28 February."""

    months: int
    rest: timedelta

    @classmethod
    def read(cls, text: str) -> "Term":
        """Read ``3 days``, ``24 hours``, ``6 months``, ``2 years``; raises ``ValueError``."""
        found = _SPAN.fullmatch(text)
        if found is None:
            raise ValueError(f"terms.toml: {text!r} is no term")
        number, unit = int(found[1]), found[2]
        if unit in {"month", "year"}:
            return cls(number * (12 if unit == "year" else 1), timedelta())
        return cls(0, timedelta(**{f"{unit}s": number}))

    def before(self, now: datetime) -> datetime:
        """Return the moment so long before ``now``."""
        return _moved(now, -self.months) - self.rest

    def after(self, moment: datetime) -> datetime:
        """Return the moment so long after ``moment``."""
        return _moved(moment, self.months) + self.rest

    @property
    def iso(self) -> str:
        """The span as ISO 8601 writes it: P6M, P3D, PT24H."""
        hours = self.rest // timedelta(hours=1)
        if self.months:
            return f"P{self.months}M"
        return f"PT{hours}H" if hours % 24 else f"P{hours // 24}D"


class Kept(NamedTuple):
    """A row: what is kept, in which columns, shown as what, how long, and why so long."""

    code: str
    what: str
    columns: tuple[str, ...]
    shown: tuple[str, ...]
    term: Term | None
    begins: str
    hold: bool
    source: str
    said: Mapping[str, str]
    authorised: Term | None = None
    test: Term | None = None


class Public(NamedTuple):
    """Columns that hold nothing of a person."""

    columns: tuple[str, ...]
    why: str


class Terms:
    """The table; ``kept`` in the order in which it is carried out."""

    def __init__(self, text: str) -> None:
        table = tomllib.loads(text)
        self.kept = {row.code: row for row in map(_kept, table["kept"])}
        self.public = tuple(Public(tuple(one["columns"]), one["why"]) for one in table["public"])
        if len(self.kept) != len(table["kept"]):
            raise ValueError("terms.toml: a code stands there twice")
        now = datetime(2030, 1, 1)  # noqa: DTZ001  two spans are compared, of any day
        for longer, shorter in _OUTLASTED:
            if self[longer].before(now) > self[shorter].before(now):
                raise ValueError(f"terms.toml: {longer} may not go before {shorter}")

    def __getitem__(self, code: str) -> Term:
        """Return a row's term; ``LookupError`` where there is no row, or none is set."""
        term = self.kept[code].term
        if term is None:
            raise LookupError(f"terms.toml: {code} has no term")
        return term


def _moved(moment: datetime, months: int) -> datetime:
    """Return the same day so many months on, or the last of a shorter month."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


@cache
def table() -> Terms:
    """Return the table of the package."""
    text = resources.files("tgd.platform").joinpath("terms.toml").read_text(encoding="utf-8")
    return Terms(text)


def _kept(one: Mapping[str, Any]) -> Kept:
    spans = {name: one[name] for name in ("term", "authorised", "test") if name in one}
    read = {name: None if said == "none" else Term.read(said) for name, said in spans.items()}
    return Kept(
        code=one["code"],
        what=one["what"],
        columns=tuple(one["columns"]),
        shown=tuple(one["shown"]),
        term=read["term"],
        begins=one["begins"],
        hold=one["hold"],
        source=one["source"],
        said=spans,
        authorised=read.get("authorised"),
        test=read.get("test"),
    )
