"""The control rooms as the command line brings them in, shows them, and tries their lines.

Serves arrow 3 before any alert: which line would carry one, which was ever proved, and the
exercise that proves it. The running server sends; a row is the hand-over.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from tgd.cli import rooms_file
from tgd.cli.administration import actor, say
from tgd.cli.counts import counted
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import NotFound
from tgd.platform.channels import amqp_address, certificates, https_address
from tgd.platform.flow.exercising import VALID, asked
from tgd.seal import Sealer
from tgd.store import command, rooms


async def rooms_import(config: Config, file: Path) -> None:
    """Store a rooms file."""
    entries = rooms_file.read(_text(file), Sealer(config.secret_key))
    for entry in entries:
        for number, line in enumerate(entry.lines):
            _usable(f"room {entry.id}, line {number}", line)
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        before = {room.id: room for room in await rooms.told(connection)}
        await rooms.replace(connection, entries)
        after = {room.id: room for room in await rooms.told(connection)}
        services = await rooms.services(connection)
        done = {"rooms": [entry.id for entry in entries]}
        await command.record(connection, now, actor(), "rooms_imported", done)
    for entry in entries:
        what = "replaced" if entry.id in before else "added"
        say(f"{what}: room {entry.id}, {counted(len(entry.lines), 'line')}{_default(entry)}")
    say(f"kept: {counted(len(after) - len(entries), 'other room')}")
    warnings = rooms_file.warnings(entries, after, services)
    if not any(room.is_default for room in after.values()):
        warnings.append("no room is the default: the first by its id takes what no zone claims")
    for warning in warnings:
        say(f"warning: {warning}")


def _default(entry: rooms.RoomEntry) -> str:
    return ", the default" if entry.is_default else ""


def _usable(where: str, line: rooms.LineEntry) -> None:
    """Refuse a line whose certificates are not there: it would never answer."""
    if line.adapter == "amqp":
        files = amqp_address.read(line.url or "").settings.files
    elif line.adapter in rooms.ELECTRONIC:
        files = https_address.read(line.url or "").files
    else:
        return
    if (why := certificates.unusable(files)) is not None:
        raise rooms_file.RoomsFileError(f"{where}: {why}: it is this machine that reads it")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise rooms_file.RoomsFileError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise rooms_file.RoomsFileError(
            f"cannot read {file}: not UTF-8 in line {line}: save it as UTF-8"
        ) from error


async def rooms_list(config: Config) -> None:
    """Print the rooms, and below each its lines."""
    async with command.transaction(config.database_url) as connection:
        found = await rooms.overview(connection, Clock().now())
    for room in found:
        typer.echo("  ".join([room["id"], room["institution"], room["name"], *_marks(room)]))
        for line in room["lines"]:
            typer.echo(f"  line {line['line']}  {line['adapter']}  {_line(room, line)}")
    lines = sum(len(room["lines"]) for room in found)
    say(f"{counted(len(found), 'room')}, {counted(lines, 'line')}")


async def rooms_exercise(config: Config, room: str, line: int | None) -> None:
    """Ask for exercises; print the number that the room's person reads out."""
    async with command.transaction(config.database_url) as connection:
        if not await rooms.exists(connection, room):
            raise NotFound(f"room: {room}")
        made = await asked(connection, room, line, actor(), Clock())
    for one in made:
        typer.echo(f"{room}  line {one.line}  {one.case_id}")
    minutes = int(VALID.total_seconds() // 60)
    say(f"a running server sends it now; void after {minutes} minutes unless it is confirmed")
    say("call the room; whoever has read it gives the number and a name; an operator records it:")
    for one in made:
        say(f"  {one.case_id}: POST /api/v1/exercises/{one.id}/acknowledged")


def _marks(room: Mapping[str, Any]) -> list[str]:
    known = {"is_default": "default", "simulated": "simulated: its lines are never live"}
    marks = [word for name, word in known.items() if room[name]]
    return [f"({', '.join(marks)})"] if marks else []


def _line(room: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    said = [line["hours"] or "day and night"]
    if line["adapter"] in rooms.ELECTRONIC:
        said += [_live(room, line), _probed(line)]
    exercise = line["exercise"]
    if exercise is not None:
        said.append(f"exercise {exercise['case_id']} {exercise['state']}")
    return "; ".join(said)


def _live(room: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    if room["simulated"]:
        return "simulated"
    if line["live_since"] is None:
        return "NOT LIVE: no exercise by it was ever confirmed"
    by = (line["exercise"] or {}).get("recorded_by")
    return f"live since {_at(line['live_since'])}{f', recorded by {by}' if by else ''}"


def _probed(line: Mapping[str, Any]) -> str:
    if line["probed_at"] is None:
        return "not probed yet"
    state = "up" if line["up"] else "DOWN"
    until = line["certificate_until"]
    certificate = f", certificate until {_at(until)}" if until else ""
    return f"{state} since {_at(line['changed_at'])}, probed {_at(line['probed_at'])}{certificate}"


def _at(told: str) -> str:
    return datetime.fromisoformat(told).astimezone().isoformat(timespec="seconds")
