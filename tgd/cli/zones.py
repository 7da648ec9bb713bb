"""``tgd zones``: the official files become a numbered set, judged before it takes effect.

Serves press → dispatch before it is needed: who is competent where. An import reads everything,
judges it, and only then stores it, in one transaction with the journal's entry; a set with serious
findings is stored without taking effect, so that a person can look at them. What the running
servers hold follows by itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tgd.cli.administration import actor, say
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import TgdError
from tgd.geo import load, survey, synthetic
from tgd.geo.findings import Finding
from tgd.geo.join import Joined, join
from tgd.geo.sources import Source
from tgd.geo.zones import Zone
from tgd.store import command, zones
from tgd.store.db import Connection

ACCEPT = "--accept-findings"
_SHOWN = 5


class ZonesError(TgdError):
    """A zone set is not, or not put, in force; the message is one line and says why."""


async def zones_import(
    config: Config, files: Sequence[Path], *, name: str | None, accept: bool
) -> None:
    """Read, judge and store a territory, and put it in force unless it is seriously wrong."""
    with _bars() as bars:
        sources = [_read(bars, path) for path in files]
        with _step(bars, "judging"):
            joined = join(sources)
            laid, findings = _judge(joined)
        active = accept or not any(finding.serious for finding in findings)
        with _step(bars, "storing"):
            async with command.transaction(config.database_url) as connection:
                before = await zones.active(connection)
                no, dropped = await _store(
                    connection,
                    joined,
                    laid,
                    findings,
                    name=name or ", ".join(source.name for source in sources),
                    sources=[{"file": one.name, "sha256": one.sha256} for one in sources],
                    active=active,
                )
                warnings = await _warnings(connection, no)
    _say_sources(sources)
    _say_findings(findings, warnings)
    stored = f"zone set {no}: {len(laid)} communes, {len(joined.services)} services"
    if dropped:
        say(f"dropped: the oldest, set {', '.join(map(str, dropped))}")
    if not active:
        raise ZonesError(
            f"{stored}, stored and NOT in force because of what is marked serious;"
            f" `tgd zones activate {no} {ACCEPT}` puts it in force all the same"
        )
    say(f"{stored}, in force{_instead(before)}")


async def _store(
    connection: Connection,
    joined: Joined,
    laid: list[Zone],
    findings: list[Finding],
    *,
    name: str,
    sources: list[dict[str, str]],
    active: bool,
) -> tuple[int, list[int]]:
    """Store a set with the journal's entry; return its number and those that went for it."""
    now = Clock().now()
    no, dropped = await zones.add(
        connection,
        name=name,
        now=now,
        sources=sources,
        findings=[finding.as_json() for finding in findings],
        zones=laid,
        services=[zones.Service(key, *about) for key, about in joined.services.items()],
    )
    if active:
        await zones.activate(connection, no, now)
    done = {
        "set": no,
        "zones": len(laid),
        "services": len(joined.services),
        "files": sources,
        "findings": {finding.kind: finding.count for finding in findings},
        "active": active,
        "dropped": dropped,
    }
    await command.record(connection, now, actor(), "zones_imported", done)
    return no, dropped


async def zones_list(config: Config) -> None:
    """Print every set, one line each."""
    async with command.transaction(config.database_url) as connection:
        rows = await zones.sets(connection)
    for row in rows:
        mark = "*" if row.active else " "
        serious = sum(1 for finding in row.findings if finding["serious"])
        judged = f"{serious} serious findings" if serious else "nothing serious"
        typer.echo(
            f"{mark}{row.no:>4}  {row.imported_at:%Y-%m-%d %H:%M}Z  {row.zones:>6} communes"
            f"  {row.services:>5} services  {judged}  {row.name}"
        )
    say("* is in force" if any(row.active for row in rows) else "no zone set is in force")


async def zones_check(config: Config) -> None:
    """Judge the set in force again, and the control rooms beside it."""
    async with command.transaction(config.database_url) as connection:
        no = await zones.active(connection)
        if no is None:
            raise ZonesError("no zone set is in force: import one")
        laid = [one async for page in zones.pages(connection, no) for one in page]
        services = {one.id: one for one in await zones.services(connection, no)}
        warnings = await _warnings(connection, no)
    findings = survey.survey(laid, services)
    for line in _lines(findings, warnings):
        typer.echo(line)
    serious = sum(1 for finding in findings if finding.serious)
    what = f"zone set {no}: {len(laid)} communes, {len(services)} services"
    if serious:
        raise ZonesError(f"{what}, {serious} of the findings serious")
    say(f"{what}, nothing serious")


async def zones_activate(config: Config, no: int, *, accept: bool) -> None:
    """Put a stored set in force."""
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        rows = {row.no: row for row in await zones.sets(connection)}
        if no not in rows:
            there = ", ".join(map(str, sorted(rows))) or "none"
            raise ZonesError(f"there is no zone set {no}; there is {there}")
        serious = [one for one in rows[no].findings if one["serious"]]
        if serious and rows[no].activated_at is None and not accept:
            kinds = ", ".join(f"{one['what']}: {one['count']}" for one in serious)
            raise ZonesError(f"zone set {no}: {kinds}; {ACCEPT} accepts this")
        before = await zones.active(connection)
        await zones.activate(connection, no, now)
        done = {"set": no, "before": before, "accepted": accept}
        await command.record(connection, now, actor(), "zones_activated", done)
        warnings = await _warnings(connection, no)
    _say_findings([], warnings)
    say(f"zone set {no} in force{_instead(before)}")


async def seed(connection: Connection, now: datetime) -> int | None:
    """Put the fictive territory in force where there is no zone set; return its number."""
    if await zones.sets(connection):
        return None
    services = [zones.Service(key, *about) for key, about in synthetic.SERVICES.items()]
    laid = synthetic.fictive()
    no, _dropped = await zones.add(
        connection,
        name="territoire fictif",
        now=now,
        sources=[],
        findings=[one.as_json() for one in survey.survey(laid, synthetic.SERVICES)],
        zones=laid,
        services=services,
    )
    await zones.activate(connection, no, now)
    return no


# ── Reading and judging ─────────────────────────────────────────────────────────────


def _judge(joined: Joined) -> tuple[list[Zone], list[Finding]]:
    laid, findings = survey.mended(joined.zones)
    return laid, [*findings, *joined.findings, *survey.survey(laid, joined.services)]


@contextmanager
def _step(bars: Progress, what: str) -> Iterator[None]:
    bar = bars.add_task(what, total=None)
    yield
    bars.update(bar, total=1, completed=1)


@contextmanager
def _bars() -> Iterator[Progress]:
    """Show progress, on a terminal only."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        yield bars


def _read(bars: Progress, path: Path) -> Source:
    bar: TaskID = bars.add_task(path.name, total=None)
    return load.read(path, lambda done, of: bars.update(bar, completed=done, total=of))


# ── What is said ────────────────────────────────────────────────────────────────────


async def _warnings(connection: Connection, no: int) -> list[str]:
    """Say where zones and control rooms do not fit together."""
    said = []
    unserved = await zones.without_room(connection, no)
    if unserved:
        names = [f"{one.id} {one.name}" for one in unserved]
        more = "; …" if len(names) > _SHOWN else ""
        said.append(
            "services without a control room, whose communes the default one takes:"
            f" {len(names)} ({'; '.join(names[:_SHOWN])}{more})"
        )
    for room, idle in (await zones.without_zone(connection, no)).items():
        said.append(f"room {room}: no commune has its service {', '.join(idle)}")
    return said


def _say_sources(sources: Sequence[Source]) -> None:
    for source in sources:
        what = [
            f"{len(many)} {words}"
            for many, words in (
                (source.contours, "contours"),
                (source.rows, "rows"),
                (source.former, "former communes"),
            )
            if many
        ]
        say(f"read: {source.name}, {', '.join(what)}")


def _say_findings(findings: Sequence[Finding], warnings: Sequence[str]) -> None:
    for line in _lines(findings, warnings):
        say(line)


def _lines(findings: Sequence[Finding], warnings: Sequence[str]) -> list[str]:
    ordered = sorted(findings, key=lambda finding: not finding.serious)
    found = [f"{'serious' if one.serious else 'found'}: {one}" for one in ordered]
    return found + [f"warning: {warning}" for warning in warnings]


def _instead(before: int | None) -> str:
    return "" if before is None else f" instead of set {before}"
