"""What the short commands do: each one transaction, one entry in the journal, one line said.

Serves no arrow by itself; it puts in place what the arrows need. Results go to standard output,
what was done to standard error, so that ``TOKEN=$(tgd token add …)`` holds the token alone.
"""

import getpass
from pathlib import Path

import typer

from tgd import log
from tgd.cli import rooms_file
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid
from tgd.seal import Sealer
from tgd.store import accounts, command, register, rooms
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
    say(f"{len(applied)} migrations applied" if applied else "nothing to apply")
    if later:
        say(f"left for later, once no older version serves: {len(later)} post migrations")


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


async def rooms_import(config: Config, file: Path) -> None:
    """Store a rooms file."""
    entries = rooms_file.read(_text(file), Sealer(config.secret_key))
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        before = {room.id: room for room in await rooms.told(connection)}
        await rooms.replace(connection, entries)
        after = {room.id: room for room in await rooms.told(connection)}
        done = {"rooms": [entry.id for entry in entries]}
        await command.record(connection, now, actor(), "rooms_imported", done)
    for entry in entries:
        what = "replaced" if entry.id in before else "added"
        say(f"{what}: room {entry.id}, {len(entry.lines)} lines{_default(entry)}")
    say(f"kept: {len(after) - len(entries)} other rooms")
    warnings = rooms_file.warnings(entries, after)
    if not any(room.is_default for room in after.values()):
        warnings.append("no room is the default: the first by its id takes what no zone claims")
    for warning in warnings:
        say(f"warning: {warning}")


def _default(entry: rooms.RoomEntry) -> str:
    return ", the default" if entry.is_default else ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise rooms_file.RoomsFileError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise rooms_file.RoomsFileError(f"cannot read {file}: not UTF-8") from error
