"""Every deadline of an alert, passed by a clock driven by hand on a real server."""

from typing import Any

import pytest
from world import BY_HAND, ROOM, World

from tgd.config import Deadlines


def due(alert: dict[str, Any]) -> set[str]:
    return {deadline["name"] for deadline in alert["deadlines"]}


def red(alert: dict[str, Any]) -> set[str]:
    return {task["about"] for task in alert["tasks"] if task["red"]}


async def passed(world: World, alert: str) -> list[str]:
    """The deadlines that the journal says have passed, in order."""
    entries = await world.operator().journal(alert)
    return [e["details"]["name"] for e in entries if e["kind"] == "deadline"]


async def test_overflow_rings_everyone_after_seven_seconds(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(6.9)
    alert = await operator.reads(press.alert)
    assert alert["rings"] == "first"
    await world.advance(0.2)
    alert = await operator.reads(press.alert)
    assert alert["rings"] == "everyone"
    assert alert["status"] == "ringing"
    assert due(alert) == {"answer", "contact"}


@pytest.mark.settings(behaviour=BY_HAND)  # its machine's acknowledgement would end the call
async def test_unanswered_it_is_forwarded_after_twenty_seconds(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(19.9)
    assert (await operator.reads(press.alert))["verdict"] is None
    await world.advance(0.2)
    alert = await operator.reads(press.alert)
    assert (alert["status"], alert["verdict"]) == ("police", "forwarded")
    assert alert["reason"] == "press, not answered"
    assert alert["rings"] == "everyone"
    assert [d["room"] for d in alert["dispatches"]] == [ROOM]
    assert {t["kind"] for t in alert["tasks"]} == {"voice"}
    await world.room.expects("Report", alert=press.alert, text="appui non répondu")
    # An operator may still answer and keep the voice.
    alert = await operator.answers(press.alert)
    assert (alert["status"], alert["answered_by"]) == ("police", "op-1")
    alert = await operator.decides(press.alert, "police")
    assert len(alert["dispatches"]) == 1


async def test_without_a_voice_it_is_forwarded_after_thirty_seconds(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(3)
    await operator.answers(press.alert)
    await operator.hears(press.alert, "nobody")
    await world.advance(29.9)
    assert (await operator.reads(press.alert))["verdict"] is None
    await world.advance(0.2)
    alert = await operator.reads(press.alert)
    assert (alert["verdict"], alert["reason"]) == ("forwarded", "no voice recorded")
    await world.room.expects("Report", text="aucune voix")


@pytest.mark.parametrize("heard", ["holder", "child", "other"])
async def test_a_voice_ends_the_wait_for_one_and_the_doubt_goes_on(
    world: World, heard: str
) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.answers(press.alert)
    alert = await operator.hears(press.alert, heard)
    assert due(alert) == {"doubt", "contact"}
    await world.advance(59.9)
    assert (await operator.reads(press.alert))["verdict"] is None
    await world.advance(0.2)
    alert = await operator.reads(press.alert)
    assert (alert["verdict"], alert["reason"]) == ("forwarded", "doubt not lifted")
    await world.room.expects("Report", text="danger non écarté")


async def test_nobody_heard_twice_forwards_at_once(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    alert = await operator.hears(press.alert, "nobody")
    assert (alert["status"], alert["answered_by"]) == ("answered", "op-1")
    alert = await operator.hears(press.alert, "nobody")
    assert (alert["verdict"], alert["reason"]) == ("forwarded", "no voice recorded")
    await world.room.expects("Report")


async def test_extending_once_without_the_holder_and_each_time_with_her(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.answers(press.alert)
    await operator.hears(press.alert, "other")
    await operator.extends(press.alert)
    refused = await operator.extends(press.alert, 409)
    assert refused["code"] == "extended_already"
    await world.advance(119.9)
    assert (await operator.reads(press.alert))["verdict"] is None
    await operator.hears(press.alert, "holder")
    for _ in range(3):
        await operator.extends(press.alert)
    await world.advance(179.9)
    assert (await operator.reads(press.alert))["verdict"] is None
    await world.advance(0.4)
    assert (await operator.reads(press.alert))["reason"] == "doubt not lifted"
    await world.room.expects("Report")
    world.room.forgives()  # contact was lost meanwhile


@pytest.mark.settings(behaviour=BY_HAND)
async def test_an_unreceived_report_is_repeated_under_its_id_and_the_call_turns_red(
    world: World,
) -> None:
    operator = world.operator()
    press = await world.phone().press()
    alert = await operator.decides(press.alert, "police")
    assert red(alert) == set()
    first = await world.room.expects("Report")
    await world.until_sql("SELECT state = 'delivered' FROM envelope")
    for _ in range(2):
        await world.advance(10.1)
        again = await world.room.expects("Report", repeated=True)
        assert again.distribution_id == first.distribution_id
        assert red(await operator.reads(press.alert)) == {"dispatch"}
        await world.until_sql("SELECT state = 'delivered' FROM envelope")
    await world.room.says(first, "RECU")
    alert = await operator.reads(press.alert)
    assert "received" not in due(alert)
    await world.advance(20)


@pytest.mark.settings(behaviour=BY_HAND, deadlines=Deadlines(contact=600.0))
async def test_until_a_human_acknowledges_it_is_sent_again_every_sixty_seconds(
    world: World,
) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.decides(press.alert, "police")
    report = await world.room.expects("Report")
    for step in ("RECU", "INTEGRE"):
        await world.room.says(report, step)
    for _ in range(2):
        await world.advance(60.05)
        await world.room.expects("Report", repeated=True)
        await world.room.says(report, "INTEGRE")
        alert = await operator.reads(press.alert)
        assert alert["dispatches"][0]["state"] == "integrated"
        assert red(alert) == {"dispatch"}
    await world.room.says(report, "CONSULTE")
    alert = await operator.reads(press.alert)
    assert alert["dispatches"][0]["state"] == "seen"
    assert alert["dispatches"][0]["acknowledged_by"] == "fr.police.cic86"
    assert {"engaged", "closing"} <= due(alert)
    assert "acknowledged" not in due(alert)
    world.room.forgives()


async def test_no_patrol_engaged_raises_a_call_and_repeats_it(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.decides(press.alert, "police")
    await world.room.expects("Report")
    await world.until_sql("SELECT acknowledged_at IS NOT NULL FROM dispatch")
    await world.advance(180.1)
    alert = await operator.reads(press.alert)
    assert "not_engaged" in red(alert)
    assert "engaged" in due(alert)
    await world.advance(180.1)
    assert (await passed(world, press.alert)).count("engaged") == 2
    world.room.forgives()  # contact lost


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_patrol_on_its_way_ends_the_wait_for_one(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.decides(press.alert, "police")
    report = await world.room.expects("Report")
    await world.room.says(report, "engaged")
    alert = await operator.reads(press.alert)
    assert alert["dispatches"][0]["state"] == "engaged"
    assert alert["dispatches"][0]["acknowledged_at"]
    assert "engaged" not in due(alert)
    await world.room.says(report, "on_scene")
    assert (await operator.reads(press.alert))["dispatches"][0]["state"] == "on_scene"
    # A late receipt never moves it back.
    await world.room.says(report, "RECU")
    assert (await operator.reads(press.alert))["dispatches"][0]["state"] == "on_scene"


@pytest.mark.settings(deadlines=Deadlines(closing=90.0, contact=600.0))
async def test_an_acknowledged_alert_left_open_rings_again_and_again(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.decides(press.alert, "police")
    await world.room.expects("Report")
    await world.until_sql("SELECT acknowledged_at IS NOT NULL FROM dispatch")
    await world.advance(90.1)
    await world.advance(90.1)
    assert (await passed(world, press.alert)).count("closing") == 2
    alert = await operator.reads(press.alert)
    assert (
        alert["rings"] is None
    )  # its holder and the supervisors are reminded; nobody is rung for it
    assert "closing" in due(alert)
    assert alert["status"] == "police"


async def test_contact_lost_is_told_to_operator_and_room_and_closes_nothing(world: World) -> None:
    operator, phone = world.operator(), world.phone()
    press = await phone.press()
    await operator.decides(press.alert, "police")
    await world.room.expects("Report")
    await world.advance(60.1)
    alert = await operator.reads(press.alert)
    assert "contact_lost" in alert["doubts"]
    assert alert["status"] == "police"
    await world.room.expects("Update", text="contact perdu")
    phone.heartbeat()
    await world.until_sql("SELECT contact_lost_at IS NULL FROM alert")
    alert = await operator.reads(press.alert)
    assert "contact_lost" not in alert["doubts"]
    assert "contact" in due(alert)
    await world.advance(59)
    phone.position()  # any word is contact
    await world.until_sql("SELECT count(*) = 1 FROM position")
    await world.room.expects("Update", text="position nouvelle")
    await world.advance(59)
    assert (await operator.reads(press.alert))["contact_lost_at"] is None


async def test_a_phone_that_nobody_knows_rings_every_twenty_seconds_and_is_not_forwarded(
    world: World,
) -> None:
    operator = world.operator()
    press = await world.phone("stranger-7").press()
    assert (await operator.reads(press.alert))["known"] is False
    await world.advance(101)
    alert = await operator.reads(press.alert)
    assert (alert["status"], alert["verdict"]) == ("ringing", None)
    assert (await passed(world, press.alert)).count("answer") == 5
    rang = [e for e in await operator.journal(press.alert) if e["kind"] == "rang_everyone"]
    assert len(rang) == 6  # overflow, then every twenty seconds
    await operator.answers(press.alert)
    await world.advance(29)
    assert (await operator.reads(press.alert))["released_at"] is None
    await world.advance(101)
    alert = await operator.reads(press.alert)
    assert (alert["verdict"], alert["forwards"]) == (None, False)
    assert {"voice", "doubt"} <= due(alert)
    # A person may send the police for it.
    await operator.decides(press.alert, "police")
    await world.room.expects("Report", alert=press.alert)


@pytest.mark.settings(forward_unverified=False)
async def test_without_the_written_agreement_a_red_call_and_ringing_instead(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(20.1)
    alert = await operator.reads(press.alert)
    assert (alert["status"], alert["verdict"]) == ("ringing", None)
    assert alert["rings"] == "everyone"
    (task,) = alert["tasks"]
    assert (task["about"], task["red"], task["number"]) == (
        "not_forwarded:answer", True, "+33549000017",
    )  # fmt: skip
    await operator.answers(press.alert)
    await world.advance(61)
    alert = await operator.reads(press.alert)
    assert (alert["verdict"], alert["forwards"]) == (None, False)
    assert red(alert) >= {"not_forwarded:voice", "not_forwarded:doubt"}
    await world.advance(20)
    assert {"voice", "doubt"} <= due(await operator.reads(press.alert))


@pytest.mark.parametrize("name", ["voice", "doubt"])
@pytest.mark.settings(forward_unverified=False, deadlines=Deadlines(contact=600.0))
async def test_what_its_holder_leaves_undecided_is_everybody_s_until_an_act(
    world: World, name: str
) -> None:
    operator, other = world.operator("one"), world.operator("two")
    press = await world.phone().press()
    await operator.answers(press.alert)
    if name == "doubt":  # a voice was heard: only the decision is waited for
        await operator.hears(press.alert, "child")
    seconds = 30 if name == "voice" else 60
    await world.advance(seconds - 0.1)
    assert (await operator.reads(press.alert))["released_at"] is None
    await world.advance(0.2)
    alert = await operator.reads(press.alert)
    assert (alert["answered_by"], alert["rings"]) == ("one", "everyone")
    assert alert["released_at"] is not None
    await operator.hears(press.alert, "other")  # an act: it is hers again, and quiet
    assert (await operator.reads(press.alert))["released_at"] is None
    # Nobody's act ends the wait for a decision: it is everybody's again, and another may take it.
    await world.advance(61)
    assert (await operator.reads(press.alert))["released_at"] is not None
    await other.answers(press.alert)
    assert (await other.reads(press.alert))["answered_by"] == "two"
    kinds = [entry["kind"] for entry in await operator.journal(press.alert)]
    assert kinds.count("undecided") >= 2


async def test_a_deadline_survives_a_restart(world: World) -> None:
    press = await world.phone().press()
    await world.advance(18)
    await world.stop_server()
    await world.start_server()
    await world.advance(1.9)
    assert (await world.operator().reads(press.alert))["verdict"] is None
    await world.advance(0.2)
    alert = await world.operator().reads(press.alert)
    assert alert["verdict"] == "forwarded"
    await world.room.expects("Report")


async def test_after_an_interruption_overdue_deadlines_ring_twenty_seconds_more(
    world: World,
) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await world.stop_server()
    world.clock.set_on(90)
    await world.start_server()
    alert = await operator.reads(press.alert)
    assert alert["verdict"] is None
    assert alert["rings"] == "everyone"
    assert {d["name"] for d in alert["deadlines"] if d["late"]} == {"overflow", "answer"}
    await world.advance(19.9)
    assert (await operator.reads(press.alert))["verdict"] is None
    await world.advance(0.2)
    assert (await operator.reads(press.alert))["verdict"] == "forwarded"
    late = [e for e in await operator.journal(press.alert) if e["kind"] == "deadline"]
    assert {e["details"]["name"]: e["details"]["late"] for e in late}["answer"] is True
    await world.room.expects("Report")


async def test_restarts_without_end_give_twenty_seconds_once(world: World) -> None:
    press = await world.phone().press()
    await world.stop_server()
    world.clock.set_on(90)
    await world.start_server()
    await world.stop_server()
    world.clock.set_on(21)
    await world.start_server()
    assert (await world.operator().reads(press.alert))["verdict"] == "forwarded"
    await world.room.expects("Report")


@pytest.mark.settings(behaviour=BY_HAND)
async def test_after_an_interruption_the_room_is_first_sent_the_same_id_again(
    world: World,
) -> None:
    press = await world.phone().press()
    await world.operator().decides(press.alert, "police")
    report = await world.room.expects("Report")
    await world.until_sql("SELECT state = 'delivered' FROM envelope")
    await world.stop_server()
    world.clock.set_on(70)
    await world.start_server()
    again = await world.room.expects("Report", repeated=True)
    assert again.distribution_id == report.distribution_id
    world.room.forgives()  # the contact that was lost


@pytest.mark.expects_errors
async def test_the_auditor_finds_an_alert_without_a_deadline_and_mends_it(world: World) -> None:
    press = await world.phone().press()
    await world.owner("DELETE FROM deadline WHERE name <> 'contact'")
    await world.advance(2.1)
    await world.until_sql("SELECT count(*) = 0 OR bool_or(name <> 'contact') FROM deadline")
    await world.advance(1)
    await world.until_sql("SELECT verdict = 'forwarded' FROM alert")
    assert "forwarded" in [e["kind"] for e in await world.operator().journal(press.alert)]
    await world.room.expects("Report")


@pytest.mark.expects_errors
async def test_a_step_of_the_wall_clock_is_an_alarm_and_no_deadline(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    press = await world.phone().press()
    world.clock.stepped = 3600.0
    await world.advance(3)
    assert "stepped" in caplog.text
    assert (await world.operator().reads(press.alert))["verdict"] is None
    assert await world.value("SELECT count(*) FROM deadline") == 3


async def test_many_deadlines_in_one_instant_all_fire(
    world: World,
) -> None:
    presses = [await world.phone(f"tgd-86-0{n}").press() for n in range(1, 9)]
    await world.advance(20.1)
    for press in presses:
        alert = await world.operator().reads(press.alert)
        assert alert["verdict"] == "forwarded"
    for _ in presses:
        await world.room.expects("Report")


@pytest.mark.expects_errors
async def test_an_alert_whose_deadline_cannot_be_fired_keeps_no_other_from_its_own(
    world: World,
) -> None:
    broken = await world.phone("tgd-86-01").press()
    sound = [await world.phone(f"tgd-86-0{n}").press() for n in (2, 3)]
    await world.owner(
        "INSERT INTO deadline (alert_id, name, due_at) SELECT id, 'received', opened_at "
        "FROM alert WHERE device = 'tgd-86-01'"  # a deadline of a dispatch, without a dispatch
    )
    await world.advance(20.2)
    # Nor its own other deadlines from passing.
    for press in (broken, *sound):
        assert (await world.operator().reads(press.alert))["verdict"] == "forwarded"
        await world.room.expects("Report")
    assert world.app.metrics.loop_errors["watch"]._value.get() > 0
    # A person can still act on it.
    await world.operator().decides(broken.alert, "police")
