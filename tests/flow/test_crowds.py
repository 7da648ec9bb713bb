"""Several people, phones and rooms at the same moment: one of them wins, and nothing breaks."""

import asyncio
import json

from world import World


async def status_of(world: World, operator: str, alert: str, act: str, body: dict) -> int:
    token = await world.token("operator", operator)
    async with world.http.post(
        f"{world.base}/api/v1/alerts/{alert}/{act}",
        json=body,
        headers={"Authorization": f"Bearer {token}"},
    ) as answer:
        return answer.status


async def all_at_once(world: World, alert: str, act: str, body: dict) -> list[int]:
    operators = [f"op-{n}" for n in range(8)]
    for operator in operators:
        await world.token("operator", operator)
    return sorted(
        await asyncio.gather(*(status_of(world, one, alert, act, body) for one in operators))
    )


async def test_eight_operators_answer_one_alert(world: World) -> None:
    press = await world.phone().press()
    statuses = await all_at_once(world, press.alert, "answer", {})
    assert statuses == [200] + [409] * 7


async def test_eight_operators_send_the_police(world: World) -> None:
    press = await world.phone().press()
    statuses = await all_at_once(world, press.alert, "decision", {"verdict": "police"})
    assert statuses == [200] + [409] * 7
    assert await world.value("SELECT count(*) FROM dispatch") == 1
    await world.room.expects("Report")


async def test_eight_operators_send_the_police_on_a_closed_alert(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "test")
    statuses = await all_at_once(world, press.alert, "decision", {"verdict": "police"})
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
    assert await world.value("SELECT count(*) FROM alert") == 2
    assert await world.value("SELECT count(*) FROM dispatch") == 1
    await world.room.expects("Report")


async def test_a_press_and_the_police_on_a_closed_alert(world: World) -> None:
    operator = world.operator()
    for n in range(1, 6):
        phone = world.phone(f"tgd-86-0{n}")
        press = await phone.press()
        await operator.hears(press.alert, "holder")
        await operator.decides(press.alert, "test")
        world.clock.set_on(1)
        before = len(phone.receipts())
        phone.send("press", json.dumps(phone.message()).encode())
        statuses = await all_at_once(world, press.alert, "decision", {"verdict": "police"})
        assert set(statuses) <= {200, 201, 409}
        await world.until(lambda phone=phone, before=before: len(phone.receipts()) > before)
        assert len(await operator.list()) == n
    assert {alert["status"] for alert in await operator.list()} == {"police"}
    assert await world.value("SELECT count(*) FROM dispatch") == 5
    await world.until(lambda: len(world.room.told) >= 5)
    world.room.forgives()  # a press that came second is told a moment later


async def test_an_alert_closes_while_positions_and_presses_come(world: World) -> None:
    operator = world.operator()
    phones = [world.phone(f"tgd-86-0{n}") for n in range(1, 9)]
    presses = [await phone.press() for phone in phones]
    for press in presses:
        await operator.hears(press.alert, "holder")

    async def close(alert: str, seen: str) -> None:
        await operator.does(alert, "decision", {"verdict": "no_danger", "seen": seen}, 200)

    for phone in phones:
        phone.position()
    closing = [close(press.alert, press.id) for press in presses]
    await asyncio.gather(*closing)
    for phone in phones:
        phone.position()
    assert await operator.list() == []
    again = await phones[0].press()
    assert again.alert not in {press.alert for press in presses}


async def test_deadlines_and_operators_at_the_same_moment(world: World) -> None:
    """Whoever comes first, there is one dispatch."""
    phones = [world.phone(f"tgd-86-0{n}") for n in range(1, 9)]
    presses = [await phone.press() for phone in phones]
    await world.token("operator", "op-1")
    await world.advance(19.5)
    passing = asyncio.create_task(world.advance(0.6))
    statuses = await asyncio.gather(
        *(
            status_of(world, "op-1", press.alert, "decision", {"verdict": "police"})
            for press in presses
        )
    )
    await passing
    assert set(statuses) == {200}
    assert await world.value("SELECT count(*) FROM dispatch") == 8
    assert await world.value("SELECT count(*) FROM envelope") == 8
    await world.until(lambda: len(world.room.told) == 8)
    world.room.forgives()
