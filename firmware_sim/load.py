"""A storm of presses over many phones, with its progress and its sum.

Serves the question how much the platform takes. Promises: presses go out at the offered rate
whatever the answers do (an open loop, so a slow platform shows as latency, not as fewer presses);
the sum names what is missing. Asserts nothing: judging the figures is the reader's.
"""

from __future__ import annotations

import asyncio
import resource
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from firmware_sim.fleet import Fleet
from firmware_sim.phone import Phone

STRIDE_S = 0.005  # several presses may fall into one stride at high rates
LOOK_S = 0.1  # how often progress is looked at


def progress(console: Console) -> Progress:
    """Make the bar for connecting and for pressing."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


async def connect(fleet: Fleet, bars: Progress, *, within_s: float) -> bool:
    """Wait for every phone's first connection; whether all came."""
    bar = bars.add_task("connected", total=len(fleet))
    waiting = asyncio.create_task(fleet.connected(within_s=within_s))
    while not waiting.done():
        bars.update(bar, completed=fleet.up)
        await asyncio.wait([waiting], timeout=LOOK_S)
    bars.update(bar, completed=fleet.up)
    return waiting.exception() is None


async def storm(fleet: Fleet, bars: Progress, *, rate: float, duration: float | None) -> float:
    """Press `rate` buttons a second, each phone in turn; once each if no `duration` is given.

    Returns the seconds that the pressing took.
    """
    loop = asyncio.get_running_loop()
    order = list(fleet)
    Random(fleet.seed).shuffle(order)
    total = len(order) if duration is None else round(rate * duration)
    bar = bars.add_task("pressed", total=total)
    start, done = loop.time(), 0
    while done < total:
        due = min(total, int((loop.time() - start) * rate) + 1)
        for number in range(done, due):
            _press(order[number % len(order)])
        done = due
        bars.update(bar, completed=done)
        await asyncio.sleep(max(STRIDE_S, start + done / rate - loop.time()))
    return loop.time() - start


async def settle(fleet: Fleet, bars: Progress | None, *, within_s: float) -> None:
    """Wait until every press has its receipt, or `within_s` has passed."""
    loop = asyncio.get_running_loop()
    bar = bars.add_task("receipted", total=fleet.tally.pressed) if bars else None
    deadline = loop.time() + within_s
    while fleet.tally.receipted < fleet.tally.pressed and loop.time() < deadline:
        await asyncio.sleep(LOOK_S)
        if bars and bar is not None:
            bars.update(bar, completed=fleet.tally.receipted)
    if bars and bar is not None:
        bars.update(bar, completed=fleet.tally.receipted)


def summary(fleet: Fleet, *, took_s: float | None = None) -> Table:
    """Say what became of the presses."""
    tally = fleet.tally
    table = Table("what", "figure", title="Presses and their receipts", title_justify="left")
    rows: list[tuple[str, str]] = [
        ("phones", str(len(fleet))),
        ("presses", str(tally.pressed)),
        ("receipts", str(tally.receipted)),
        ("missing", str(tally.pressed - tally.receipted)),
        ("sendings", str(tally.sent)),
        ("calls to 112", str(tally.dialled)),
        ("paths failed", str(tally.failed)),
    ]
    for percent in (50, 90, 99, 100):
        value = tally.percentile(percent)
        shown = "—" if value is None else f"{value * 1000:.1f} ms"
        rows.append((f"gesture → receipt p{percent}" if percent < 100 else "worst", shown))
    if took_s:
        rows.append(("pressed in", f"{took_s:.2f} s ({tally.pressed / took_s:.0f}/s)"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows.append(("memory at its peak", f"{peak:.0f} MiB"))
    for row in rows:
        table.add_row(*row)
    return table


def _press(phone: Phone) -> None:
    if phone.alive:
        phone.press_now()
