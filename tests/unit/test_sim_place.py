"""Where a simulated phone goes, and how wrong its receiver is about it."""

import itertools
import math
from random import Random

import pytest

from firmware_sim import POITIERS, Place, Reception
from firmware_sim.journey import METRES_PER_DEGREE, apart


def error_m(place, fix):
    return math.hypot(*apart((place.lat, place.lon), (fix["lat"], fix["lon"])))


def first_fixes(reception, count=3000):
    """Each of another phone, so that no error lasts from one to the next."""
    for seed in range(count):
        place = Place(Random(seed), reception=reception)
        place.wake(0)
        yield place, place.fix(0, 0)


@pytest.mark.parametrize(
    ("reception", "method", "least", "most", "heavy"),
    [
        (Reception.OPEN, "G", 4, 15, 1.62),
        (Reception.INDOORS, "W", 35, 160, 2.1),
        (Reception.CELL, "C", 900, 5000, 1.9),
    ],
)
def test_68_percent_lie_within_the_radius_and_the_rest_far_out(
    reception, method, least, most, heavy
):
    found = list(first_fixes(reception))
    assert {fix["pm"] for _, fix in found} == {method}
    assert all(least <= fix["acc"] <= most for _, fix in found)
    shares = sorted(error_m(place, fix) / fix["acc"] for place, fix in found)
    within = sum(share <= 1 for share in shares) / len(shares)
    assert 0.65 < within < 0.71
    assert shares[int(0.95 * len(shares))] > heavy  # a normal error's 95 % are within 1.62


def test_errors_last_so_that_fixes_of_one_minute_are_wrong_together():
    def likeness(apart_s):
        pairs = []
        for seed in range(400):
            place = Place(Random(seed), reception=Reception.INDOORS)
            place.wake(0)
            errors = [
                apart((place.lat, place.lon), (fix["lat"], fix["lon"]))
                for fix in (place.fix(0, 0), place.fix(apart_s, 0))
            ]
            pairs.append(errors)
        return sum(a[0] * b[0] + a[1] * b[1] > 0 for a, b in pairs) / len(pairs)

    assert likeness(1) > 0.7
    assert likeness(3600) < 0.6


def test_no_two_fixes_by_satellite_are_the_same():
    place = Place(Random(1))
    place.wake(0)
    fixes = [place.fix(now / 100, now / 100) for now in range(50)]
    assert len({(fix["lat"], fix["lon"]) for fix in fixes}) > 45


def test_the_cell_is_in_one_place_until_the_phone_is_in_another_cell():
    place = Place(Random(4), reception=Reception.CELL)
    place.wake(0)
    place.go(0, speed_kmh=50, bearing=0)
    cells = []
    for now in range(0, 7200, 30):
        fix = place.fix(now, now)
        assert error_m(place, fix) <= max(2.0 * fix["acc"], 50_000)
        cells.append((fix["lat"], fix["lon"], fix["acc"]))
    changes = sum(here != there for here, there in itertools.pairwise(cells))
    assert 1 <= changes < 60


def test_a_phone_drives_where_it_is_told():
    place = Place(Random(1), spread_m=0)
    place.go(100, speed_kmh=36, bearing=90)
    before = (place.lat, place.lon)
    place.fix(200, 200)
    assert place.lat == pytest.approx(before[0], abs=1e-9)
    east = (place.lon - before[1]) * METRES_PER_DEGREE * math.cos(math.radians(place.lat))
    assert east == pytest.approx(1000, rel=1e-6)


@pytest.mark.parametrize(("speed_kmh", "least_m", "most_m"), [(5, 600, 5500), (50, 6000, 56_000)])
def test_through_streets_there_are_corners_and_headway(speed_kmh, least_m, most_m):
    for seed in range(30):
        place = Place(Random(seed), spread_m=0)
        place.roam(0, speed_kmh=speed_kmh, bearing=90)
        track = [POITIERS]
        for now in range(10, 3601, 10):
            place.fix(now, now)
            track.append((place.lat, place.lon))
            step = math.hypot(*apart(*track[-2:]))
            assert step <= speed_kmh * 1.15 / 3.6 * 10 + 0.01
        north, east = apart(track[0], track[-1])
        assert least_m < east < most_m
        assert abs(north) < east * 1.5
        bearings = {
            round(math.degrees(math.atan2(*apart(*legs)[::-1])) / 45)
            for legs in itertools.pairwise(track)
        }
        assert len(bearings) >= 3


def test_when_it_is_asked_does_not_change_where_it_goes():
    places = [Place(Random(7), reception=Reception.NONE) for _ in range(2)]
    for place in places:
        place.roam(0, speed_kmh=5, bearing=200)
    for now in range(1800):
        places[0].fix(now, now)
    for place in places:
        place.fix(1800, 1800)
    assert places[0].lat == pytest.approx(places[1].lat, abs=1e-9)
    assert places[0].lon == pytest.approx(places[1].lon, abs=1e-9)


def test_a_given_way_is_followed_to_its_end_and_no_further():
    place = Place(Random(1), spread_m=0)
    path = [(46.59, 0.34), (46.59, 0.36), (46.59, 0.36)]
    place.take(0, path, speed_kmh=36)
    place.fix(111.195, 0)
    assert (place.lat, place.lon) == pytest.approx(path[0], abs=1e-6)
    assert place.moving
    place.fix(10_000, 0)
    assert (place.lat, place.lon) == pytest.approx(path[-1], abs=1e-6)
    assert not place.moving


def test_speed_and_course_are_said_by_satellites_and_the_course_in_motion_only():
    place = Place(Random(1))
    place.wake(0)
    assert place.fix(0, 0)["vel"] == 0
    assert "cog" not in place.fix(0, 0)
    place.go(0, speed_kmh=50, bearing=355)
    fixes = [place.fix(now, now) for now in range(100)]
    assert all(48 < fix["vel"] < 52 for fix in fixes)
    assert all(0 <= fix["cog"] < 360 for fix in fixes)
    assert all((fix["cog"] - 355 + 180) % 360 - 180 < 20 for fix in fixes)
    place.reception = Reception.INDOORS
    assert not {"vel", "cog"} & place.fix(100, 0).keys()


def test_a_mocked_fix_says_so():
    place = Place(Random(1))
    place.wake(0)
    assert "mock" not in place.fix(0, 0)
    place.mock = True
    assert place.fix(0, 0)["mock"] is True


def test_the_receiver_sleeps_outside_alerts_and_starts_cold():
    place = Place(Random(1), cold_start_s=10)
    assert place.fix(0, 0)["pm"] == "N"
    place.wake(100)
    assert place.fix(109, 0)["pm"] == "N"
    assert place.fix(110, 0)["pm"] == "G"
    place.sleep()
    assert place.fix(111, 0)["pm"] == "N"
