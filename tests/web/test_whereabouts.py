"""Where she is, as an operator is shown it: what is known, how well, near what, and whose it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ground import DEGREE_M, GROUND, NORTH, SOUTH
from web.served import PLACE, RFC3339, ROOM, ROOM_ADDRESS, Api

from tgd.errors import Temporary
from tgd.platform import places
from tgd.store import addresses, rooms, zones
from tgd.store.addresses import AddressRow

NOWHERE = "00000000-0000-4000-8000-000000000000"
FIELDS = {
    *("position", "trail", "places", "rooms", "zones", "address"),
    *("live_until", "withdrawal_to_verify", "now"),
}


async def where(api: Api, alert: str, **who: str) -> dict[str, Any]:
    status, found = await api.call("GET", f"alerts/{alert}/whereabouts", **who)
    assert status == 200, found
    return found


async def pressed(api: Api, device: str = "tgd-86-01", **loc: object) -> str:
    at = api.clock.now().timestamp()
    return (await api.press(device, loc={**PLACE, "tst": at, **loc}))["alert"]


async def declare(api: Api, *known: places.Place, device: str = "tgd-86-01") -> None:
    (row,) = await api.rows("SELECT beneficiary_id FROM holder WHERE device = $1", device)
    sealer = api._context.competence._sealer
    async with api.database.transaction() as transaction:
        await places.replace(transaction, sealer, row["beneficiary_id"], known, api.clock.now())


def place(kind: str, north_m: float, radius_m: float = 100.0, **more: str) -> places.Place:
    said = {"label": f"Lieu {kind}", "address": None, "approach": None, **more}
    lat = PLACE["lat"] + north_m / DEGREE_M
    return places.Place(kind=kind, lat=lat, lon=PLACE["lon"], radius_m=radius_m, **said)


async def closed(api: Api, alert: str, verdict: str = "no_danger") -> None:
    await api.act(alert, "voice", {"with": "holder"})
    seen = (await api.alert(alert))["last_press"]
    status, shown = await api.act(alert, "decision", {"verdict": verdict, "seen": seen})
    assert (status, shown["status"]) == (200, "closed")


# ── What is shown ───────────────────────────────────────────────────────────────────


async def test_it_says_what_the_alert_says_and_what_stands_behind_it(api: Api) -> None:
    alert = await pressed(api, vel=3.6, cog=90)
    api.clock.set_on(10)
    shown = await where(api, alert)
    assert set(shown) == FIELDS
    assert shown["position"] == (await api.alert(alert))["position"]
    (fix,) = shown["trail"]
    assert set(fix) == {"lat", "lon", "r95_m", "fixed_at", "age_s", "method", "doubts"}
    assert (fix["lat"], fix["lon"], fix["method"]) == (PLACE["lat"], PLACE["lon"], "G")
    assert fix["r95_m"] == shown["position"]["r95_m"] >= 12.0
    assert fix["age_s"] == pytest.approx(10, abs=0.1)
    assert shown["now"] == "2030-01-15T09:00:10.000Z"
    assert shown["live_until"] == "2030-01-15T11:00:00.000Z"
    assert (shown["places"], shown["withdrawal_to_verify"]) == ([], False)
    assert all(RFC3339.fullmatch(shown[name]) for name in ("now", "live_until"))


async def test_the_trail_is_newest_first_and_names_what_is_odd_of_each(api: Api) -> None:
    alert = await pressed(api)
    api.clock.set_on(30)
    await pressed(api, lat=47.9)
    api.clock.set_on(30)
    await pressed(api, lat=46.581, mock=True)
    api.clock.set_on(30)
    await pressed(api, lat=46.5815, acc=4000.0, pm="C")
    shown = await where(api, alert)
    trail = shown["trail"]
    assert [fix["lat"] for fix in trail] == [46.5815, 46.581, 47.9, PLACE["lat"]]
    assert [fix["age_s"] for fix in trail] == pytest.approx([0, 30, 60, 90], abs=0.1)
    assert "cell_only" in trail[0]["doubts"]
    assert "fix_mocked" in trail[1]["doubts"]
    assert "jump" in trail[2]["doubts"]
    assert "location_stale" in trail[3]["doubts"]
    assert shown["position"]["lat"] in {fix["lat"] for fix in trail}
    assert shown["position"]["lat"] not in {47.9, 46.581}


async def test_the_estimate_is_the_one_that_the_alert_and_the_rooms_are_told(api: Api) -> None:
    alert = await pressed(api)
    for n in range(14):
        api.clock.set_on(1)
        await pressed(api, lat=46.59 + n / 1000, acc=900.0, pm="C")
    shown = await where(api, alert)
    assert len(shown["trail"]) == 15
    assert shown["position"] == (await api.alert(alert))["position"]


async def test_without_a_position_everything_else_is_there(api: Api) -> None:
    await declare(api, place("home", 0))
    alert = (await api.press())["alert"]
    shown = await where(api, alert)
    assert (shown["position"], shown["trail"], shown["address"]) == (None, [], None)
    (home,) = shown["places"]
    assert (home["touched"], home["distance_m"]) == (False, None)
    (room,) = shown["rooms"]
    assert (room["room"], room["share"], room["why"]) == (ROOM, None, "no_position")
    assert shown["live_until"]


async def test_who_refused_is_not_followed(api: Api) -> None:
    alert = await pressed(api, "tgd-86-08")
    shown = await where(api, alert)
    assert (shown["position"], shown["trail"], shown["live_until"]) == (None, [], None)


async def test_an_unknown_phone_has_no_places(api: Api) -> None:
    await declare(api, place("home", 0))
    shown = await where(api, await pressed(api, "stranger-1"))
    assert shown["places"] == []
    assert shown["position"]
    assert shown["live_until"]


# ── Places ──────────────────────────────────────────────────────────────────────────


async def test_places_with_their_distance_where_the_disc_touches_them(api: Api) -> None:
    await declare(
        api,
        place("home", 60, address="1 rue Inventée", approach="porte bleue"),
        place("aggressor", 5_000, 200.0),
        place("school", 300, 300.0),
    )
    shown = await where(api, await pressed(api))
    by_kind = {one["kind"]: one for one in shown["places"]}
    assert list(by_kind) == ["home", "school", "aggressor"]
    home = by_kind["home"]
    assert set(home) == {
        *("kind", "label", "address", "radius_m", "approach"),
        *("lat", "lon", "touched", "distance_m"),
    }
    assert (home["touched"], home["distance_m"]) == (True, pytest.approx(60, abs=1))
    assert (home["address"], home["approach"]) == ("1 rue Inventée", "porte bleue")
    assert (by_kind["school"]["touched"], by_kind["school"]["distance_m"]) == (True, 300)
    assert (by_kind["aggressor"]["touched"], by_kind["aggressor"]["distance_m"]) == (False, None)


async def test_a_place_that_does_not_open_is_missed_and_stops_nothing(api: Api) -> None:
    await declare(api, place("home", 0), place("work", 100))
    alert = await pressed(api)
    async with api.database.connection() as connection:
        await connection.execute("DELETE FROM known_place WHERE kind = 'work'")
        await connection.execute(
            "INSERT INTO known_place (id, beneficiary_id, kind, content, created_at)"
            " SELECT gen_random_uuid(), beneficiary_id, 'work', 'x', now() FROM known_place"
        )
    shown = await where(api, alert)
    assert [one["kind"] for one in shown["places"]] == ["home"]


# ── Rooms ───────────────────────────────────────────────────────────────────────────


async def test_rooms_with_their_shares_and_reasons(api: Api) -> None:
    async with api.database.transaction() as transaction:
        no, _dropped = await zones.add(
            transaction,
            name="fictive",
            now=api.clock.now(),
            sources=[],
            findings=[],
            zones=GROUND,
            services=[zones.Service(name, "PN", name) for name in (SOUTH, NORTH)],
        )
        await zones.activate(transaction, no, api.clock.now())
        told = [("sud", SOUTH), ("nord", NORTH)]
        await rooms.replace(
            transaction,
            [
                rooms.RoomEntry(name, f"Salle {name}", "PN", ROOM_ADDRESS, (service,))
                for name, service in told
            ],
        )
    await api._context.competence._territory.look()
    shown = await where(api, await pressed(api, lat=46.6 - 10 / DEGREE_M))
    first, second = shown["rooms"]
    assert set(first) == {"room", "name", "share", "why"}
    assert [(one["room"], one["name"], one["why"]) for one in (first, second)] == [
        ("sud", "Salle sud", "zone"),
        ("nord", "Salle nord", "zone"),
    ]
    assert first["share"] > 0.5 > second["share"] > 0.05
    assert first["share"] + second["share"] == pytest.approx(1.0, abs=0.002)
    assert first["share"] == round(first["share"], 3)
    inside = await where(api, await pressed(api, "tgd-86-02"))
    assert [(one["room"], one["share"]) for one in inside["rooms"]] == [("sud", 1.0)]


async def test_without_any_room_the_list_is_empty(api: Api) -> None:
    alert = await pressed(api)
    async with api.database.connection() as connection:
        await connection.execute("DELETE FROM room_line")
        await connection.execute("DELETE FROM room")
    assert (await where(api, alert))["rooms"] == []


# ── Address ─────────────────────────────────────────────────────────────────────────


async def imported(api: Api, north_m: float) -> None:
    async with api.database.transaction() as transaction:
        work = addresses.Import(transaction)
        row = AddressRow(PLACE["lat"] + north_m / DEGREE_M, PLACE["lon"], "7 Rue Inventée")
        await work.add([("86", row)])
        await work.finish(api.clock.now())


async def test_without_a_source_there_is_no_address(api: Api) -> None:
    assert (await where(api, await pressed(api)))["address"] is None


@pytest.mark.parametrize(("north_m", "near"), [(25.0, False), (3.0, True), (400.0, True)])
async def test_an_address_is_near_or_hers(api: Api, north_m: float, near: bool) -> None:
    await imported(api, north_m)
    shown = (await where(api, await pressed(api, acc=5.0)))["address"]
    assert shown["label"] == "7 Rue Inventée"
    assert shown["distance_m"] == pytest.approx(north_m, abs=1)
    assert shown["near"] is near


async def test_a_source_that_is_away_is_said_and_stops_nothing(api: Api) -> None:
    class Away:
        async def near(self, lat: float, lon: float) -> None:
            raise Temporary("address server: HTTP 503")

        async def close(self) -> None:
            """Nothing is held."""

    alert = await pressed(api)
    api._context = replace(api._context, addresses=Away())
    await api.server.stop()
    await api.serve(api.server.port)
    shown = await where(api, alert)
    assert shown["address"] == {"unknown": "source_away"}
    assert shown["position"]


# ── Until when ──────────────────────────────────────────────────────────────────────


async def test_until_when_positions_live(api: Api) -> None:
    alert = await pressed(api)
    api.clock.set_on(600)
    await pressed(api)
    assert (await where(api, alert))["live_until"] == "2030-01-15T11:10:00.000Z"
    api.clock.set_on(600)
    status, shown = await api.act(alert, "follow", {"reason": "elle marche"})
    assert (status, shown["live_until"]) == (200, "2030-01-15T11:20:00.000Z")
    assert set(shown) == FIELDS
    await closed(api, alert)
    assert (await where(api, alert))["live_until"] is None


@pytest.mark.parametrize("act", ["follow", "withdraw-location"])
async def test_an_act_says_why(api: Api, act: str) -> None:
    alert = await pressed(api)
    for body in ({}, {"reason": ""}, {"reason": 7}, {"reason": "x" * 4001}, {"reason": "a\x00"}):
        status, problem = await api.act(alert, act, body)
        assert (status, problem["field"]) == (422, "reason"), body
    status, problem = await api.act(NOWHERE, act, {"reason": "elle marche"})
    assert (status, problem["code"]) == (404, "not_found")


# ── Closed ──────────────────────────────────────────────────────────────────────────


async def test_a_closed_alert_shows_what_is_still_kept(api: Api) -> None:
    alert = await pressed(api)
    await closed(api, alert)
    shown = await where(api, alert)
    assert shown["position"]["lat"] == PLACE["lat"]
    assert len(shown["trail"]) == 1
    assert (shown["live_until"], shown["withdrawal_to_verify"]) == (None, False)


@pytest.mark.parametrize("verdict", ["test", "accidental"])
async def test_of_what_was_a_test_or_a_mistake_nothing_is_left(api: Api, verdict: str) -> None:
    alert = await pressed(api)
    await closed(api, alert, verdict)
    shown = await where(api, alert)
    assert (shown["position"], shown["trail"], shown["address"]) == (None, [], None)


async def test_what_was_erased_is_not_there(api: Api) -> None:
    alert = await pressed(api)
    await closed(api, alert)
    api.clock.set_on(timedelta(days=3, minutes=1).total_seconds())
    await api._context.forget.look()
    shown = await where(api, alert)
    assert (shown["position"], shown["trail"]) == (None, [])


async def test_the_consent_that_the_register_withdrew_is_to_be_verified(api: Api) -> None:
    alert = await pressed(api)
    async with api.database.connection() as connection:
        await connection.execute(
            "INSERT INTO consent (assignment_id, kind, given, at, recorded_by)"
            " SELECT assignment_id, 'location', false, $1, 'greffe' FROM holder"
            " WHERE device = 'tgd-86-01'",
            api.clock.now(),
        )
    shown = await where(api, alert)
    assert shown["withdrawal_to_verify"] is True
    assert shown["position"]
    await closed(api, alert)
    assert (await where(api, alert))["withdrawal_to_verify"] is False


# ── Who ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", ["prosecutor", "association", "admin", "auditor", "phone"])
async def test_only_operators_may_see_it(api: Api, role: str) -> None:
    alert = await pressed(api)
    name = "tgd-86-01" if role == "phone" else "x"
    status, problem = await api.call("GET", f"alerts/{alert}/whereabouts", role=role, name=name)
    assert (status, problem["code"]) == (403, "role")
    for act in ("follow", "withdraw-location"):
        status, problem = await api.act(alert, act, {"reason": "x"}, role=role, name=name)
        assert (status, problem["code"]) == (403, "role")


async def test_supervisors_may_and_nobody_else_even_knows_of_it(api: Api) -> None:
    alert = await pressed(api)
    assert (await where(api, alert, role="supervisor", name="chief"))["position"]
    assert (await where(api, alert, name="op-2"))["position"]
    status, _ = await api.bare("GET", f"alerts/{alert}/whereabouts")
    assert status == 401
    for wrong in (NOWHERE, "x", "46.58,0.34"):
        status, problem = await api.call("GET", f"alerts/{wrong}/whereabouts")
        assert (status, problem["code"]) == (404, "not_found")
        assert "46.58" not in str(problem)


async def test_it_is_for_no_cache(api: Api) -> None:
    alert = await pressed(api)
    headers = {"Authorization": f"Bearer {await api.token()}"}
    path = f"/api/v1/alerts/{alert}/whereabouts"
    async with api.http.get(path, headers=headers) as response:
        assert response.headers["Cache-Control"] == "no-store"
