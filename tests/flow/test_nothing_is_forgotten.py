"""What follows a closed alert, what is stale, and what nothing waits for any more."""

import pytest
from world import ROOM, World


async def test_an_alert_that_follows_a_closed_one_has_its_place_and_its_contact(
    world: World,
) -> None:
    operator, phone = world.operator(), world.phone()
    at = world.clock.now().timestamp()
    loc = {"lat": 46.58, "lon": 0.34, "acc": 12, "tst": at}
    press = await phone.press(tst=at, created_at=at, loc=loc)
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "no_danger")
    world.clock.set_on(30)
    new = await operator.does(press.alert, "decision", {"verdict": "police"}, 201)
    assert new["position"]["lat"] == pytest.approx(46.58)
    assert new["position"]["age_s"] >= 30
    assert "contact" in {deadline["name"] for deadline in new["deadlines"]}
    await world.room.expects("Report", alert=new["id"])


async def test_contact_lost_before_the_dispatch_is_in_the_report(world: World) -> None:
    operator, phone = world.operator(), world.phone()
    press = await phone.press()
    await operator.hears(press.alert, "child")
    await operator.extends(press.alert)
    await world.advance(60.5)
    assert "contact_lost" in (await operator.reads(press.alert))["doubts"]
    await operator.decides(press.alert, "police")
    await world.room.expects("Report", text="contact perdu")


async def test_a_closing_verdict_stands_no_longer_once_she_presses_again(world: World) -> None:
    operator, phone = world.operator(), world.phone()
    press = await phone.press()
    await operator.decides(press.alert, "police")
    await world.room.expects("Report")
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "no_danger")
    await world.room.expects("Update", text="danger")
    world.clock.set_on(1)
    again = await phone.press()
    assert again.alert == press.alert
    await world.advance(0.1)
    await world.room.expects("Update", text="nouvel appui")
    await world.until_sql("SELECT verdict = 'police' FROM alert")


@pytest.mark.expects_errors
async def test_the_auditor_finds_a_dispatch_that_nothing_waits_for(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.decides(press.alert, "police")
    await world.room.expects("Report")
    await world.value(
        "UPDATE dispatch SET acknowledged_at = NULL, acknowledged_by = NULL, round = 9"
    )
    await world.value("DELETE FROM deadline WHERE name = 'acknowledged'")
    await world.advance(3)
    await world.until_sql("SELECT count(*) = 1 FROM deadline WHERE name = 'acknowledged'")
    assert [d["room"] for d in (await operator.reads(press.alert))["dispatches"]] == [ROOM]
