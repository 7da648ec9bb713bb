"""Figure 6, live positions: what a hundred fixes a second cost a press, and how soon they are seen.

Presses are timed as in figure 1, in short blocks that alternate on the same server: no fix in
flight; a hundred a second; a hundred a second with all that can follow from them (drivers whose
alert is with the police, a console that reads at every hint). Then, without presses, how long a fix
takes into the database, to the console and, of a driver, to the control room. Fixes and console are
processes of their own, so that the loop that times the presses does nothing else.
"""

import asyncio
import contextlib
import json
import random
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.blocks import CRITERION, not_slower, ratio
from bench.figures import Comparison, Figure, Spread, Target
from bench.fixes import Walker
from bench.live_trail import Seen, Trail
from bench.phones import Phones, press_point
from bench.process import beside, said, tell
from bench.world import LONGEST_DEADLINES, Machine, World, device

NAME = "live"
STANDING, DRIVING, DRIVING_KMH = 100, 20, 50.0
ROUNDS, QUICK_ROUNDS, BLOCK = 36, 6, 75
FOLLOWED_S, QUICK_FOLLOWED_S = 60.0, 15.0
WARM_UP, PAUSE_S, SETTLE_S = 200, 0.004, 0.6
SEEN_S = 1.0
NONE, AGAIN, FIXES, ALL = "none", "none again", "fixes", "everything"
_PARTS = {
    FIXES: [[0, STANDING, 1.0]],
    ALL: [[DRIVING, STANDING + DRIVING, 1.0]],
}
_FOLLOWED = [[0, STANDING - DRIVING // 5, 1.0], [STANDING, STANDING + DRIVING, 5.0]]
METHOD = (
    f"Press → receipt as in the first figure, in blocks of {BLOCK} presses on one server, every "
    f"round in another order: twice with no fix in flight, once with {STANDING} fixes a second "
    f"(as many phones with open alerts, each once a second), and once with {STANDING} fixes a "
    f"second of which {DRIVING} are of phones driving at {DRIVING_KMH:g} km/h whose alerts are "
    "with the police, so that the room gets Updates, and a console that reads the open alerts and "
    f"one phone's whereabouts at every hint. {CRITERION} Then no presses: "
    f"{STANDING} fixes a second, the drivers' every 5 s as the server asks for, and the console. "
    "A fix counts from its sending: to its commit's time stamp, to the first hint after that, to "
    "the end of the console's first reading begun after that, and, of a driver, to the Update at "
    "the room."
)


@dataclass(slots=True)
class _Blocks:
    """Samples by round, and the server's own sums and the seconds, by way of working."""

    times: dict[str, list[list[float]]] = field(
        default_factory=lambda: {way: [] for way in (NONE, AGAIN, FIXES, ALL)}
    )
    sums: dict[str, list[float]] = field(default_factory=dict)

    def add(self, way: str, times: list[float], spent: list[float]) -> None:
        """Note a block."""
        self.times[way].append(times)
        before = self.sums.get(way, [0.0] * len(spent))
        self.sums[way] = [a + b for a, b in zip(before, spent, strict=True)]

    def rounds(self, *ways: str) -> list[list[float]]:
        """Return the samples by round, of these ways together."""
        parts = zip(*(self.times[way] for way in ways), strict=True)
        return [[one for part in parts_of for one in part] for parts_of in parts]

    def all(self, *ways: str) -> list[float]:
        """Return all samples of these ways."""
        return [one for times in self.rounds(*ways) for one in times]


@dataclass(slots=True)
class _Ground:
    """What the blocks work on."""

    world: World
    phones: Phones
    fixes: Process
    console: Process
    followed: list[str]
    pressed: int


async def measure(machine: Machine, *, quick: bool, tick: Any) -> Figure:
    """Measure it; ``tick(done, of)`` tells how far we are."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    async with (
        machine.world(settings=LONGEST_DEADLINES) as world,
        Phones(world.broker.url) as phones,
        _ground(world, phones, machine.folder) as ground,
    ):
        await _presses(ground, WARM_UP)
        blocks = _Blocks()
        for number in range(rounds):
            for way in random.sample(list(blocks.times), 4):
                await _block(ground, way, blocks)
            tick(number + 1, rounds + 1)
        await world.arrivals()
        began = time.time()
        await _begin(ground, _FOLLOWED, reads=True)
        await asyncio.sleep(QUICK_FOLLOWED_S if quick else FOLLOWED_S)
        await _stop(ground)
        await asyncio.sleep(SETTLE_S)
        seen = await _seen(ground, machine.folder, began)
        tick(rounds + 1, rounds + 1)
    return _figure(blocks, seen)


@contextlib.asynccontextmanager
async def _ground(world: World, phones: Phones, folder: Path) -> AsyncIterator[_Ground]:
    """Open the alerts, some of them with the police, and connect phones and console."""
    devices = [device(k) for k in range(STANDING + DRIVING)]
    alerts = await phones.press_all(devices)
    since = time.time()
    headers = {"Authorization": f"Bearer {world.token}"}
    for alert in alerts[STANDING:]:
        url = f"{world.url}/api/v1/alerts/{alert}/decision"
        async with world.http.post(url, json={"verdict": "police"}, headers=headers) as answer:
            answer.raise_for_status()
    walkers = [
        Walker(one, *press_point(k + 1), DRIVING_KMH if k >= STANDING else 0.0, since)
        for k, one in enumerate(devices)
    ]
    plan = {"host": "127.0.0.1", "port": world.broker.port, "walkers": [asdict(w) for w in walkers]}
    console = {"api": f"{world.url}/api/v1", "token": world.token, "looked_at": alerts[-1]}
    (folder / "fixes.json").write_text(json.dumps(plan))
    (folder / "console.json").write_text(json.dumps(console))
    async with (
        beside("bench.fixes", str(folder / "fixes.json")) as fixes,
        beside("bench.console", str(folder / "console.json")) as listener,
    ):
        yield _Ground(world, phones, fixes, listener, devices, len(devices))


async def _block(ground: _Ground, way: str, blocks: _Blocks) -> None:
    """Let this way of working settle, then time presses in it; what was before it settles too."""
    await _begin(ground, _PARTS.get(way, []), reads=way == ALL)
    await asyncio.sleep(SETTLE_S)
    before, begin = await ground.world.press_sums(), time.monotonic()
    times = await _presses(ground, BLOCK)
    took, after = time.monotonic() - begin, await ground.world.press_sums()
    await _stop(ground)
    blocks.add(way, times, [*(b - a for a, b in zip(before, after, strict=True)), took])
    await _tidy(ground)


async def _begin(ground: _Ground, parts: list[list[float]], *, reads: bool) -> None:
    tell(ground.console, "read" if reads else "rest")
    tell(ground.fixes, json.dumps(parts))


async def _stop(ground: _Ground) -> None:
    tell(ground.fixes, "stop")
    assert await said(ground.fixes) == "stopped"


async def _presses(ground: _Ground, n: int) -> list[float]:
    """Press so many times, each another phone's; return the seconds to each receipt."""
    times = []
    for _ in range(n):
        await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))
        times.append((await ground.phones.press(device(ground.pressed)))[0])
        ground.pressed += 1
    return times


async def _tidy(ground: _Ground) -> None:
    """Leave only the followed alerts open, and no deadline that would pass meanwhile."""
    await ground.world.fetch(
        "WITH closed AS (UPDATE alert SET status = 'closed', closed_at = now(), "
        "closed_by = 'bench', verdict = 'no_danger', verdict_at = now() "
        "WHERE status = 'ringing' AND device <> ALL ($1::text[]) RETURNING id) "
        "DELETE FROM deadline d USING closed c WHERE d.alert_id = c.id",
        ground.followed,
    )
    await ground.world.fetch(
        "UPDATE deadline SET due_at = due_at + interval '1 day' "
        "WHERE due_at < now() + interval '12 hours'"
    )


async def _seen(ground: _Ground, folder: Path, began: float) -> Seen:
    """Join what was sent with the database, the console and the room."""
    told = []
    for process, name in ((ground.fixes, "fixes"), (ground.console, "console")):
        tell(process, "end")
        assert await said(process) == "written"
        told.append(json.loads((folder / f"{name}.out.json").read_text()))
    fixes, console = told
    trail = Trail(fixes, console["hints"], console["readings"], await ground.world.arrivals())
    return trail.seen(await Trail.rows(ground.world), since=began)


def _figure(blocks: _Blocks, seen: Seen) -> Figure:
    press = Comparison(
        f"press → receipt, {STANDING} fixes a second",
        blocks.all(FIXES),
        blocks.all(NONE, AGAIN),
        "no fix in flight",
        {"fixes, drivers' Updates and a console that reads": blocks.all(ALL)},
    )
    base = blocks.rounds(NONE, AGAIN)
    judged = {
        f"{what}, {name}": ratio(blocks.rounds(way), base, part)
        for way, what in ((FIXES, "fixes ÷ none"), (ALL, "everything ÷ none"))
        for name, part in (("median", 0.5), ("p99", 0.99))
    }
    nothing = {
        f"none ÷ none, {name}": ratio(blocks.rounds(AGAIN), blocks.rounds(NONE), part)
        for name, part in (("median", 0.5), ("p99", 0.99))
    }
    return Figure(
        *(NAME, "Live positions", METHOD),
        comparisons=[press, *seen.comparisons()],
        facts=[
            *((what, str(found)) for what, found in (judged | nothing).items()),
            *(_inside(way, blocks.sums[way]) for way in blocks.sums),
            *seen.facts(),
        ],
        targets=[
            *(not_slower(f"press → receipt, {what}", judged[what]) for what in list(judged)[:2]),
            *(
                Target(f"{what}, p99", Spread.of(times).p99, SEEN_S, "s")
                for what, times in seen.within_a_second().items()
            ),
        ],
    )


def _inside(way: str, sums: list[float]) -> tuple[str, str]:
    commit, receipt, n, processor, seconds = sums
    return (
        f"inside the server, {way}: arrival → commit, → receipt, its share of a processor",
        f"{commit / n * 1e3:.2f} ms, {receipt / n * 1e3:.2f} ms, {processor / seconds:.0%}",
    )
