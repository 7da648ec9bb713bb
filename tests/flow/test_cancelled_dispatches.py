"""A case that went to the wrong room is withdrawn by a supervisor, and nothing recalls a patrol.

And what an operator writes once the police are told goes to the rooms at once.
"""

import json
from uuid import UUID

import pytest
from two_rooms import OTHER, OTHER_ADDRESS, sent_to_both
from world import BY_HAND, ROOM, World


async def cancels(world: World, alert: str, room: str, status: int) -> dict:
    supervisor = world.operator("chef-1", "supervisor")
    asked = {"room": room, "why": "wrong_room"}
    return await supervisor.call("POST", f"alerts/{alert}/cancel-dispatch", asked, status)


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_room_that_had_it_by_mistake_is_told_so_and_nothing_of_her(world: World) -> None:
    alert = await sent_to_both(world)
    # Somebody must have it first.
    await world.operator().call("GET", f"alerts/{alert}", None, 200)
    with pytest.raises(AssertionError, match="403"):
        await world.operator().does(alert, "cancel-dispatch", {"room": OTHER, "why": "twice"}, 200)
    await cancels(world, alert, OTHER, 409)
    await world.operator().hands_off(alert)
    await cancels(world, alert, OTHER, 200)
    await world.until(lambda: any(one.kind == "Cancel" for one in world.room.told))
    (told,) = [one for one in world.room.told if one.kind == "Cancel"]
    assert told.room == OTHER_ADDRESS
    row = (
        await world.rows(
            "SELECT e.content, a.key FROM envelope e JOIN alert a ON a.id = e.alert_id "
            "WHERE e.id = $1",
            UUID(told.distribution_id.rpartition("_")[2]),
        )
    )[0]
    whole = world.sealer.unwrap(row["key"]).open(row["content"], "envelope").decode()
    assert "Annulation" in whole
    assert json.loads(whole)["distributionKind"] == "Cancel"
    for hers in ("tgd-86-01", "46.58", "86-01", "Réserves"):
        assert hers not in whole
    # It is told nothing more, and keeps nobody from closing the alert.
    before = len([one for one in world.room.told if one.room == OTHER_ADDRESS])
    await world.advance(130)
    assert len([one for one in world.room.told if one.room == OTHER_ADDRESS]) == before
    journal = await world.operator().journal(alert)
    assert [one["kind"] for one in journal].count("dispatch_cancelled") == 1
    await cancels(world, alert, OTHER, 409)
    await world.operator().closes(alert)


@pytest.mark.settings(behaviour=BY_HAND)
async def test_no_message_recalls_a_patrol(world: World) -> None:
    alert = await sent_to_both(world)
    to_other = next(one for one in world.room.told if one.room == OTHER_ADDRESS)
    await world.room.says(to_other, "engaged")
    await world.operator().hands_off(alert)
    refused = await cancels(world, alert, OTHER, 409)
    assert refused["code"] == "patrol_engaged"
    assert all(one.kind != "Cancel" for one in world.room.told)


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_note_goes_to_the_room_at_once_and_raises_no_deadline(world: World) -> None:
    alert = (await world.phone().press()).alert
    operator = world.operator()
    await operator.answers(alert)
    await operator.does(alert, "notes", {"text": "avant"}, 200)
    await world.advance(1)
    await operator.decides(alert, "police")
    report = await world.room.expects("Report", alert=alert)
    assert "avant" in [note.freetext for note in report.case.alert.notes]
    await world.room.says(report, "CONSULTE")
    await world.advance(1)
    await operator.does(alert, "notes", {"text": "il casse la porte"}, 200)
    told = await world.room.expects("Update", alert=alert, text="il casse la porte")
    assert "fait nouveau" in told.case.lines[1]
    running = {one["name"] for one in (await operator.reads(alert))["deadlines"]}
    assert "received" not in running
    assert ROOM in {one["room"] for one in (await operator.reads(alert))["dispatches"]}


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_room_that_took_it_by_telephone_is_called(world: World) -> None:
    alert = await sent_to_both(world)
    await world.operator().hands_off(alert, OTHER)
    await world.operator().hands_off(alert)
    refused = await cancels(world, alert, OTHER, 409)
    assert refused["code"] == "patrol_engaged"
