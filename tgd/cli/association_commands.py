"""``tgd associations …``: conventions, who is cleared under them, and whom each follows.

What each does stands in ``associations``; it is imported inside, as in ``commands``.
"""

from typing import Annotated

import typer

from tgd.cli.asked import finish, settings

associations = typer.Typer(help="Who of an association sees whom.", no_args_is_help=True)

_Convention = Annotated[str, typer.Argument(help="Its id in `tgd associations list`.")]
_Clearance = Annotated[str, typer.Argument(help="Its id in `tgd associations list`.")]


@associations.command("list")
def listed() -> None:
    """Print conventions, who is cleared under each, and how many persons each follows."""
    from tgd.cli import associations as work  # noqa: PLC0415  the database's driver

    finish(work.listed(settings("database_url")))


@associations.command("agree")
def agree(
    association: Annotated[str, typer.Argument(help="The association's name.")],
    until: Annotated[
        str, typer.Option(help="The convention's end: a day, or a time with its zone.")
    ],
    tribunal: Annotated[str | None, typer.Option(help="Whose, if there are several.")] = None,
) -> None:
    """Enter a convention from now on; a new term is a new one."""
    from tgd.cli import associations as work  # noqa: PLC0415  the database's driver

    finish(work.agree(settings("database_url"), association, until, tribunal))


@associations.command("end")
def end(convention: _Convention) -> None:
    """End a convention: nobody sees anybody under it any more."""
    from tgd.cli import associations as work  # noqa: PLC0415  the database's driver

    finish(work.end(settings("database_url"), convention))


@associations.command("clear")
def clear(
    convention: _Convention,
    username: Annotated[str, typer.Argument(help="The member's account.")],
) -> None:
    """Record that the prosecutor has cleared a member by name."""
    from tgd.cli import associations as work  # noqa: PLC0415  the database's driver

    finish(work.clear(settings("database_url"), convention, username))


@associations.command("end-clearance")
def end_clearance(clearance: _Clearance) -> None:
    """End a member's clearance."""
    from tgd.cli import associations as work  # noqa: PLC0415  the database's driver

    finish(work.end_clearance(settings("database_url"), clearance))


@associations.command("entrust")
def entrust(
    clearance: _Clearance,
    beneficiary: Annotated[str, typer.Argument(help="The person's id.")],
    *,
    ended: Annotated[
        bool, typer.Option("--ended", help="The member follows her no longer.")
    ] = False,
) -> None:
    """Have a cleared member follow a person."""
    from tgd.cli import associations as work  # noqa: PLC0415  the database's driver

    finish(work.entrust(settings("database_url"), clearance, beneficiary, ended=ended))
