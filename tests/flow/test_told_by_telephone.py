"""Once a person of the room has the case, its machine changes nothing; nobody is called twice."""

import msgspec
import pytest
from test_room_answers import post
from world import BY_HAND, World

from tgd.config import Deadlines
from tgd.demo.salle_envelope import Envelope, reply


def red(alert: dict) -> set[str]:
    return {task["about"] for task in alert["tasks"] if task["red"]}


async def cannot_read(world: World, told: Envelope) -> None:
    """The room's machine answers RS-ERROR."""
    body = reply(told, "ERREUR", world.clock.now())
    content = body["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
    content.pop("reference")
    body["distributionKind"] = "Error"
    content["error"] = {
        "errorCode": {"statusCode": 300, "statusString": "INVALID_MESSAGE"},
        "errorCause": "createCase",
        "referencedDistributionID": told.distribution_id,
    }
    assert (await post(world, msgspec.json.encode(body)))[0] == 202


@pytest.mark.settings(behaviour=BY_HAND, deadlines=Deadlines(contact=600.0))
async def test_a_machine_that_cannot_read_us_does_not_take_back_a_hand_off(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.decides(press.alert, "police")
    told = await world.room.expects("Report")
    await operator.hands_off(press.alert)
    for _ in range(2):
        await cannot_read(world, told)
        (dispatch,) = (await operator.reads(press.alert))["dispatches"]
        assert dispatch["acknowledged_by"] == "brigadier de permanence"
        await world.advance(15.5)
        again = await world.room.expects("Report")
        assert again.distribution_id != told.distribution_id
        told = again
    # A person of the room who refuses does.
    body = reply(told, "ERREUR", world.clock.now())
    content = body["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
    content["reference"] |= {"step": "RECU", "refused": True}
    assert (await post(world, msgspec.json.encode(body)))[0] == 202
    (dispatch,) = (await operator.reads(press.alert))["dispatches"]
    assert dispatch["acknowledged_at"] is None
    await world.room.expects("Report")


@pytest.mark.settings(behaviour=BY_HAND, deadlines=Deadlines(contact=600.0))
async def test_a_room_that_has_the_case_is_not_to_be_called_for_it_again(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.decides(press.alert, "police")
    await world.room.expects("Report")
    await operator.hands_off(press.alert)
    await world.advance(30)  # the room's machine says nothing
    assert red(await operator.reads(press.alert)) == set()
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "no_danger")
    await world.advance(11)
    assert red(await operator.reads(press.alert)) == {"verdict"}
    world.room.forgives()


@pytest.mark.settings(forward_unverified=False)
async def test_the_call_that_only_a_person_could_make_ends_when_the_police_are_sent(
    world: World,
) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(20.1)
    assert red(await operator.reads(press.alert)) == {"not_forwarded:answer"}
    alert = await operator.decides(press.alert, "police")
    assert red(alert) == set()
    await world.room.expects("Report")


@pytest.mark.settings(behaviour=BY_HAND, deadlines=Deadlines(contact=5.0))
async def test_a_refused_word_of_lost_contact_is_not_said_again(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.decides(press.alert, "police")
    report = await world.room.expects("Report")
    await world.room.says(report, "CONSULTE")
    await world.advance(5.1)
    lost = await world.room.expects("Update", text="contact perdu")
    await cannot_read(world, lost)
    await world.advance(20)
    assert world.room.unexpected() == []
