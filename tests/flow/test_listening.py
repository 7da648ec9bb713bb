"""The line to the phone: silent unless her file or an operator's act says otherwise."""

from typing import Any

import pytest
from world import World

from tgd.platform.dossier import WORD_ABOUT

WORD = "une phrase convenue"


async def pressed(world: World) -> tuple[Any, str]:
    phone = world.phone("tgd-86-01")
    return phone, (await phone.press()).alert


def told(phone: Any) -> list[str]:
    """What the phone was told of its line, oldest first."""
    return [said["listen"] for said in phone.heard() if said.get("action") == "listen"]


async def modes(world: World, alert: str) -> list[str]:
    facts = await world.operator().journal(alert)
    return [fact["details"]["mode"] for fact in facts if fact["kind"] == "listening"]


async def test_an_operator_is_heard_by_an_act_on_the_record_and_silent_by_another(world: World):
    phone, alert = await pressed(world)
    operator = world.operator()
    shown = await operator.answers(alert)
    assert (shown["listen"], told(phone)) == ("mic_only", [])
    shown = await operator.does(alert, "listening", {"mode": "duplex"}, 200)
    assert shown["listen"] == "duplex"
    await world.until(lambda: told(phone) == ["duplex"])
    shown = await operator.does(alert, "listening", {"mode": "mic_only"}, 200)
    assert shown["listen"] == "mic_only"
    await world.until(lambda: told(phone) == ["duplex", "mic_only"])
    assert await modes(world, alert) == ["duplex", "mic_only"]


async def test_a_further_press_makes_the_line_silent_again(world: World):
    phone, alert = await pressed(world)
    operator = world.operator()
    await operator.does(alert, "listening", {"mode": "duplex"}, 200)
    await world.advance(1)
    again = await phone.press()
    assert (again.alert, again.receipt["listen"]) == (alert, "mic_only")
    assert (await operator.reads(alert))["listen"] == "mic_only"


async def test_it_answers_a_ringing_alert_and_only_its_holder_may(world: World):
    _, alert = await pressed(world)
    shown = await world.operator().does(alert, "listening", {"mode": "duplex"}, 200)
    assert (shown["status"], shown["answered_by"]) == ("answered", "op-1")
    refused = await world.operator("op-2").does(alert, "listening", {"mode": "duplex"}, 409)
    assert refused["code"] == "answered_by_another"
    await world.operator("chief", "supervisor").does(alert, "listening", {"mode": "mic_only"}, 200)
    await world.operator().does(alert, "listening", {"mode": "loud"}, 422)


@pytest.mark.parametrize("mode", ["duplex", "mic_only"])
async def test_her_file_may_want_no_line_at_all(world: World, mode: str):
    await world.owner("UPDATE beneficiary SET listen = 'none'")
    phone, alert = await pressed(world)
    refused = await world.operator().does(alert, "listening", {"mode": mode}, 409)
    assert refused["code"] == "no_listening"
    assert (await world.operator().reads(alert))["status"] == "ringing"
    assert told(phone) == []


async def test_nothing_is_heard_at_the_phone_s_end_after_coercion(world: World):
    world.room.forgives()
    sealed = world.sealer.seal(WORD.encode(), WORD_ABOUT)
    await world.owner("UPDATE beneficiary SET all_clear_word = $1", sealed)
    phone, alert = await pressed(world)
    operator = world.operator()
    await operator.hears(alert, "holder")
    shown = await operator.decides(alert, "no_danger", all_clear_word="une autre")
    assert shown["reason"] == "coercion"
    refused = await operator.does(alert, "listening", {"mode": "duplex"}, 409)
    assert refused["code"] == "silent_after_coercion"
    assert told(phone) == []


async def test_a_closed_alert_has_no_line(world: World):
    _, alert = await pressed(world)
    operator = world.operator()
    await operator.hears(alert, "holder")
    await operator.decides(alert, "test")
    refused = await operator.does(alert, "listening", {"mode": "duplex"}, 409)
    assert refused["code"] == "closed"
