"""Figure 3, presses per second: latency at increasing offered load, up to saturation, none lost.

Each load has a whole world of its own (database, broker, server), so that none inherits another's
backlog, and ends with the check that every receipted press stands in the database exactly once,
with an alert. Beside it the same load runs against a responder that stores nothing: what broker
and generator can do at all.
"""

import contextlib
import json
import time
from asyncio.subprocess import Process
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.figures import Figure, Spread, Step, Target, percentile
from bench.generator import PATIENCE_S, Outcome, Plan
from bench.process import beside, said, tell
from bench.world import LONGEST_DEADLINES, Machine, World, device

NAME = "load"
CONNECTIONS, PROCESSES = 1000, 2
WARM_UP, WARM_UP_RATE, REST_S = 600, 600.0, 0.7
LOADS = (500, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 10000)
SECONDS, MOST = 4.0, 24_000
AIM_RATE, AIM_P99_RATE, AIM_P99_S = 5000.0, 3000.0, 0.025
OPENS, JOINS, FLOOR = "each press opens an alert", "most presses join one", "floor: nothing stored"
METHOD = (
    f"{CONNECTIONS} connections offer presses at a fixed rate for a few seconds (open loop; "
    "latency counts from the moment a press was due to its receipt), each load on a fresh "
    "database, broker and server after a warm-up; loads rise until two in a row are more than is "
    "taken. Generator: two lean processes, every press encoded beforehand, nothing repeated. After "
    "each load every receipted press must be in the database exactly once. Floor: the same load "
    "against a process that answers each press and stores nothing."
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the database says of the receipted presses."""

    stored: int
    doubled: int
    lost: int


async def measure(machine: Machine, *, quick: bool, tick: Any) -> Figure:
    """Measure all three series; ``tick(done, of)`` tells how far we are."""
    loads = (1000, 3000, 6000) if quick else LOADS
    figure = Figure(NAME, "Presses per second", METHOD)
    done, of = 0, 3 * len(loads)
    for series in (OPENS, JOINS, FLOOR):
        steps = figure.series[series] = []
        for number, load in enumerate(loads):
            steps.append(await _step(machine, series, load, 1.5 if quick else SECONDS))
            tick(done + number + 1, of)
            if _saturated(steps):
                break
        done += len(loads)
        tick(done, of)
    _judge(figure)
    return figure


def _saturated(steps: list[Step]) -> bool:
    """Whether two loads in a row were more than the server takes."""
    return len(steps) > 1 and all(step.rate < 0.9 * step.offered for step in steps[-2:])


async def _step(machine: Machine, series: str, load: float, seconds: float) -> Step:
    """Offer one load for some seconds in a world of its own."""
    n = min(int(load * seconds), MOST, machine.phones - WARM_UP)
    phones = CONNECTIONS if series == JOINS else n
    presses = [(device(n + k), k / WARM_UP_RATE) for k in range(WARM_UP)]
    begin = WARM_UP / WARM_UP_RATE + REST_S
    presses += [(device(k % phones), begin + k / load) for k in range(n)]
    if series == FLOOR:
        checked = Checked(0, 0, 0)
        async with machine.broker() as broker, beside("bench.responder", broker.url):
            outcomes, cpu = await _offer(broker.port, machine.folder, presses)
    else:
        async with machine.world(settings=LONGEST_DEADLINES) as world:
            outcomes, cpu = await _offer(world.broker.port, machine.folder, presses)
            checked = await _check(world, outcomes)
    measured = [one for one in outcomes if one.due >= begin]
    return _result(load, measured, checked, cpu)


async def _offer(
    port: int, folder: Path, presses: list[tuple[str, float]]
) -> tuple[list[Outcome], float]:
    """Let the generator's processes offer this, each its part, from the same moment on.

    Returns what came of each press, and the generator's processor seconds for each.
    """
    async with contextlib.AsyncExitStack() as stack:
        running: list[tuple[Path, Process]] = []
        for part in range(PROCESSES):
            path = folder / f"part-{part}.json"
            plan = Plan(
                host="127.0.0.1",
                port=port,
                name=f"load-{part}",
                connections=CONNECTIONS // PROCESSES,
                presses=presses[part::PROCESSES],
            )
            path.write_text(json.dumps(asdict(plan)))
            running.append(
                (path, await stack.enter_async_context(beside("bench.generator", str(path))))
            )
        start = time.monotonic() + 0.5
        for _, process in running:
            tell(process, str(start))
        for _, process in running:
            await said(process, presses[-1][1] + 2 * PATIENCE_S)
        told = [json.loads(path.with_suffix(".out.json").read_text()) for path, _ in running]
    outcomes = [Outcome(**one) for part in told for one in part["outcomes"]]
    return outcomes, sum(part["cpu_s"] for part in told) / len(outcomes)


async def _check(world: World, outcomes: Iterable[Outcome]) -> Checked:
    """Look for each receipted press in the database, with its alert."""
    rows = await world.fetch(
        "SELECT p.device, p.sent_id, count(*) AS n, count(k.alert_id) AS alerts FROM press p "
        "LEFT JOIN alert_press k ON k.press_no = p.no GROUP BY 1, 2"
    )
    found = {(row["device"], row["sent_id"]): (row["n"], row["alerts"]) for row in rows}
    each = [found.get((one.device, one.id)) for one in outcomes if one.receipted is not None]
    return Checked(
        stored=sum(one == (1, 1) for one in each),
        doubled=sum(one is not None and one[0] > 1 for one in each),
        lost=sum(one is None or one[1] == 0 for one in each),
    )


def _result(load: float, measured: list[Outcome], checked: Checked, cpu: float) -> Step:
    got = [one for one in measured if one.receipted is not None]
    first = min(one.due for one in measured)
    last = max(one.receipted or 0 for one in got)
    return Step(
        offered=load,
        sent=len(measured),
        receipted=len(got),
        rate=len(got) / (last - first),
        latency=Spread.of([(one.receipted or 0) - one.due for one in got]),
        stored=checked.stored,
        doubled=checked.doubled,
        lost=checked.lost,
        late_generator=percentile(sorted(one.sent - one.due for one in measured), 0.99),
        generator_cpu=cpu,
    )


def _judge(figure: Figure) -> None:
    opens = figure.series[OPENS]
    best = max(opens, key=lambda step: step.rate)
    figure.targets.append(
        Target("most receipted presses a second", best.rate, AIM_RATE, "/s", at_least=True)
    )
    for step in opens:
        if step.offered == AIM_P99_RATE:
            figure.targets.append(
                Target("p99 at 3,000/s", step.latency.p99 * 1e3, AIM_P99_S * 1e3, "ms")
            )
    steps = [*opens, *figure.series[JOINS]]
    missing = sum(step.sent - step.receipted for step in steps)
    wrong = sum(step.lost + step.doubled for step in steps)
    figure.targets.append(Target("presses without a receipt, all loads", missing, 0))
    figure.targets.append(Target("receipted presses lost or doubled, all loads", wrong, 0))
