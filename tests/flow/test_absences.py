"""Ways to leave an alert alone: each ends with everyone rung; who is there keeps what she has."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from breaking import refuses
from test_operators import become, connected, does
from world import Operator, World

SEEN = (
    "SELECT count(*) = cardinality($1::text[]) FROM presence WHERE name = ANY ($1) AND seen_at > $2"
)


async def looks(world: World) -> None:
    """Have the server look once more at who is there, now."""
    await world.app.attendance.look()


async def passes(world: World, seconds: int, *there: str) -> None:
    """Time passes; in each second the server notes these people's screens, and looks who is there.

    A screen is noted every five seconds, but for the quarter of a real one after each hint.
    """
    for _ in range(seconds):
        await world.advance(1)
        noted = world.clock.now() - timedelta(seconds=5)
        await world.until_sql(SEEN, list(there), noted)
        await looks(world)


async def is_everybodys(operator: Operator, alert: str) -> bool:
    return (await operator.reads(alert))["released_at"] is not None


async def test_a_screen_that_goes_dark_right_after_the_answer_is_missed(world: World) -> None:
    """Screens are noted every five seconds: hers not once since she answered."""
    one, two = world.operator("one"), world.operator("two")
    async with connected(one):
        await become(one, {"one": "available"})
        press = await world.phone().press()
        await passes(world, 2, "one")
        await one.answers(press.alert)
    await passes(world, 12)
    assert await is_everybodys(two, press.alert)


async def test_who_says_to_be_away_gives_back_what_she_does_no_more_with(world: World) -> None:
    one, two = world.operator("one"), world.operator("two")
    async with connected(one), connected(two):
        press = await world.phone().press()
        await one.answers(press.alert)
        await one.hears(press.alert, "holder")
        await one.call("POST", "presence", {"state": "away"}, 200)
        await passes(world, 8, "one", "two")
        assert not await is_everybodys(two, press.alert)  # a slip can be mended
        await passes(world, 4, "one", "two")
        assert await is_everybodys(two, press.alert)
        # Nobody else came: she takes it all the same, and has it as long as she is there.
        await one.answers(press.alert)
        await passes(world, 12, "one", "two")
        assert not await is_everybodys(two, press.alert)


async def test_after_a_restart_a_screen_has_time_to_come_back(world: World) -> None:
    one = world.operator("one")
    async with connected(one):
        await become(one, {"one": "available"})
        press = await world.phone().press()
        await one.answers(press.alert)
        await one.hears(press.alert, "holder")
    await world.stop_server()
    world.clock.set_on(25)
    await world.start_server()
    await looks(world)
    assert not await is_everybodys(one, press.alert)
    async with connected(one):
        await passes(world, 12, "one")
        assert not await is_everybodys(one, press.alert)
    await passes(world, 12)
    assert await is_everybodys(one, press.alert)


async def test_after_a_restart_who_does_not_come_back_is_missed(world: World) -> None:
    one = world.operator("one")
    async with connected(one):
        await become(one, {"one": "available"})
        press = await world.phone().press()
        await one.answers(press.alert)
    await world.stop_server()
    await world.start_server()
    await passes(world, 12)
    assert await is_everybodys(one, press.alert)


@pytest.mark.expects_errors
async def test_one_alert_that_breaks_keeps_no_other_from_everyone(world: World) -> None:
    one = world.operator("one")
    alerts = []
    async with connected(one):
        await become(one, {"one": "available"})
        for number in (1, 2, 3):
            alerts.append((await world.phone(f"tgd-86-0{number}").press()).alert)
            await one.answers(alerts[-1])
    await world.owner(refuses("UPDATE ON alert", "OLD.device = 'tgd-86-02'"))
    await passes(world, 12)
    freed = "SELECT device FROM alert WHERE released_at IS NOT NULL ORDER BY device"
    assert [row["device"] for row in await world.rows(freed)] == ["tgd-86-01", "tgd-86-03"]
    assert world.app.metrics.loop_errors["attendance"]._value.get() == 1
    assert "attendance" not in [one.name for one in world.app.supervisor.obituaries]
    world.room.forgives()


async def test_who_took_it_over_in_that_moment_keeps_it(world: World) -> None:
    one = world.operator("one")
    await passes(world, 5)  # the server has been there for a while
    async with connected(one):
        await become(one, {"one": "available"})
        press = await world.phone().press()
        await one.answers(press.alert)
    await passes(world, 9)
    owner = await asyncpg.connect(world.url)
    try:
        async with owner.transaction():
            await owner.execute("UPDATE alert SET answered_by = 'two'")
            world.clock.set_on(2)
            looking = asyncio.create_task(looks(world))  # it waits for whoever has the row
            await world.until_sql("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
    finally:
        await owner.close()
    await looking
    alert = await one.reads(press.alert)
    assert (alert["answered_by"], alert["released_at"]) == ("two", None)


async def test_who_is_offered_it_and_leaves_leaves_it_where_it_is(world: World) -> None:
    one, two = world.operator("one"), world.operator("two")
    async with connected(one):
        press = await world.phone().press()
        await one.answers(press.alert)
        async with connected(two):
            await become(one, {"one": "busy", "two": "available"})
            await does(one, press.alert, "offer", to="two", note="relève")
        await passes(world, 12, "one")
        alert = await one.reads(press.alert)
        assert (alert["answered_by"], alert["released_at"]) == ("one", None)
    await passes(world, 12)  # and now the one who had it is gone as well
    alert = await one.reads(press.alert)
    assert (alert["offered_to"], alert["rings"]) == (None, "everyone")


async def test_whose_token_is_revoked_is_missed(world: World) -> None:
    one, two = world.operator("one"), world.operator("two")
    async with connected(one):
        await become(one, {"one": "available"})
        press = await world.phone().press()
        await one.answers(press.alert)
        await world.owner("UPDATE token SET revoked_at = now() WHERE name = 'one'")
        await passes(world, 25)
        assert await is_everybodys(two, press.alert)


@pytest.mark.settings(forward_unverified=False)
async def test_silence_after_a_voice_is_not_quiet_where_only_a_person_may_forward(
    world: World,
) -> None:
    one = world.operator("one")
    press = await world.phone().press()
    await one.hears(press.alert, "child")
    for _ in range(2):
        await one.hears(press.alert, "nobody")
    await world.advance(0.1)
    alert = await one.reads(press.alert)
    assert [task["red"] for task in alert["tasks"]] == [True]
    assert alert["rings"] == "everyone"
