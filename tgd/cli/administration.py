"""What the short commands do: each one transaction, one entry in the journal, one line said.

Serves no arrow by itself; it puts in place what the arrows need. Results go to standard output,
what was done to standard error, so that ``TOKEN=$(tgd token add …)`` holds the token alone.
"""

import getpass

import typer

from tgd import log
from tgd.cli.counts import counted
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid
from tgd.store import accounts, command, register
from tgd.store import migrate as migrations

PHONE = "phone"


def say(text: str) -> None:
    """Tell the person at the terminal what was done."""
    typer.echo(text, err=True)


def actor() -> str:
    """Return whom the journal names: the command line and the system's user who called it."""
    try:
        return f"tgd:{getpass.getuser()}"
    except (KeyError, OSError):  # in a container a user may have a number only
        return "tgd:unnamed"


async def migrate(config: Config, *, post: bool | None) -> None:
    """Apply the migrations that are missing, in order; ``post`` as in ``store.migrate``."""
    log.setup(config.log_format, "warning")
    with command.explained(config.database_url):
        applied = await migrations.migrate(
            config.database_url,
            post=post,
            done=lambda one: say(f"applied {one.number:04} {one.phase} {one.name}"),
        )
        later = await migrations.missing(config.database_url)
    say(f"{counted(len(applied), 'migration')} applied" if applied else "nothing to apply")
    if later:
        say(
            f"left for later, once no older version serves: {counted(len(later), 'post migration')}"
        )


async def seed(config: Config, *, if_empty: bool) -> None:
    """Seed an empty register, and a territory where there is none."""
    from tgd.cli import zones  # noqa: PLC0415  geometry, which no other short command needs

    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        if if_empty and not await register.is_empty(connection):
            say("the register is not empty: nothing seeded")
            return
        devices = await register.seed(connection, now)
        zone_set = await zones.seed(connection, now)
        done = {"devices": devices, "zone_set": zone_set}
        await command.record(connection, now, actor(), "seeded", done)
    say(f"seeded: {register.TRIBUNAL[1]}, {devices[0]} to {devices[-1]}, all assigned")
    say(f"located by consent, except {register.NOT_LOCATED} (refused); no agreed words; no room")
    say(f"zone set {zone_set}, fictive, in force" if zone_set else "zone sets are there: kept")


async def token_add(config: Config, *, role: str, name: str) -> None:
    """Make a bearer token; a phone's must be for a phone of the register."""
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        if role == PHONE and not await register.has_device(connection, name):
            raise Invalid(
                "name",
                "a phone's token is named after its device id, and the register"
                f" knows no device {name}",
            )
        token = await accounts.add_token(connection, role=role, name=name, now=now)
        await command.record(connection, now, actor(), "token_added", {"role": role, "name": name})
    typer.echo(token)
    say(f"token added: role {role}, name {name}; it is not shown again")
