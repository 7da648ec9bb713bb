"""A console as the server sees it, in a process of its own: it hears hints and reads what there is.

Run as ``python -m bench.console PLAN.json``; it says "listening" when the stream stands. Lines on
its standard input: ``read`` (from now on each hint is followed by what the console's page reads:
the open alerts, and where the phone of the alert looked at is), ``rest`` (hints are only noted),
``end`` (writes every hint and every reading, wall clock, as ``PLAN.out.json``; says "written").
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import uvloop

HINT = b"event: alerts"


class Console:
    """One console. ``hints`` are moments; ``readings`` are (begun, ended) of the open alerts."""

    def __init__(self, http: aiohttp.ClientSession, api: str, looked_at: str) -> None:
        self._http = http
        self._api = api
        self._looked_at = looked_at
        self._hinted = asyncio.Event()
        self._since = ""
        self.reading = False
        self.hints: list[float] = []
        self.readings: list[tuple[float, float]] = []

    async def listen(self) -> None:
        """Hear hints, for ever."""
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._http.get(f"{self._api}/stream", timeout=timeout) as stream:
            stream.raise_for_status()
            print("listening", flush=True)
            async for line in stream.content:
                if line.startswith(HINT):
                    self.hints.append(time.time())
                    self._hinted.set()
        raise ConnectionError("the server ended the stream")

    async def read(self) -> NoReturn:
        """Read after each hint, one reading at a time, as the page does."""
        while True:
            await self._hinted.wait()
            self._hinted.clear()
            if self.reading:
                await asyncio.gather(
                    self._alerts(), self._get(f"alerts/{self._looked_at}/whereabouts")
                )

    async def _alerts(self) -> None:
        begun = time.time()
        page = await self._get(f"alerts?status=open&since={self._since}")
        self._since = page["since"]
        self.readings.append((begun, time.time()))

    async def _get(self, path: str) -> Any:
        async with self._http.get(f"{self._api}/{path}") as answer:
            answer.raise_for_status()
            return await answer.json()


async def _main(plan: dict[str, str], out: Path) -> None:
    headers = {"Authorization": f"Bearer {plan['token']}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        console = Console(http, plan["api"], plan["looked_at"])
        async with asyncio.TaskGroup() as group:
            group.create_task(console.listen())
            group.create_task(console.read())
            while order := (await asyncio.to_thread(sys.stdin.readline)).strip():
                console.reading = order == "read"
                if order == "end":
                    told = {"hints": console.hints, "readings": console.readings}
                    await asyncio.to_thread(out.write_text, json.dumps(told))
                    print("written", flush=True)


if __name__ == "__main__":
    plan_file = Path(sys.argv[1])
    uvloop.run(_main(json.loads(plan_file.read_text()), plan_file.with_suffix(".out.json")))
