"""The estimate is never more certain than the phone was; what is odd is named and made wider."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.geo.locate import Observed, best, distance_m, judged, metres, on_platform_time, r95
from tgd.geo.position import Fix
from tgd.geo.radius import ROAD_MPS, believed, growth

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR_S = 365 * 86_400


METRE = 1 / 111_195.08


def seen(
    age_s=0.0,
    *,
    received_age_s=None,
    lat=46.58,
    lon=0.34,
    acc=20.0,
    method="G",
    doubts=(),
    north_m=0.0,
    **more,
):
    received = min(age_s, 0.0) if received_age_s is None and age_s < 0 else received_age_s
    return Observed(
        Fix(lat + north_m * METRE, lon, acc, method=method, **more),
        NOW - timedelta(seconds=age_s),
        NOW - timedelta(seconds=age_s if received is None else received),
        doubts,
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
        (Fix(1, 1, 1, 68.0), 15.0),
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
    assert best([cell, seen(900)], NOW).method == "C"


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
    assert [("jump" in one.doubts) for one in judged(lost, NOW)] == [True, False, False]
    assert (best(lost, NOW).lat, best(lost, NOW).doubts) == (46.5801, ())


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


# ── what a radius is made of ────────────────────────────────────────────────────────────


def test_a_claim_at_95_percent_is_believed_as_it_is_whatever_the_method() -> None:
    for method in ("G", "W", "C", "F", None):
        assert believed(Fix(1, 1, 80.0, 95.0, method)) == r95(Fix(1, 1, 80.0, 95.0)) == 80.0


@pytest.mark.parametrize(
    ("method", "radius"), [("G", 162), ("F", 190), (None, 190), ("W", 210), ("C", 398)]
)
def test_heavier_tails_make_a_68_percent_claim_wider(method, radius) -> None:
    assert believed(Fix(1, 1, 100.0, 68.0, method)) == pytest.approx(radius, rel=0.01)


def test_a_phone_at_rest_may_be_driven_away() -> None:
    assert growth(0, 1.5) == 0
    assert growth(10, 1.5) == pytest.approx(30)
    assert growth(60, 1.5) == pytest.approx(630)
    assert growth(600, 1.5) == pytest.approx(12_620, abs=10)


def test_a_phone_that_is_driven_goes_on_as_fast() -> None:
    radius = best([seen(10, acc=10.0, vel=110.0)], NOW).r95_m
    assert radius == pytest.approx(16.2 + 10 * (110 / 3.6 + 1), abs=1)
    assert growth(100, 130 / 3.6) == pytest.approx(100 * 130 / 3.6)
    assert growth(10, ROAD_MPS) == pytest.approx(10 * ROAD_MPS)


def test_speed_unsaid_counts_more_than_a_speed_of_nothing_from_satellites() -> None:
    unsaid, at_rest = best([seen(10)], NOW).r95_m, best([seen(10, vel=0.0)], NOW).r95_m
    assert unsaid > at_rest + 100
    # An app that says 0 where it knows nothing: no rest.
    assert best([seen(10, vel=0.0, method=None)], NOW).r95_m > at_rest + 100


def test_fixes_that_stay_where_they_are_show_rest() -> None:
    track = [seen(40 + age, north_m=age / 20) for age in (0, 30, 60)]
    assert best(track, NOW).r95_m < best([track[0]], NOW).r95_m - 300


# ── doubts ──────────────────────────────────────────────────────────────────────────────


def test_a_mocked_fix_loses_against_any_clean_one_and_answers_alone() -> None:
    mocked = seen(0, lat=45.0, acc=3.0, mocked=True)
    alone = best([mocked], NOW)
    assert (alone.lat, alone.doubts) == (45.0, ("fix_mocked",))
    assert alone.r95_m > 10_000
    assert best([mocked, seen(30, acc=1_500.0, method="C")], NOW).method == "C"
    assert best([seen(0, doubts=("fix_mocked",))], NOW).r95_m > 10_000


def test_a_fix_without_a_time_is_a_minute_older() -> None:
    timeless = seen(0, lat=46.6, doubts=("fix_time_unknown",))
    assert best([timeless], NOW).r95_m > best([seen(50)], NOW).r95_m
    assert best([timeless, seen(20, lat=46.6002)], NOW).lat == 46.6002


def test_a_frozen_receiver_is_as_old_as_its_first_place() -> None:
    frozen = [seen(age) for age in (90, 60, 30, 0)]
    found = best(frozen, NOW)
    assert (found.age_s, found.fixed_at) == (90.0, frozen[0].fixed_at)
    assert set(found.doubts) == {"fix_repeated", "location_stale"}
    assert found.r95_m >= best(frozen[:1], NOW).r95_m
    assert best([*frozen, seen(10, acc=60.0, lat=46.5802)], NOW).lat == 46.5802


def test_the_same_fix_twice_is_not_a_repetition() -> None:
    assert best([seen(5), seen(5, received_age_s=1)], NOW).doubts == ()


def test_a_mast_does_not_move() -> None:
    masts = [seen(age, acc=800.0, method="C") for age in (300, 200, 100, 0)]
    assert (best(masts, NOW).age_s, best(masts, NOW).doubts) == (0.0, ("cell_only",))


def test_two_that_contradict_each_other_both_reach_as_far_as_they_must() -> None:
    here, there = seen(10, acc=10.0), seen(0, acc=10.0, north_m=20_000)
    for one in judged([here, there], NOW):
        assert "jump" in one.doubts
        assert one.r95_m > 19_000


def test_later_fixes_that_show_her_gone_widen_the_older_one() -> None:
    gone = seen(0, acc=1_000.0, method="C", north_m=9_000)
    before = best([seen(90)], NOW).r95_m
    old = judged([seen(90), gone], NOW)[1]
    assert old.r95_m > before + 1_000


def test_a_radius_that_cannot_be_is_half_as_much_again() -> None:
    assert best([seen(doubts=("radius_unknown",))], NOW).r95_m == pytest.approx(48.64, abs=0.01)


# ── travel ──────────────────────────────────────────────────────────────────────────────


def test_two_fixes_show_a_direction_beyond_their_radii() -> None:
    found = best([seen(20), seen(0, north_m=200)], NOW)
    assert found.speed_kmh == pytest.approx(36, rel=0.01)
    assert found.heading_deg == pytest.approx(0, abs=0.1)
    near = best([seen(20), seen(0, north_m=50)], NOW)
    assert (near.speed_kmh, near.heading_deg) == (None, None)
    assert best([seen(20, acc=10), seen(0, acc=10, lon=0.342)], NOW).heading_deg == pytest.approx(
        90, abs=0.1
    )


def test_speed_and_course_as_the_phone_says_them() -> None:
    found = best([seen(0, vel=50.0, cog=270.0)], NOW)
    assert (found.speed_kmh, found.heading_deg) == (50.0, 270.0)
    still = best([seen(0, vel=0.5, cog=270.0)], NOW)
    assert (still.speed_kmh, still.heading_deg) == (0.5, None)


@pytest.mark.parametrize(
    "odd",
    [{"mocked": True}, {"method": "C"}, {"method": "W"}, {"vel": None}],
    ids=["mocked", "cell", "Wi-Fi", "no speed"],
)
def test_no_travel_is_read_out_of_what_cannot_show_it(odd) -> None:
    found = best([seen(0, **{"vel": 50.0, "cog": 270.0, **odd})], NOW)
    assert (found.speed_kmh, found.heading_deg) == (None, None)


def test_a_jump_is_no_travel() -> None:
    found = best([seen(5), seen(0, north_m=9_000)], NOW)
    assert (found.speed_kmh, found.heading_deg) == (None, None)


# ── the trail ───────────────────────────────────────────────────────────────────────────


def test_the_trail_holds_every_fix_newest_first_and_agrees_with_the_estimate() -> None:
    track = [
        seen(50, north_m=-80),
        seen(0, acc=900.0, method="C"),
        seen(20, north_m=5),
        seen(-9000, received_age_s=5, north_m=30),
        seen(35, mocked=True, lat=45.0),
    ]
    trail, chosen = judged(track, NOW), best(track, NOW)
    assert [one.observed for one in trail] == [track[i] for i in (1, 3, 2, 4, 0)]
    assert [one.age_s for one in trail] == [0, 5, 20, 35, 50]
    assert [one.doubts for one in trail] == [
        ("cell_only",),
        ("fix_from_future",),
        (),
        ("fix_mocked", "jump"),
        (),
    ]
    smallest = min(trail, key=lambda one: one.r95_m)
    assert (smallest.lat, smallest.r95_m) == (chosen.lat, chosen.r95_m)


def test_nothing_observed_is_an_empty_trail() -> None:
    assert judged([], NOW) == []


def test_no_coordinate_shows_in_a_repr() -> None:
    shown = repr(best([seen()], NOW)) + repr(judged([seen()], NOW))
    assert "46.58" not in shown


def test_distance_is_the_same_whichever_way_it_is_asked() -> None:
    assert distance_m(46.5802, 0.3404, 46.8176, 0.5461) == pytest.approx(30_700, rel=0.02)
    assert distance_m(0, 0, 0, 180) == pytest.approx(20_015_115, rel=1e-4)


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


@given(AGES, AGES, st.floats(min_value=0, max_value=120), st.floats(min_value=0, max_value=9))
def test_growth_is_monotone_and_bounded(one, other, mps, faster) -> None:
    young, old = sorted([one, other])
    assert 0 <= growth(young, mps) <= growth(old, mps) + 1e-6 <= 50_001
    assert growth(old, mps) <= growth(old, mps + faster) + 1e-6


@given(
    st.none() | st.floats(0, 253402300799),
    st.none() | st.floats(0, 253402300799),
    st.datetimes(timezones=st.just(UTC)),
)
def test_platform_time_stays_in_the_calendar(fix_tst, phone_at, at) -> None:
    assert on_platform_time(fix_tst, phone_at, at).tzinfo is not None
