"""Which rooms the police's business goes to: from where she is, and with the reason, always."""

import json
import logging
import traceback
from typing import Any

import pytest
from ground import (
    AT_SEA,
    CORG,
    CORG_ADDRESS,
    DEGREE_M,
    GROUND,
    IN_NORTH,
    IN_SOUTH,
    NORTH,
    REST,
    SOUTH,
    declare,
    entry,
    in_force,
    put_rooms,
    square,
    three_rooms,
)
from world import ADDRESS, ROOM, World

from tgd.geo.position import Fix
from tgd.geo.sealed import seal_fix
from tgd.geo.zones import Claim
from tgd.platform.territory import LOADING, NONE

Told = list[tuple[str, float | None, str]]


async def sent(world: World, device: str = "tgd-86-01", loc: dict | None = None) -> str:
    """An alert with this location in its press, on which an operator has sent the police."""
    at = world.clock.now().timestamp()
    press = await world.phone(device).press(loc=loc and {**loc, "tst": at})
    await world.operator().decides(press.alert, "police")
    return press.alert


async def told(world: World, alert: str) -> Told:
    """The rooms told, in the journal's words; the list says the same, the first leads."""
    facts = [f for f in await world.operator().journal(alert) if f["kind"] == "dispatched"]
    dispatches = (await world.operator().reads(alert))["dispatches"]
    assert [f["details"]["dispatch"] for f in facts] == [d["id"] for d in dispatches]
    assert [d["lead"] for d in dispatches] == [True] + [False] * (len(dispatches) - 1)
    assert [d["room"] for d in dispatches] == [f["details"]["room"] for f in facts]
    said = [f["details"] for f in facts]
    assert all(set(one) == {"room", "dispatch", "share", "why"} for one in said)
    return [(one["room"], one["share"], one["why"]) for one in said]


async def whereabouts(world: World, alert: str) -> dict[str, Any]:
    return await world.operator().call("GET", f"alerts/{alert}/whereabouts", None, 200)


@pytest.fixture
async def ground(world: World) -> World:
    """Two zones in force, three rooms; what the rooms are sent is not the matter here."""
    await three_rooms(world)
    await in_force(world)
    world.room.forgives()
    return world


# ── From the disc ───────────────────────────────────────────────────────────────────


async def test_a_disc_in_one_zone_gives_its_room(ground: World) -> None:
    alert = await sent(ground, loc=IN_NORTH)
    assert await told(ground, alert) == [(CORG, 1.0, "zone")]
    shown = (await whereabouts(ground, alert))["rooms"]
    assert shown == [{"room": CORG, "name": f"Salle {CORG}", "share": 1.0, "why": "zone"}]


@pytest.mark.parametrize(
    ("beyond_m", "lead", "other"), [(-40.0, ROOM, CORG), (40.0, CORG, ROOM)], ids=["south", "north"]
)
async def test_across_a_border_both_in_order_of_share(
    ground: World, beyond_m: float, lead: str, other: str
) -> None:
    loc = {**IN_SOUTH, "lat": 46.6 + beyond_m / DEGREE_M, "acc": 60.0}
    alert = await sent(ground, loc=loc)
    (first, more, why), (second, less, why_too) = await told(ground, alert)
    assert (first, second, why, why_too) == (lead, other, "zone", "zone")
    assert more + less == pytest.approx(1.0, abs=0.002)
    assert 0.5 < more < 0.95
    lines = [" ".join(one.case.lines) for one in await messages(ground, 2)]
    address = {ROOM: ADDRESS, CORG: CORG_ADDRESS}
    assert all(f"chef de file : {address[lead]}" in line for line in lines)
    assert all(address[other] in line for line in lines)


async def messages(world: World, count: int) -> list[Any]:
    await world.until(lambda: len(world.room.told) >= count, "no message at the room")
    return world.room.told[:count]


async def test_hardly_over_the_border_the_other_room_is_not_told(ground: World) -> None:
    loc = {**IN_SOUTH, "lat": 46.6 - 90 / DEGREE_M, "acc": 60.0}
    alert = await sent(ground, loc=loc)
    ((room, share, why),) = await told(ground, alert)
    assert (room, why) == (ROOM, "zone")
    assert share == pytest.approx(1.0, abs=0.05)


async def test_outside_every_zone_the_nearest_leads_and_the_default_knows_why(
    ground: World,
) -> None:
    alert = await sent(ground, loc=AT_SEA)
    assert await told(ground, alert) == [
        (ROOM, 0.0, "nearest"),
        (REST, 1.0, "outside_every_zone"),
    ]


async def test_a_service_without_a_room_is_the_defaults_with_the_reason(world: World) -> None:
    await put_rooms(
        world, entry(world, ROOM, ADDRESS, SOUTH), entry(world, REST, ADDRESS, is_default=True)
    )
    await in_force(world)
    world.room.forgives()
    alert = await sent(world, loc=IN_NORTH)
    assert await told(world, alert) == [(REST, 1.0, "no_room_for_service")]


async def test_a_commune_without_a_service_is_the_defaults_with_the_reason(world: World) -> None:
    await three_rooms(world)
    await in_force(world, [GROUND[0], square("86902", None, 46.6, 46.8)])
    world.room.forgives()
    alert = await sent(world, loc={**IN_NORTH, "lat": 46.6 + 1000 / DEGREE_M})
    assert await told(world, alert) == [
        (ROOM, 0.0, "nearest"),
        (REST, 1.0, "commune_without_service"),
    ]


async def test_a_deadline_sends_where_she_is_as_well(ground: World) -> None:
    at = ground.clock.now().timestamp()
    alerts = [
        (await ground.phone(device).press(loc={**loc, "tst": at})).alert
        for device, loc in (("tgd-86-01", IN_SOUTH), ("tgd-86-02", IN_NORTH), ("tgd-86-03", AT_SEA))
    ]
    await ground.advance(20.5)
    leads = [(await told(ground, alert))[0][0] for alert in alerts]
    assert leads == [ROOM, CORG, ROOM]
    for alert in alerts:
        assert (await ground.operator().reads(alert))["verdict"] == "forwarded"


# ── Without a position ──────────────────────────────────────────────────────────────


async def test_without_a_position_the_rooms_of_her_declared_places(ground: World) -> None:
    await declare(ground, ("work", IN_SOUTH), ("home", IN_NORTH), ("aggressor", AT_SEA))
    alert = await sent(ground)
    assert await told(ground, alert) == [
        (CORG, None, "declared_place"),
        (ROOM, None, "declared_place"),
    ]


async def test_who_is_not_located_goes_to_her_declared_places(ground: World) -> None:
    await declare(ground, ("home", IN_NORTH), device="tgd-86-08")
    alert = await sent(ground, "tgd-86-08", loc=IN_SOUTH)
    assert await told(ground, alert) == [(CORG, None, "declared_place")]


async def test_where_the_aggressor_lives_says_nothing_of_where_she_is(ground: World) -> None:
    await declare(ground, ("aggressor", IN_NORTH))
    assert await told(ground, await sent(ground)) == [(REST, None, "no_position")]


async def test_another_holders_places_say_nothing(ground: World) -> None:
    await declare(ground, ("home", IN_NORTH), device="tgd-86-02")
    assert await told(ground, await sent(ground)) == [(REST, None, "no_position")]


async def test_a_position_counts_more_than_places(ground: World) -> None:
    await declare(ground, ("home", IN_NORTH))
    assert await told(ground, await sent(ground, loc=IN_SOUTH)) == [(ROOM, 1.0, "zone")]


async def test_an_unknown_phone_goes_where_it_is(ground: World) -> None:
    alert = await sent(ground, "stranger-1", loc=IN_NORTH)
    assert await told(ground, alert) == [(CORG, 1.0, "zone")]


# ── Without zones ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reason", [NONE, LOADING])
@pytest.mark.parametrize("loc", [IN_NORTH, None], ids=["located", "not"])
async def test_without_zones_the_default_knows_why(
    world: World, reason: str, loc: dict | None
) -> None:
    await three_rooms(world)
    await declare(world, ("home", IN_NORTH))
    world.room.forgives()
    await world.until(lambda: world.app.territory.reason == NONE)
    world.app.territory.reason = reason
    alert = await sent(world, loc=loc)
    ((room, _share, why),) = await told(world, alert)
    assert (room, why) == (REST, reason if loc else "no_position")


async def test_without_any_room_a_person_must_call(world: World) -> None:
    await world.owner("DELETE FROM room_line")
    await world.owner("DELETE FROM room")
    await in_force(world)
    alert = await sent(world, loc=IN_NORTH)
    facts = [f for f in await world.operator().journal(alert) if f["kind"] == "dispatched"]
    assert [(f["details"]["room"], f["details"]["why"]) for f in facts] == [(None, "no_room")]
    assert [t["red"] for t in (await world.operator().reads(alert))["tasks"]] == [True]


class Failing:
    """A territory with a fault, whose complaint says where she is."""

    version = -1

    def claim(self, lat: float, lon: float, r95_m: float) -> Claim:
        raise ValueError(f"side location conflict at {lon} {lat} within {r95_m}")


@pytest.mark.expects_errors
@pytest.mark.parametrize("loc", [IN_NORTH, None], ids=["located", "not"])
async def test_a_territory_that_fails_keeps_nobody_from_her(
    ground: World, caplog: pytest.LogCaptureFixture, loc: dict | None
) -> None:
    await declare(ground, ("home", IN_NORTH))
    ground.app.territory.current = Failing()
    alert = await sent(ground, loc=loc)
    assert await told(ground, alert) == [(REST, None, "territory_failed")]
    await ground.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    shown = (await whereabouts(ground, alert))["rooms"]
    assert [(one["room"], one["why"]) for one in shown] == [(REST, "territory_failed")]
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors
    for record in errors:
        text = record.getMessage()
        if record.exc_info:
            text += "".join(traceback.format_exception(*record.exc_info))
        assert "46.62" not in text
        assert "0.34" not in text


@pytest.mark.expects_errors
async def test_a_fix_that_breaks_the_estimate_keeps_nobody_from_her(ground: World) -> None:
    operator = ground.operator()
    alert = (await ground.phone().press(loc=None)).alert
    key = ground.sealer.new_key()
    absurd = Fix(float("nan"), float("inf"), acc=float("nan"), vel=float("nan"))
    await ground.owner(
        "INSERT INTO position (alert_id, fix, key, fixed_at, received_at)"
        " VALUES ($1::text::uuid, $2, $3, $4, $4)",
        *(alert, seal_fix(absurd, key), key.wrapped, ground.clock.now()),
    )
    await operator.decides(alert, "police")
    assert (await told(ground, alert))[0][0] in {REST, ROOM, CORG}
    await ground.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")


async def test_positions_whose_keys_are_away_are_no_positions(ground: World) -> None:
    await declare(ground, ("home", IN_SOUTH))
    at = ground.clock.now().timestamp()
    alert = (await ground.phone().press(loc={**IN_NORTH, "tst": at})).alert
    await ground.owner("UPDATE position SET fix = 'x'::bytea")
    await ground.operator().decides(alert, "police")
    assert await told(ground, alert) == [(ROOM, None, "declared_place")]


# ── Zones that come while it serves ─────────────────────────────────────────────────


async def test_a_set_put_in_force_takes_effect_without_a_restart(world: World) -> None:
    await three_rooms(world)
    world.room.forgives()
    await world.until(lambda: world.app.territory.reason == NONE)
    assert await told(world, await sent(world, "tgd-86-01", IN_NORTH)) == [(REST, 1.0, NONE)]
    await in_force(world)
    assert await told(world, await sent(world, "tgd-86-02", IN_NORTH)) == [(CORG, 1.0, "zone")]
    swapped = [square("86901", NORTH, 46.4, 46.6), square("86902", SOUTH, 46.6, 46.8)]
    await in_force(world, swapped)
    assert await told(world, await sent(world, "tgd-86-03", IN_NORTH)) == [(ROOM, 1.0, "zone")]
    # Whoever was told stays so, whatever the map says meanwhile.
    await world.app.following.look()
    assert await world.value("SELECT count(*) FROM dispatch") == 3


# ── What the journal says ───────────────────────────────────────────────────────────


async def test_the_journal_knows_why_and_never_where(ground: World) -> None:
    await declare(ground, ("home", IN_NORTH))
    for device, loc in (("tgd-86-01", IN_NORTH), ("tgd-86-02", AT_SEA), ("tgd-86-03", None)):
        await sent(ground, device, loc)
    rows = await ground.rows("SELECT details FROM journal")
    text = json.dumps([row["details"] for row in rows])
    assert '"zone"' in text
    for coordinate in ("46.6", "46.3", "0.34"):
        assert coordinate not in text
