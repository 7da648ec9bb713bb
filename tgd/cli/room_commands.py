"""``tgd rooms …``: control rooms and their lines.

What each does stands in ``rooms``; it is imported inside, as in ``commands``.
"""

from pathlib import Path
from typing import Annotated

import typer

from tgd.cli.asked import finish, settings

rooms = typer.Typer(help="Control rooms and their lines.", no_args_is_help=True)


@rooms.command("import")
def rooms_import(
    file: Annotated[Path, typer.Argument(help="A TOML file of [[room]] and [[room.line]].")],
) -> None:
    """Store the rooms of a file over those of the same id; the other rooms are kept.

    Nothing is changed unless the whole file is right. A room is never deleted.
    """
    from tgd.cli.rooms import rooms_import as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url", "secret_key"), file))


@rooms.command("list")
def rooms_list() -> None:
    """Print every room and its lines: adapter, hours, since when it is live, the latest probe.

    Who of the room confirmed an exercise is not told.
    """
    from tgd.cli.rooms import rooms_list as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url")))


@rooms.command("exercise")
def rooms_exercise(
    room: Annotated[str, typer.Argument(help="The room's id.")],
    line: Annotated[
        int | None, typer.Option(help="Its line's number, from 0 on; all electronic ones if not.")
    ] = None,
) -> None:
    """Have the running server send an exercise by a room's lines.

    A line is live once an operator has recorded, on the console, the name of the person
    of that room who has read it. One that nobody confirms within an hour is void.
    """
    from tgd.cli.rooms import rooms_exercise as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), room, line))
