"""``tgd token list`` and ``tgd token end``: what programs and phones come in with, and its end.

A token itself is nowhere to be read: what is listed is the beginning of its hash, by which one of
several can be ended.
"""

import typer

from tgd.cli.administration import PHONE, actor, say
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import NotFound, Refused
from tgd.store import accounts, command, register
from tgd.store.db import Connection


async def token_list(config: Config, *, ended: bool) -> None:
    """Print the tokens, one to a line."""
    async with command.transaction(config.database_url) as connection:
        rows = await accounts.list_tokens(connection, ended=ended)
    for row in rows:
        until = f"  ended {row.revoked_at:%F %T}" if row.revoked_at else ""
        typer.echo(f"{row.mark}  {row.role:<11} {row.name:<24} since {row.created_at:%F %T}{until}")
    say(f"tokens: {len(rows)}")


async def token_end(config: Config, *, role: str, name: str, mark: str) -> None:
    """End the tokens of a role and name, or one of them; at once, on every server."""
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        left = await accounts.end_tokens(connection, role=role, name=name, mark=mark, now=now)
        if role == PHONE and not left and await _out(connection, name):
            raise Refused(
                "still_out",
                f"{name} is not attested as returned and would have no token: make another first",
            )
        done = {"role": role, "name": name, "left": left}
        await command.record(connection, now, actor(), "token_ended", done)
    say(f"token ended: role {role}, name {name}; {left} of that name stand")


async def _out(connection: Connection, device: str) -> bool:
    try:
        return await register.is_out(connection, device)
    except NotFound:
        return False
