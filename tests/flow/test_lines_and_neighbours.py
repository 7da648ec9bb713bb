"""Rooms with several lines, and with a neighbour: whoever can be reached is reached."""

from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from ground import CORG, CORG_ADDRESS, entry, put_rooms
from world import ADDRESS, BY_HAND, LINE_TOKEN, ROOM, World

from tgd.store import rooms

DEAD = rooms.LineEntry("https", "http://127.0.0.1:1/cisu", None, 1.0)

pytestmark = pytest.mark.settings(behaviour=BY_HAND)


async def dispatches(world: World, alert: str) -> list[dict]:
    return (await world.operator().reads(alert))["dispatches"]


async def two_lines(world: World, first: str | None = None) -> None:
    """The room's first line is dead, or leads elsewhere; its second works.

    No probe comes between: the server has looked at its lines once, and the clock stands still.
    """
    await world.until_sql("SELECT bool_and(up IS TRUE) FROM room_line")
    seals = [world.sealer.seal(LINE_TOKEN.encode(), rooms.token_purpose(ROOM, n)) for n in range(2)]
    second = rooms.LineEntry("https", world.room.url, seals[1], 5.0)
    one = rooms.LineEntry("https", first, seals[0], 5.0) if first else DEAD
    await put_rooms(world, replace(entry(world, ROOM, ADDRESS), lines=(one, second)))


async def test_a_line_that_takes_nothing_costs_no_deadline(world: World) -> None:
    await two_lines(world)
    press = await world.phone().press()
    await world.operator().decides(press.alert, "police")
    report = await world.room.expects("Report", alert=press.alert)
    assert report.case.alert.caller.named.complete == "Bénéficiaire 86-01"
    [told] = await dispatches(world, press.alert)
    assert told["line"] == 1
    await world.room.says(report, "CONSULTE")
    [told] = await dispatches(world, press.alert)
    assert (told["state"], told["acknowledged_by"]) == ("seen", ADDRESS)
    kinds = [entry["kind"] for entry in await world.operator().journal(press.alert)]
    assert kinds.count("next_line") == 1


async def test_a_room_that_speaks_no_cisu_is_told_in_cap(world: World) -> None:
    told: list[tuple[str, str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        authorization = request.headers["Authorization"]
        told.append((authorization, request.content_type, await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/cap", take)
    async with TestServer(app) as server:
        seal = world.sealer.seal(b"cap-token", rooms.token_purpose(ROOM, 0))
        line = rooms.LineEntry("cap", str(server.make_url("/cap")), seal, 5.0)
        await put_rooms(world, replace(entry(world, ROOM, ADDRESS), lines=(line,)))
        press = await world.phone().press()
        await world.operator().decides(press.alert, "police")
        await world.until(lambda: len(told) == 1)
    [(authorization, content_type, body)] = told
    assert (authorization, content_type) == ("Bearer cap-token", "application/cap+xml")
    assert b"<scope>Private</scope>" in body
    assert "Bénéficiaire 86-01".encode() in body
    await world.until_sql("SELECT bool_and(state = 'delivered') FROM dispatch")
    await world.operator().hands_off(press.alert)
    await world.operator().closes(press.alert)


async def test_a_line_that_is_dead_is_tried_once_and_not_for_every_alert(world: World) -> None:
    await two_lines(world)
    for number in (1, 2, 3):
        press = await world.phone(f"tgd-86-0{number}").press()
        await world.operator().decides(press.alert, "police")
        await world.room.expects("Report", alert=press.alert)
    await world.until_sql("SELECT count(*) = 3 FROM journal WHERE kind = 'not_sent'")
    said = await world.rows(
        "SELECT details ->> 'error' AS error FROM journal WHERE kind = 'not_sent' ORDER BY no"
    )
    assert [row["error"] for row in said[1:]] == ["the line has just failed"] * 2
    assert said[0]["error"] != said[1]["error"]


async def test_a_line_that_confirms_nothing_costs_its_deadline(world: World) -> None:
    await two_lines(world, world.room.url)
    press = await world.phone().press()
    await world.operator().decides(press.alert, "police")
    first = await world.room.expects("Report", alert=press.alert)
    await world.advance(10)
    second = await world.room.expects("Report", alert=press.alert)
    assert first.distribution_id != second.distribution_id
    assert first.case.case_id == second.case.case_id
    await world.room.says(second, "CONSULTE")
    await world.room.says(first, "CONSULTE")
    [told] = await dispatches(world, press.alert)
    assert (told["line"], told["state"]) == (1, "seen")


async def test_a_silent_room_s_neighbour_is_told_the_minimum_and_answers_for_it(
    world: World,
) -> None:
    silent = replace(entry(world, ROOM, ADDRESS, is_default=True), lines=(DEAD,), neighbour=CORG)
    await put_rooms(world, silent, entry(world, CORG, CORG_ADDRESS))
    press = await world.phone().press()
    await world.operator().decides(press.alert, "police")
    await world.advance(60)
    report = await world.room.expects("Report", alert=press.alert)
    assert report.room == CORG_ADDRESS
    assert report.case.alert.caller.named.complete == "Bénéficiaire inconnue"
    assert [one["room"] for one in await dispatches(world, press.alert)] == [ROOM, CORG]
    await world.room.says(report, "CONSULTE")
    told = await dispatches(world, press.alert)
    assert {one["acknowledged_by"] for one in told} == {CORG_ADDRESS}
    await world.operator().closes(press.alert)


async def test_a_line_that_refuses_everything_costs_one_try_now_and_then(world: World) -> None:
    """It answers, and says no for good: after three alerts the fourth does not even ask it."""
    status, asked = [400], []

    async def says(request: web.Request) -> web.Response:
        asked.append(await request.read())
        return web.Response(status=status[0])

    app = web.Application()
    app.router.add_post("/cisu", says)
    async with TestServer(app) as refusing:
        await two_lines(world, str(refusing.make_url("/cisu")))
        world.app.probing.heard.set()
        await world.until_sql("SELECT bool_and(up IS TRUE) FROM room_line")  # it has seen both
        for number in (1, 2, 3, 4):
            press = await world.phone(f"tgd-86-0{number}").press()
            await world.operator().decides(press.alert, "police")
            await world.room.expects("Report", alert=press.alert)
            assert len(asked) == min(number, 3)
        world.app.probing.heard.set()
        await world.until_sql("SELECT refuses_since IS NOT NULL FROM room_line WHERE line = 0")
        assert await alarms(world) == [("refuses", "HTTP 400")]
        assert world.app.metrics.line_refuses[ROOM, "0", "https"]._value.get() == 1
        status[0] = 202
        world.room.forgives()
        world.clock.set_on(5)  # those that were refused are tried again by it, and taken
        await world.until(lambda: len(asked) > 3)
        await world.until(lambda: world.app.breaker.refusal((ROOM, 0)) is None)
        world.app.probing.heard.set()
        await world.until_sql("SELECT refuses_since IS NULL FROM room_line WHERE line = 0")
        assert await alarms(world) == []


async def alarms(world: World) -> list[tuple[str, str]]:
    found = (await world.operator().call("GET", "rooms", None, 200))["items"]
    line = next(room for room in found if room["id"] == ROOM)["lines"][0]
    return [(alarm["code"], line["refusal"]) for alarm in line["alarms"]]
