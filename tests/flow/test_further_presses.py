"""A second press of the same phone: joined, rung, and told to every room that has the case."""

import pytest
from world import BY_HAND, World

from tgd.config import Deadlines

PATIENT = Deadlines(contact=600.0)


async def test_a_further_press_joins_the_open_alert(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    first = await phone.press()
    world.clock.set_on(2)
    second = await phone.press()
    assert second.alert == first.alert
    assert second.receipt["code"] == "ok"
    alert = await operator.reads(first.alert)
    assert [p["id"] for p in alert["presses"]] == [second.id, first.id]
    assert alert["last_press"] == second.id
    assert len(await operator.list()) == 1


async def test_a_repetition_is_a_duplicate_also_after_closing(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    message = phone.message()
    first = await phone.press(**message)
    again = await phone.press(**{**message, "attempt": 2})
    assert (again.receipt["code"], again.alert) == ("duplicate", first.alert)
    await operator.hears(first.alert, "holder")
    await operator.decides(first.alert, "test")
    again = await phone.press(**{**message, "attempt": 3})
    assert (again.receipt["code"], again.alert) == ("duplicate", first.alert)
    assert await operator.list() == []
    assert await world.value("SELECT count(*) FROM press") == 1


async def test_the_same_id_with_another_seq_is_a_new_press_and_marked(world: World) -> None:
    phone = world.phone()
    message = phone.message()
    first = await phone.press(**message)
    second = await phone.press(**{**message, "seq": 99})
    assert second.receipt["code"] == "ok"
    alert = await world.operator().reads(first.alert)
    assert len(alert["presses"]) == 2
    assert "id_reused" in alert["doubts"]
    again = await phone.press(**{**message, "seq": 99, "attempt": 2})
    assert again.receipt["code"] == "duplicate"


@pytest.mark.settings(behaviour=BY_HAND, deadlines=PATIENT)
async def test_on_an_alert_with_the_police_it_is_to_be_acknowledged_anew(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    first = await phone.press()
    await operator.decides(first.alert, "police")
    report = await world.room.expects("Report")
    await world.room.says(report, "CONSULTE")
    second = await phone.press()
    assert second.alert == first.alert
    await world.advance(0.1)
    update = await world.room.expects("Update", alert=first.alert, text="nouvel appui")
    assert update.case.case_id == report.case.case_id
    alert = await operator.reads(first.alert)
    (dispatch,) = alert["dispatches"]
    assert dispatch["acknowledged_at"] is None
    assert "further_press" in {t["about"] for t in alert["tasks"]}
    assert "acknowledged" in {d["name"] for d in alert["deadlines"]}
    await operator.closes(first.alert, 409)
    # What the room says of the Report does not acknowledge the Update.
    await world.room.says(report, "CONSULTE")
    assert (await operator.reads(first.alert))["dispatches"][0]["acknowledged_at"] is None
    await world.room.says(update, "CONSULTE")
    assert (await operator.reads(first.alert))["dispatches"][0]["acknowledged_at"]


@pytest.mark.settings(behaviour=BY_HAND, deadlines=PATIENT)
async def test_rooms_are_told_of_further_presses_at_most_every_thirty_seconds(
    world: World,
) -> None:
    phone, operator = world.phone(), world.operator()
    press = await phone.press()
    await operator.decides(press.alert, "police")
    report = await world.room.expects("Report")
    await world.room.says(report, "CONSULTE")
    for _ in range(3):
        await phone.press()
        await world.advance(1)
    update = await world.room.expects("Update", text="nouvel appui")
    await world.room.says(update, "CONSULTE")
    await world.advance(26)
    assert world.room.unexpected() == []
    await world.advance(2)
    await world.room.expects("Update", text="nouvel appui")


@pytest.mark.settings(behaviour=BY_HAND, deadlines=PATIENT)
async def test_it_cannot_be_closed_while_the_rooms_do_not_know_of_a_press(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    press = await phone.press()
    await operator.decides(press.alert, "police")
    report = await world.room.expects("Report")
    await world.room.says(report, "CONSULTE")
    await phone.press()
    await world.advance(0.5)
    update = await world.room.expects("Update", text="nouvel appui")
    await world.room.says(update, "CONSULTE")
    await phone.press()
    await world.advance(1)
    # All is acknowledged, but a press has come that the room is told of in half a minute.
    refused = await operator.closes(press.alert, 409)
    assert refused["code"] == "further_press"
    await world.advance(30)
    update = await world.room.expects("Update", text="nouvel appui")
    await operator.closes(press.alert, 409)
    await world.room.says(update, "CONSULTE")
    assert (await operator.closes(press.alert))["status"] == "closed"


@pytest.mark.settings(deadlines=PATIENT)
async def test_a_press_after_a_closing_verdict_with_the_police_is_told_as_a_new_danger(
    world: World,
) -> None:
    phone, operator = world.phone(), world.operator()
    press = await phone.press()
    await world.advance(20.1)
    await world.room.expects("Report")
    await world.until_sql("SELECT acknowledged_at IS NOT NULL FROM dispatch")
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "test")
    await world.room.expects("Update", text="essai")
    second = await phone.press()
    await world.advance(0.5)
    await world.room.expects("Update", alert=second.alert, text="nouvel appui")
    alert = await operator.reads(second.alert)
    assert alert["verdict"] == "forwarded"


@pytest.mark.settings(behaviour=BY_HAND, deadlines=PATIENT)
async def test_a_verdict_that_was_given_after_the_press_stands_when_rooms_hear_of_it(
    world: World,
) -> None:
    phone, operator = world.phone(), world.operator()
    press = await phone.press()
    await operator.decides(press.alert, "police")
    await world.room.expects("Report")
    # Until it is known to have arrived, the next word is a Report as well.
    await world.until_sql("SELECT bool_and(state = 'delivered') FROM envelope")
    for _ in range(2):  # the rooms are told of the second in half a minute
        await phone.press()
        await world.advance(1)
    await world.room.expects("Update", text="nouvel appui")
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "no_danger")
    await world.room.expects("Update", text="la salle décide")
    await world.advance(29)
    world.room.forgives()
    await world.until_sql("SELECT count(*) = 2 FROM journal WHERE kind = 'further_press_told'")
    assert (await operator.reads(press.alert))["verdict"] == "no_danger"


@pytest.mark.settings(behaviour=BY_HAND, deadlines=PATIENT)
async def test_a_refused_update_is_sent_again_under_another_id(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    press = await phone.press()
    await operator.decides(press.alert, "police")
    report = await world.room.expects("Report")
    await world.room.says(report, "CONSULTE")
    await phone.press()
    await world.advance(0.5)
    update = await world.room.expects("Update", text="nouvel appui")
    await world.room.says(update, "ERREUR")
    await world.advance(2)
    again = await world.room.expects("Update", text="nouvel appui")
    assert again.distribution_id != update.distribution_id
    await world.room.says(again, "CONSULTE")
    assert (await operator.reads(press.alert))["dispatches"][0]["acknowledged_at"]


@pytest.mark.settings(unknown_per_minute=3)
async def test_above_a_rate_unknown_phones_share_one_alert_and_ring_behind_known_ones(
    world: World,
) -> None:
    operator = world.operator()
    alerts = {(await world.phone(f"stranger-{n}").press()).alert for n in range(8)}
    assert len(alerts) == 4
    known = await world.phone().press()
    assert known.alert not in alerts
    listed = await operator.list()
    shared = [a for a in listed if a["device"] not in {f"stranger-{n}" for n in range(8)}]
    grouped = next(a for a in shared if a["known"] is False)
    assert len(grouped["presses"]) == 5
    # A person may send the police for the group, and the room can be told of it.
    await operator.decides(grouped["id"], "police")
    await world.room.expects("Report", alert=grouped["id"])
    await world.until_sql("SELECT acknowledged_at IS NOT NULL FROM dispatch")
