"""More than three dispatches for one room within a minute are one call, by urgency."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.platform.domain.calls import Case, crowded, one_call

T = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)


def case(number: int, after_s: float = 0.0, **more: Any) -> Case:
    at = T + timedelta(seconds=after_s)
    told = {"danger": False, "heard": False, "confirmed": False, "waits": True} | more
    return Case(UUID(int=number), at, told.pop("pressed_at", at), **told)


@pytest.mark.parametrize(
    ("seconds", "is_crowded"),
    [
        ([], False),
        ([0, 1, 2], False),
        ([0, 1, 2, 60], True),
        ([0, 1, 2, 60.1], False),
        ([0, 30, 60, 90], False),
        ([0, 100, 101, 102, 103], True),
        ([103, 0, 101, 102, 100], True),
    ],
)
def test_more_than_three_within_a_minute(seconds: list[float], *, is_crowded: bool) -> None:
    assert crowded([T + timedelta(seconds=s) for s in seconds]) is is_crowded


def test_the_most_urgent_comes_first() -> None:
    plain, older = case(1, 10), case(2, 5)
    confirmed = case(3, 20, confirmed=True)
    heard = case(4, 30, heard=True)
    danger = case(5, 40, danger=True)
    told = one_call([plain, older, confirmed, heard, danger])
    assert told == [danger, heard, confirmed, older, plain]


def test_what_was_called_about_counts_and_is_not_called_about_again() -> None:
    cases = [case(1), case(2, waits=False), case(3), case(4, waits=False)]
    assert [one.alert.int for one in one_call(cases)] == [1, 3]
    assert one_call([one._replace(waits=one.alert.int == 1) for one in cases]) == []


@given(st.lists(st.tuples(st.floats(0, 300), *[st.booleans()] * 4), max_size=12))
def test_nothing_that_waits_is_left_out(told: list[Any]) -> None:
    cases = [
        case(n, s, danger=d, heard=h, confirmed=c, waits=w)
        for n, (s, d, h, c, w) in enumerate(told)
    ]
    found = one_call(cases)
    if found:
        assert set(found) == {one for one in cases if one.waits}
        ranks = [(not one.danger, not one.heard, not one.confirmed) for one in found]
        assert ranks == sorted(ranks)
