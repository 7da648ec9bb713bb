"""The list of the office's commands with their help; what each does stands in ``office``.

Those imports are inside the commands, as in ``commands``: help and usage errors need none of them.
"""

from pathlib import Path
from typing import Annotated

import typer

from tgd.cli.asked import finish, settings
from tgd.cli.phone_commands import phones
from tgd.config import Config

assignments = typer.Typer(help="Who holds which phone.", no_args_is_help=True)
requests = typer.Typer(help="Who waits for a phone.", no_args_is_help=True)

_Device = Annotated[str, typer.Argument(help="The phone's id.")]
_Assignment = Annotated[str, typer.Argument(help="Its id in `tgd assignments list`.")]
_File = Annotated[
    Path, typer.Option("--file", help="A TOML file: beneficiary, consents, legal_basis, order …")
]


def _config() -> Config:
    return settings("database_url", "secret_key")


@phones.command("stock")
def phones_stock() -> None:
    """Print every phone, those on a red list first."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.phones_list(_config()))


@phones.command("add")
def phones_add(
    device: _Device,
    tribunal: Annotated[str | None, typer.Option(help="Whose, if there are several.")] = None,
    imei: Annotated[str | None, typer.Option(help="15 digits.")] = None,
    iccid: Annotated[str | None, typer.Option(help="The card's number; sealed.")] = None,
    msisdn: Annotated[str | None, typer.Option(help="Its telephone number; sealed.")] = None,
    generation: Annotated[str | None, typer.Option(help="2G, 3G, 4G or 5G.")] = None,
    label: Annotated[str | None, typer.Option(help="What its sticker says.")] = None,
    firmware: Annotated[str | None, typer.Option(help="As it was prepared.")] = None,
) -> None:  # fmt: skip
    """Enter a phone into the stock, or change what is known of one."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys
    from tgd.justice.flow.stock import Known  # noqa: PLC0415  the same

    known = Known(label, imei, generation, firmware, iccid, msisdn)
    finish(office.phones_add(_config(), device, tribunal, known))


@phones.command("state")
def phones_state(
    device: _Device,
    state: Annotated[
        str, typer.Argument(help="lost, stolen, broken, found, repaired, in_stock or reserve.")
    ],
) -> None:
    """Say what has become of a phone. Its button works as before."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.phones_state(_config(), device, state))


@phones.command("wipe")
def phones_wipe(device: _Device) -> None:
    """Attest that a phone holds nothing any more of whoever had it."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.phones_wipe(_config(), device))


@phones.command("lend")
def phones_lend(
    device: _Device,
    to: Annotated[str | None, typer.Argument(help="A tribunal; none: it is back.")] = None,
) -> None:
    """Lend a phone within the court of appeal, or have it back."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.phones_lend(_config(), device, to))


@phones.command("compromised")
def phones_compromised(
    device: _Device,
    by: Annotated[str, typer.Option("--as", help="Who says so: an account's name.")],
    *,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="As the second person: its credentials end.")
    ] = False,
) -> None:
    """Call a phone compromised; a second person confirms, once its replacement was tested."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.phones_compromised(_config(), device, by, confirm=confirm))


@phones.command("allocate")
def phones_allocate(
    tribunal: Annotated[str, typer.Argument(help="The tribunal's id.")],
    allocation: Annotated[int, typer.Argument(min=0, help="So many may be out.")],
    reserve: Annotated[int | None, typer.Option(min=0, help="So many stay for tomorrow.")] = None,
) -> None:
    """Say how many phones a tribunal may have out; refused below what is out."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.phones_allocate(_config(), tribunal, allocation, reserve))


@assignments.command("list")
def assignments_list(
    *, ended: Annotated[bool, typer.Option("--all", help="Those too whose phone is back.")] = False
) -> None:
    """Print who holds which phone until when."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.assignments_list(_config(), ended=ended))


@assignments.command("show")
def assignments_show(assignment: _Assignment) -> None:
    """Print what happened to one, oldest first."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.assignments_show(_config(), assignment))


@assignments.command("add")
def assignments_add(file: _File) -> None:
    """Give a person a phone and print its id; exit code 1 and the request's where none is free."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.assignments_add(_config(), file))


@assignments.command("test")
def assignments_test(
    assignment: _Assignment,
    label: Annotated[str | None, typer.Option(help="As the sticker says.")] = None,
    imei: Annotated[str | None, typer.Option(help="As the phone says.")] = None,
    sim: Annotated[str | None, typer.Option(help="ICCID or telephone number, as read.")] = None,
    *,
    identity: Annotated[
        bool, typer.Option("--identity", help="Whoever spoke is the beneficiary.")
    ] = False,
    wiped: Annotated[bool, typer.Option("--wiped", help="It was wiped before.")] = False,
) -> None:
    """Finish a hand-over by a press that was heard; exit code 1 and what it lacks, if it does."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    said: dict[str, object] = {"label": label, "imei": imei, "sim": sim, "identity": identity}
    finish(office.assignments_test(_config(), assignment, said, wiped=wiped))


@assignments.command("renew")
def assignments_renew(
    assignment: _Assignment,
    until: Annotated[str | None, typer.Option(help="A day; six months if unsaid.")] = None,
) -> None:
    """Add a term of six months at most."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.assignments_renew(_config(), assignment, until))


@assignments.command("revoke")
def assignments_revoke(
    assignment: _Assignment,
    reason: Annotated[str, typer.Option(help="danger_over, aggressor_jailed, her_wish …")],
) -> None:
    """End one. Until the phone is back it raises alerts as before."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.assignments_revoke(_config(), assignment, reason))


@assignments.command("return")
def assignments_return(
    assignment: _Assignment,
    *,
    wiped: Annotated[bool, typer.Option("--wiped", help="It was wiped as well.")] = False,
) -> None:
    """Attest that a phone is back: its credentials end."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.assignments_return(_config(), assignment, wiped=wiped))


@requests.command("list")
def requests_list() -> None:
    """Print the waiting list, the oldest request first, each with its reason."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.requests_list(_config()))


@requests.command("add")
def requests_add(file: _File) -> None:
    """Enter a request and print its id."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.requests_add(_config(), file))


@requests.command("refuse")
def requests_refuse(
    request: Annotated[str, typer.Argument(help="Its id in `tgd requests list`.")],
    reason: Annotated[str, typer.Option(help="conditions_not_met, no_consent …")],
) -> None:
    """Refuse a request, for a reason."""
    from tgd.cli import office  # noqa: PLC0415  the register and its keys

    finish(office.requests_refuse(_config(), request, reason))
