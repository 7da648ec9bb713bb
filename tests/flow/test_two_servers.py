"""Two servers on one database: what one has leased the other leaves alone, or ends for it."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from commands import free_port
from world import BY_HAND, World

from tgd.app import App
from tgd.devices.mqtt import State
from tgd.platform.writing import Written

PHONES = tuple(f"tgd-86-0{n}" for n in range(1, 9))
pytestmark = pytest.mark.settings(behaviour=BY_HAND)


class Other:
    """The second server; ``asked`` has the world's operators ask it, and not the first."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.port, self.first = free_port(), world.port
        listen = f"127.0.0.1:{self.port}"
        config = replace(world.config, http_listen=listen, instance=f"{world.config.instance}-b")
        self.app = App(config, clock=world.clock, **world.options)

    async def start(self) -> None:
        await self.app.start()
        await self.world.until(lambda: self.app.press_link.state is State.LISTENING)

    def asked(self, *, now: bool) -> None:
        self.world.port = self.port if now else self.first

    async def passes(self, seconds: int) -> None:
        """Time passes no faster than both can look at it: a pause is an interruption to them."""
        for _ in range(seconds):
            await self.world.advance(1)
            watch, now = self.app.watch, self.world.clock.now()
            watch.heard.set()
            await self.world.until(lambda: watch._looked_at and watch._looked_at >= now)  # noqa: B023  of this turn

    async def recorded(self) -> None:
        """Wait until whoever sends has written down what became of it."""
        await self.world.until_sql(
            "SELECT NOT EXISTS (SELECT FROM envelope WHERE state = 'sending')"
        )


@pytest.fixture
async def other(world: World) -> AsyncIterator[Other]:
    made = Other(world)
    await made.start()
    yield made
    made.asked(now=False)
    await made.app.stop()


def told(world: World) -> list[str]:
    return [one.distribution_id for one in world.room.told]


async def test_whoever_decides_sends_and_the_other_sends_nothing_again(
    world: World, other: Other
) -> None:
    alerts = [(await world.phone(device).press()).alert for device in PHONES]
    for number, alert in enumerate(alerts):
        other.asked(now=number % 2 == 1)
        await world.operator(f"op-{number}").decides(alert, "police")
    other.asked(now=False)
    await world.until(lambda: len(world.room.told) >= len(PHONES))
    await other.recorded()
    await world.advance(9)  # longer than any lease
    assert set(Counter(told(world)).values()) == {1}
    assert sorted(one.case.alert.id.rpartition(".")[2] for one in world.room.told) == sorted(alerts)
    world.room.forgives()


async def _dies(_written: Sequence[Written]) -> None:
    """Stand for a server that dies between its commit and the sending."""


async def test_what_one_has_decided_and_not_sent_the_other_sends(
    world: World, other: Other
) -> None:
    press = await world.phone().press()
    other.app.triage._send = _dies
    other.asked(now=True)
    await world.operator().decides(press.alert, "police")
    other.asked(now=False)
    await other.app.stop()
    await world.advance(7)
    assert told(world) == []  # it is leased: who has it may be slow
    await world.advance(2)
    report = await world.room.expects("Report", alert=press.alert, text="danger retenu")
    await world.room.says(report, "CONSULTE")
    assert (await world.operator().reads(press.alert))["dispatches"][0]["acknowledged_at"]


async def test_what_one_has_sent_and_not_recorded_is_repeated_to_the_letter_as_one_case(
    world: World, other: Other
) -> None:
    press = await world.phone().press()

    async def never() -> None:
        """Stand for a server that dies between the room's 2xx and its record."""

    other.app.sending.record = never
    other.asked(now=True)
    await world.operator().decides(press.alert, "police")
    other.asked(now=False)
    report = await world.room.expects("Report", alert=press.alert)
    raw = world.room.room(report.room).cases[report.case.case_id].raw
    await other.app.stop()
    await world.advance(8.5)
    again = await world.room.expects("Report", alert=press.alert, repeated=True)
    assert again.distribution_id == report.distribution_id
    room = world.room.room(report.room)
    assert room.cases[report.case.case_id].raw == raw
    assert room.figures() | {"duplicates": 1, "cases": 1, "split_alerts": 0} == room.figures()
    assert await world.value("SELECT attempts FROM envelope") == 2


async def test_a_deadline_passes_once_whoever_looks(world: World, other: Other) -> None:
    alerts = [(await world.phone(device).press()).alert for device in PHONES]
    await other.passes(21)
    await world.until(lambda: len(world.room.told) >= len(PHONES))
    await other.recorded()
    assert set(Counter(told(world)).values()) == {1}
    passed = "SELECT count(*) FROM journal WHERE kind = 'forwarded'"
    assert await world.value(passed) == len(alerts)
    assert await world.value("SELECT count(*) FROM dispatch") == len(alerts)
    world.room.forgives()
