"""Who asks together is answered together, by a look-up that began after they asked."""

import asyncio

import pytest
from world import ManualClock

from tgd.web.hub import Hub
from tgd.web.together import Together, Told


class Source:
    """Looks up slowly: each look-up waits to be let go."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.fail: Exception | None = None
        self.says = "then"

    async def look_up(self, keys) -> dict[str, str]:
        self.asked.append(set(keys))
        said = self.says
        self.begun.set()
        await self.go.wait()
        if self.fail is not None:
            raise self.fail
        return {key: said for key in keys if key != "unknown"}


async def test_one_look_up_for_all_who_ask_before_it_begins():
    source = Source()
    source.go.set()
    together = Together(source.look_up)
    found = await asyncio.gather(*(together.ask(key) for key in ("a", "b", "a", "unknown")))
    assert found == ["then", "then", "then", None]
    assert source.asked == [{"a", "b", "unknown"}]


async def test_who_asks_meanwhile_is_answered_by_the_next():
    source = Source()
    together = Together(source.look_up)
    first = asyncio.create_task(together.ask("a"))
    await source.begun.wait()
    source.says = "now"
    second = asyncio.create_task(together.ask("a"))
    third = asyncio.create_task(together.ask("b"))
    await asyncio.sleep(0)
    source.go.set()
    assert await asyncio.gather(first, second, third) == ["then", "now", "now"]
    assert source.asked == [{"a"}, {"a", "b"}]


async def test_a_failure_is_of_those_who_asked_and_of_nobody_after():
    source = Source()
    source.go.set()
    source.fail = ValueError("away")
    together = Together(source.look_up)
    found = await asyncio.gather(together.ask("a"), together.ask("b"), return_exceptions=True)
    assert found == [source.fail, source.fail]
    source.fail = None
    assert await together.ask("a") == "then"


async def test_who_goes_away_takes_nobody_along():
    source = Source()
    together = Together(source.look_up)
    gone, there = (asyncio.create_task(together.ask("a")) for _ in range(2))
    await source.begun.wait()
    gone.cancel()
    source.go.set()
    assert await there == "then"
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_what_was_told_is_told_again_until_anything_is_heard():
    source, hub, clock = Source(), Hub(), ManualClock()
    source.go.set()

    async def look_up(keys) -> dict[str, bytes]:
        return {key: said.encode() for key, said in (await source.look_up(keys)).items()}

    told = Told(look_up, hub, clock, lambda: 0.0)
    assert [await told.ask("a") for _ in range(3)] == [b"then"] * 3
    assert await told.ask("unknown") is None
    assert len(source.asked) == 2
    source.says = "now"
    hub.heard += 1
    assert await told.ask("a") == b"now"
    source.says = "later"
    clock.set_on(1)
    assert await told.ask("a") == b"later"


@pytest.mark.parametrize(("set_by", "passed"), [(-3600, 0.0), (-3600, 1.0), (0, 1.0)])
async def test_nothing_is_told_for_ever_where_the_wall_clock_is_set_back_or_stands(set_by, passed):
    source, clock, ticks = Source(), ManualClock(), [5.0]
    source.go.set()
    told = Told(source.look_up, Hub(), clock, lambda: ticks[0])
    assert await told.ask("a") == "then"
    source.says = "now"
    clock.set_on(set_by)
    ticks[0] += passed
    assert await told.ask("a") == "now"


async def test_what_was_looked_up_before_it_was_heard_is_not_kept():
    source, hub = Source(), Hub()

    async def look_up(keys) -> dict[str, bytes]:
        return {key: said.encode() for key, said in (await source.look_up(keys)).items()}

    told = Told(look_up, hub, ManualClock())
    first = asyncio.create_task(told.ask("a"))
    await source.begun.wait()
    hub.heard += 1
    source.says = "now"
    source.go.set()
    assert await first == b"then"
    assert await told.ask("a") == b"now"
