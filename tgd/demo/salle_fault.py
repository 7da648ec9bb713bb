"""Orders a fault of a running simulated control room, or ends it, from the command line.

``python -m tgd.demo.salle_fault silent`` and then ``… off``; the page shows which is on.
"""

import asyncio
from typing import Annotated

import typer

from tgd.demo.room import ControlRoom, RoomFailed
from tgd.demo.salle import ADDRESS
from tgd.demo.salle_page import OFF
from tgd.demo.salle_room import FAULTS

cli = typer.Typer(add_completion=False)


@cli.command()
def main(
    fault: Annotated[str, typer.Argument(help=f"One of {', '.join(FAULTS)}, or {OFF}.")],
    origin: Annotated[str, typer.Option(help="Where it runs.")] = "http://127.0.0.1:8086",
    room: Annotated[str, typer.Option(help="The room's address.")] = ADDRESS,
) -> None:
    """Have a room of the simulation fail in one way until it is told otherwise."""
    if fault not in FAULTS and fault != OFF:
        raise typer.BadParameter(f"one of {', '.join(FAULTS)}, {OFF}")
    try:
        asyncio.run(_order(origin, room, fault))
    except RoomFailed as failure:
        typer.echo(str(failure), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{room}: {fault}")


async def _order(origin: str, address: str, fault: str) -> None:
    room = ControlRoom(origin, address)
    try:
        await room.fail(fault)
    finally:
        await room.close()


if __name__ == "__main__":
    cli()
