"""What a phone says about its place is kept where it can be one, and never believed beyond that."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.geo.position import Fix, read_fix

HERE = {"lat": 46.58, "lon": 0.34, "acc": 12, "pm": "G", "tst": 1_700_000_000}


def test_a_whole_fix_is_read_whole() -> None:
    said = {**HERE, "lc": 95, "alt": 118, "vac": 3, "vel": 50, "cog": 180.5}
    assert read_fix(said) == (
        Fix(46.58, 0.34, 12.0, 95.0, "G", 1_700_000_000.0, 118.0, 3.0, 50.0, 180.5),
        (),
    )


def test_what_is_unsaid_is_none_and_the_confidence_68() -> None:
    assert read_fix({"lat": -21.1, "lon": 55.5}) == (Fix(-21.1, 55.5), ())


@pytest.mark.parametrize("loc", [None, {}, {"pm": "N"}, {**HERE, "pm": "N"}, {"acc": 10}])
def test_no_fix_is_absent(loc) -> None:
    assert read_fix(loc) == (None, ("location_absent",))


@pytest.mark.parametrize(
    "wrong",
    [
        {"lat": 0, "lon": 0},
        {"lat": 0.0, "lon": -0.0},
        {"lat": 200},
        {"lat": -90.01},
        {"lon": 180.01},
        {"lat": math.nan},
        {"lon": math.inf},
        {"lat": "46.58"},
        {"lat": True},
        {"lat": None},
        {"lon": [0.34]},
        {"lat": 10**400},
    ],
)
def test_what_cannot_be_a_place_is_invalid(wrong) -> None:
    assert read_fix({**HERE, **wrong}) == (None, ("location_invalid",))


@pytest.mark.parametrize("loc", ["46.58,0.34", [46.58, 0.34], 7, False])
def test_a_location_of_another_shape_is_invalid(loc) -> None:
    assert read_fix(loc) == (None, ("location_invalid",))


@pytest.mark.parametrize("acc", [-1, 0, math.nan, math.inf, "12", True, 1e9, [1]])
def test_an_absurd_radius_costs_the_radius_not_the_place(acc) -> None:
    fix, doubts = read_fix({**HERE, "acc": acc})
    assert fix is not None
    assert (fix.lat, fix.lon, fix.acc, doubts) == (46.58, 0.34, None, ("radius_unknown",))


def test_a_wide_radius_is_kept_as_said() -> None:
    fix, doubts = read_fix({**HERE, "acc": 150_000})
    assert (fix and fix.acc, doubts) == (150_000.0, ())


@pytest.mark.parametrize("lc", [-1, 101, "95", math.nan])
def test_an_absurd_confidence_is_the_usual_one_with_a_doubt(lc) -> None:
    fix, doubts = read_fix({**HERE, "lc": lc})
    assert (fix and fix.confidence, doubts) == (68.0, ("radius_unknown",))


@pytest.mark.parametrize("tst", [-1, 1e18, "now", math.nan, False])
def test_an_absurd_time_is_no_time(tst) -> None:
    fix, doubts = read_fix({**HERE, "tst": tst})
    assert (fix and fix.tst, doubts) == (None, ("fix_time_unknown",))


def test_absurd_extras_are_dropped_alone() -> None:
    said = {**HERE, "vel": -1, "cog": 400, "alt": 1e9, "vac": "x", "pm": ["G"]}
    assert read_fix(said) == (Fix(46.58, 0.34, 12.0, tst=1_700_000_000.0), ())


@pytest.mark.parametrize("said", [{"mock": True}, {"mocked": True}, {"mock": "true"}, {"mock": 1}])
def test_coordinates_set_by_a_program_are_kept_and_said_to_be(said) -> None:
    fix, doubts = read_fix({**HERE, **said})
    assert (fix and (fix.lat, fix.mocked), doubts) == ((46.58, True), ("fix_mocked",))


@pytest.mark.parametrize("said", [{"mock": False}, {"mocked": None}, {"mock": []}, {"mock": "no"}])
def test_all_others_are_not(said) -> None:
    fix, doubts = read_fix({**HERE, **said})
    assert (fix and fix.mocked, doubts) == (False, ())


def test_no_coordinate_shows_in_a_repr() -> None:
    assert "46.58" not in repr(read_fix(HERE))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
FIELDS = ["lat", "lon", "acc", "lc", "pm", "tst", "alt", "vac", "vel", "cog", "mock"]


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANYTHING)) | ANYTHING)
def test_whatever_is_said_a_fix_is_a_place_or_there_is_a_doubt(loc) -> None:
    fix, doubts = read_fix(loc)
    if fix is None:
        assert doubts in {("location_absent",), ("location_invalid",)}
        return
    assert abs(fix.lat) <= 90
    assert abs(fix.lon) <= 180
    assert fix.acc is None or 0 < fix.acc < math.inf
    assert 0 <= fix.confidence <= 100
    assert fix.method in {"G", "W", "C", "F", None}
