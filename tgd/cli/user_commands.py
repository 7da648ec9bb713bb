"""``tgd user …``: the commands about accounts that stand; making one is in ``commands``."""

from typing import Annotated

import typer

from tgd.cli.asked import finish, settings

Username = Annotated[str, typer.Argument(help="The account's name.")]


def add_to(user: typer.Typer) -> None:
    """Add the commands to ``tgd user``."""
    user.command("list")(listing)
    user.command("totp")(totp)
    user.command("recovery")(recovery)
    user.command("password")(password)
    user.command("unlock")(unlock)
    user.command("sessions")(sessions)
    user.command("disable")(disable)
    user.command("enable")(enable)


def listing() -> None:
    """Print every account: its role, how it logs in, and whether it has ended."""
    from tgd.cli.accounts import user_list as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url")))


def totp(
    username: Username,
    *,
    off: Annotated[bool, typer.Option("--off", help="Ask for no second factor any more.")] = False,
) -> None:
    """Give an account a second factor: a code to photograph, then the number that it makes.

    Nothing changes until that number is right. A former second factor and its recovery codes are
    void from then on. Without a terminal, the number is read from standard input.
    """
    from tgd.cli import second_factor as work  # noqa: PLC0415  the database's driver

    config = settings("database_url", "secret_key")
    finish(work.user_totp_off(config, username) if off else work.user_totp(config, username))


def recovery(username: Username) -> None:
    """Print ten new recovery codes, each for one login without the second factor.

    Those printed before serve no more. They are shown once: only their hashes are kept.
    """
    from tgd.cli.accounts import user_recovery as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), username))


def password(username: Username) -> None:
    """Set a new password, asked for or read from standard input; every session ends."""
    from tgd.cli.accounts import user_password as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), username))


def unlock(
    username: Annotated[str | None, typer.Argument(help="The account's name.")] = None,
    address: Annotated[
        str | None, typer.Option(help="The address from which too many logins failed.")
    ] = None,
) -> None:
    """Let somebody who has failed too often try again at once."""
    from tgd.cli.accounts import user_unlock as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url", "secret_key"), username, address))


def sessions(
    username: Username,
    *,
    end: Annotated[bool, typer.Option("--end", help="End them all.")] = False,
) -> None:
    """List an account's sessions, or end them."""
    from tgd.cli.accounts import user_sessions as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), username, end=end))


def disable(username: Username) -> None:
    """Lock an account until `tgd user enable`; its sessions end with it."""
    from tgd.cli.accounts import user_disable as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), username))


def enable(username: Username) -> None:
    """Let an account that was ended log in again, with the password and the codes that it had."""
    from tgd.cli.accounts import user_enable as work  # noqa: PLC0415  the database's driver

    finish(work(settings("database_url"), username))
