"""What an operator may decide, and when it is refused (PROTOCOL §3, "Its life")."""

import json
from uuid import uuid4

import pytest
from world import ADDRESS, BY_HAND, PLACE, ROOM, World

from tgd.platform.dossier import WORD_ABOUT


async def agree_on(world: World, word: str, device: str = "tgd-86-01") -> None:
    """The holder of that phone agreed on an all-clear word."""
    sealed = world.sealer.seal(word.encode(), WORD_ABOUT)
    await world.owner(
        "UPDATE beneficiary SET all_clear_word = $1 WHERE id = "
        "(SELECT beneficiary_id FROM assignment WHERE device_id = $2)",
        sealed,
        device,
    )


@pytest.mark.parametrize("verdict", ["no_danger", "test", "accidental"])
async def test_a_closing_verdict_needs_the_holders_voice(world: World, verdict: str) -> None:
    operator = world.operator()
    press = await world.phone().press()
    refused = await operator.decides(press.alert, verdict, 409)
    assert refused["code"] == "holder_not_heard"
    assert (await operator.reads(press.alert))["status"] == "ringing"
    for other in ("child", "other"):
        await operator.hears(press.alert, other)
        assert (await operator.decides(press.alert, verdict, 409))["code"] == "holder_not_heard"
    await operator.hears(press.alert, "holder")
    alert = await operator.decides(press.alert, verdict)
    assert (alert["status"], alert["verdict"]) == ("closed", verdict)
    assert (alert["deadlines"], alert["dispatches"], alert["tasks"]) == ([], [], [])
    await world.until(lambda: world.phone().states() == ["received", "answered", "closed"])
    # The same verdict again by the same operator is no error; any other change is.
    assert (await operator.decides(press.alert, verdict))["status"] == "closed"
    other = "test" if verdict != "test" else "accidental"
    await operator.decides(press.alert, other, 409)
    await world.operator("op-2").decides(press.alert, verdict, 409)


async def test_the_holder_must_be_heard_after_the_latest_press(world: World) -> None:
    operator, phone = world.operator(), world.phone()
    first = await phone.press()
    await operator.hears(first.alert, "holder")
    world.clock.set_on(0.5)
    second = await phone.press()
    assert second.alert == first.alert
    assert (await operator.decides(first.alert, "test", 409))["code"] == "holder_not_heard"
    world.clock.set_on(0.5)
    await operator.hears(first.alert, "holder")
    refused = await operator.decides(first.alert, "test", 409, seen=first.id)
    assert refused["code"] == "not_latest_press"
    assert (await operator.decides(first.alert, "test", 409, seen=str(uuid4())))["code"] == (
        "not_latest_press"
    )
    alert = await operator.decides(first.alert, "test", seen=second.id)
    assert alert["status"] == "closed"


async def test_a_verdict_without_seen_is_refused(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.hears(press.alert, "holder")
    refused = await operator.does(press.alert, "decision", {"verdict": "test"}, 409)
    assert refused["code"] == "not_latest_press"


@pytest.mark.parametrize("given", ["mauvais mot", "", None])
async def test_the_wrong_word_is_coercion_and_looks_like_an_accepted_verdict(
    world: World, given: str | None
) -> None:
    await agree_on(world, "Bleu océan")
    operator, phone = world.operator(), world.phone()
    press = await phone.press()
    await operator.hears(press.alert, "holder")
    more = {} if given is None else {"all_clear_word": given}
    alert = await operator.decides(press.alert, "test", **more)
    assert (alert["status"], alert["verdict"]) == ("police", "forwarded")
    assert alert["reason"] == "coercion"
    report = await world.room.expects("Report", alert=press.alert, text="contrainte")
    assert report.case.lines
    await world.until_sql("SELECT acknowledged_at IS NOT NULL FROM dispatch")
    await world.until(lambda: "closed" in phone.states())
    # Whatever happens now, the phone is told nothing but that.
    await phone.press()
    await world.advance(3)
    await world.room.expects("Update", alert=press.alert)
    await world.until_sql("SELECT acknowledged_at IS NOT NULL FROM dispatch")
    await operator.closes(press.alert)
    await world.until_sql("SELECT count(*) = 0 FROM downlink")
    assert phone.states() == ["received", "answered", "closed"]


async def test_the_right_word_is_taken_however_it_is_written(world: World) -> None:
    await agree_on(world, "Bleu océan")
    operator = world.operator()
    press = await world.phone().press()
    await operator.hears(press.alert, "holder")
    alert = await operator.decides(press.alert, "no_danger", all_clear_word=" BLEU  OCÉAN")
    assert (alert["status"], alert["verdict"]) == ("closed", "no_danger")


async def test_the_word_is_asked_for_also_after_a_forward(world: World) -> None:
    await agree_on(world, "Bleu océan")
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(20.1)
    await world.room.expects("Report")
    await operator.hears(press.alert, "holder")
    alert = await operator.decides(press.alert, "no_danger", all_clear_word="rouge")
    assert (alert["status"], alert["verdict"]) == ("police", "forwarded")
    await world.room.expects("Update", text="contrainte")


async def test_police_is_never_refused(world: World) -> None:
    press = await world.phone().press()
    await world.operator("op-1").answers(press.alert)
    # Not the operator who has it, nobody heard, nothing seen: all the same.
    alert = await world.operator("op-2").does(press.alert, "decision", {"verdict": "police"}, 200)
    assert (alert["status"], alert["verdict_by"]) == ("police", "op-2")
    await world.room.expects("Report", text="danger retenu")
    again = await world.operator("op-2").decides(press.alert, "police")
    assert len(again["dispatches"]) == 1
    await world.operator("op-1").decides(press.alert, "police", 409)


async def test_deciding_a_ringing_alert_answers_it(world: World) -> None:
    press = await world.phone().press()
    alert = await world.operator().decides(press.alert, "police")
    assert alert["answered_by"] == "op-1"
    await world.room.expects("Report")


async def test_police_after_a_forward_is_no_second_dispatch(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(20.1)
    await world.room.expects("Report")
    alert = await operator.decides(press.alert, "police")
    assert (alert["verdict"], len(alert["dispatches"])) == ("police", 1)
    assert await world.value("SELECT count(*) FROM envelope") == 1


async def test_a_closing_verdict_after_a_forward_informs_and_recalls_nobody(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(20.1)
    await world.room.expects("Report")
    await world.until_sql("SELECT acknowledged_at IS NOT NULL FROM dispatch")
    await operator.hears(press.alert, "holder")
    alert = await operator.decides(press.alert, "accidental")
    assert (alert["status"], alert["verdict"]) == ("police", "accidental")
    assert "verdict" in {task["about"] for task in alert["tasks"]}
    await world.room.expects("Update", alert=press.alert, text="la salle décide")
    assert alert["dispatches"][0]["acknowledged_at"]
    assert (await operator.closes(press.alert))["status"] == "closed"


async def test_a_press_after_a_closing_verdict_opens_an_alert_that_names_the_last(
    world: World,
) -> None:
    operator, phone = world.operator(), world.phone()
    first = await phone.press()
    await operator.hears(first.alert, "holder")
    await operator.decides(first.alert, "test")
    world.clock.set_on(1)
    second = await phone.press()
    assert second.alert != first.alert
    alert = await operator.reads(second.alert)
    assert (alert["follows"], alert["status"]) == (first.alert, "ringing")


async def test_police_on_a_closed_alert_opens_a_new_one_dispatched_at_once(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "no_danger")
    world.clock.set_on(30)
    new = await operator.does(press.alert, "decision", {"verdict": "police"}, 201)
    assert new["id"] != press.alert
    assert (new["follows"], new["status"], new["verdict"]) == (press.alert, "police", "police")
    assert [d["room"] for d in new["dispatches"]] == [ROOM]
    await world.room.expects("Report", alert=new["id"])
    # Again, by whoever: the phone's open alert stands.
    again = await operator.does(press.alert, "decision", {"verdict": "police"}, 200)
    assert again["id"] == new["id"]


async def test_police_on_a_closed_alert_finds_the_phones_other_open_one(world: World) -> None:
    operator, phone = world.operator(), world.phone()
    first = await phone.press()
    await operator.hears(first.alert, "holder")
    await operator.decides(first.alert, "test")
    world.clock.set_on(1)
    second = await phone.press()
    found = await operator.does(first.alert, "decision", {"verdict": "police"}, 200)
    assert (found["id"], found["status"]) == (second.alert, "police")
    await world.room.expects("Report", alert=second.alert)


async def test_two_operators_cannot_both_take_an_alert(world: World) -> None:
    press = await world.phone().press()
    await world.operator("op-1").answers(press.alert)
    await world.operator("op-1").answers(press.alert)
    refused = await world.operator("op-2").answers(press.alert, 409)
    assert "op-1" in json.dumps(refused)
    await world.operator("op-2").hears(press.alert, "holder", 409)
    await world.operator("op-2").extends(press.alert, 409)
    # A supervisor may do all that operators may, for any of them.
    await world.operator("chief", "supervisor").hears(press.alert, "holder")
    await world.operator("op-2").decides(press.alert, "test", 409)
    assert (await world.operator("op-1").decides(press.alert, "test"))["status"] == "closed"


@pytest.mark.settings(behaviour=BY_HAND)
async def test_it_closes_only_when_acknowledged_and_says_by_whom_not(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    assert (await operator.closes(press.alert, 409))["code"] == "no_verdict"
    await operator.decides(press.alert, "police")
    report = await world.room.expects("Report")
    refused = await operator.closes(press.alert, 409)
    assert ROOM in refused["detail"]
    await world.room.says(report, "INTEGRE")
    await operator.closes(press.alert, 409)
    await world.room.says(report, "CONSULTE")
    assert (await operator.closes(press.alert))["status"] == "closed"
    assert (await operator.closes(press.alert))["status"] == "closed"


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_hand_off_by_voice_acknowledges(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.hands_off(press.alert, status=409)
    await operator.decides(press.alert, "police")
    await world.room.expects("Report")
    alert = await operator.hands_off(press.alert)
    (dispatch,) = alert["dispatches"]
    assert dispatch["acknowledged_at"]
    assert dispatch["acknowledged_by"] == "brigadier de permanence"
    assert dispatch["reference"] == "2030/118"
    assert alert["tasks"] == []
    await world.until(lambda: "police_acknowledged" in world.phone().states())
    assert (await operator.closes(press.alert))["status"] == "closed"


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_room_without_a_line_is_a_red_call_and_nothing_else(world: World) -> None:
    await world.owner("DELETE FROM room_line")
    operator = world.operator()
    press = await world.phone().press()
    alert = await operator.decides(press.alert, "police")
    (task,) = alert["tasks"]
    assert (task["kind"], task["red"], task["number"]) == ("voice", True, "+33549000017")
    await world.advance(61)
    assert (await operator.reads(press.alert))["dispatches"][0]["acknowledged_at"] is None
    await operator.hands_off(press.alert)
    assert (await operator.closes(press.alert))["status"] == "closed"


async def test_with_no_room_at_all_a_dispatch_is_a_red_call(world: World) -> None:
    await world.owner("DELETE FROM room_line")
    await world.owner("DELETE FROM room")
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(20.1)
    alert = await operator.reads(press.alert)
    assert (alert["verdict"], alert["dispatches"][0]["room"]) == ("forwarded", None)
    assert [(t["kind"], t["red"]) for t in alert["tasks"]] == [("voice", True)]
    await operator.closes(press.alert, 409)
    await operator.hands_off(press.alert, room="CIC")
    assert (await operator.closes(press.alert))["status"] == "closed"


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_refusal_begins_a_new_round_under_another_id(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.decides(press.alert, "police")
    first = await world.room.expects("Report")
    await world.room.says(first, "CONSULTE")
    assert (await operator.reads(press.alert))["dispatches"][0]["acknowledged_at"]
    await world.room.says(first, "ERREUR")
    alert = await operator.reads(press.alert)
    assert alert["dispatches"][0]["acknowledged_at"] is None
    assert "refused" in {t["about"] for t in alert["tasks"] if t["red"]}
    second = await world.room.expects("Report", alert=press.alert)
    assert second.distribution_id != first.distribution_id
    assert second.case.case_id == first.case.case_id
    # What the refused message is still said to be changes nothing.
    await world.room.says(first, "CONSULTE")
    alert = await operator.reads(press.alert)
    assert alert["dispatches"][0]["acknowledged_at"] is None
    await world.room.says(second, "CONSULTE")
    assert (await operator.reads(press.alert))["dispatches"][0]["acknowledged_by"] == ADDRESS


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_refusal_after_a_patrol_left_voids_nothing(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.decides(press.alert, "police")
    report = await world.room.expects("Report")
    await world.room.says(report, "engaged")
    await world.room.says(report, "ERREUR")
    alert = await operator.reads(press.alert)
    assert alert["dispatches"][0]["state"] == "engaged"
    assert alert["dispatches"][0]["acknowledged_at"]


async def test_what_an_operator_writes_is_sealed(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    secret = "elle est cachée dans la cave"
    await operator.does(press.alert, "notes", {"text": secret}, 200)
    await operator.does(press.alert, "decision", {"verdict": "police", "note": secret}, 200)
    await world.room.expects("Report")
    notes = await world.rows("SELECT text FROM note")
    assert len(notes) == 2
    assert all(secret.encode() not in row["text"] for row in notes)
    journal = await operator.journal(press.alert)
    assert secret not in json.dumps(journal, ensure_ascii=False)


async def test_an_alert_that_follows_opens_with_the_consent_of_now(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press(loc=PLACE)
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "no_danger")
    await world.owner(
        "INSERT INTO consent (assignment_id, kind, given, at, recorded_by) "
        "SELECT id, 'location', false, now(), 'test' FROM assignment WHERE device_id = 'tgd-86-01'"
    )
    follower = await operator.decides(press.alert, "police", 201)
    assert (follower["consent"], follower["position"]) == ("refused", None)
    assert "location_refused" in follower["doubts"]
    await world.room.expects("Report")
