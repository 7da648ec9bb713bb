"""Two things at the same moment: each finds what the other did, and nobody else is harmed."""

import asyncio

import pytest
from world import ROOM, World

PAIR = ("tgd-86-01", "tgd-86-02")


async def locks_waited_for(world: World, least: int = 1) -> None:
    await world.until_sql(
        "SELECT count(DISTINCT l.pid) >= $1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE NOT l.granted AND a.datname = current_database()",
        least,
    )


async def test_a_closing_alert_costs_no_other_phone_its_positions(world: World) -> None:
    closing, other = [world.phone(device) for device in PAIR]
    press, stays = await closing.press(), await other.press()
    operator = world.operator()
    await operator.hears(press.alert, "holder")
    async with world.database.transaction() as transaction:
        await transaction.execute("SELECT FROM alert WHERE id = $1 FOR UPDATE", press.alert)
        closing.position()
        other.position()
        await locks_waited_for(world)
        await transaction.execute(
            "UPDATE alert SET status = 'closed', closed_at = opened_at, closed_by = 'op-1', "
            "verdict = 'no_danger', verdict_at = opened_at WHERE id = $1",
            press.alert,
        )
        await transaction.execute("DELETE FROM deadline WHERE alert_id = $1", press.alert)
    await world.until_sql("SELECT count(*) = 1 FROM position WHERE alert_id = $1", stays.alert)
    assert await world.value("SELECT count(*) FROM position WHERE alert_id = $1", press.alert) == 0


async def police_on(world: World, alert: str) -> int:
    """Send the police, whatever the answer; its status."""
    headers = {"Authorization": f"Bearer {await world.token('operator', 'op-1')}"}
    url = f"{world.base}/api/v1/alerts/{alert}/decision"
    async with world.http.post(url, json={"verdict": "police"}, headers=headers) as answer:
        return answer.status


async def test_the_police_sent_twice_at_once_on_a_closed_alert(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "no_danger")
    world.clock.set_on(30)
    async with world.database.transaction() as transaction:
        # Both have read that the phone has no open alert before either may open one.
        await transaction.execute("LOCK TABLE alert IN SHARE MODE")
        acts = [asyncio.create_task(police_on(world, press.alert)) for _ in range(2)]
        await locks_waited_for(world, 2)
    assert sorted(await asyncio.gather(*acts)) == [200, 201]
    await world.room.expects("Report")
    assert await world.value("SELECT count(*) FROM alert") == 2
    assert await world.value("SELECT count(*) FROM dispatch") == 1


async def test_police_go_out_whatever_is_wrong_with_the_agreed_word(world: World) -> None:
    await world.owner("UPDATE beneficiary SET all_clear_word = 'sealed by another key'")
    press = await world.phone().press()
    alert = await world.operator().decides(press.alert, "police")
    assert [d["room"] for d in alert["dispatches"]] == [ROOM]
    await world.room.expects("Report")


def broken_logic(*_: object) -> None:
    raise ZeroDivisionError


@pytest.mark.expects_errors
@pytest.mark.settings(options={"opening": broken_logic}, forward_unverified=False)
async def test_a_bare_alert_too_is_forwarded_only_under_the_written_agreement(
    world: World,
) -> None:
    await world.phone().press()
    world.clock.set_on(3)
    await world.app.rescue.look()
    await world.until_sql("SELECT count(*) = 1 FROM alert WHERE rescued")
    await world.advance(21)
    (alert,) = await world.operator().list()
    assert (alert["status"], alert["verdict"], alert["rings"]) == ("ringing", None, "everyone")
    assert [task["about"] for task in alert["tasks"] if task["red"]] == ["not_forwarded:answer"]
