"""Figure 8, press → shown: from the button to the frame in which the operator's screen has it.

Measured in the browser itself: the console's page marks the frame after the one in which a new
alert stands in its queue. On a quiet server with one console; with 200 consoles; with 200 consoles
and 500 open alerts, where the server's memory and share of a processor, and the time until a page
that is opened then can be worked with, are told as well. The simulated consoles run on this machine
too, behind the server and the browser: they stand for 200 operators' own machines.
"""

import asyncio
import contextlib
import json
import os
import random
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from playwright.async_api import Page

from bench.browser import Marks, chromium, page_of
from bench.figures import Comparison, Figure, Spread, Target
from bench.floor_page import MARK as FLOOR_MARK
from bench.floor_page import TOPIC
from bench.phones import Phones
from bench.process import beside, said, tell
from bench.world import LONGEST_DEADLINES, Machine, World, device
from tgd.clock import Clock
from tgd.devices.mqtt import MqttLink, State
from tgd.store import accounts

NAME = "shown"
CONSOLES, ALERTS = 200, 500
PRESSES, QUICK_PRESSES, WARM_UP = 100, 20, 5
REST_S, QUICK_REST_S, SETTLE_S = 20.0, 5.0, 2.0
PAUSE_S = 0.7
SHOWN_S = 0.150
STANDING_S = 60.0
USER, PASSWORD = "operateur-1", "un mot de passe"
QUIET, MANY, FULL = "one console", f"{CONSOLES} consoles", f"{CONSOLES} consoles, {ALERTS} alerts"
METHOD = (
    "A press is sent to the broker; its moment and the page's mark are of one clock. The page is "
    "the console itself in Chromium, logged in, and marks the frame after the one in which the new "
    f"alert stands in its queue. Presses are about {PAUSE_S:g} s apart, each another phone's. "
    f"{MANY}: as many tokens, each with a stream, a reading of the alerts at every hint and "
    "every 2 s, of one phone's whereabouts every 10 s, of who is there every 4 s, from a moment of "
    "its own as pages have; they run at a low priority, and only the bytes are counted. Floor, in "
    "the same run and the same browser: a page that is hinted by a server without database or "
    "rights and reads one alert's bytes. Processor and memory are the server's process alone, from "
    "/proc."
)


@dataclass(slots=True)
class _Seen:
    """What was measured, in seconds."""

    shown: dict[str, list[float]] = field(default_factory=dict)
    floor: list[float] = field(default_factory=list)
    usable: dict[str, list[float]] = field(default_factory=dict)
    facts: list[tuple[str, str]] = field(default_factory=list)
    processor: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)


async def measure(machine: Machine, *, quick: bool, tick: Any) -> Figure:
    """Measure it; ``tick(done, of)`` tells how far we are."""
    seen, presses = _Seen(), QUICK_PRESSES if quick else PRESSES
    rest_s = QUICK_REST_S if quick else REST_S
    async with (
        machine.world(settings=LONGEST_DEADLINES) as world,
        Phones(world.broker.url) as phones,
        chromium() as browser,
        page_of(browser) as page,
    ):
        await _account(world)
        await _opened(page, world)
        seen.floor = await _floor(world, browser, machine.folder, presses)
        tick(1, 5)
        run = _Run(world, phones, page, presses)
        seen.shown[QUIET] = await run.presses()
        await _rest(world, seen, QUIET, rest_s)
        tick(2, 5)
        looked_at = await run.standing(1)
        async with _consoles(world, machine.folder, looked_at) as consoles:
            await _told(consoles)
            seen.shown[MANY] = await run.presses()
            seen.facts.append((f"{MANY}: readings while pressed", await _told(consoles)))
            await _rest(world, seen, MANY, rest_s)
            seen.facts.append((f"{MANY}: readings at rest, {rest_s:g} s", await _told(consoles)))
            tick(3, 5)
            await run.standing(ALERTS - 1)
            await asyncio.sleep(SETTLE_S)
            await _told(consoles)
            await _rest(world, seen, FULL, rest_s)
            seen.facts.append((f"{FULL}: readings at rest, {rest_s:g} s", await _told(consoles)))
            seen.shown[FULL] = await run.presses()
            seen.facts.append((f"{FULL}: readings while pressed", await _told(consoles)))
            tick(4, 5)
            seen.usable[FULL] = await _usable(world, page, 3 if quick else 10)
        seen.usable[f"one console, {ALERTS} alerts"] = await _usable(
            world, page, 3 if quick else 10
        )
        tick(5, 5)
    return _figure(seen)


class _Run:
    """Presses, each of a phone that has not pressed before."""

    def __init__(self, world: World, phones: Phones, page: Page, n: int) -> None:
        self._world, self._phones, self._n = world, phones, n
        self._marks = Marks(page, "alert shown")
        self._pressed = 0
        self._standing: list[str] = []

    async def presses(self) -> list[float]:
        """Press; return the seconds to each showing. Alerts that have been shown are closed."""
        times = []
        for number in range(self._n + WARM_UP):
            await asyncio.sleep(PAUSE_S * random.uniform(0.7, 1.3))
            begin = time.time()
            await self._phones.press(device(self._pressed))
            self._pressed += 1
            times.append(await self._marks.next() - begin)
            if number % 10 == 9:
                await self._tidy()
        return times[WARM_UP:]

    async def standing(self, n: int) -> list[str]:
        """Open so many alerts that stay open; return them, once the page has shown them all.

        None of their deadlines passes while something is timed.
        """
        devices = [device(self._pressed + k) for k in range(n)]
        self._pressed += n
        found = await self._phones.press_all(devices)
        self._standing += devices
        await self._marks.all(len(found), STANDING_S)
        await self._tidy()
        return found

    async def _tidy(self) -> None:
        await self._world.fetch(
            "WITH closed AS (UPDATE alert SET status = 'closed', closed_at = now(), "
            "closed_by = 'bench', verdict = 'no_danger', verdict_at = now() "
            "WHERE status = 'ringing' AND device <> ALL ($1::text[]) RETURNING id) "
            "DELETE FROM deadline d USING closed c WHERE d.alert_id = c.id",
            self._standing,
        )
        await self._world.fetch(
            "UPDATE deadline SET due_at = due_at + interval '1 day' "
            "WHERE due_at < now() + interval '12 hours'"
        )


async def _account(world: World) -> None:
    connection = await asyncpg.connect(world.database_url)
    await accounts.add_account(
        connection, username=USER, password=PASSWORD, role="operator", now=Clock().now()
    )
    await connection.close()


async def _opened(page: Page, world: World) -> None:
    await page.goto(f"{world.url}/console")
    await page.fill("[name=username]", USER)
    await page.fill("[name=password]", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#login", state="hidden")


async def _floor(world: World, browser: Any, folder: Path, presses: int) -> list[float]:
    """Time the floor's page."""
    alert = {"id": "-", "device": "bench", "presses": [], "doubts": [], "filler": "x" * 1500}
    plan = {"broker": world.broker.url, "body": {"items": [alert], "next": None}}
    (folder / "floor_page.json").write_text(json.dumps(plan))
    listening, times = asyncio.Event(), []
    link = MqttLink(
        *("bench-floor-press", [world.broker.url], [("bench/shown/none", 1)], lambda _: None),
        on_state=lambda now: listening.set() if now is State.LISTENING else None,
        keep_session=False,
    )
    link_task = asyncio.create_task(link.run())
    await listening.wait()
    command = ("bench.floor_page", str(folder / "floor_page.json"))
    async with _said_address(*command) as address, page_of(browser) as page:
        await page.goto(address)
        await Marks(page, "listening").next()
        marks = Marks(page, FLOOR_MARK)
        for _ in range(presses + WARM_UP):
            await asyncio.sleep(PAUSE_S * random.uniform(0.7, 1.3))
            begin = time.time()
            link.publish(TOPIC, b"x" * 300)
            link.flush()
            times.append(await marks.next() - begin)
    link_task.cancel()
    await asyncio.gather(link_task, return_exceptions=True)
    return times[WARM_UP:]


@contextlib.asynccontextmanager
async def _said_address(module: str, plan: str) -> AsyncIterator[str]:
    first: list[str] = []
    async with beside(module, plan, ready=first.append):
        yield first[0]


@contextlib.asynccontextmanager
async def _consoles(world: World, folder: Path, looked_at: list[str]) -> AsyncIterator[Process]:
    """Connect the simulated consoles for the length of the block."""
    connection = await asyncpg.connect(world.database_url)
    now = Clock().now()
    tokens = [
        await accounts.add_token(connection, role="operator", name=f"console-{n:03}", now=now)
        for n in range(CONSOLES)
    ]
    await connection.close()
    host, _, port = world.url.removeprefix("http://").partition(":")
    plan = {"host": host, "port": int(port), "tokens": tokens, "looked_at": looked_at}
    (folder / "consoles.json").write_text(json.dumps(plan))
    async with beside("bench.consoles", str(folder / "consoles.json")) as consoles:
        await asyncio.sleep(SETTLE_S)
        yield consoles


async def _told(consoles: Process) -> str:
    tell(consoles, "tell")
    found = json.loads(await said(consoles))
    return (
        f"{found['readings']}, {found['read_bytes'] / 1e6:.1f} MB, "
        f"the slowest {found['slowest'] * 1e3:.0f} ms"
    )


async def _rest(world: World, seen: _Seen, way: str, rest_s: float) -> None:
    """Note the server's share of a processor while nobody presses, and its memory."""
    before, begin = _processor_s(world.server_pid), time.monotonic()
    await asyncio.sleep(rest_s)
    spent = _processor_s(world.server_pid) - before
    seen.processor[way] = spent / (time.monotonic() - begin)
    seen.memory_mb[way] = _memory_mb(world.server_pid)


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


async def _usable(world: World, page: Page, n: int) -> list[float]:
    """Open the page anew; return the seconds from the navigation to its first drawn queue."""
    times = []
    for _ in range(n):
        await page.goto("about:blank")
        await asyncio.sleep(0.5)
        await page.goto(f"{world.url}/console")
        shown = await Marks(page, "usable").next(30)
        times.append(shown - await page.evaluate("performance.timeOrigin / 1000"))
    return times


def _figure(seen: _Seen) -> Figure:
    others = {way: times for way, times in seen.shown.items() if way != QUIET}
    comparison = Comparison(
        "press → shown",
        *(seen.shown[QUIET], seen.floor, "a hinted page without database or rights", others),
    )
    facts = [
        (f"page opened → usable, {way}: median, worst", _pair(times))
        for way, times in seen.usable.items()
    ]
    facts += [
        (f"the server at rest, {way}", f"{part:.0%} of a processor, {seen.memory_mb[way]:.0f} MB")
        for way, part in seen.processor.items()
    ]
    return Figure(
        *(NAME, "Press → shown in the browser", METHOD),
        comparisons=[comparison],
        facts=facts + seen.facts,
        targets=[
            Target(f"p99, {way}", Spread.of(times).p99 * 1e3, SHOWN_S * 1e3, "ms")
            for way, times in seen.shown.items()
            if way != FULL
        ],
    )


def _pair(times: list[float]) -> str:
    spread = Spread.of(times)
    return f"{spread.median * 1e3:.0f} ms, {spread.worst * 1e3:.0f} ms"
