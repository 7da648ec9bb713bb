"""The estimate is never more certain than the phone was, and the future cannot freeze it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.geo.locate import Observed, best, growth, metres, on_platform_time, r95
from tgd.geo.position import Fix

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR_S = 365 * 86_400


def seen(age_s=0.0, *, received_age_s=None, lat=46.58, lon=0.34, acc=20.0, method="G", vel=None):
    received = min(age_s, 0.0) if received_age_s is None and age_s < 0 else received_age_s
    return Observed(
        Fix(lat, lon, acc, method=method, vel=vel),
        NOW - timedelta(seconds=age_s),
        NOW - timedelta(seconds=age_s if received is None else received),
    )


def test_nothing_observed_is_no_estimate() -> None:
    assert best([], NOW) is None


def test_a_fresh_fix_is_taken_as_it_is() -> None:
    found = best([seen(acc=20.0)], NOW)
    assert (found.lat, found.lon, found.age_s, found.method, found.doubts) == (
        46.58,
        0.34,
        0.0,
        "G",
        (),
    )
    assert found.r95_m == pytest.approx(20 * 1.6214, rel=1e-3)


@pytest.mark.parametrize(
    ("fix", "radius"),
    [
        (Fix(1, 1, 100, 95.0), 100.0),
        (Fix(1, 1, 100, 68.0), 162.1),
        (Fix(1, 1, 100, 39.35), 244.8),
        (Fix(1, 1, 1, 68.0), 10.0),
        (Fix(1, 1, 100, 100.0), 65.9),
        (Fix(1, 1, 100, 0.0), 1726.5),
        (Fix(1, 1, None, method="G"), 50.0),
        (Fix(1, 1, None, method="W"), 150.0),
        (Fix(1, 1, None, method="C"), 3000.0),
        (Fix(1, 1, None, method="F"), 500.0),
        (Fix(1, 1), 500.0),
    ],
)
def test_the_95_percent_radius(fix, radius) -> None:
    assert r95(fix) == pytest.approx(radius, rel=1e-3)


def test_a_fresh_coarse_fix_gives_way_to_an_older_precise_one_until_that_has_grown() -> None:
    cell = seen(acc=1500.0, method="C")
    assert best([cell, seen(30)], NOW).method == "G"
    assert best([cell, seen(600)], NOW).method == "C"


def test_of_equal_radii_the_newest() -> None:
    capped = [seen(90_000, lat=46.5), seen(80_000, lat=46.6), seen(85_000, lat=46.7)]
    assert best(capped, NOW).lat == 46.6


def test_an_old_position_says_so() -> None:
    assert "location_stale" not in best([seen(60)], NOW).doubts
    assert best([seen(61)], NOW).doubts == ("location_stale",)


def test_a_cell_is_only_a_cell() -> None:
    assert "cell_only" in best([seen(acc=300.0, method="C")], NOW).doubts
    assert "cell_only" in best([seen(acc=5000.0, method="F")], NOW).doubts
    assert "cell_only" not in best([seen(300)], NOW).doubts


def test_an_unsaid_radius_says_so() -> None:
    assert "radius_unknown" in best([seen(acc=None)], NOW).doubts


def test_the_doubts_of_a_fix_stay_with_it() -> None:
    marked = Observed(Fix(46.5, 0.3, 10), NOW, NOW, ("location_salvaged", "radius_unknown"))
    assert best([marked], NOW).doubts == ("location_salvaged", "radius_unknown")


def test_five_seconds_of_skew_are_no_future() -> None:
    found = best([seen(-5, received_age_s=0)], NOW)
    assert (found.age_s, found.doubts) == (0.0, ())


def test_a_fix_from_the_future_is_kept_where_it_is_all_there_is() -> None:
    found = best([seen(-3600, received_age_s=10)], NOW)
    assert (found.age_s, found.doubts) == (10.0, ("fix_from_future",))


def test_a_fix_from_the_future_does_not_freeze_the_position() -> None:
    future = seen(-3600, received_age_s=100, lat=46.6, acc=5.0)
    for ahead in (0, 3600, 7200):  # not before, not at and not after its alleged hour
        now = NOW + timedelta(seconds=ahead)
        honest = Observed(Fix(46.6001, 0.34, 30.0), now, now)
        assert best([future, honest], now).lat == 46.6001


def test_a_repeated_fix_says_so() -> None:
    first, again = seen(50), seen(0)
    assert best([first, again], NOW).doubts == ("fix_repeated",)
    assert best([seen(50, lat=46.5800001), again], NOW).doubts == ()


def test_an_impossible_jump_says_so() -> None:
    there = seen(60, lat=46.0, lon=0.3)
    assert "jump" in best([there, seen(0)], NOW).doubts
    assert "jump" not in best([seen(1200, lat=46.0, lon=0.3), seen(0)], NOW).doubts


def test_one_outlier_does_not_accuse_the_others() -> None:
    track = [seen(40), seen(30, lat=46.5801), seen(20, lat=47.9), seen(10, lat=46.5802), seen(0)]
    assert "jump" not in best(track, NOW).doubts
    lost = [seen(60), seen(30, lat=46.5801), seen(0, lat=47.9)]
    assert "jump" in best(lost, NOW).doubts


def test_distance() -> None:
    poitiers, chatellerault = Fix(46.5802, 0.3404), Fix(46.8176, 0.5461)
    assert metres(poitiers, chatellerault) == pytest.approx(30_700, rel=0.02)
    assert metres(Fix(10, 179.999), Fix(10, -179.999)) < 300


@pytest.mark.parametrize("offset", [0, -56 * YEAR_S + 3, 80 * YEAR_S, 3600])
def test_the_phone_clock_is_compared_with_itself(offset) -> None:
    phone = NOW.timestamp() + offset
    assert on_platform_time(phone - 30, phone, NOW) == NOW - timedelta(seconds=30)


def test_a_satellite_time_beside_a_wrong_clock_is_understood() -> None:
    assert on_platform_time(NOW.timestamp() - 30, 12.0, NOW) == NOW - timedelta(seconds=30)
    assert on_platform_time(NOW.timestamp() - 30, None, NOW) == NOW - timedelta(seconds=30)
    assert on_platform_time(None, 12.0, NOW) == NOW


AGES = st.floats(min_value=0, max_value=10 * YEAR_S)
OBSERVED = st.builds(
    seen,
    st.floats(min_value=-YEAR_S, max_value=YEAR_S),
    received_age_s=st.floats(min_value=0, max_value=YEAR_S),
    lat=st.floats(min_value=-90, max_value=90),
    lon=st.floats(min_value=-180, max_value=180),
    acc=st.none() | st.floats(min_value=0.001, max_value=2e7),
    method=st.sampled_from(["G", "W", "C", "F", None]),
    vel=st.none() | st.floats(min_value=0, max_value=400),
)


@given(st.lists(OBSERVED, min_size=1, max_size=12))
def test_it_is_one_of_the_fixes_and_never_smaller_than_that_fix_or_the_best(observed) -> None:
    found = best(observed, NOW)
    alike = [o for o in observed if (o.fix.lat, o.fix.lon) == (found.lat, found.lon)]
    assert alike
    assert found.r95_m >= min(r95(one.fix) for one in alike)
    assert found.r95_m >= 10
    assert found.age_s >= 0
    assert found.fixed_at <= NOW
    assert len(set(found.doubts)) == len(found.doubts)


@given(st.lists(OBSERVED, min_size=1, max_size=6), st.lists(AGES, min_size=2, max_size=2))
def test_without_news_the_radius_never_shrinks(observed, waits) -> None:
    soon, later = (best(observed, NOW + timedelta(seconds=s)) for s in sorted(waits))
    assert later.r95_m >= soon.r95_m


@given(AGES, AGES, st.none() | st.floats(min_value=0, max_value=400))
def test_growth_is_monotone_and_bounded(one, other, vel) -> None:
    young, old = sorted([one, other])
    assert 0 <= growth(young, vel) <= growth(old, vel) <= 50_000


@given(
    st.none() | st.floats(0, 253402300799),
    st.none() | st.floats(0, 253402300799),
    st.datetimes(timezones=st.just(UTC)),
)
def test_platform_time_stays_in_the_calendar(fix_tst, phone_at, at) -> None:
    assert on_platform_time(fix_tst, phone_at, at).tzinfo is not None
