"""``tgd user totp``: a second factor for an account that stands, given, proved, taken away.

The secret is shown this once, as an address and as a code to photograph, and counts only when a
code made with it has been typed: nobody is kept out by an authenticator that did not take it.
"""

import io
import sys
from datetime import datetime, timedelta

import pyotp
import segno
import typer

from tgd.cli.administration import actor, say
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid
from tgd.seal import Sealer
from tgd.store import accounts, command, logins

ISSUER = "TGD"
TRIES = 3
STEP_S = 30


async def user_totp(config: Config, username: str) -> None:
    """Give an account a second factor, or another one; recovery codes of a former one are void."""
    async with command.transaction(config.database_url) as connection:
        await logins.here(connection, username)
    secret = pyotp.random_base32()
    _show(pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER))
    step = _proved(secret)
    sealed = Sealer(config.secret_key).seal(secret.encode(), accounts.totp_about(username))
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        account = await logins.here(connection, username)
        await accounts.set_totp(connection, username, sealed)
        await logins.spend(connection, account.id, step, None, now)  # what was shown serves once
        await logins.forget_codes(connection, username)
        done = {"username": username, "replaced": account.totp_secret is not None}
        await command.record(connection, now, actor(), "second_factor_given", done)
    say(f"{username}: from now on a code is asked for; `tgd user recovery` makes recovery codes")


async def user_totp_off(config: Config, username: str) -> None:
    """Ask an account for no second factor any more; its recovery codes go as well."""
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        await logins.here(connection, username)
        await accounts.set_totp(connection, username, None)
        await logins.forget_codes(connection, username)
        done = {"username": username}
        await command.record(connection, now, actor(), "second_factor_taken", done)
    say(f"{username}: the password alone opens it now")


def _show(uri: str) -> None:
    drawn = io.StringIO()
    segno.make(uri, error="m").terminal(out=drawn, compact=True, border=2)
    typer.echo(drawn.getvalue(), err=True)
    typer.echo(uri)
    sys.stdout.flush()


def _proved(secret: str) -> int:
    """Return the step of time of a code that was typed and is right; raises ``Invalid``."""
    typed = sys.stdin.isatty()
    for _ in range(TRIES if typed else 1):
        code = typer.prompt("Code", err=True) if typed else sys.stdin.readline()
        if (step := step_of(secret, code.strip(), Clock().now())) is not None:
            return step
        say("that is not the code of now")
    raise Invalid("code", "not the authenticator's: nothing has changed")


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return which step of time, of those about now, a code is for; None: none of them."""
    for drift in (0, -1, 1):
        at = now + timedelta(seconds=drift * STEP_S)
        if pyotp.TOTP(secret).verify(code, for_time=at):
            return int(at.timestamp()) // STEP_S
    return None
