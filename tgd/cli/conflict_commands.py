"""``tgd conflicts …``: who must not know of whom.

What each does stands in ``conflicts``; it is imported inside, as in ``commands``.
"""

from typing import Annotated

import typer

from tgd.cli.asked import finish, settings

conflicts = typer.Typer(help="Who must not know of whom.", no_args_is_help=True)

_Who = Annotated[str, typer.Argument(help="Her phone's id, or her own.")]
_Kind = Annotated[str, typer.Argument(help="account, role, site, room or institution.")]
_Value = Annotated[str, typer.Argument(help="Which: a username, a site, a room's id, PN, GN …")]


@conflicts.command("list")
def listed(who: _Who) -> None:
    """Print who must not know of a person."""
    from tgd.cli import conflicts as work  # noqa: PLC0415  the register and its keys

    finish(work.listed(settings("database_url", "secret_key"), who))


@conflicts.command("lock")
def lock(who: _Who, kind: _Kind, value: _Value) -> None:
    """Lock a reader out of all that is hers, at once."""
    from tgd.cli import conflicts as work  # noqa: PLC0415  the register and its keys
    from tgd.conflict import Lock  # noqa: PLC0415  the same

    finish(work.lock(settings("database_url", "secret_key"), who, Lock(kind, value)))


@conflicts.command("lift")
def lift(who: _Who, kind: _Kind, value: _Value) -> None:
    """Let a reader in again."""
    from tgd.cli import conflicts as work  # noqa: PLC0415  the register and its keys
    from tgd.conflict import Lock  # noqa: PLC0415  the same

    finish(work.lift(settings("database_url", "secret_key"), who, Lock(kind, value)))
