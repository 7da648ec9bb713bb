"""What holds for whatever fixes there are: doubt only widens, order and place change nothing."""

import dataclasses
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tgd.geo.locate import Observed, best, judged, r95
from tgd.geo.position import Fix, read_fix
from tgd.geo.radius import believed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY_S = 86_400
SLACK_M = 1e-6
METHODS = st.sampled_from(["G", "W", "C", "F", None])
ACCURACIES = st.floats(min_value=0.1, max_value=2e7)
CODES = [
    *("jump", "fix_mocked", "fix_repeated", "fix_from_future", "cell_only", "location_stale"),
    *("radius_unknown", "fix_time_unknown", "location_salvaged"),
]


def observed(north_m, east_m, age_s, delay_s, **fix):
    """A fix so many metres from a village, taken so long before NOW, underway for so long."""
    fixed_at = NOW - timedelta(seconds=age_s)
    lat, lon = round(46.58 + north_m / 111_195, 6), round(0.34 + east_m / 76_400, 6)
    return Observed(Fix(lat, lon, **fix), fixed_at, fixed_at + timedelta(seconds=delay_s))


FIXES = st.builds(
    observed,
    st.sampled_from([0, 3, 40, 500, 3_000, 90_000]) | st.floats(-200_000, 200_000),
    st.sampled_from([0, 0, 25, 800]) | st.floats(-50_000, 50_000),
    st.sampled_from([0, 5, 30, 100]) | st.floats(0, DAY_S),
    st.sampled_from([0, 1, 40]) | st.floats(-DAY_S, DAY_S),  # below 0: dated into the future
    acc=st.none() | st.sampled_from([8.0, 30.0, 900.0]) | ACCURACIES,
    confidence=st.sampled_from([68.0, 95.0]) | st.floats(0, 100),
    method=METHODS,
    vel=st.none() | st.sampled_from([0.0, 5.0, 110.0]) | st.floats(0, 400),
    cog=st.none() | st.floats(0, 360),
    mocked=st.booleans() | st.just(False),
)
TRAILS = st.lists(FIXES, min_size=1, max_size=12)


def stated(trail, one, now=NOW):
    """What is stated of this very fix among those."""
    return next(found for found in judged(trail, now) if found.observed is one)


@given(FIXES)
def test_converting_twice_changes_nothing(one) -> None:
    for convert in (r95, believed):
        once = convert(one.fix)
        again = dataclasses.replace(one.fix, acc=once, confidence=95.0)
        assert convert(again) == once


@given(FIXES, st.floats(1, 50), st.floats(0, 94.9))
def test_a_larger_or_less_confident_claim_never_shrinks_the_radius(one, larger, confidence) -> None:
    if one.fix.acc is None:
        return
    wider = dataclasses.replace(one.fix, acc=one.fix.acc * larger)
    assert believed(wider) >= believed(one.fix)
    unsure = dataclasses.replace(one.fix, confidence=min(confidence, one.fix.confidence))
    assert believed(unsure) >= believed(one.fix)
    assert believed(one.fix) >= r95(one.fix)


@given(TRAILS, st.data())
def test_more_doubt_about_a_fix_never_shrinks_what_is_stated_of_it(trail, data) -> None:
    index = data.draw(st.integers(0, len(trail) - 1))
    one = trail[index]
    doubt = data.draw(st.sampled_from(["mocked", "wider", *CODES]))
    if doubt == "mocked":
        worse = dataclasses.replace(one, fix=dataclasses.replace(one.fix, mocked=True))
    elif doubt == "wider" and one.fix.acc is not None:
        acc = one.fix.acc * data.draw(st.floats(1, 20))
        worse = dataclasses.replace(one, fix=dataclasses.replace(one.fix, acc=acc))
    else:
        worse = dataclasses.replace(one, doubts=(*one.doubts, doubt))
    doubted = [*trail[:index], worse, *trail[index + 1 :]]
    assert stated(doubted, worse).r95_m >= stated(trail, one).r95_m - SLACK_M


@given(FIXES, st.floats(0, DAY_S))
def test_an_older_fix_is_never_stated_closer(one, older_s) -> None:
    shift = timedelta(seconds=older_s)
    older = dataclasses.replace(
        one, fixed_at=one.fixed_at - shift, received_at=one.received_at - shift
    )
    assert best([older], NOW).r95_m >= best([one], NOW).r95_m - SLACK_M


@given(TRAILS, st.floats(0, DAY_S), st.floats(0, 3 * DAY_S))
def test_the_same_fixes_never_say_less_later(trail, soon_s, later_s) -> None:
    soon = NOW + timedelta(seconds=soon_s)
    later = soon + timedelta(seconds=later_s)
    assert best(trail, later).r95_m >= best(trail, soon).r95_m - SLACK_M
    before = {id(one.observed): one.r95_m for one in judged(trail, soon)}
    for one in judged(trail, later):
        assert one.r95_m >= before[id(one.observed)] - SLACK_M


@given(TRAILS, st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_given_changes_nothing(trail, random) -> None:
    shuffled = list(trail)
    random.shuffle(shuffled)
    assert best(shuffled, NOW) == best(trail, NOW)
    assert [(one.r95_m, one.doubts) for one in judged(shuffled, NOW)] == [
        (one.r95_m, one.doubts) for one in judged(trail, NOW)
    ]


@given(TRAILS, st.integers(-179, 179))
def test_turning_the_earth_about_its_poles_changes_nothing(trail, turn) -> None:
    turned = [
        dataclasses.replace(
            one, fix=dataclasses.replace(one.fix, lon=(one.fix.lon + turn + 180) % 360 - 180)
        )
        for one in trail
    ]
    here, there = best(trail, NOW), best(turned, NOW)
    assert there.r95_m == pytest.approx(here.r95_m, rel=1e-6, abs=1e-3)
    assert (there.age_s, there.fixed_at) == (here.age_s, here.fixed_at)


@given(TRAILS)
def test_the_estimate_is_the_smallest_of_the_trail_and_none_is_lost(trail) -> None:
    found, chosen = judged(trail, NOW), best(trail, NOW)
    assert sorted(id(one.observed) for one in found) == sorted(map(id, trail))
    assert chosen.r95_m == min(one.r95_m for one in found)
    twins = [one for one in found if one.r95_m == chosen.r95_m]
    assert (chosen.lat, chosen.lon, chosen.doubts) in [(t.lat, t.lon, t.doubts) for t in twins]
    assert [one.fixed_at for one in found] == sorted((o.fixed_at for o in found), reverse=True)
    assert chosen.r95_m >= min(r95(one.fix) for one in trail)


@given(
    FIXES.filter(
        lambda one: not one.fix.mocked and one.fix.acc and one.received_at >= one.fixed_at
    ),
    st.sampled_from(["fix_mocked", "fix_time_unknown", "radius_unknown"]),
    st.booleans(),
)
def test_a_doubted_fix_loses_against_a_clean_one_as_good(clean, code, first) -> None:
    beside = dataclasses.replace(clean.fix, lat=clean.fix.lat + 1e-5)
    doubted = dataclasses.replace(clean, fix=beside, doubts=(code,))
    found = best([doubted, clean] if first else [clean, doubted], NOW)
    if found.r95_m < 50_000:  # beyond, a minute more or less is not told apart
        assert found.lat == clean.fix.lat
    assert best([doubted], NOW).lat == beside.lat


ANY = st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.datetimes(timezones=st.just(UTC))
WILD = st.builds(
    Observed,
    st.builds(
        Fix,
        ANY,
        ANY,
        st.none() | ANY,
        ANY,
        METHODS,
        st.none() | ANY,
        vel=st.none() | ANY,
        cog=st.none() | ANY,
        mocked=st.booleans(),
    ),
    TIMES,
    TIMES,
    st.lists(st.sampled_from(CODES), max_size=3).map(tuple),
)


@settings(max_examples=300)
@given(st.lists(WILD, max_size=10), TIMES)
def test_nothing_finite_raises(trail, now) -> None:
    found = best(trail, now)
    assert (found is None) == (not trail)
    for one in [*judged(trail, now), *([found] if found else [])]:
        assert math.isfinite(one.r95_m)
        assert one.r95_m > 0
        assert one.age_s >= 0
        assert one.fixed_at <= now


@given(
    st.dictionaries(st.sampled_from(["lat", "lon", "acc", "lc", "vel", "mock"]), ANY | st.none())
)
def test_whatever_is_read_can_be_judged(loc) -> None:
    fix, doubts = read_fix(loc)
    if fix is not None:
        assert best([Observed(fix, NOW, NOW, doubts)], NOW).r95_m < 1e8
