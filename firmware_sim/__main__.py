"""`python -m firmware_sim`: simulated phones from the command line.

Serves whoever wants presses: from the keyboard, from a scenario file, or as a storm. Promises an
exit code of 0 only if every press got its receipt. Leaves the phones to the fleet.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import ssl
import tomllib
from dataclasses import dataclass
from pathlib import Path

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from firmware_sim import load, options
from firmware_sim.control import Remote, drive
from firmware_sim.fleet import Fleet
from firmware_sim.provision import read_all
from firmware_sim.scenario import Scenario
from firmware_sim.screen import KEYS, Keyboard, Screen

SPARE_FILES = 200  # descriptors for everything that is no phone's connection
PRINTED = 50  # phones whose events a person can still follow
CONNECT_S = 5.0  # a scenario begins when all are connected, or after this
REACH_S = 10.0  # in which one phone at least must have come through
SETTLE_S = 120.0

cli = typer.Typer(add_completion=False, rich_markup_mode="rich")


class Unreachable(Exception):
    """No phone could connect by any way; says what to do."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the command line asked for."""

    scenario: Scenario | None
    press_rate: float | None
    duration: float | None
    settle: float
    remote: Remote | None


@cli.command()
def run(  # noqa: PLR0917  every parameter is an option of the command line
    phones: options.Phones = 8,
    broker: options.Addresses = "mqtt://127.0.0.1:1883",
    http: options.Http = None,
    token: options.Token = None,
    tokens: options.Tokens = None,
    password: options.Password = None,
    passwords: options.Passwords = None,
    cafile: options.Authority = None,
    enrolled: options.Enrolled = None,
    scenario: options.Story = None,
    press_rate: options.PressRate = None,
    duration: options.Duration = None,
    settle: options.Settle = SETTLE_S,
    seed: options.Seed = 0,
    store: options.Folder = None,
    *,
    quiet: options.Quiet = False,
    control: options.Control = False,
) -> None:
    """Run simulated phones: by keyboard, --scenario, --control, or as a storm with --press-rate.

    They follow the protocol to the letter: each press is kept before it is sent and repeated until
    the platform's own receipt; 30 s without one is an event [b]dial_112[/b].
    In an alert they report where they are as often and as long as the platform says, whatever their
    own clock shows; they walk and drive by streets, indoors and out, and are silent in dead zones.
    The exit code is 0 only if every press got its receipt.
    """
    console = Console()
    try:
        story = Scenario.load(scenario) if scenario else None
        provisions = read_all(enrolled) if enrolled else {}
        fleet = Fleet(
            list(provisions) or phones,
            brokers=[url.strip() for url in broker.split(",") if url.strip()],
            http=http,
            tokens=_secrets(tokens, token),
            passwords=_secrets(passwords, password),
            seed=seed,
            store=store,
            tls=ssl.create_default_context(cafile=str(cafile)) if cafile else None,
            provisions=provisions,
        )
        allow_files(len(fleet))
    except (ValueError, OSError) as fault:
        Console(stderr=True).print(f"[red]{escape(str(fault))}[/red]", soft_wrap=True)
        raise typer.Exit(2) from fault
    remote = Remote(fleet) if control else None
    if remote:
        console = Console(stderr=True)  # the standard output is the program's
        fleet.listen(remote)
    elif not quiet and len(fleet) <= PRINTED:
        fleet.listen(Screen(console))
    orders = Orders(story, press_rate, duration, settle, remote)
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
    if isinstance(results[0], Unreachable):
        Console(stderr=True).print(f"[red]{escape(str(results[0]))}[/red]", soft_wrap=True)
        return 1
    if isinstance(results[0], Exception):
        raise results[0]
    took = results[0] if isinstance(results[0], float) else None
    console.print(load.summary(fleet, took_s=took))
    return 0 if fleet.tally.receipted == fleet.tally.pressed else 1


async def _play(
    fleet: Fleet, orders: Orders, console: Console, done: asyncio.Event
) -> float | None:
    if orders.remote is not None:
        await drive(orders.remote)
        return None
    if orders.scenario is None:
        await _reached(fleet, min(REACH_S, orders.duration or REACH_S))
    if orders.press_rate is not None:
        return await _storm(fleet, orders, console, orders.press_rate)
    if orders.scenario is not None:
        with contextlib.suppress(TimeoutError):  # a story may be about a broker that is not there
            await fleet.connected(within_s=CONNECT_S)
        await orders.scenario.play(fleet)
        await load.settle(fleet, None, within_s=orders.settle)
        return None
    await _interactive(fleet, orders, console, done)
    return None


async def _reached(fleet: Fleet, within_s: float) -> None:
    """Wait until one phone could send; raises `Unreachable`."""
    try:
        await fleet.connected(1, within_s=within_s)
    except TimeoutError:
        raise Unreachable(
            f"no phone reaches {fleet.ways} within {within_s:g} s: is the broker up, and may"
            " phones connect? Name another with --broker mqtt://HOST:PORT"
        ) from None


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
