"""``tgd phones``, ``tgd assignments``, ``tgd requests``: the register from the command line.

Serves the person at three in the morning: the same acts as over HTTP, each one transaction with its
entry in the journal, in the name of the system's user who called it. What is said of a person comes
in a TOML file and stands on no command line; lists show labels and initials only.
"""

import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import typer

from tgd.cli.administration import actor, say
from tgd.cli.counts import counted
from tgd.cli.places import text_of
from tgd.cli.sealing import sealing
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid, NotFound, TgdError
from tgd.justice import picture
from tgd.justice.flow.assigning import Waits
from tgd.justice.flow.stock import Known
from tgd.justice.office import Office
from tgd.platform.dossier import Dossiers
from tgd.store import assignments, command, requests, stock
from tgd.store.assignments import Filter
from tgd.store.db import Database
from tgd.web import office_in
from tgd.web.alert_json import stamp
from tgd.web.reading import Fields

ALL = 100_000
UNMET = ["open", "waiting"]


class OfficeFileError(TgdError):
    """The file cannot be used; the message is one line and quotes no content."""


@asynccontextmanager
async def office(config: Config) -> AsyncIterator[Office]:
    """Lend the office, with the keys that the server uses."""
    database = Database(config.database_url, size=2, name="tgd command")
    clock = Clock()
    with command.explained(config.database_url):
        try:
            await database.open()
            async with database.connection() as connection, sealing(config, connection) as sealer:
                yield Office(database, clock, sealer, Dossiers(sealer, clock))
        finally:
            await database.close()


def one(text: str, what: str) -> UUID:
    """Return an id that was typed."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(what) from None


# ── Phones ──────────────────────────────────────────────────────────────────────────


async def phones_list(config: Config) -> None:
    """Print every phone, those on a red list first."""
    async with office(config) as ours, ours.database.connection() as connection:
        rows = await stock.listed(connection, None, limit=ALL)
        now = ours.clock.now()
        shown = [picture.phone(row, ours.sealer, ours.files, now) for row in rows]
    shown.sort(key=lambda phone: not phone["red"])
    head = ("PHONE", "STATE", "HOLDER", "DAYS LEFT", "LAST TEST", "BATTERY", "RED LIST")
    table(
        head,
        [
            (
                phone["id"],
                phone["state"],
                _who(phone["holder"]),
                phone["days_left"],
                phone["last_test_at"],
                phone["battery"],
                " ".join(phone["red_list"]),
            )
            for phone in shown
        ],
    )


async def phones_add(config: Config, device: str, tribunal: str | None, known: Known) -> None:
    """Enter a phone, or change what is known of it."""
    sim = {"iccid": known.iccid, "msisdn": known.msisdn}
    said = {"imei": known.imei, "generation": known.generation, "firmware": known.firmware}
    checked = office_in.known(Fields({**said, "sim": sim, "label": known.label}))
    name = office_in.device(Fields({"id": device}))
    async with office(config) as ours:
        new = await ours.stock.put(name, checked, actor(), None, tribunal=tribunal)
    say(f"{'added' if new else 'amended'}: phone {name}")


async def phones_state(config: Config, device: str, state: str) -> None:
    """Say what has become of a phone."""
    known = ("lost", "stolen", "broken", "found", "repaired", "in_stock", "reserve")
    if state not in known:
        raise Invalid("state", f"must be one of {', '.join(known)}")
    async with office(config) as ours:
        await ours.stock.move(device, state, actor(), None)
    say(f"phone {device}: {state}; its button works as before")


async def phones_wipe(config: Config, device: str) -> None:
    """Attest that a phone was wiped."""
    async with office(config) as ours:
        await ours.stock.wipe(device, actor(), None)
    say(f"phone {device}: wiped")


async def phones_lend(config: Config, device: str, to: str | None) -> None:
    """Lend a phone, or have it back."""
    async with office(config) as ours:
        await ours.stock.lend(device, to, actor(), None)
    say(f"phone {device}: {f'lent to {to}' if to else 'back'}")


async def phones_compromised(config: Config, device: str, by: str, *, confirm: bool) -> None:
    """Call a phone compromised, or confirm it as another person."""
    async with office(config) as ours:
        if confirm:
            await ours.stock.mute(device, by, None)
            say(f"phone {device}: confirmed by {by}; its credentials have ended")
        else:
            await ours.stock.compromise(device, by, None)
            say(f"phone {device}: compromised, says {by}; it raises alerts until another confirms")


async def phones_allocate(
    config: Config, tribunal: str, allocation: int, reserve: int | None
) -> None:
    """Say how many phones a tribunal may have out."""
    async with office(config) as ours:
        await ours.stock.allocate(tribunal, actor(), allocation, reserve)
    say(f"tribunal {tribunal}: {counted(allocation, 'phone')}")


# ── Assignments ─────────────────────────────────────────────────────────────────────


async def assignments_list(config: Config, *, ended: bool) -> None:
    """Print who holds what until when; those that are over too, if asked for."""
    async with office(config) as ours, ours.database.connection() as connection:
        rows = await assignments.listed(connection, Filter(None), ALL)
        now = ours.clock.now()
        shown = [picture.assignment(row, ours.sealer, ours.files, now) for row in rows]
    head = ("ASSIGNMENT", "PHONE", "HOLDER", "STATUS", "UNTIL", "DAYS LEFT")
    kept = [a for a in shown if ended or a["status"] not in {"returned", "wiped"}]
    table(
        head,
        [
            (
                a["id"],
                a["device"],
                _who(a["beneficiary"]),
                a["status"],
                a["ends_at"],
                a["days_left"],
            )
            for a in kept
        ],
    )


async def assignments_show(config: Config, assignment: str) -> None:
    """Print what happened to one, oldest first: who, when, what."""
    found = one(assignment, "assignment")
    async with office(config) as ours, ours.database.connection() as connection:
        if not await assignments.listed(connection, Filter(None, id=found)):
            raise NotFound("assignment")
        entries = await assignments.journal(connection, found)
    table(("AT", "WHO", "WHAT"), [(e["at"], e["actor"], e["kind"]) for e in entries])


async def assignments_add(config: Config, file: Path) -> None:
    """Give a person a phone, or put her on the waiting list."""
    demand = office_in.demand(_fields(file))
    async with office(config) as ours:
        made = await ours.assigning.assign(demand, actor(), None)
    if isinstance(made, Waits):
        say(f"no phone can be given now ({made.reason}): she is on the waiting list")
        typer.echo(made.request)
        raise typer.Exit(1)
    say("assigned; until a press of it was heard, it stands on the red list")
    typer.echo(made.assignment)


async def assignments_test(
    config: Config, assignment: str, said: dict[str, object], *, wiped: bool
) -> None:
    """Finish a hand-over, or say what it lacks (exit code 1)."""
    async with office(config) as ours:
        found = one(assignment, "assignment")
        missing = await ours.life.test(found, said, actor(), None, wiped=wiped)
    if missing:
        say(f"not finished; it lacks: {', '.join(missing)}")
        raise typer.Exit(1)
    say("the hand-over is finished")


async def assignments_renew(config: Config, assignment: str, until: str | None) -> None:
    """Add a term."""
    end = office_in.moment(Fields({"until": until}), "until")
    async with office(config) as ours:
        await ours.life.renew(one(assignment, "assignment"), end, None, actor(), None)
    say("renewed")


async def assignments_revoke(config: Config, assignment: str, reason: str) -> None:
    """End one."""
    async with office(config) as ours:
        await ours.life.end(one(assignment, "assignment"), reason, None, actor(), None)
    say("ended; until the phone is back, it raises alerts as before")


async def assignments_return(config: Config, assignment: str, *, wiped: bool) -> None:
    """Attest that a phone is back."""
    async with office(config) as ours:
        found = one(assignment, "assignment")
        await ours.life.give_back(found, actor(), None, wiped=wiped)
    say("the phone is back; its credentials have ended")


# ── Requests ────────────────────────────────────────────────────────────────────────


async def requests_list(config: Config) -> None:
    """Print the waiting list."""
    async with office(config) as ours, ours.database.connection() as connection:
        rows = await requests.listed(connection, None, UNMET, limit=ALL)
        shown = [picture.request(row, ours.files) for row in rows]
    head = ("PLACE", "REQUEST", "TRIBUNAL", "FOR", "ASKED", "REASON", "SINCE")
    table(
        head,
        [
            (
                r["place"],
                r["id"],
                r["tribunal"],
                _who(r["beneficiary"]),
                r["asked_at"],
                r["reason"],
                r["reason_at"],
            )
            for r in shown
        ],
    )


async def requests_add(config: Config, file: Path) -> None:
    """Enter a request."""
    demand = office_in.demand(_fields(file))
    async with office(config) as ours:
        made = await ours.assigning.ask(demand, actor(), None)
    say("entered; it waits for a decision")
    typer.echo(made)


async def requests_refuse(config: Config, request: str, reason: str) -> None:
    """Refuse a request."""
    async with office(config) as ours:
        found = one(request, "request")
        await ours.waiting.close(found, "refused", reason, actor(), None)
    say(f"refused: {reason}")


async def persons_find(config: Config, said: str, *, by_number: bool) -> None:
    """Print who has this name, or a phone with this number; the look-up is in the journal."""
    name, number = (None, said.strip()) if by_number else (said.strip(), None)
    async with office(config) as ours:
        found, _ = await ours.searching.find(actor(), None, name=name, number=number)
        shown = [picture.found(row, ours.files) for row in found]
    head = ("PERSON", "WHO", "PHONE", "STATUS", "ASSIGNMENT", "REQUEST")
    names = ("device", "status", "assignment", "request_status")
    table(head, [(one["id"], _who(one), *(one[name] for name in names)) for one in shown])


def _fields(file: Path) -> Fields:
    try:
        return Fields(tomllib.loads(text_of(file, OfficeFileError)))
    except tomllib.TOMLDecodeError:
        raise OfficeFileError(f"{file} is not TOML") from None


def _who(holder: dict[str, Any] | None) -> str:
    if holder is None:
        return "—"
    return " ".join(part for part in (holder["label"], holder["initials"]) if part)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print columns as wide as they need, on standard output."""
    lines = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    for line in lines:
        typer.echo("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "—"
    return stamp(value)[:16].replace("T", " ") if hasattr(value, "tzinfo") else str(value)
