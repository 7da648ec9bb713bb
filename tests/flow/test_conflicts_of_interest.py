"""A conflict of interest: others are rung, other rooms are told, at once and without a reason."""

import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
from ground import CORG, CORG_ADDRESS, IN_NORTH, IN_SOUTH, REST, in_force, three_rooms
from test_operators import become, connected
from world import BY_HAND, ROOM, Refusal, World

from tgd.store import accounts

HERS = "tgd-86-01"
SUPERIOR = "+33549000099"


async def person(world: World, device: str = HERS) -> str:
    return str(
        await world.value("SELECT beneficiary_id FROM assignment WHERE device_id = $1", device)
    )


async def lock(world: World, kind: str, value: str, *, lifted: bool = False) -> None:
    """The office locks a reader out, and the server has looked."""
    body = {"kind": kind, "value": value, "lifted": lifted}
    path = f"beneficiaries/{await person(world)}/conflicts"
    await world.operator("parquet-1", "admin").call("POST", path, body, 200)
    await world.app.apart.look()


async def works_at(world: World, name: str, site: str, group: str) -> None:
    async with world.database.connection() as connection:
        await accounts.add_account(
            connection,
            username=name,
            password="un mot de passe",
            role="operator",
            now=world.clock.now(),
        )
        await accounts.place(connection, name, group, site)


async def kinds(world: World, alert: str, name: str = "two") -> list[str]:
    return [one["kind"] for one in await world.operator(name).journal(alert)]


async def passed_over(world: World) -> str:
    async with world.http.get(f"{world.base}/metrics") as response:
        text = await response.text()
    [line] = [one for one in text.splitlines() if one.startswith("tgd_alerts_passed_over ")]
    return line.rpartition(" ")[2]


async def rooms(world: World, alert: str) -> dict[str | None, bool]:
    """Which rooms are told, and of which that is over."""
    found = (await world.operator("two").reads(alert))["dispatches"]
    return {one["room"]: one["withdrawn_at"] is not None for one in found}


# ── Ringing ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.settings(superior_number=SUPERIOR)
async def test_two_sites_of_which_one_may_not_know(world: World) -> None:
    """All who are there of the first site are locked out: the other is rung, a superior called."""
    await works_at(world, "one", "Poitiers", "first")
    await works_at(world, "uno", "Poitiers", "first")
    await works_at(world, "two", "Niort", "second")
    one, uno, two = (world.operator(name) for name in ("one", "uno", "two"))
    async with AsyncExitStack() as stack:
        for operator in (one, uno, two):
            await stack.enter_async_context(connected(operator))
        await become(two, dict.fromkeys(("one", "uno", "two"), "available"))
        await lock(world, "site", "Poitiers")
        other = await world.phone("tgd-86-02").press()
        press = await world.phone(HERS).press()
        await world.app.apart.look()
        assert [item["id"] for item in await one.list()] == [other.alert]
        rung = await two.reads(press.alert)
        assert rung["rings"] == "everyone"
        [task] = rung["tasks"]
        assert (task["about"], task["number"], task["red"]) == ("superior", SUPERIOR, True)
        assert (await two.reads(other.alert))["rings"] == "first"
        assert await passed_over(world) == "1.0"
        await world.app.apart.look()
        assert (await kinds(world, press.alert)).count("superior_called") == 1
        for operator in (one, uno):
            with pytest.raises(Refusal, match="404"):
                await operator.answers(press.alert)
        await two.answers(press.alert)
        await world.app.apart.look()
        assert await passed_over(world) == "0.0"
        # Nothing that is written down says on whose account, nor why.
        text = json.dumps(await two.journal(press.alert))
        assert "conflict" not in text
        assert "Poitiers" not in text
        assert "one" not in {entry["actor"] for entry in await two.journal(press.alert)}


async def test_while_one_of_the_first_may_know_the_others_are_not_rung(world: World) -> None:
    one, two = world.operator("one"), world.operator("two")
    async with connected(one), connected(two):
        await become(two, {"one": "available", "two": "available"})
        await lock(world, "account", "one")
        press = await world.phone(HERS).press()
        await world.app.apart.look()
        assert (await two.reads(press.alert))["rings"] == "first"
        assert (await two.reads(press.alert))["tasks"] == []


async def test_where_nobody_at_all_may_know_the_police_are_told(world: World) -> None:
    one = world.operator("one")
    async with connected(one):
        await become(one, {"one": "available"})
        for role in ("operator", "supervisor"):
            await lock(world, "role", role)
        press = await world.phone(HERS).press()
        await world.app.apart.look()
        assert await passed_over(world) == "1.0"
        await world.advance(20)
        await world.room.expects("Report")
        status = "SELECT status = 'police' FROM alert WHERE id = $1::text::uuid"
        assert await world.value(status, press.alert)


async def test_a_mirror_site_that_may_not_know_is_nobody_either(world: World) -> None:
    await works_at(world, "two", "Niort", "second")
    two = world.operator("two")
    async with connected(two):
        await become(two, {"two": "available"})
        await lock(world, "site", "Niort")
        press = await world.phone(HERS).press()
        await world.app.apart.look()
        tasks = "SELECT about FROM task WHERE alert_id = $1::text::uuid"
        assert await world.value(tasks, press.alert) == "superior"
        assert await passed_over(world) == "1.0"


async def test_whoever_has_it_loses_it_with_the_lock(world: World) -> None:
    one, two = world.operator("one"), world.operator("two")
    async with connected(one), connected(two):
        await become(two, {"one": "available", "two": "available"})
        press = await world.phone(HERS).press()
        await one.answers(press.alert)
        await lock(world, "account", "ONE")
        with pytest.raises(Refusal, match="404"):
            await one.hears(press.alert, "holder")
        found = await two.reads(press.alert)
        assert (found["released_at"] is None, found["rings"]) == (False, "everyone")
        assert "passed_on" in await kinds(world, press.alert)
        await two.answers(press.alert)
        await world.app.apart.look()
        assert (await two.reads(press.alert))["released_at"] is None


async def test_what_was_offered_to_him_is_not_any_more(world: World) -> None:
    one, two = world.operator("one"), world.operator("two")
    async with connected(one), connected(two):
        await become(two, {"one": "available", "two": "available"})
        press = await world.phone(HERS).press()
        await two.answers(press.alert)
        await two.does(press.alert, "offer", {"to": "one"}, 200)
        await lock(world, "account", "one")
        found = await two.reads(press.alert)
        assert (found["offered_to"], found["released_at"]) == (None, None)
        assert (await kinds(world, press.alert))[-1] == "offer_void"


async def test_a_lock_is_found_without_being_told(world: World) -> None:
    """The channel may be away: a second later the server has looked by itself."""
    press = await world.phone(HERS).press()
    await world.operator("one").answers(press.alert)
    await world.owner(
        "INSERT INTO conflict (id, beneficiary_id, kind, value, recorded_at, recorded_by) "
        "VALUES (gen_random_uuid(), $1::text::uuid, 'account', 'one', $2, 'parquet-1')",
        *(await person(world), world.clock.now()),
    )
    await world.advance(2)
    released = "SELECT released_at IS NOT NULL FROM alert WHERE id = $1::text::uuid"
    await world.until_sql(released, press.alert)


# ── Rooms ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def ground(world: World) -> World:
    """Two zones in force, three rooms; what the rooms are sent is not the matter here."""
    await three_rooms(world)
    await in_force(world)
    world.room.forgives()
    return world


async def sent(world: World, loc: dict[str, Any]) -> str:
    at = world.clock.now().timestamp()
    press = await world.phone(HERS).press(loc={**loc, "tst": at})
    await world.operator("two").decides(press.alert, "police")
    return press.alert


async def test_a_locked_room_is_passed_over_and_the_picture_says_the_same(ground: World) -> None:
    await lock(ground, "room", CORG)
    alert = await sent(ground, IN_NORTH)
    told = await rooms(ground, alert)
    assert CORG not in told
    assert told
    where = await ground.operator("two").call("GET", f"alerts/{alert}/whereabouts", None, 200)
    assert [one["room"] for one in where["rooms"]] == list(told)


async def test_without_any_room_that_may_know_a_person_calls(ground: World) -> None:
    for room in (CORG, ROOM, REST):
        await lock(ground, "room", room)
    alert = await sent(ground, IN_NORTH)
    found = await ground.operator("two").reads(alert)
    assert [one["room"] for one in found["dispatches"]] == [None]
    assert [(one["about"], one["red"]) for one in found["tasks"]] == [("dispatch", True)]


async def test_an_institution_that_becomes_locked_is_told_nothing_more(ground: World) -> None:
    await ground.owner("UPDATE room SET institution = 'GN' WHERE id = $1", CORG)
    alert = await sent(ground, IN_NORTH)
    assert await rooms(ground, alert) == {CORG: False}
    await ground.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    messages = (
        "SELECT count(*) FROM envelope e JOIN dispatch d ON d.id = e.dispatch_id WHERE room_id = $1"
    )
    before = await ground.value(messages, CORG)
    await lock(ground, "institution", "gn")
    told = await rooms(ground, alert)
    assert told.pop(CORG) is True
    assert list(told.values()) == [False]
    await ground.advance(31)
    await ground.phone(HERS).press(loc={**IN_SOUTH, "tst": ground.clock.now().timestamp()})
    await ground.advance(2)
    await ground.operator("two").hears(alert, "holder")
    await ground.operator("two").decides(alert, "no_danger")
    await ground.advance(2)
    await ground.app.following.look()
    assert await ground.value(messages, CORG) == before
    await ground.until_sql(
        "SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch WHERE withdrawn_at IS NULL"
    )
    await ground.operator("two").closes(alert)  # it waits for no word of the withdrawn room
    left = "SELECT count(*) = 0 FROM envelope WHERE state IN ('waiting', 'sending')"
    await ground.until_sql(left, what="something waits to be sent for ever")


async def test_who_is_told_instead_is_not_led_by_the_withdrawn_room(ground: World) -> None:
    """Nor pointed to it: those who are not to know would be asked how it goes with her."""
    alert = await sent(ground, IN_NORTH)
    await ground.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    await lock(ground, "room", CORG)
    told = set(await rooms(ground, alert)) - {CORG}
    assert len(told) == 1
    await ground.until(lambda: ground.room.told[-1].room != CORG_ADDRESS)
    assert CORG_ADDRESS not in " ".join(ground.room.told[-1].case.lines)


@pytest.mark.settings(behaviour=BY_HAND)
async def test_what_a_withdrawn_room_answers_changes_nothing(world: World) -> None:
    await world.owner("UPDATE room SET neighbour = NULL")
    press = await world.phone(HERS).press()
    world.room.forgives()
    await world.operator("two").decides(press.alert, "police")
    report = await world.room.expects("Report", alert=press.alert)
    await lock(world, "room", ROOM)
    found = await world.operator("two").reads(press.alert)
    assert {one["room"]: one["withdrawn_at"] is None for one in found["dispatches"]} == {
        ROOM: False,
        None: True,
    }
    state = found["dispatches"]
    await world.room.says(report, "CONSULTE")
    assert await world.value("SELECT count(*) FROM journal WHERE kind = 'room_said'") == 1
    after = (await world.operator("two").reads(press.alert))["dispatches"]
    assert [one["acknowledged_at"] for one in after if one["room"] is None] == [None]
    assert len(state) == len(after)
    await world.operator("two").hands_off(press.alert, status=409)
    await world.operator("two").hands_off(press.alert, room="CORG de la Charente")
    await world.operator("two").closes(press.alert)
