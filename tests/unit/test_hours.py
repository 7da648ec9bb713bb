"""Outside of its hours a line comes last, and never falls out."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.platform.domain.hours import Line, attended, in_order, read

WEEK = (1, 2, 3, 4, 5)
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
HOURS = st.none() | st.builds("{}-{}".format, TIMES, TIMES)
DAYS = st.none() | st.lists(st.integers(1, 7), unique=True).map(tuple)
LADDERS = st.lists(st.tuples(HOURS, DAYS), max_size=6).map(
    lambda told: [Line(n, *one) for n, one in enumerate(told)]
)
MOMENTS = st.integers(1_735_700_000, 2_051_200_000).map(lambda s: datetime.fromtimestamp(s, UTC))


@given(LADDERS, MOMENTS)
def test_nothing_is_dropped_and_what_is_attended_comes_first(
    lines: list[Line], now: datetime
) -> None:
    order = in_order(lines, now)
    assert sorted(order) == [one.line for one in lines]
    there = [attended(lines[number], now) for number in order]
    assert there == sorted(there, reverse=True)
    for open_ones in (True, False):  # each kind keeps the file's order
        numbers = [number for number in order if attended(lines[number], now) is open_ones]
        assert numbers == sorted(numbers)
    if len(set(there)) < 2:  # all, or none
        assert list(order) == [one.line for one in lines]


def at(text: str) -> datetime:
    """A moment in UTC; the fifteenth of January 2030 is a Tuesday, Paris an hour ahead."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "days", "moment", "there"),
    [
        (None, None, "2030-01-15 03:00", True),
        ("08:00-20:00", None, "2030-01-15 07:00", True),  # eight in Paris
        ("08:00-20:00", None, "2030-01-15 06:59", False),
        ("08:00-20:00", None, "2030-01-15 19:00", False),  # eight in the evening: it is over
        ("08:00-20:00", None, "2030-07-15 06:00", True),  # in summer two hours ahead
        ("08:00-20:00", WEEK, "2030-01-19 10:00", False),  # a Saturday
        (None, WEEK, "2030-01-18 22:59", True),
        (None, WEEK, "2030-01-18 23:00", False),  # Saturday in Paris
        ("20:00-06:00", WEEK, "2030-01-18 22:00", True),
        ("20:00-06:00", WEEK, "2030-01-19 04:00", True),  # Friday's night
        ("20:00-06:00", WEEK, "2030-01-19 20:00", False),
        ("20:00-06:00", WEEK, "2030-01-21 04:00", False),  # Sunday's
    ],
)
def test_hours_are_those_of_paris(
    hours: str | None, days: tuple[int, ...] | None, moment: str, *, there: bool
) -> None:
    assert attended(Line(0, hours, days), at(moment)) is there


@pytest.mark.parametrize("text", ["", "8-20", "08:00-24:00", "08:00-08:00", "08:60-09:00", "x"])
def test_what_is_no_hours(text: str) -> None:
    assert read(text) is None
