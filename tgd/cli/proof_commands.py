"""The commands that prove something: the journal's, and a case as a signed file.

As in ``tgd.cli.commands``, what each does stands in the module that it imports.
"""

from pathlib import Path
from typing import Annotated

import typer

from tgd.cli.asked import finish, settings

journal_app = typer.Typer(help="The journal, and what proves it.", no_args_is_help=True)
case_app = typer.Typer(help="A case as a whole.", no_args_is_help=True)


@journal_app.command("verify")
def journal_verify(
    since: Annotated[
        str | None, typer.Option(help="Only chains that went on since this date or time.")
    ] = None,
    public_key: Annotated[
        list[Path] | None,
        typer.Option(help="PEM file of a key to be trusted, several times; else our own."),
    ] = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(help="File of checkpoints that were kept outside; else our own copies."),
    ] = None,
) -> None:
    """Prove that nothing in the journal was changed, removed, moved or cut off.

    Changes nothing. Exit code 1 where it was: the first bad entry of each chain is named.
    """
    from tgd.cli.journal import journal_verify as work  # noqa: PLC0415  the database's driver

    config = settings("database_url")
    finish(work(config, since=since, keys=public_key or [], checkpoints=checkpoints or []))


@journal_app.command("checkpoint")
def journal_checkpoint(
    out: Annotated[
        Path | None, typer.Option(help="Add it to this file instead of printing it.")
    ] = None,
) -> None:
    """Sign where the journal's chains end now; print the checkpoint, to be kept elsewhere."""
    from tgd.cli.journal import journal_checkpoint as work  # noqa: PLC0415  the same

    finish(work(settings("database_url"), out))


@journal_app.command("public-key")
def journal_public_key() -> None:
    """Print the public key by which an auditor verifies our checkpoints."""
    from tgd.cli.journal import journal_public_key as work  # noqa: PLC0415  the same

    finish(work(settings()))


@case_app.command("export")
def case_export(
    case_id: Annotated[str, typer.Argument(help="The case's number, as on the console.")],
    out: Annotated[Path, typer.Argument(help="The archive to make; it must not be there yet.")],
    ground: Annotated[
        str, typer.Option(help="procedure, prosecutor, inspection, access or exercise.")
    ],
    reference: Annotated[
        str | None, typer.Option(help="Of the procedure; it goes into the archive alone.")
    ] = None,
) -> None:
    """Write a case into a signed archive: journal, report, and what may still be kept of it.

    Who did it, and on what ground, is entered into its journal first. The archive holds the script
    that verifies it. It says where a person was: keep it accordingly.
    """
    from tgd.cli.case import case_export as work  # noqa: PLC0415  most of the server

    config = settings("database_url", "secret_key")
    finish(work(config, case_id, out, ground=ground, reference=reference))
