"""``tgd user …``: people's accounts, no password ever on a command line.

An argument would stand in the shell's history and in the list of processes. So the password is
asked for at a terminal, twice and unseen, or is the first line of standard input.
"""

import sys
from datetime import timedelta

import pyotp
import typer

from tgd.cli.administration import actor, say
from tgd.cli.counts import counted
from tgd.cli.second_factor import ISSUER
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid, NotFound
from tgd.seal import Sealer
from tgd.store import accounts, command, guessing, logins


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
    accounts.fit(username, role)  # before a password is asked for
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


async def user_recovery(config: Config, username: str) -> None:
    """Print new recovery codes, one to a line."""
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        codes = await logins.new_codes(connection, username, now)
        done = {"username": username, "codes": len(codes)}
        await command.record(connection, now, actor(), "recovery_codes_made", done)
    for code in codes:
        typer.echo(code)
    made = counted(len(codes), "recovery code")
    say(f"{made} for {username}: not shown again; those before are void")


async def user_password(config: Config, username: str) -> None:
    """Set a new password and end every session."""
    password, now = _password(), Clock().now()
    async with command.transaction(config.database_url) as connection:
        ended = await logins.set_password(connection, username, password)
        done = {"username": username, "sessions_ended": ended}
        await command.record(connection, now, actor(), "password_changed", done)
    say(f"new password for {username}; sessions ended: {ended}")


async def user_unlock(config: Config, username: str | None, address: str | None) -> None:
    """Forget the failed logins of a name or an address."""
    if username is None and address is None:
        raise Invalid("username", "or --address must be given")
    now = Clock().now()
    who = guessing.hashes(config.secret_key, username, address)
    async with command.transaction(config.database_url) as connection:
        if username is not None and not await accounts.exists(connection, username):
            raise NotFound(f"account: {username}")
        lifted = await logins.clear(connection, who)
        await command.record(connection, now, actor(), "lockout_lifted", {"lifted": lifted})
    say(f"waits lifted: {lifted}")


async def user_sessions(config: Config, username: str, *, end: bool) -> None:
    """List an account's sessions, or end them."""
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        if end:
            ended = await logins.end_others(connection, username)
            done = {"username": username, "sessions": ended}
            await command.record(connection, now, actor(), "sessions_ended", done)
            say(f"sessions ended: {ended}")
            return
        idle_since = now - timedelta(minutes=config.session_idle_minutes)
        rows = await logins.listed(connection, username, now, idle_since)
    for row in rows:
        typer.echo(f"{row['no']}  since {row['created_at']:%F %T}  used {row['seen_at']:%F %T}")
    say(f"sessions of {username}: {len(rows)}")


async def user_disable(config: Config, username: str) -> None:
    """End an account."""
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        await accounts.disable(connection, username, now)
        await command.record(connection, now, actor(), "account_disabled", {"username": username})
    say(f"account ended: {username}")


async def user_enable(config: Config, username: str) -> None:
    """Let an account that was ended log in again."""
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        await accounts.enable(connection, username)
        await command.record(connection, now, actor(), "account_enabled", {"username": username})
    say(f"account stands again: {username}")


async def user_list(config: Config) -> None:
    """Print every account, one to a line."""
    async with command.transaction(config.database_url) as connection:
        rows = await accounts.list_accounts(connection)
    for row in rows:
        how = "password and code" if row.second_factor else "password"
        how += f" ({counted(row.codes, 'recovery code')})" if row.codes else ""
        how = "by its agency" if row.vouched else how
        where = f" of {row.tribunal_id}" if row.tribunal_id else ""
        ended = f"  ended {row.disabled_at:%F %T}" if row.disabled_at else ""
        typer.echo(f"{row.username:<24} {row.role + where:<28} {how}{ended}")
    say(f"accounts: {len(rows)}")


def _password() -> str:
    """Return the password from the terminal or from the first line of standard input."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Invalid("password", "nothing on standard input: give it as its first line")
    return password
