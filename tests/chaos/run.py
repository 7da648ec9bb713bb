"""Kill what the platform stands on, under load, and prove that nobody's press was lost.

    python tests/chaos/run.py [server|database|broker|all] [--presses 500] [--kills 20] [--seed N]

Each run has a database, a broker and a control room of its own, the server as a child process,
and 8 phones that press all the while. Afterwards three sentences must hold: every receipted press
is in the database exactly once; every press is receipted in the end; every alert is one case at
the control room and ends acknowledged. Prints figures; exit code 1 if a sentence does not hold.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos.stage import Stage

from firmware_sim import Kind
from tgd.demo.broker import Broker, start_broker
from tgd.demo.postgres import EmbeddedPostgres
from tgd.store.migrate import migrate

OUTAGE_S = 10.0
VOLLEY, VOLLEY_S = 8, 0.015
"""Presses made just before each blow, and within how many seconds of them it falls."""
SETTLE_S = 400.0
KINDS = ("server", "database", "broker")
_console = Console()


@dataclass(frozen=True)
class Findings:
    """What a run came to; ``wrong`` is empty where the three sentences hold."""

    kind: str
    seed: int
    wrong: list[str]
    figures: dict[str, object]


async def campaign(
    kind: str,
    *,
    database_url: str,
    broker: Broker,
    folder: Path,
    seed: int,
    presses: int,
    kills: int,
    every_s: float,
    left: float = 0.25,
    closed: bool = True,
    postgres: EmbeddedPostgres | None = None,
    bars: Progress | None = None,
) -> Findings:
    """Press ``presses`` times while ``kind`` is killed ``kills`` times; then do the sums."""
    began = time.monotonic()
    async with Stage(database_url, broker.url, folder, seed, left=left) as stage:
        blows = {
            "server": lambda: _server(stage),
            "database": lambda: _database(stage, postgres),
            "broker": lambda: _broker(stage, broker),
        }
        # As long as the killing lasts, with presses all the while, and some after it.
        length_s = kills * every_s + (OUTAGE_S if kind == "database" else 0) * kills + 2
        aimed = VOLLEY * kills
        pressing = asyncio.create_task(_press(stage, presses - aimed, length_s, bars))
        await _strike(stage, blows[kind], kills, every_s, bars)
        await pressing
        wrong = [*stage.faults]
        for waiting, what in (
            (stage.all_receipted, "not every press is receipted"),
            (
                partial(stage.all_acknowledged, closed=closed),
                "not every alert is acknowledged" + " and closed" * closed,
            ),
        ):
            try:
                await waiting(SETTLE_S)
            except TimeoutError:
                wrong.append(f"{what} after {SETTLE_S:.0f} s")
        wrong += await stage.audit()
        return Findings(kind, seed, wrong, await _figures(stage, time.monotonic() - began))


async def _press(stage: Stage, presses: int, length_s: float, bars: Progress | None) -> None:
    """Press at random moments, on phones taken at random."""
    luck, phones = random.Random(stage.seed + 1), list(stage.fleet)
    bar = bars.add_task("presses", total=presses) if bars else None
    start = time.monotonic()
    for moment in sorted(luck.uniform(0, length_s) for _ in range(presses)):
        await asyncio.sleep(max(0.0, start + moment - time.monotonic()))
        luck.choice(phones).press_now()
        if bars and bar is not None:
            bars.advance(bar)


async def _strike(
    stage: Stage,
    blow: Callable[[], Awaitable[None]],
    kills: int,
    every_s: float,
    bars: Progress | None,
) -> None:
    """Strike at random moments, each time with presses of every phone on their way."""
    bar = bars.add_task("kills", total=kills) if bars else None
    for _ in range(kills):
        await asyncio.sleep(stage.luck.uniform(0.2, 1.8) * every_s)
        for phone in list(stage.fleet)[:VOLLEY]:
            phone.press_now()
        await asyncio.sleep(stage.luck.uniform(0, VOLLEY_S))
        await blow()
        if bars and bar is not None:
            bars.advance(bar)


async def _server(stage: Stage) -> None:
    """Kill the server and start it again; it is not waited for more often than by chance."""
    await asyncio.to_thread(stage.server.kill)
    stage.server.start()
    if stage.luck.random() < 0.8:  # now and then it is killed again while it starts
        await stage.server.ready(stage.http)


async def _database(stage: Stage, postgres: EmbeddedPostgres | None) -> None:
    if postgres is None:
        raise ValueError("there is no database to kill")
    await asyncio.to_thread(postgres.kill)
    await asyncio.sleep(OUTAGE_S)
    await asyncio.to_thread(postgres.start)
    await stage.server.ready(stage.http)


async def _broker(stage: Stage, broker: Broker) -> None:
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.start)
    await stage.server.ready(stage.http)


async def _figures(stage: Stage, took_s: float) -> dict[str, object]:
    tally = stage.fleet.tally
    connection = await asyncpg.connect(stage.database_url)
    try:
        alerts, dispatches, envelopes = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM alert), (SELECT count(*) FROM dispatch), "
            "(SELECT count(*) FROM envelope)"
        )
        rescued = await connection.fetchval("SELECT count(*) FROM alert WHERE rescued")
        graced = await connection.fetchval(
            "SELECT count(*) FROM journal WHERE kind = 'rang_after_interruption'"
        )
    finally:
        await connection.close()
    room = stage.room.room().figures()
    receipts = stage.events.all(Kind.RECEIPT)
    duplicates = sum(e.details["code"] == "duplicate" for e in receipts)
    p50, p99, worst = (tally.percentile(percent) or 0.0 for percent in (50, 99, 100))
    recoveries = sorted(stage.server.recoveries)
    return {
        "presses": tally.pressed,
        "receipted": tally.receipted,
        "receipted as duplicates": duplicates,
        "sendings": tally.sent,
        "gesture to receipt p50 / p99 / worst": f"{p50:.3f} / {p99:.2f} / {worst:.2f} s",
        "calls to 112": tally.dialled,
        "starts of the server": stage.server.starts,
        "ready again, median / worst": (
            f"{recoveries[len(recoveries) // 2]:.2f} / {recoveries[-1]:.2f} s"
            if recoveries
            else "-"
        ),
        "alerts": alerts,
        "rescued": rescued,
        "given 20 s of grace": graced,
        "dispatches": dispatches,
        "messages": envelopes,
        "cases at the room": room["cases"],
        "repeated messages at the room": room["duplicates"],
        "the bot was refused": dict(stage.bot.refused),
        "errors in the log": dict(stage.server.complaints()),
        "seconds": round(took_s, 1),
    }


async def _with_everything_new(kind: str, seed: int, presses: int, kills: int) -> Findings:
    with tempfile.TemporaryDirectory(prefix="tgd-chaos-") as name:
        folder = Path(name)
        postgres = EmbeddedPostgres(folder / "postgres")
        await asyncio.to_thread(postgres.start)
        broker = start_broker(0, folder / "broker", kind="mosquitto")
        try:
            await migrate(postgres.url)
            with Progress(console=_console) as bars:
                return await campaign(
                    kind,
                    database_url=postgres.url,
                    broker=broker,
                    folder=folder,
                    seed=seed,
                    presses=presses,
                    kills=kills,
                    every_s=2.5 if kind == "server" else 8.0,
                    postgres=postgres,
                    bars=bars,
                )
        finally:
            broker.kill()
            await asyncio.to_thread(postgres.remove)


def _show(found: Findings) -> None:
    table = Table("what", "figure", title=f"{found.kind} killed, seed {found.seed}")
    for name, value in found.figures.items():
        table.add_row(name, str(value))
    _console.print(table)
    for wrong in found.wrong[:40]:
        _console.print(f"[red]WRONG[/red] {wrong}")
    if not found.wrong:
        _console.print("[green]The three sentences hold.[/green]")


def main(
    kind: Annotated[str, typer.Argument(help="server, database, broker or all")] = "all",
    presses: Annotated[int, typer.Option(min=1, help="Presses in each run.")] = 500,
    kills: Annotated[int, typer.Option(min=1, help="Kills of the server.")] = 20,
    outages: Annotated[int, typer.Option(min=1, help="Kills of database and broker.")] = 2,
    seed: Annotated[int | None, typer.Option(help="Repeats a run's luck.")] = None,
) -> None:
    """Kill it, and see that nothing was lost."""
    if kind not in {*KINDS, "all"}:
        raise typer.BadParameter("server, database, broker or all")
    luck = random.SystemRandom().randrange(10**6) if seed is None else seed
    failed = False
    for one in KINDS if kind == "all" else (kind,):
        _console.print(f"[bold]{one}[/bold]: {presses} presses, seed {luck}")
        times = kills if one == "server" else outages
        found = asyncio.run(_with_everything_new(one, luck, presses, times))
        _show(found)
        failed = failed or bool(found.wrong)
    raise typer.Exit(code=int(failed))


if __name__ == "__main__":
    typer.run(main)
