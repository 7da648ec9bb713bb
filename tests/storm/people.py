"""The people of a storm: they act through the HTTP API one thing at a time, and make mistakes.

A person is a generator that yields how many seconds she takes before her next act; whoever
conducts the storm turns the clock. Chance is seeded. The server may refuse an act (409) and is
never expected to fail: any other answer ends the storm.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from world import World

HEARD = {"holder": 45, "nobody": 30, "child": 10, "other": 10, "": 5}
"""Whose voice an operator hears, and how often; with none she records nothing."""
SLIPS = {"": 76, "forgets": 6, "walks off": 5, "says away": 4, "gives back": 4, "offers": 5}
"""What becomes of an alert in her hands, beside being treated."""
VERDICTS = {"police": 30, "no_danger": 25, "test": 30, "accidental": 15}
LOOK_S = 0.5
DONE = {200, 201, 409}


class Person:
    """One of the three: `life()` is her shift, `leave()` ends it wherever she is."""

    def __init__(self, world: World, name: str, role: str, group: str, luck: random.Random) -> None:
        self.world, self.name, self.role, self.group = world, name, role, group
        self.luck = luck
        self.did: Counter[str] = Counter()
        self.others: list[str] = []
        self.owes: str | None = None
        self._screen: asyncio.Task[None] | None = None

    async def life(self) -> AsyncIterator[float]:
        """Work until the storm is over; yields the seconds before each next act."""
        await self.arrive()
        while True:
            if self.luck.random() < 0.04:
                await self._grab()
            alert = await self._next()
            if alert is None:
                yield LOOK_S
                continue
            yield self.luck.uniform(0.3, 1.0)
            async for pause in self._treat(alert):
                yield pause

    async def arrive(self) -> None:
        """Switch the screen on."""
        there = asyncio.Event()
        self._screen = asyncio.create_task(self._watch(there))
        await asyncio.wait_for(there.wait(), 120)

    async def leave(self) -> None:
        """Be gone: no goodbye, the screen is dark."""
        if self._screen is not None:
            self._screen.cancel()
            await asyncio.gather(self._screen, return_exceptions=True)
            self._screen = None

    async def _watch(self, there: asyncio.Event) -> None:
        url, headers = f"{self.world.base}/api/v1/stream", await self._headers()
        timeout = aiohttp.ClientTimeout(total=None)
        async with self.world.http.get(url, headers=headers, timeout=timeout) as stream:
            async for _ in stream.content:
                there.set()

    async def _next(self) -> dict[str, Any] | None:
        """What rings for her, the most urgent first: the console's order."""
        listed = await self.world.operator(self.name, self.role).list()
        ringing = [one for one in listed if self._rings(one)]
        return min(ringing, key=self._urgency, default=None)

    def _rings(self, alert: dict[str, Any]) -> bool:
        if alert["offered_to"] == self.name:
            return True
        if alert["answered_by"] is not None and alert["released_at"] is None:
            return False
        first = self.role != "supervisor" and self.group == "first"
        return alert["rings"] == "everyone" or first

    def _urgency(self, alert: dict[str, Any]) -> tuple[int, str]:
        offered = alert["offered_to"] == self.name
        waits = alert["status"] != "police"
        return (0 if offered or waits else 1), alert["opened_at"]

    async def _treat(self, alert: dict[str, Any]) -> AsyncIterator[float]:
        """Answer it and see it through, or not."""
        if not await self._does(alert, "answer"):
            return
        if self.owes and await self._awaited(alert):
            async for pause in self._owed(alert):
                yield pause
            return
        slip = self._one_of(SLIPS)
        self.did[slip] += bool(slip)
        if slip and self.luck.random() < 0.5:
            async for pause in self._listen(alert):  # it happens in the midst of it
                yield pause
        async for pause in self._slip(slip, alert) if slip else self._see_through(alert):
            yield pause

    async def _awaited(self, alert: dict[str, Any]) -> bool:
        """Whether her answer has come in time, so that her voice and her verdict are waited for."""
        now = await self.world.operator(self.name, self.role).reads(alert["id"])
        return {"voice", "doubt"} <= {one["name"] for one in now["deadlines"]}

    async def _owed(self, alert: dict[str, Any]) -> AsyncIterator[float]:
        """Let a deadline of her own run out, once in every storm."""
        self.did[str(self.owes)] += 1
        if self.owes == "hesitates":
            await self._does(alert, "voice", **{"with": "child"})
        yield 65 if self.owes == "hesitates" else 35
        self.owes = None
        await self._does(alert, "decision", verdict="police")  # too late: forwarded by then

    async def _slip(self, slip: str, alert: dict[str, Any]) -> AsyncIterator[float]:
        if slip == "walks off":
            await self.leave()
            yield self.luck.uniform(3, 25)
            await self.arrive()
        elif slip == "says away":
            await self._call("presence", state="away")
            yield self.luck.uniform(5, 15)
            await self._call("presence", state="available")
        elif slip == "gives back":
            await self._does(alert, "release", reason="je pars")
        elif slip == "offers":
            await self._does(alert, "offer", to=self.luck.choice(self.others))

    async def _see_through(self, alert: dict[str, Any]) -> AsyncIterator[float]:
        async for pause in self._listen(alert):
            yield pause
        async for pause in self._decide(alert):
            yield pause

    async def _listen(self, alert: dict[str, Any]) -> AsyncIterator[float]:
        yield self.luck.uniform(0.5, 3)
        heard = self._one_of(HEARD)
        if heard and await self._does(alert, "voice", **{"with": heard}) and heard == "nobody":
            yield self.luck.uniform(3, 9)  # the one call-back
            await self._does(alert, "voice", **{"with": self.luck.choice(["holder", "nobody"])})

    async def _decide(self, alert: dict[str, Any]) -> AsyncIterator[float]:
        yield self.luck.uniform(0.5, 5)
        while self.luck.random() < 0.1:  # a long conversation
            await self._does(alert, "extend", reason="elle parle")
            yield self.luck.uniform(20, 65)
        now = await self.world.operator(self.name, self.role).reads(alert["id"])
        verdict, seen = self._one_of(VERDICTS), now["last_press"]
        if self.luck.random() < 0.05:
            seen = "not what is on the screen"
        if not await self._does(alert, "decision", verdict=verdict, seen=seen):
            yield self.luck.uniform(1, 2)
            await self._does(alert, "decision", verdict="police", seen=seen)
        elif verdict != "police" and self.luck.random() < 0.15:  # she thinks again
            yield self.luck.uniform(1, 3)
            await self._does(alert, "decision", verdict="police", seen=seen)

    async def _grab(self) -> None:
        """By mistake, answer what somebody else has."""
        listed = await self.world.operator(self.name, self.role).list()
        theirs = [one for one in listed if one["answered_by"] in self.others]
        if theirs:
            await self._does(self.luck.choice(theirs), "answer")

    async def _does(self, alert: dict[str, Any], act: str, **body: object) -> bool:
        return await self._call(f"alerts/{alert['id']}/{act}", **body)

    async def _call(self, path: str, **body: object) -> bool:
        url = f"{self.world.base}/api/v1/{path}"
        async with self.world.http.post(url, json=body, headers=await self._headers()) as answer:
            told = await answer.json(content_type=None)
            if answer.status not in DONE:
                raise AssertionError(f"{path} {body}: {answer.status} {told}")
            code = told["code"] if answer.status == 409 else "done"
            self.did[f"{path.rpartition('/')[2]}: {code}"] += 1
            return answer.status != 409

    async def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.world.token(self.role, self.name)}"}

    def _one_of(self, chances: dict[str, int]) -> str:
        (found,) = self.luck.choices(list(chances), list(chances.values()))
        return found
