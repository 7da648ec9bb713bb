"""Idle lines are tried without a case, and one that is dead costs an alert no time-out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from faults import WORKING_S
from world import ROOM, World, room_entry

from tgd.platform.channels.certificates import Files
from tgd.platform.channels.https_address import kept
from tgd.store import rooms

UP = "SELECT up FROM room_line WHERE line = $1"


@asynccontextmanager
async def hanging() -> AsyncIterator[tuple[str, list[int]]]:
    """A server that takes connections and never says a word."""
    taken: list[int] = []
    over = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(len(taken))
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/cisu", taken
    finally:
        over.set()
        server.close()


async def lines(world: World, *urls: str) -> None:
    entry = room_entry(world.sealer, world.room.url)
    own = entry.lines[0]
    told = [
        replace(
            own,
            url=url,
            timeout_s=WORKING_S if url == world.room.url else 0.3,
            token=world.sealer.seal(b"the-line's", rooms.token_purpose(ROOM, number)),
        )
        for number, url in enumerate(urls)
    ]
    async with world.database.transaction() as transaction:
        await rooms.replace(transaction, [replace(entry, lines=tuple(told))])


async def shown(world: World) -> dict[str, Any]:
    found = await world.operator().call("GET", "rooms", None, 200)
    return next(room for room in found["items"] if room["id"] == ROOM)


async def probed(world: World, line: int, *, up: bool) -> None:
    world.app.probing.heard.set()
    await world.until_sql(UP.replace("up", f"up IS {up}", 1), line)


def gauge(world: World, line: int) -> float:
    return world.app.metrics.line_up[ROOM, str(line), "https"]._value.get()


async def test_an_idle_line_is_tried_and_the_room_hears_of_no_case(world: World) -> None:
    await probed(world, 0, up=True)
    assert gauge(world, 0) == 1
    line = (await shown(world))["lines"][0]
    assert (line["up"], line["failures"], line["alarms"]) == (True, 0, [])
    assert line["certificate_until"] is None
    assert world.room.told == []


async def test_a_line_that_was_used_lately_needs_no_probe(world: World) -> None:
    await probed(world, 0, up=True)
    before = await world.value("SELECT probed_at FROM room_line")
    world.clock.set_on(73)
    world.app.breaker.worked((ROOM, 0), world.clock.now())
    await world.room.stop()  # nobody would answer
    world.app.probing.heard.set()
    await world.until_sql("SELECT probed_at > $1 FROM room_line", before)
    assert await world.value(UP, 0) is True


async def test_a_dead_line_costs_an_alert_nothing(world: World) -> None:
    async with hanging() as (dead, taken):
        await lines(world, dead, world.room.url)
        await probed(world, 0, up=False)
        await probed(world, 1, up=True)
        assert (gauge(world, 0), gauge(world, 1)) == (0, 1)
        tried = len(taken)
        assert tried >= 1
        phone, operator = world.phone(), world.operator()
        pressed = await phone.press()
        await operator.answers(pressed.alert)
        await operator.decides(pressed.alert, "police")
        await world.room.expects("Report", alert=pressed.alert)
        errors = await world.rows("SELECT error FROM envelope WHERE line = 0 AND attempts = 1")
        assert [row["error"] for row in errors] in ([], ["the line has just failed"])
        first = await world.value(
            "SELECT details ->> 'error' FROM journal WHERE kind = 'not_sent' ORDER BY no LIMIT 1"
        )
        assert first == "the line has just failed"


async def test_of_a_line_that_is_gone_no_figure_stays(world: World) -> None:
    await lines(world, world.room.url, world.room.url)
    await probed(world, 1, up=True)
    world.app.metrics.line_certificate[ROOM, "1", "https", "theirs"].set(0)
    await lines(world, world.room.url)
    world.app.probing.heard.set()
    await world.until(lambda: 'line="1"' not in world.app.metrics.render().decode())
    await probed(world, 0, up=True)
    assert gauge(world, 0) == 1


async def test_a_room_that_nothing_reaches_is_an_alarm_until_something_does(world: World) -> None:
    async with hanging() as (dead, _):
        await lines(world, dead)
        await probed(world, 0, up=False)
        assert (await shown(world))["alarm"] is None
        world.clock.set_on(13)
        world.app.probing.heard.set()
        await world.until_sql("SELECT failures >= 2 FROM room_line")
        assert (await shown(world))["alarm"] == "no_line_up"
    await lines(world, world.room.url)
    await probed(world, 0, up=True)
    assert (await shown(world))["alarm"] is None


async def test_outside_of_its_hours_a_line_comes_last_and_stays(world: World) -> None:
    await lines(world, world.room.url, world.room.url)
    await world.owner("UPDATE room_line SET hours = '20:00-06:00' WHERE line = 0")
    pressed = await world.phone().press()
    await world.operator().answers(pressed.alert)
    await world.operator().decides(pressed.alert, "police")
    await world.room.expects("Report", alert=pressed.alert)
    told = await world.rows("SELECT line, lines FROM dispatch")
    assert [(row["line"], row["lines"]) for row in told] == [(1, [1, 0])]


async def test_a_line_whose_authority_s_file_is_gone_is_said_and_passed_over(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    gone = kept("https://localhost:1/cisu", Files(ca="/nowhere/ca.pem"))
    await lines(world, gone, world.room.url)
    await probed(world, 0, up=False)
    said = "line 0 does not answer: ca /nowhere/ca.pem: No such file or directory"
    assert any(said in record.getMessage() for record in caplog.records)
    pressed = await world.phone().press()
    await world.operator().decides(pressed.alert, "police")
    await world.room.expects("Report", alert=pressed.alert)
