"""Known places: opened or counted, never quoted; touched by the disc, nearest first."""

import logging
import math
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.platform import places
from tgd.platform.places import Place, opened, touched
from tgd.seal import Sealer
from tgd.store.places import PlaceRow

SEALER = Sealer("5a" * 32)
HER = UUID(int=1)
HOME = Place("home", "Domicile fictif", "1 rue Inventée", 46.58, 0.34, 100.0, "portail à gauche")

degrees = st.floats(0.30, 0.40)
spots = st.builds(
    lambda lat, lon, radius: Place("other", "lieu", None, lat, lon, radius, None),
    st.floats(46.5, 46.6),
    degrees,
    st.floats(1.0, 5_000.0),
)


def row(place: Place, by, *, her: UUID = HER, of: UUID | None = None, **other) -> PlaceRow:
    sealed = places._sealed(place, by)
    said = {
        "id": of or sealed.id,
        "beneficiary_id": her,
        "kind": sealed.kind,
        "content": sealed.content,
        "key": by.wrapped,
    }
    return PlaceRow(**said | other)


def test_places_open_by_person_in_the_order_of_their_kinds() -> None:
    key, others = SEALER.new_key(), SEALER.new_key()
    his = Place("aggressor", "Adresse fictive", None, 46.6, 0.36, 200.0, None)
    rows = [row(his, key), row(HOME, key), row(HOME, others, her=UUID(int=2))]
    assert opened(rows, SEALER) == {HER: [HOME, his], UUID(int=2): [HOME]}


def test_no_rows_are_no_places() -> None:
    assert opened([], SEALER) == {}
    assert touched([], 46.58, 0.34, 10.0) == []


def test_what_does_not_open_is_counted_and_the_rest_is_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = SEALER.new_key()
    whole = row(HOME, key)
    shut = [
        row(HOME, key, of=uuid4()),  # moved to another row
        row(HOME, Sealer("00" * 32).new_key()),  # another master secret
        row(HOME, key, key=None),  # the file was erased
        row(HOME, key, key=b"nothing of ours"),
        row(HOME, key, content=b""),
        row(HOME, key, kind="castle"),
        PlaceRow(UUID(int=7), HER, "home", key.seal(b"[]", f"place {UUID(int=7)}"), key.wrapped),
    ]
    caplog.set_level(logging.DEBUG)
    assert opened([*shut, whole], SEALER) == {HER: [HOME]}
    assert "7 of 8 known places do not open" in caplog.text
    for secret in ("Domicile", "Inventée", "46.58", "0.34", "portail"):
        assert secret not in caplog.text


def test_a_key_that_does_not_open_is_tried_once(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[bytes] = []

    class Counting(Sealer):
        def unwrap(self, wrapped: bytes):
            tried.append(wrapped)
            return super().unwrap(wrapped)

    key = Sealer("00" * 32).new_key()
    assert opened([row(HOME, key), row(HOME, key)], Counting("5a" * 32)) == {}
    assert tried == [key.wrapped]
    assert "2 of 2" in caplog.text


def test_nothing_is_legible_in_a_row_or_a_repr() -> None:
    sealed = row(HOME, SEALER.new_key())
    for secret in ("Domicile", "Inventée", "46.58", "portail"):
        assert secret.encode() not in sealed.content
        assert secret not in repr(HOME)
        assert secret not in repr(sealed)
    assert str(sealed.content) not in repr(sealed)


def test_what_was_sealed_before_still_opens() -> None:
    """The order of the sealed fields is for ever."""
    said = msgspec.json.encode(["Domicile", None, 46.5, 0.3, 80.0, None])
    key, own = SEALER.new_key(), uuid4()
    stored = PlaceRow(own, HER, "home", key.seal(said, f"place {own}"), key.wrapped)
    assert opened([stored], SEALER) == {
        HER: [Place("home", "Domicile", None, 46.5, 0.3, 80.0, None)]
    }


def test_a_circle_is_touched_at_the_sum_of_the_radii() -> None:
    apart = touched([HOME], 46.59, 0.34, 50_000.0)[0][1]
    assert apart == pytest.approx(1_112.0, abs=1.0)
    assert touched([HOME], 46.59, 0.34, apart - HOME.radius_m + 0.01) == [(HOME, apart)]
    assert touched([HOME], 46.59, 0.34, apart - HOME.radius_m - 0.01) == []
    assert touched([HOME], 46.58, 0.34, 0.0) == [(HOME, 0.0)]


@given(st.lists(spots, max_size=8), degrees, st.floats(0, 20_000))
def test_the_nearest_comes_first_and_each_touches(some, lon: float, r95_m: float) -> None:
    found = touched(some, 46.55, lon, r95_m)
    assert [apart for _, apart in found] == sorted(apart for _, apart in found)
    assert all(apart <= place.radius_m + r95_m for place, apart in found)
    assert len(found) == len(set(map(id, (place for place, _ in found))))


@given(st.lists(spots, max_size=8), degrees, st.floats(0, 9_000), st.floats(0, 9_000))
def test_a_larger_disc_touches_no_fewer(some, lon: float, r95_m: float, more: float) -> None:
    smaller = touched(some, 46.55, lon, r95_m)
    larger = touched(some, 46.55, lon, r95_m + more)
    assert set(smaller) <= set(larger)


@given(spots, degrees, st.floats(0, 5_000), st.floats(0, 5_000))
def test_a_metre_of_the_disc_is_a_metre_of_the_circle(
    place: Place, lon: float, r95_m: float, more: float
) -> None:
    """Touching is symmetric: grown by one radius or by the other, the same places are touched."""
    grown = Place("other", "lieu", None, place.lat, place.lon, place.radius_m + more, None)
    apart = touched([grown], 46.55, lon, math.inf)[0][1]
    if abs(place.radius_m + more + r95_m - apart) < 1e-6:
        return  # on the edge the order of additions decides
    assert bool(touched([grown], 46.55, lon, r95_m)) == bool(
        touched([place], 46.55, lon, r95_m + more)
    )
