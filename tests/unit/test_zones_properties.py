"""Whose ground it is, whatever the ground: what holds for every territory and every disc."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tgd.geo import disc
from tgd.geo.disc import Plane
from tgd.geo.synthetic import fictive, patchwork
from tgd.geo.zones import Claim, Territory, Zone

ROWS, COLUMNS = 6, 7
SOUTH, WEST, NORTH, EAST = 46.3, 0.1, 46.7, 0.7  # cells of about 7 by 7 km
CELLS = [
    shapely.Polygon(ring)
    for ring in patchwork(ROWS, COLUMNS, (WEST, SOUTH, EAST, NORTH), detail=12, seed=86)
]
ZONES = [
    Zone(f"{place:05}", f"Commune {place}", f"S{place % 5}", "GN", shapely.to_wkb(cell))
    for place, cell in enumerate(CELLS)
]
TERRITORY = Territory.build(ZONES)
FICTIVE = Territory.build(fictive())

latitudes = st.floats(SOUTH - 0.1, NORTH + 0.1)
longitudes = st.floats(WEST - 0.1, EAST + 0.1)
well_inside = st.tuples(st.floats(46.45, 46.55), st.floats(0.3, 0.5))
radii = st.floats(0.1, 40_000.0)
anything = st.floats(allow_nan=False, allow_infinity=False)


def shares(claim: Claim) -> dict[str, float]:
    return {one.service: one.share for one in claim.shares}


def corner(place: int) -> tuple[float, float]:
    """A corner of a commune, at which up to four meet."""
    x, y = CELLS[place].exterior.coords[0]
    return y, x


@given(latitudes, longitudes, radii)
def test_shares_are_parts_of_one_disc(lat: float, lon: float, radius: float) -> None:
    claim = TERRITORY.claim(lat, lon, radius)
    found = list(shares(claim).values())
    assert all(0.0 <= part <= 1.0 for part in found)
    assert sum(found) <= 1 + 1e-6
    assert found == sorted(found, reverse=True)
    if claim.reason is None:
        assert sum(found) == pytest.approx(1.0, abs=1.1e-3)


@given(well_inside, st.floats(0.1, 5_000.0))
def test_inside_the_territory_the_shares_make_a_whole(
    at: tuple[float, float], radius: float
) -> None:
    claim = TERRITORY.claim(*at, radius)
    assert claim.reason is None
    assert sum(shares(claim).values()) == pytest.approx(1.0, abs=1e-6)


@given(st.integers(0, len(CELLS) - 1), st.floats(0.0, 1.0), st.floats(0.01, 0.99))
def test_a_disc_wholly_in_one_commune_is_one_service(place: int, turn: float, part: float) -> None:
    inner = CELLS[place].buffer(-0.006)
    at = inner.exterior.interpolate(turn, normalized=True)
    apart = CELLS[place].exterior.distance(at)
    radius = part * apart * min(Plane.at(at.y).east, Plane.at(at.y).north)
    claim = TERRITORY.claim(at.y, at.x, radius)
    assert claim == Claim(claim.shares, (f"{place:05}",), None, None)
    assert shares(claim) == {f"S{place % 5}": 1.0}


@given(st.integers(0, len(CELLS) - 1), st.floats(0.5, 3_000.0))
def test_on_a_shared_border_both_sides_are_told(place: int, radius: float) -> None:
    lat, lon = corner(place)
    claim = TERRITORY.claim(lat, lon, radius)
    assert f"{place:05}" in claim.communes
    touching = [n for n, cell in enumerate(CELLS) if cell.touches(shapely.Point(lon, lat))]
    assert {f"{n:05}" for n in touching} <= set(claim.communes)


@given(latitudes, longitudes, radii, st.permutations(ZONES), st.integers(0, 50))
def test_neither_the_order_of_zones_nor_that_of_vertices_matters(
    lat: float, lon: float, radius: float, zones: list[Zone], turn: int
) -> None:
    turned = [
        Zone(one.code, one.name, one.service, one.institution, rotated(one.shape, turn))
        for one in zones
    ]
    assert Territory.build(turned).claim(lat, lon, radius) == TERRITORY.claim(lat, lon, radius)


def rotated(shape: bytes, turn: int) -> bytes:
    """The same contour, begun elsewhere, and run the other way round for odd turns."""
    ring = shapely.get_coordinates(shapely.from_wkb(shape))[:-1]
    ring = np.roll(ring, turn, axis=0)[:: -1 if turn % 2 else 1]
    whole: bytes = shapely.to_wkb(shapely.Polygon(ring))
    return whole


@given(latitudes, longitudes, radii, st.floats(1.0, 20.0))
def test_a_wider_disc_loses_no_service(lat: float, lon: float, radius: float, wider: float) -> None:
    for territory in (TERRITORY, FICTIVE):
        narrow = territory.claim(lat, lon, radius)
        wide = territory.claim(lat, lon, radius * wider)
        if narrow.reason != "outside_every_zone":
            assert shares(narrow).keys() <= shares(wide).keys()
            assert set(narrow.communes) <= set(wide.communes)


@given(latitudes, longitudes, st.floats(1.0, 8_000.0))
def test_few_edges_and_many_are_reckoned_alike(lat: float, lon: float, radius: float) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(disc, "_FEW", 0)
        many = TERRITORY.claim(lat, lon, radius)
        patched.setattr(disc, "_FEW", 1_000_000)
        few = TERRITORY.claim(lat, lon, radius)
    assert shares(few) == pytest.approx(shares(many), abs=2e-9)
    assert (set(few.communes), few.reason) == (set(many.communes), many.reason)


@given(latitudes, longitudes, st.floats(1.0, 20_000.0))
def test_asking_again_or_turning_the_world_changes_nothing(
    lat: float, lon: float, radius: float
) -> None:
    """The same territory moved along the parallels gives the same shares."""
    first = TERRITORY.claim(lat, lon, radius)
    assert TERRITORY.claim(lat, lon, radius) == first
    again = MOVED.claim(lat, lon + 50.0, radius)
    assert shares(again) == pytest.approx(shares(first), abs=1e-6)
    assert again.reason == first.reason


EASTWARD = np.array([50.0, 0.0])
MOVED = Territory.build(
    Zone(
        one.code,
        one.name,
        one.service,
        one.institution,
        shapely.to_wkb(shapely.transform(shapely.from_wkb(one.shape), lambda p: p + EASTWARD)),
    )
    for one in ZONES
)


@given(anything, anything, anything)
def test_no_finite_question_raises(lat: float, lon: float, radius: float) -> None:
    lat, lon = math.remainder(lat, 180.0), math.remainder(lon, 360.0)
    claim = TERRITORY.claim(lat, lon, radius)
    assert claim.shares
    if claim.reason == "outside_every_zone":
        assert claim.distance_m is not None
        assert 0 <= claim.distance_m <= 20_100_000
