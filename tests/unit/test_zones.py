"""Whose ground it is: known answers, and a reason wherever the answer is not simply "these"."""

import json
import math

import numpy as np
import pytest
import shapely
from cisu_messages import REFERENCE

from tgd.geo.disc import Plane
from tgd.geo.synthetic import SERVICES, fictive, patchwork
from tgd.geo.zones import WIDEST_M, Claim, Territory, Zone

CONTOURS = REFERENCE / "geo" / "communes-86-cog2026-derived.geojson"

LAT, LON = 46.5, 0.5  # the corner at which the four squares below meet
SIDE = 0.1  # degrees: 11.1 km high, 7.7 km wide


def zone(code: str, service: str | None, shape: shapely.Geometry) -> Zone:
    return Zone(code, f"Commune {code}", service, service and "GN", shapely.to_wkb(shape))


def square(east: int, north: int, side: float = SIDE) -> shapely.Polygon:
    """The square `east` steps east and `north` steps north of the corner."""
    west, south = LON + east * side, LAT + north * side
    return shapely.segmentize(shapely.box(west, south, west + side, south + side), SIDE / 50)


FOUR = [
    zone("1", "SW", square(-1, -1)),
    zone("2", "SE", square(0, -1)),
    zone("3", "NW", square(-1, 0)),
    zone("4", "NE", square(0, 0)),
]


def shares(claim: Claim) -> dict[str, float]:
    return {one.service: one.share for one in claim.shares}


def ask(*zones: Zone, lat: float = LAT, lon: float = LON, r: float = 500.0) -> Claim:
    return Territory.build(zones).claim(lat, lon, r)


# ── Shares ──────────────────────────────────────────────────────────────────────────


def test_a_disc_in_one_commune_is_its_services_alone() -> None:
    claim = ask(*FOUR, lat=LAT + 0.05, lon=LON + 0.05)
    assert claim == Claim(claim.shares, ("4",), None, None)
    assert shares(claim) == {"NE": 1.0}


def test_borders_are_drawn_once_and_only_where_one_looks() -> None:
    territory = Territory.build(FOUR)
    drawn = territory.borders(LAT, LON, 1000.0)
    points = [point for line in drawn for point in line]
    assert max(abs(at) for point in points for at in point) == pytest.approx(1000, abs=1)
    length = sum(shapely.LineString(line).length for line in drawn)
    assert length == pytest.approx(4000, abs=20)  # a cross: each side of it is two communes'
    assert territory.borders(LAT + 0.05, LON + 0.05, 1000.0) == ()
    assert territory.borders(LAT, LON, 2 * WIDEST_M) == ()
    assert Territory.build([]).borders(LAT, LON, 1000.0) == ()


def test_borders_keep_their_rings_apart() -> None:
    island = shapely.box(LON - 0.002, LAT - 0.001, LON + 0.002, LAT + 0.001)
    whole = shapely.box(LON - SIDE, LAT - SIDE, LON + SIDE, LAT + SIDE)
    around = zone("1", "SW", whole.difference(island))
    [line] = Territory.build([around]).borders(LAT, LON, 1000.0)
    assert line[0] == line[-1]
    assert {tuple(np.sign(point)) for point in line} == {(1, 1), (1, -1), (-1, 1), (-1, -1)}


def test_a_disc_on_a_border_gives_both_halves() -> None:
    claim = ask(*FOUR, lat=LAT + 0.05)
    assert shares(claim) == pytest.approx({"NE": 0.5, "NW": 0.5})
    assert claim.reason is None


def test_a_point_on_a_border_gives_both_sides_however_sure_it_is() -> None:
    claim = ask(*FOUR, lat=LAT + 0.05, r=0.0)
    assert shares(claim) == pytest.approx({"NE": 0.5, "NW": 0.5})


def test_a_corner_gives_all_four() -> None:
    claim = ask(*FOUR)
    assert shares(claim) == pytest.approx(dict.fromkeys(("NE", "NW", "SE", "SW"), 0.25), abs=2e-5)
    assert sum(shares(claim).values()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("part", [-0.9, -0.5, 0.0, 0.3, 0.999])
def test_a_cap_of_the_disc_has_the_area_that_the_book_gives(part: float) -> None:
    """East of a meridian at `part` of the radius lies a circular segment."""
    radius = 1_000.0
    plane = Plane.at(LAT + 0.05)
    claim = ask(*FOUR, lat=LAT + 0.05, lon=LON - part * radius / plane.east, r=radius)
    segment = (math.acos(part) - part * math.sqrt(1 - part * part)) / math.pi
    assert shares(claim)["NE"] == pytest.approx(segment, abs=1e-6)
    assert shares(claim)["NW"] == pytest.approx(1 - segment, abs=1e-6)


def test_shares_are_those_of_a_disc_of_many_corners() -> None:
    """The same by another way: intersections of polygons, in the same plane."""
    zones = fictive()
    territory = Territory.build(zones)
    corners = np.exp(2j * np.pi * np.arange(4096) / 4096)
    for lat, lon, radius in [(46.58, 0.34, 900.0), (46.6, 0.3, 4_000.0), (46.55, 0.4, 9_000.0)]:
        plane = Plane.at(lat)
        circle = shapely.Polygon(np.column_stack((corners.real, corners.imag)) * radius)
        expected: dict[str, float] = {}
        for one in zones:
            lines = shapely.segmentize(shapely.from_wkb(one.shape), 0.001)
            points = shapely.get_coordinates(lines) - (lon, lat)
            placed = plane.project(points[:, 0], points[:, 1], 1.0)
            drawn = shapely.set_coordinates(lines, np.column_stack((placed.real, placed.imag)))
            part = drawn.intersection(circle).area / circle.area
            if part > 1e-9:
                expected[one.service or ""] = expected.get(one.service or "", 0.0) + part
        assert shares(territory.claim(lat, lon, radius)) == pytest.approx(expected, abs=2e-6)


def test_services_come_by_share_and_equals_by_id() -> None:
    claim = ask(*FOUR, lat=LAT - 0.001)
    assert [one.service for one in claim.shares] == ["SE", "SW", "NE", "NW"]
    assert claim.communes == ("1", "2", "3", "4")
    assert claim == ask(*reversed(FOUR), lat=LAT - 0.001)


def test_communes_of_one_service_are_added_up() -> None:
    zones = [*FOUR[:3], zone("4", "NW", square(0, 0))]
    claim = ask(*zones, lat=LAT + 0.05)
    assert shares(claim) == {"NW": 1.0}
    assert set(claim.communes) == {"3", "4"}


def test_an_enclave_is_its_own_and_the_ground_around_it_is_not() -> None:
    inner = shapely.Point(LON, LAT).buffer(0.01)
    around = shapely.box(LON - 1, LAT - 1, LON + 1, LAT + 1) - inner
    zones = zone("1", "around", around), zone("2", "enclave", inner)
    assert shares(ask(*zones, r=100.0)) == {"enclave": 1.0}
    assert shares(ask(*zones, lat=LAT + 0.5, r=100.0)) == {"around": 1.0}
    whole = shares(ask(*zones, r=2_000.0))  # the enclave lies wholly in the disc
    plane = Plane.at(LAT)
    area = inner.area * plane.east * plane.north / (math.pi * 2_000.0**2)
    assert whole == pytest.approx({"enclave": area, "around": 1 - area}, abs=1e-5)


def test_a_commune_of_several_pieces_is_one() -> None:
    pieces = shapely.MultiPolygon([square(-1, 0), square(0, 0)])
    claim = ask(zone("1", "both", pieces), lat=LAT + 0.05)
    assert (shares(claim), claim.communes) == ({"both": 1.0}, ("1",))


def test_a_border_that_only_touches_the_disc_brings_nobody() -> None:
    plane = Plane.at(LAT + 0.05)
    claim = ask(*FOUR, lat=LAT + 0.05, lon=LON + 500.0 / plane.east, r=499.999)
    assert shares(claim) == {"NE": 1.0}


def test_repeated_points_and_spikes_change_nothing() -> None:
    ring = [(0.5, 46.5), (0.5, 46.5), (0.6, 46.5), (0.65, 46.5), (0.6, 46.5), (0.6, 46.6)]
    ring += [(0.6, 46.6), (0.5, 46.6), (0.5, 46.5)]
    odd = zone("4", "NE", shapely.segmentize(shapely.Polygon(ring), SIDE / 50))
    for radius in (10.0, 1_000.0, 30_000.0):
        plain, bent = ask(*FOUR[:3], FOUR[3], r=radius), ask(*FOUR[:3], odd, r=radius)
        assert shares(plain) == pytest.approx(shares(bent), abs=1e-6)


# ── Reasons ─────────────────────────────────────────────────────────────────────────


def test_at_sea_the_nearest_is_named_with_its_distance() -> None:
    claim = ask(*FOUR, lon=LON + 1.1, lat=LAT + 0.05)
    assert (claim.reason, shares(claim)) == ("outside_every_zone", {"NE": 0.0})
    assert claim.distance_m == pytest.approx(Plane.at(LAT + 0.05).east, rel=3e-3)
    assert claim.communes == ()


def test_in_a_hole_of_the_territory_the_nearest_is_named() -> None:
    lake = shapely.Point(LON, LAT).buffer(0.05)
    claim = ask(zone("1", "around", square(-1, -1, 1.0).union(square(0, 0, 1.0)) - lake), r=100.0)
    assert (claim.reason, shares(claim)) == ("outside_every_zone", {"around": 0.0})
    assert claim.distance_m == pytest.approx(0.05 * Plane.at(LAT).east, rel=0.05)


def test_partly_at_sea_says_so() -> None:
    claim = ask(*FOUR, lat=LAT + 0.05, lon=LON + SIDE)
    assert (claim.reason, shares(claim)) == ("partly_outside", pytest.approx({"NE": 0.5}))


def test_a_crack_between_two_communes_is_not_outside() -> None:
    apart = shapely.transform(square(0, 0), lambda points: points + np.array([1e-6, 0.0]))
    claim = ask(FOUR[2], zone("4", "NE", apart), lat=LAT + 0.05)
    assert claim.reason is None


def test_a_commune_without_a_service_is_named_and_the_others_keep_their_shares() -> None:
    zones = [*FOUR[:3], zone("4", None, square(0, 0))]
    claim = ask(*zones, lat=LAT + 0.05)
    assert (claim.reason, shares(claim)) == (
        "commune_without_service",
        pytest.approx({"NW": 0.5}),
    )
    assert set(claim.communes) == {"3", "4"}


def test_where_nobody_is_competent_the_nearest_service_is_named() -> None:
    zones = [*FOUR[:3], zone("4", None, square(0, 0))]
    claim = ask(*zones, lat=LAT + 0.05, lon=LON + 0.02)
    assert (claim.reason, shares(claim)) == ("commune_without_service", {"NW": 0.0})
    assert claim.communes == ("4",)
    assert claim.distance_m == pytest.approx(0.02 * Plane.at(LAT + 0.05).east, rel=3e-3)


@pytest.mark.parametrize("radius", [WIDEST_M * 1.01, 20_000_000.0, math.inf])
def test_a_disc_that_is_too_wide_is_judged_as_the_widest(radius: float) -> None:
    wide, widest = ask(*FOUR, r=radius), ask(*FOUR, r=WIDEST_M)
    assert (wide.reason, widest.reason) == ("disc_too_wide", "partly_outside")
    assert wide.shares == widest.shares


def test_no_zone_at_all_is_an_answer() -> None:
    assert ask() == Claim((), (), "outside_every_zone", None)
    bare = zone("1", None, square(0, 0))
    assert ask(bare, lat=0.0) == Claim((), (), "outside_every_zone", None)
    assert ask(zone("1", "x", shapely.Polygon())) == Claim((), (), "outside_every_zone", None)


@pytest.mark.parametrize("lat", [-90.0, -89.9999, -45.0, 0.0, 46.5, 85.0, 90.0])
@pytest.mark.parametrize("lon", [-180.0, -179.999, 0.0, 0.5, 179.999, 180.0])
@pytest.mark.parametrize("radius", [-1.0, 0.0, 1e-300, 10.0, 50_000.0, 2e7])
def test_every_place_on_earth_has_an_answer(lat: float, lon: float, radius: float) -> None:
    claim = ask(*FOUR, lat=lat, lon=lon, r=radius)
    assert claim.shares
    assert claim.reason is not None or (lat, lon) == (46.5, 0.5)


def test_the_antimeridian_divides_nothing() -> None:
    zones = [
        zone("1", "west", shapely.box(179.9, -17.1, 180.0, -16.9)),
        zone("2", "east", shapely.box(-180.0, -17.1, -179.9, -16.9)),
    ]
    for lon in (180.0, -180.0):
        assert shares(ask(*zones, lat=-17.0, lon=lon)) == pytest.approx({"west": 0.5, "east": 0.5})
    near = ask(zones[0], lat=-17.0, lon=-179.95, r=10.0)
    assert near.reason == "outside_every_zone"
    assert near.distance_m == pytest.approx(0.05 * Plane.at(-17.0).east, rel=3e-3)


@pytest.mark.parametrize(
    ("lat", "lon"), [(-21.1, 55.5), (4.0, -53.0), (14.6, -61.0), (-12.8, 45.2), (46.8, -56.2)]
)
def test_overseas_is_as_good_as_anywhere(lat: float, lon: float) -> None:
    island = zone("97401", "overseas", shapely.Point(lon, lat).buffer(0.2))
    assert shares(ask(*FOUR, island, lat=lat, lon=lon)) == {"overseas": 1.0}
    assert shares(ask(*FOUR, island, lat=lat + 0.5, lon=lon)) == {"overseas": 0.0}


# ── The plane ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("metres", "lat", "lon", "error"),
    [(5_000.0, 46.61179565908, 0.04615271413, 0.1), (50_000.0, 46.89710472971, 0.46396966280, 4.0)],
)
def test_the_plane_agrees_with_the_ellipsoid(
    metres: float, lat: float, lon: float, error: float
) -> None:
    """Points so far north-east of 46.58 N, 0 E, by Vincenty's direct formula on WGS 84."""
    placed = Plane.at(46.58).project(np.array([lon]), np.array([lat - 46.58]), 1.0)[0]
    assert abs(placed - metres * complex(1, 1) / math.sqrt(2)) < error


# ── The invented territory ──────────────────────────────────────────────────────────


def test_the_fictive_territory_has_all_that_can_happen() -> None:
    zones = fictive()
    territory = Territory.build(zones, version=3)
    assert (len(territory), territory.version) == (31, 3)
    assert {one.service for one in zones} == set(SERVICES)
    assert {one.institution for one in zones} == {"PN", "GN"}
    centre = territory.claim(46.58, 0.34, 100.0)
    assert (shares(centre), centre.reason) == ({"990001": 1.0}, None)
    assert shares(territory.claim(46.58, 0.34, 12_000.0)).keys() == set(SERVICES)
    enclave = shapely.from_wkb(zones[30].shape).centroid
    assert territory.claim(enclave.y, enclave.x, 50.0).communes == ("00031",)
    hole = shapely.Polygon(shapely.from_wkb(zones[22].shape).interiors[0]).centroid
    assert territory.claim(hole.y, hole.x, 50.0).reason == "outside_every_zone"


def test_patchwork_neighbours_share_their_border_exactly() -> None:
    cells = [shapely.Polygon(ring) for ring in patchwork(6, 7, (0, 45, 1, 46), detail=20, seed=5)]
    assert shapely.coverage_is_valid(cells)
    assert all(shapely.is_valid(cells))
    assert sum(cell.area for cell in cells) == pytest.approx(shapely.union_all(cells).area)
    again = patchwork(6, 7, (0, 45, 1, 46), detail=20, seed=5)
    assert all(shapely.Polygon(ring).equals(cell) for ring, cell in zip(again, cells, strict=True))


# ── Real contours, where they are at hand ───────────────────────────────────────────


@pytest.mark.skipif(not CONTOURS.exists(), reason="the contours of the Vienne are not there")
@pytest.mark.parametrize(
    ("lat", "lon", "code"),
    [(46.5802, 0.3404, "86194"), (46.53889, 0.09011, "86123"), (46.31703, 0.21552, "86082")],
)
def test_real_communes_merged_ones_among_them(lat: float, lon: float, code: str) -> None:
    features = json.loads(CONTOURS.read_text(encoding="utf-8"))["features"]
    zones = [
        zone(one["properties"]["code"], "86", shapely.geometry.shape(one["geometry"]))
        for one in features
    ]
    claim = Territory.build(zones).claim(lat, lon, 30.0)
    assert (claim.communes, shares(claim), claim.reason) == ((code,), {"86": 1.0}, None)
