"""No small count is told, and none can be worked out."""

from hypothesis import given
from hypothesis import strategies as st

from tgd.justice.domain.small_counts import LEAST, parts, resting, told

COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 40), max_size=8)


def test_zero_and_five_are_told_and_nothing_between():
    assert [told(n) for n in range(7)] == [0, None, None, None, None, 5, 6]
    assert (resting(3.5, 4), resting(3.5, 5)) == (None, 3.5)


def test_what_the_total_would_give_away_is_hidden_with_the_next_smallest():
    assert parts({"a": 2, "b": 9, "c": 30}) == {"a": None, "b": None, "c": 30}
    assert parts({"a": 2, "b": 3, "c": 30}) == {"a": None, "b": None, "c": 30}
    assert parts({"a": 1, "b": 1, "c": 30}) == {"a": None, "b": None, "c": None}
    assert parts({"a": 0, "b": 7}) == {"a": 0, "b": 7}


@given(COUNTS)
def test_nothing_hidden_can_be_reckoned_from_the_total(counts: dict[str, int]):
    shown = parts(counts)
    hidden = [counts[name] for name, n in shown.items() if n is None]
    assert all(told(n) is not None for n in shown.values() if n is not None)
    everything = all(n is None or n == 0 for n in shown.values())
    if hidden and not everything:
        assert len(hidden) > 1
        assert sum(hidden) >= LEAST
