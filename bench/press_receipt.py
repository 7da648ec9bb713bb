"""Figure 1, press → receipt on a quiet system, beside one echo and one commit of the same rows.

Each press comes from another phone of the register, so that each opens an alert, and brings a
position. Presses and floors take turns in short blocks, with the same pause before each, so that
whatever else the machine does falls on both.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from bench.commits import PressCommits, Sizes, connect, counts, difference
from bench.echo import Echo
from bench.figures import Comparison, Figure, Spread, Target
from bench.phones import Phones, press_bytes
from bench.process import beside
from bench.world import LONGEST_DEADLINES, Machine, World, device

NAME = "press"
WARM_UP, BLOCK = 200, 50
PAUSE_S = 0.004
RESPONDER = "responder"
MEDIAN_AT_MOST, P99_AT_MOST = 1.5, 2.5
METHOD = (
    "One press at a time, each from another phone of the register and with a position, from "
    "publishing to the receipt in hand, over the server's own MQTT client. Floor: one message to "
    "the broker and back by the same client and of the same size, plus one commit of the same rows "
    "by plain INSERTs in one round trip, timed one right after the other. Presses and floors "
    "alternate in blocks of 50, with a pause of 2 to 6 ms before each."
)


@dataclass(slots=True)
class _Times:
    ours: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)
    commit: list[float] = field(default_factory=list)
    row: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)


async def measure(machine: Machine, *, quick: bool, tick: Any) -> Figure:
    """Measure it; ``tick(done, of)`` tells how far we are."""
    blocks = 6 if quick else 24
    times = _Times()
    async with (
        machine.world(settings=LONGEST_DEADLINES) as world,
        machine.database() as scratch,
        Phones(world.broker.url) as phones,
        Echo(world.broker.url) as echo,
        beside("bench.echo", world.broker.url, RESPONDER),
        Echo(world.broker.url, answered_by=RESPONDER) as answered,
    ):
        await PressCommits.prepare(scratch)
        assignment = (await world.fetch("SELECT id FROM assignment LIMIT 1"))[0]["id"]
        payload = press_bytes("0" * 36, 1, 1.7e9)
        await phones.press(device(0))
        sizes = await Sizes.of(world.database_url)
        async with connect(scratch) as connection:
            commits = PressCommits(connection, sizes, assignment)
            same = await _same_rows(world, scratch, phones, commits)
            for number in range(2, WARM_UP):
                await phones.press(device(number))
                await _floor(_Times(), echo, commits, answered, payload)
            done = WARM_UP
            before = await world.press_sums()
            for block in range(blocks):
                for _ in range(BLOCK):
                    await _pause()
                    times.ours.append((await phones.press(device(done)))[0])
                    done += 1
                for _ in range(BLOCK):
                    await _floor(times, echo, commits, answered, payload)
                tick(block + 1, blocks)
            inside = await world.press_sums()
    spent = [now - then for now, then in zip(inside, before, strict=True)]
    return _figure(times, same, sizes, spent)


async def _floor(
    times: _Times, echo: Echo, commits: PressCommits, answered: Echo, payload: bytes
) -> None:
    await _pause()
    times.echo.append(await echo.once(payload))
    times.commit.append(await commits.press())
    times.floor.append(times.echo[-1] + times.commit[-1])
    await _pause()
    times.row.append(await commits.row())
    await _pause()
    times.answered.append(await answered.once(payload))


async def _pause() -> None:
    await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))


async def _same_rows(
    world: World, scratch: str, phones: Phones, commits: PressCommits
) -> dict[str, int]:
    """Return the rows that one press leaves, having seen that the floor leaves as many."""
    before, floor_before = await counts(world.database_url), await counts(scratch)
    await phones.press(device(1))
    await commits.press()
    ours = difference(before, await counts(world.database_url))
    floor = difference(floor_before, await counts(scratch))
    assert ours == floor, f"the floor writes {floor}, a press {ours}"
    return ours


def _figure(times: _Times, same: dict[str, int], sizes: Sizes, inside: list[float]) -> Figure:
    comparison = Comparison(
        "press → receipt",
        times.ours,
        times.floor,
        "one echo + one commit of the same rows",
        {
            "floor: the echo alone": times.echo,
            "floor: the commit alone": times.commit,
            "a commit of one row": times.row,
            "an echo by another process (the broker crossed twice, as by press and receipt)": (
                times.answered
            ),
        },
    )
    twice = [a + c for a, c in zip(times.answered, times.commit, strict=True)]
    answered = Spread.of(times.ours).ratio(Spread.of(twice))
    to_commit, to_receipt, n, _processor = inside
    rows = ", ".join(f"{n} {table}" for table, n in same.items())
    return Figure(
        *(NAME, "Press → receipt, quiet system", METHOD),
        comparisons=[comparison],
        facts=[
            ("rows of one press, and of its floor", rows),
            (
                "sealed bytes of one press, and of its floor",
                f"{sizes.raw} as it came, {sizes.fix} position, {sizes.key} key",
            ),
            ("inside the server, arrival → commit, mean", f"{to_commit / n * 1e3:.2f} ms"),
            ("inside the server, arrival → receipt sent, mean", f"{to_receipt / n * 1e3:.2f} ms"),
            (
                "ratio to the broker crossed twice + the commit (median, p99)",
                f"{answered.median:.2f}, {answered.p99:.2f}",
            ),
        ],
        targets=[
            Target("median over its floor's", comparison.ratio.median, MEDIAN_AT_MOST, "×"),
            Target("p99 over its floor's", comparison.ratio.p99, P99_AT_MOST, "×"),
        ],
    )
