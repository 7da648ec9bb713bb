"""``python -m bench``: every figure beside its floor, with progress, and a report at the end."""

import time
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import (
    decision_room,
    dispatches,
    live,
    load,
    machine,
    outage,
    press_receipt,
    report,
    shown,
    storm,
    where,
)
from bench.figures import Figure
from bench.world import Machine

FIGURES = {
    one.NAME: one
    for one in (press_receipt, live, shown, decision_room, load, storm, dispatches, outage, where)
}
PHONES, QUICK_PHONES = 26_000, 10_000
OUT = Path(__file__).parent / "out"

cli = typer.Typer(add_completion=False)


@cli.command()
def main(
    *,
    only: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(FIGURES)}; may be repeated.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A short form: trust no digit.")] = False,
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = OUT,
    postgres: Annotated[
        Path | None, typer.Option(help="PostgreSQL's programs, instead of the embedded ones.")
    ] = None,
) -> None:
    """Measure the whole server beside what this machine could do at best."""
    unknown = set(only or ()) - set(FIGURES)
    if unknown:
        raise typer.BadParameter(f"no figure {', '.join(unknown)}: {', '.join(FIGURES)}")
    names = [name for name in FIGURES if not only or name in only]
    console = Console()
    figures, on = uvloop.run(_measure(names, out, postgres, console, quick=quick))
    _show(console, figures)
    for path in report.write(out, on, figures):
        console.print(f"[dim]{path}[/dim]", highlight=False)


async def _measure(
    names: list[str], out: Path, postgres: Path | None, console: Console, *, quick: bool
) -> tuple[list[Figure], dict[str, str]]:
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    figures: list[Figure] = []
    phones = QUICK_PHONES if quick else PHONES
    with bars:
        preparing = bars.add_task("database, register", total=None)
        async with Machine(out / "run", phones, postgres) as on:
            about = machine.describe(on.folder, await on.version())
            bars.update(preparing, total=1, completed=1)
            for name in names:
                bar = bars.add_task(name, total=None)
                begin = time.monotonic()
                figure = await FIGURES[name].measure(
                    on,
                    quick=quick,
                    tick=lambda done, of, bar=bar: bars.update(bar, completed=done, total=of),
                )
                figure.took_s = time.monotonic() - begin
                figures.append(figure)
    return figures, about


def _show(console: Console, figures: list[Figure]) -> None:
    table = Table("figure", "what", "asked", "measured", "")
    for figure in figures:
        for target in figure.targets:
            row = report.target_row(target)
            table.add_row(figure.title, *row, style="" if target.met else "red")
    console.print(table)


if __name__ == "__main__":
    cli()
