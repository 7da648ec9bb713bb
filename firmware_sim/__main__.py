"""`python -m firmware_sim`: simulated phones from the command line.

Serves whoever wants presses: from the keyboard, from a scenario file, or as a storm. Promises an
exit code of 0 only if every press got its receipt. Leaves the phones to the fleet.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import ssl
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from firmware_sim import load
from firmware_sim.fleet import Fleet
from firmware_sim.mqtt import Broker
from firmware_sim.scenario import Scenario, ScenarioError
from firmware_sim.screen import KEYS, Keyboard, Screen

SPARE_FILES = 200  # descriptors for everything that is no phone's connection
PRINTED = 50  # phones whose events a person can still follow
SETTLE_S = 120.0

cli = typer.Typer(add_completion=False, rich_markup_mode="rich")


@dataclass(frozen=True, slots=True)
class Orders:
    """What the command line asked for."""

    scenario: Scenario | None
    press_rate: float | None
    duration: float | None
    settle: float


@cli.command()
def run(  # noqa: PLR0917  every parameter is an option of the command line
    phones: Annotated[int, typer.Option(min=1, help="How many, ids tgd-86-01 and on.")] = 8,
    broker: Annotated[
        str, typer.Option(help="mqtt:// or mqtts:// addresses, comma-separated, tried in turn.")
    ] = "mqtt://127.0.0.1:1883",
    http: Annotated[
        str | None, typer.Option(help="The server's root: presses go by HTTPS as well.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="Bearer token of every phone.")] = None,
    tokens: Annotated[
        Path | None, typer.Option(help='TOML file of lines "tgd-86-01" = "token".')
    ] = None,
    password: Annotated[
        str | None, typer.Option(help="MQTT password of every phone; the user is the id.")
    ] = None,
    passwords: Annotated[
        Path | None, typer.Option(help='TOML file of lines "tgd-86-01" = "password".')
    ] = None,
    cafile: Annotated[
        Path | None, typer.Option(help="Certificate authority of broker and server (PEM).")
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="TOML file of steps; ends when its presses are receipted.")
    ] = None,
    press_rate: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="A storm: presses a second over all; once each, or for --duration."
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(min=0.0, help="Seconds of storm; without a storm, until all ends."),
    ] = None,
    settle: Annotated[
        float, typer.Option(min=0.0, help="Seconds to wait for the last receipts.")
    ] = SETTLE_S,
    seed: Annotated[int, typer.Option(help="The same seed, the same places and faults.")] = 0,
    store: Annotated[
        Path | None, typer.Option(help="Folder of the phones' memories; none: in memory only.")
    ] = None,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no events.")] = False,
) -> None:
    """Run simulated phones: by keyboard, by --scenario, or as a storm with --press-rate.

    They follow the protocol to the letter: each press is kept before it is sent and repeated until
    the platform's own receipt; 30 s without one is an event [b]dial_112[/b].
    The exit code is 0 only if every press got its receipt.
    """
    console = Console()
    try:
        orders = Orders(Scenario.load(scenario) if scenario else None, press_rate, duration, settle)
        brokers = [url.strip() for url in broker.split(",") if url.strip()]
        for url in brokers:
            Broker.parse(url)
        fleet = Fleet(
            phones,
            brokers=brokers,
            http=http,
            tokens=_secrets(tokens, token),
            passwords=_secrets(passwords, password),
            seed=seed,
            store=store,
            tls=ssl.create_default_context(cafile=str(cafile)) if cafile else None,
        )
        allow_files(phones)
    except (ScenarioError, ValueError, OSError) as fault:
        Console(stderr=True).print(f"[red]{fault}[/red]", soft_wrap=True)
        raise typer.Exit(2) from fault
    if not quiet and phones <= PRINTED:
        fleet.listen(Screen(console))
    raise typer.Exit(uvloop.run(_run(fleet, orders, console)))


def allow_files(phones: int) -> None:
    """Raise this process's limit of open files to what the phones need; OSError if it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = phones + SPARE_FILES
    if soft >= needed:
        return
    most = max(needed, hard) if hard != resource.RLIM_INFINITY else hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
    except ValueError as fault:
        raise OSError(f"{phones} phones need {needed} open files, {hard} are allowed") from fault


async def _run(fleet: Fleet, orders: Orders, console: Console) -> int:
    """Play what was ordered; the exit code."""
    done = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    async with fleet:
        work = asyncio.create_task(_play(fleet, orders, console, done))
        stopped = asyncio.create_task(done.wait())
        await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in (work, stopped):
            task.cancel()
        results = await asyncio.gather(work, stopped, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]
    took = results[0] if isinstance(results[0], float) else None
    console.print(load.summary(fleet, took_s=took))
    return 0 if fleet.tally.receipted == fleet.tally.pressed else 1


async def _play(
    fleet: Fleet, orders: Orders, console: Console, done: asyncio.Event
) -> float | None:
    if orders.press_rate is not None:
        return await _storm(fleet, orders, console, orders.press_rate)
    if orders.scenario is not None:
        await orders.scenario.play(fleet)
        await load.settle(fleet, None, within_s=orders.settle)
        return None
    await _interactive(fleet, orders, console, done)
    return None


async def _storm(fleet: Fleet, orders: Orders, console: Console, rate: float) -> float:
    with load.progress(console) as bars:
        await load.connect(fleet, bars, within_s=orders.settle)
        took = await load.storm(fleet, bars, rate=rate, duration=orders.duration)
        await load.settle(fleet, bars, within_s=orders.settle)
    return took


async def _interactive(fleet: Fleet, orders: Orders, console: Console, done: asyncio.Event) -> None:
    with Keyboard(fleet, done.set).listening() as keys:
        console.print(KEYS if keys else "No keyboard here: the phones only live. Ctrl-C ends.")
        try:
            async with asyncio.timeout(orders.duration):
                await done.wait()
        except TimeoutError:
            return  # the asked-for duration is over


def _secrets(path: Path | None, one: str | None) -> dict[str, str] | str | None:
    """Read a file of secrets by phone, or give the one for all."""
    if path is None:
        return one
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    wrong = [name for name, secret in found.items() if not isinstance(secret, str)]
    if wrong:
        raise ValueError(f"{path}: the secret of {wrong[0]} is no text")
    return found


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
