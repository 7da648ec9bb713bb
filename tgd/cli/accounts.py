"""``tgd user add``: a person's account, its password never on a command line.

An argument would stand in the shell's history and in the list of processes. So the password is
asked for at a terminal, twice and unseen, or is the first line of standard input.
"""

import sys

import pyotp
import typer

from tgd.cli.administration import actor, say
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid
from tgd.seal import Sealer
from tgd.store import accounts, command

ISSUER = "TGD"


async def user_add(
    config: Config,
    *,
    username: str,
    role: str,
    tribunal: str | None,
    totp: bool,
    group: str,
    site: str | None,
) -> None:
    """Make an account; with ``totp`` print the URI from which an authenticator enrols."""
    password = _password()
    secret = pyotp.random_base32() if totp else None
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        await accounts.add_account(
            connection,
            username=username,
            password=password,
            role=role,
            now=now,
            tribunal_id=tribunal,
        )
        await accounts.place(connection, username, group, site)
        if secret is not None:
            sealed = Sealer(config.secret_key).seal(secret.encode(), accounts.totp_about(username))
            await accounts.set_totp(connection, username, sealed)
        done = {"username": username, "role": role, "totp": totp}
        await command.record(connection, now, actor(), "account_added", done)
    if secret is not None:
        typer.echo(pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER))
    say(f"account added: {username}, role {role}, {'with' if totp else 'no'} second factor")
    if role == "prosecutor" and tribunal is None:
        say("warning: a prosecutor without --tribunal sees no register")
    if role == "association" and tribunal is None:
        say("warning: an association without --tribunal sees no calls back")


def _password() -> str:
    """Return the password from the terminal or from the first line of standard input."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Invalid("password", "nothing on standard input: give it as its first line")
    return password
