"""A line is live only after an exercise that a named person of that room has confirmed."""

from dataclasses import replace
from typing import Any

import pytest
from world import AT_ONCE, BY_HAND, ROOM, Refusal, World, room_entry

from tgd.demo.salle_envelope import Envelope
from tgd.demo.salle_room import Behaviour
from tgd.store import rooms

PERSON = "Brigadier de permanence 12"
STATE = "SELECT state FROM exercise ORDER BY asked_at DESC LIMIT 1"
supervisor = {"name": "superviseur-1", "role": "supervisor"}


async def lines(world: World) -> list[dict[str, Any]]:
    found = await world.operator().call("GET", "rooms", None, 200)
    return next(room for room in found["items"] if room["id"] == ROOM)["lines"]


async def asked(world: World, status: int = 200, **body: Any) -> dict[str, Any]:
    return await world.operator(**supervisor).call("POST", f"rooms/{ROOM}/exercise", body, status)


async def confirmed(world: World, call_taker: str = PERSON, status: int = 200) -> dict[str, Any]:
    exercise = (await lines(world))[0]["exercise"]["id"]
    body = {"call_taker": call_taker}
    return await world.operator().call("POST", f"exercises/{exercise}/acknowledged", body, status)


async def tried(world: World) -> Envelope:
    """Have the line tried, and the room's machine answer that somebody looks at it."""
    await asked(world)
    told = await world.room.expects("Report")
    await world.until_sql(STATE.replace("state", "state NOT IN ('waiting', 'sending')", 1))
    return told


async def imported(world: World, **changes: Any) -> None:
    entry = room_entry(world.sealer, world.room.url)
    line = replace(
        entry.lines[0], **{k: changes.pop(k) for k in ("url", "timeout_s") if k in changes}
    )
    async with world.database.transaction() as transaction:
        await rooms.replace(transaction, [replace(entry, lines=(line,), **changes)])


async def live(world: World) -> bool:
    return (await lines(world))[0]["live_since"] is not None


async def test_a_named_person_makes_it_live_and_the_room_s_machine_does_not(world: World) -> None:
    told = await tried(world)
    assert told.status == "Exercise"
    assert told.case.case_id.split(".")[-1].startswith("EX20300115-")
    await world.until_sql(STATE.replace("state", "state = 'seen'", 1))
    assert not await live(world)
    await confirmed(world)
    assert await live(world)
    assert (await lines(world))[0]["exercise"]["recorded_by"] == "op-1"
    await confirmed(world)  # again changes nothing
    kept = await world.rows("SELECT call_taker, key, to_jsonb(e)::text AS all FROM exercise e")
    key = world.app.sealer.unwrap(kept[0]["key"])
    exercise = (await lines(world))[0]["exercise"]["id"]
    assert key.open(kept[0]["call_taker"], f"call taker of {exercise}").decode() == PERSON
    journal = await world.value("SELECT string_agg(details::text, ' ') FROM journal")
    assert PERSON not in kept[0]["all"] + journal
    assert await world.value("SELECT count(*) FROM journal WHERE kind = 'line_proved'") == 1


async def test_nothing_is_withheld_from_a_line_that_is_not_and_it_is_said(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    pressed = await phone.press()
    await operator.answers(pressed.alert)
    alert = await operator.decides(pressed.alert, "police")
    assert [one["live"] for one in alert["dispatches"]] == [False]
    assert [task["red"] for task in alert["tasks"]] == [False]  # as PROTOCOL says, and no redder
    await world.room.expects("Report", alert=pressed.alert)
    before = (await operator.call("GET", "alerts?status=open&since=", None, 200))["since"]
    await tried(world)
    await confirmed(world)
    assert [one["live"] for one in (await operator.reads(pressed.alert))["dispatches"]] == [True]
    news = await operator.call("GET", f"alerts?status=open&since={before}", None, 200)
    assert [one["live"] for one in news["items"][0]["dispatches"]] == [True]


async def test_a_simulated_room_is_never_live(world: World) -> None:
    await tried(world)
    await confirmed(world)
    await imported(world, simulated=True)
    assert not await live(world)
    await tried(world)
    await confirmed(world)
    assert not await live(world)
    await imported(world)
    assert not await live(world)


async def test_another_address_is_another_line(world: World) -> None:
    await tried(world)
    await confirmed(world)
    await imported(world, timeout_s=7.0, name="Autre nom")
    assert await live(world)
    await imported(world, url=f"{world.room.url}?autre")
    assert not await live(world)
    await imported(world)  # back where it was, which nobody has tried again
    assert not await live(world)


async def test_an_exercise_by_a_line_that_has_changed_meanwhile_proves_nothing(
    world: World,
) -> None:
    await tried(world)
    await imported(world, url=f"{world.room.url}?autre")
    await confirmed(world)
    assert not await live(world)


@pytest.mark.settings(behaviour=BY_HAND)
async def test_what_nobody_confirms_expires_and_is_said(world: World) -> None:
    await tried(world)
    assert (await lines(world))[0]["exercise"]["state"] == "delivered"
    world.clock.set_on(3601)
    world.app.exercising.heard.set()
    await world.until_sql(STATE.replace("state", "state = 'expired'", 1))
    assert world.app.metrics.exercises["expired"]._value.get() == 1
    refused = await confirmed(world, status=409)
    assert refused["code"] == "exercise_over"
    assert not await live(world)


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_room_that_refuses_it_and_one_that_says_that_it_is_not_ours(world: World) -> None:
    told = await tried(world)
    await world.room.says(told, "ERREUR")
    await world.until_sql(STATE.replace("state", "state = 'refused'", 1))
    assert (await confirmed(world, status=409))["code"] == "exercise_over"
    await world.room.says(told, "CONSULTE")  # a late word changes nothing
    assert await world.value(STATE) == "refused"
    await world.room.says(told, "engaged")  # nor does a patrol
    assert await world.value("SELECT count(*) FROM alert") == 0


async def test_no_exercise_without_a_line_or_by_somebody_who_may_not(world: World) -> None:
    assert (await asked(world, status=409, line=3))["code"] == "no_line"
    await asked(world, status=422, line="0")
    await world.operator(**supervisor).call("POST", "rooms/nulle-part/exercise", {}, 404)
    with pytest.raises(Refusal, match="403"):
        await world.operator().call("POST", f"rooms/{ROOM}/exercise", {}, 200)
    await world.operator().call(
        "POST", f"exercises/{'0' * 8}-0000-4000-8000-000000000000/acknowledged",
        {"call_taker": PERSON}, 404,
    )  # fmt: skip
    assert await world.value("SELECT count(*) FROM exercise") == 0


async def test_a_line_that_takes_nothing_is_tried_again_and_cannot_be_confirmed(
    world: World,
) -> None:
    world.room.room().order(Behaviour(http_status=503))
    await asked(world)
    await world.until_sql(STATE.replace("state", "error IS NOT NULL", 1))
    assert (await confirmed(world, status=409))["code"] == "not_delivered"
    await world.until_sql(STATE.replace("state", "state = 'waiting'", 1))
    world.room.room().order(AT_ONCE)
    world.clock.set_on(6)
    world.app.exercising.heard.set()
    await world.room.expects("Report")
    await world.until_sql(STATE.replace("state", "state NOT IN ('waiting', 'sending')", 1))
    assert await world.value("SELECT attempts FROM exercise") == 2
