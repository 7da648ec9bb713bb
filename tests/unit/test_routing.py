"""Which rooms are told: the lead first, never nobody where there is anybody, and each says why."""

import random
from collections.abc import Sequence
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tgd.conflict import Lock
from tgd.platform.domain.routing import (
    LEAST_SHARE,
    MOST_ROOMS,
    Room,
    barred,
    competent,
    declared,
    default,
    open_to,
)


def room(name: str, *services: str, is_default: bool = False) -> Room:
    return Room(name, f"Salle {name}", "+33549000017", (0,), is_default, services)


NORTH, SOUTH, EAST = room("north", "n1", "n2"), room("south", "s1"), room("east", "e1")
REST = room("rest", is_default=True)
ALL = [NORTH, SOUTH, EAST, REST]

Told = list[tuple[str, float | None, str | None]]


def told(rooms: Sequence[Room]) -> Told:
    return [(one.id, None if one.share is None else round(one.share, 6), one.why) for one in rooms]


@pytest.mark.parametrize(
    ("claimed", "reason", "expected"),
    [
        pytest.param([("n1", 1.0)], None, [("north", 1.0, "zone")], id="wholly in one zone"),
        pytest.param(
            [("s1", 0.7), ("n1", 0.3)],
            None,
            [("south", 0.7, "zone"), ("north", 0.3, "zone")],
            id="across a border, by share",
        ),
        pytest.param(
            [("n1", 0.5), ("s1", 0.5)],
            None,
            [("north", 0.5, "zone"), ("south", 0.5, "zone")],
            id="equal shares, by id",
        ),
        pytest.param(
            [("s1", 0.4), ("n1", 0.3), ("n2", 0.3)],
            None,
            [("north", 0.6, "zone"), ("south", 0.4, "zone")],
            id="two services of one room add up",
        ),
        pytest.param(
            [("n1", 0.97), ("s1", 0.03)], None, [("north", 0.97, "zone")], id="hardly there"
        ),
        pytest.param(
            [("n1", 1.0), ("s1", 0.0)],
            None,
            [("north", 1.0, "zone")],
            id="touched by a hair is not nearest",
        ),
        pytest.param(
            [("n1", 1.0), ("n2", 0.0)],
            None,
            [("north", 1.0, "zone")],
            id="a second service by a hair changes no reason",
        ),
        pytest.param(
            [("s1", 0.0)],
            "outside_every_zone",
            [("south", 0.0, "nearest"), ("rest", 1.0, "outside_every_zone")],
            id="outside every zone: the nearest leads, the default is told why",
        ),
        pytest.param(
            [("x9", 0.0)],
            "outside_every_zone",
            [("rest", 1.0, "outside_every_zone")],
            id="outside, and the nearest service has no room",
        ),
        pytest.param(
            [("x9", 1.0)],
            None,
            [("rest", 1.0, "no_room_for_service")],
            id="a service without a room",
        ),
        pytest.param(
            [("n1", 0.6), ("x9", 0.4)],
            None,
            [("north", 0.6, "zone"), ("rest", 0.4, "no_room_for_service")],
            id="a service without a room beside one that has",
        ),
        pytest.param(
            [("x9", 0.6), ("n1", 0.1)],
            "partly_outside",
            [("rest", 0.6, "no_room_for_service"), ("north", 0.1, "zone")],
            id="by the sea, and most of the land is nobody's",
        ),
        pytest.param(
            [("n1", 0.6)], "partly_outside", [("north", 0.6, "zone")], id="nobody is at sea"
        ),
        pytest.param(
            [("n1", 0.01)],
            "partly_outside",
            [("north", 0.01, "zone")],
            id="however little of the disc is land",
        ),
        pytest.param(
            [("n1", 0.7)],
            "commune_without_service",
            [("north", 0.7, "zone"), ("rest", 0.3, "commune_without_service")],
            id="a commune without a service",
        ),
        pytest.param([], "no_zones", [("rest", 1.0, "no_zones")], id="no zones"),
        pytest.param([], "zones_loading", [("rest", 1.0, "zones_loading")], id="loading"),
        pytest.param(
            [("n1", 0.34), ("s1", 0.32), ("e1", 0.2), ("x9", 0.14)],
            None,
            [("north", 0.34, "zone"), ("south", 0.32, "zone"), ("east", 0.2, "zone")],
            id="three at most",
        ),
    ],
)
def test_who_is_told(claimed: list[tuple[str, float]], reason: str | None, expected: Told) -> None:
    assert told(competent(ALL, claimed, reason)) == expected


def test_a_default_that_serves_a_zone_takes_the_rest_as_well_and_keeps_its_reason() -> None:
    both = room("both", "n1", is_default=True)
    assert told(competent([both, SOUTH], [("n1", 0.3), ("s1", 0.3), ("x9", 0.4)], None)) == [
        ("both", 0.7, "zone"),
        ("south", 0.3, "zone"),
    ]
    assert told(competent([both], [("n1", 0.0)], "outside_every_zone")) == [
        ("both", 1.0, "nearest")
    ]


def test_without_a_default_the_first_by_id_takes_what_nobody_claims() -> None:
    assert told(default([SOUTH, NORTH], "no_zones")) == [("north", None, "no_zones")]
    assert told(default(ALL, "no_zones")) == [("rest", None, "no_zones")]
    assert default([], "no_zones") == []
    assert competent([], [("n1", 1.0)], None) == []


def test_the_rooms_of_declared_places_in_their_order_each_once() -> None:
    claims = [[("s1", 1.0)], [("x9", 0.6), ("n1", 0.4)], [("s1", 1.0)], [], [("x9", 1.0)]]
    assert told(declared(ALL, claims)) == [
        ("south", None, "declared_place"),
        ("north", None, "declared_place"),
    ]
    assert declared(ALL, []) == []
    assert declared([], claims) == []


def test_two_rooms_that_say_they_serve_it() -> None:
    other = room("another", "n1")
    for rooms in ([NORTH, other], [other, NORTH]):
        assert told(competent(rooms, [("n1", 1.0)], None)) == [("another", 1.0, "zone")]
        assert told(declared(rooms, [[("n1", 1.0)]])) == [("another", None, "declared_place")]


# ── Whatever there is ───────────────────────────────────────────────────────────────

SERVICES = [f"s{n}" for n in range(8)]
REASONS = st.sampled_from(
    [
        *(None, "outside_every_zone", "partly_outside", "commune_without_service"),
        *("disc_too_wide", "no_zones", "zones_loading", "zones_unusable"),
    ]
)


@st.composite
def rooms_of(draw: st.DrawFn) -> list[Room]:
    found = []
    count = draw(st.integers(1, 6))
    the_default = draw(st.one_of(st.none(), st.integers(0, count - 1)))
    for n in range(count):
        services = draw(st.lists(st.sampled_from(SERVICES), max_size=4, unique=True))
        found.append(room(f"room-{n}", *services, is_default=n == the_default))
    return found


@st.composite
def claims_of(draw: st.DrawFn) -> list[tuple[str, float]]:
    """Services with their shares as a territory gives them: together the disc at most."""
    services = draw(st.lists(st.sampled_from(SERVICES), max_size=8, unique=True))
    parts = [draw(st.one_of(st.just(0.0), st.floats(1e-9, 1.0))) for _ in services]
    whole = max(1.0, sum(parts) * draw(st.floats(1.0, 3.0)))
    return [(name, part / whole) for name, part in zip(services, parts, strict=True)]


@given(rooms_of(), claims_of(), REASONS, st.randoms(use_true_random=False))
def test_somebody_is_always_told_and_the_order_of_the_input_says_nothing(
    rooms: list[Room], claimed: list[tuple[str, float]], reason: str | None, chance: random.Random
) -> None:
    found = competent(rooms, claimed, reason)
    assert 1 <= len(found) <= MOST_ROOMS
    assert len({one.id for one in found}) == len(found)
    assert all(one.why for one in found)
    shares = [one.share for one in found]
    assert all(share is not None and 0.0 <= share <= 1.0 for share in shares)
    assert sum(share or 0.0 for share in shares) <= 1.0 + 1e-9
    mixed = [chance.sample(list_, len(list_)) for list_ in (rooms, claimed)]
    assert told(competent(*mixed, reason)) == told(found)


@given(rooms_of(), claims_of(), REASONS)
def test_the_lead_has_the_most_of_her_or_is_the_nearest(
    rooms: list[Room], claimed: list[tuple[str, float]], reason: str | None
) -> None:
    lead, *others = competent(rooms, claimed, reason)
    if lead.why == "nearest":
        assert all(share == 0.0 for _service, share in claimed)
    else:
        assert all((lead.share or 0.0) >= (one.share or 0.0) for one in others)
        assert all(one.why != "nearest" for one in others)


@given(rooms_of(), claims_of(), REASONS)
def test_what_a_room_has_is_the_sum_of_its_services_and_the_default_takes_the_rest(
    rooms: list[Room], claimed: list[tuple[str, float]], reason: str | None
) -> None:
    owner = {s: min(r.id for r in rooms if s in r.services) for r in rooms for s in r.services}
    own: dict[str, float] = {}
    for service, share in claimed:
        name = owner.get(service, "")
        own[name] = own.get(name, 0.0) + share
    land = sum(own.values()) if reason == "partly_outside" else 1.0
    rest = default(rooms, "")[0].id
    nobodys = land - sum(share for name, share in own.items() if name)
    found = {one.id: one for one in competent(rooms, claimed, reason)}
    for name, one in found.items():
        if name != rest:
            assert one.share == pytest.approx(own[name], abs=1e-9)
    if nobodys >= LEAST_SHARE + 1e-9 and len(found) < MOST_ROOMS:
        assert found[rest].share == pytest.approx(own.get(rest, 0.0) + nobodys, abs=1e-9)


@given(rooms_of(), st.lists(claims_of(), max_size=6), st.randoms(use_true_random=False))
def test_declared_places_give_few_rooms_each_once_whatever_the_order_of_the_rooms(
    rooms: list[Room], claims: list[list[tuple[str, float]]], chance: random.Random
) -> None:
    found = declared(rooms, claims)
    assert len(found) == len({one.id for one in found}) <= MOST_ROOMS
    served = {service for one in rooms for service in one.services}
    assert bool(found) == any(service in served for claim in claims for service, _ in claim)
    assert {one.why for one in found} <= {"declared_place"}
    assert told(declared(chance.sample(rooms, len(rooms)), claims)) == told(found)


# ── Rooms that may not know ─────────────────────────────────────────────────────────


def of(
    name: str, institution: str, *services: str, neighbour: str | None = None, default: bool = False
) -> Room:
    return replace(
        room(name, *services, is_default=default), institution=institution, neighbour=neighbour
    )


CITY = of("city", "PN", "c1", neighbour="port", default=True)
PORT = of("port", "PN", "p1", neighbour="city")
LAND = of("land", "GN", "l1")
FORCES = [CITY, LAND, PORT]


def named(rooms: Sequence[Room]) -> dict[str, tuple[tuple[str, ...], bool]]:
    return {one.id: (one.services, one.is_default) for one in rooms}


def test_a_room_s_neighbour_stands_in_for_it() -> None:
    left = open_to(FORCES, [Lock("room", "CITY")])
    assert named(left) == {"land": (("l1",), False), "port": (("p1", "c1"), True)}
    assert told(competent(left, [("c1", 1.0)], None)) == [("port", 1.0, "zone")]
    assert told(default(left, "no_position")) == [("port", None, "no_position")]


def test_another_institution_stands_in_for_one_that_may_not_know() -> None:
    left = open_to(FORCES, [Lock("institution", "PN")])
    assert named(left) == {"land": (("l1", "c1", "p1"), True)}
    assert told(competent(left, [("c1", 0.5), ("p1", 0.5)], None)) == [("land", 1.0, "zone")]


def test_where_nobody_may_know_a_person_calls() -> None:
    locks = [Lock("institution", "PN"), Lock("institution", "GN")]
    assert open_to(FORCES, locks) == []
    assert competent([], [("c1", 1.0)], None) == declared([], [[("c1", 1.0)]]) == []


def test_a_room_without_stand_in_leaves_its_ground_to_the_rest() -> None:
    alone, other = of("alone", "PN", "a1", neighbour="gone"), of("other", "PN", "o1")
    left = open_to([alone, other], [Lock("room", "alone")])
    assert named(left) == {"other": (("o1",), False)}
    assert told(competent(left, [("a1", 1.0)], None)) == [("other", 1.0, "no_room_for_service")]


def test_without_a_lock_on_them_rooms_are_as_they_are() -> None:
    assert open_to(FORCES, []) == FORCES
    assert open_to(FORCES, [Lock("site", "city"), Lock("account", "land")]) == FORCES


@given(st.lists(st.sampled_from(["city", "port", "land", "PN", "GN"]), max_size=4))
def test_a_locked_room_is_never_told(values: list[str]) -> None:
    locks = [Lock("institution" if one.isupper() else "room", one) for one in values]
    may = [one.id for one in FORCES if not barred(locks, one.id, one.institution)]
    left = open_to(FORCES, locks)
    assert [one.id for one in left] == may
    for claimed in ([("c1", 1.0)], [("c1", 0.4), ("l1", 0.3), ("p1", 0.3)], []):
        chosen = [one.id for one in competent(left, claimed, None)]
        assert set(chosen) <= set(may)
        assert bool(chosen) == bool(may)
