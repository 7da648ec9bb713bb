"""``tgd journal …``: verify the journal, seal it now, and hand out what an auditor needs.

Serves whoever has to believe the journal. ``verify`` needs the database and a public key, not the
server. Results go to standard output, what was done to standard error; a journal that does not
verify is exit code 1, with the first bad entry of each chain named.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tgd import log, signing
from tgd.cli.administration import say
from tgd.cli.counts import counted
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid, TgdError
from tgd.ledger import Seal, Signed
from tgd.metrics import Metrics
from tgd.platform.flow.sealing import Sealing
from tgd.platform.verification import Verdict, place, verify
from tgd.store import command
from tgd.store import journal as store
from tgd.store.db import Connection, Database, identity

SHOWN = 20


class NotProven(TgdError):
    """The journal does not verify; the message is one line."""


async def journal_verify(
    config: Config, *, since: str | None, keys: Sequence[Path], checkpoints: Sequence[Path]
) -> None:
    """Verify everything; raises ``NotProven``."""
    log.setup(config.log_format, "error")
    from_when = _moment(since)
    database = Database(config.database_url, size=1, name="tgd command")
    with command.explained(config.database_url):
        try:
            await database.open()
            async with store.snapshot(database) as connection:
                trusted = _trusted(config, keys)
                kept = await _kept(config, connection, checkpoints)
                verdict = await _verified(connection, trusted, kept, from_when)
        finally:
            await database.close()
    _say(verdict, len(kept))


async def journal_checkpoint(config: Config, out: Path | None) -> None:
    """Seal what has been written, and print, or add to a file, the latest checkpoint."""
    log.setup(config.log_format, "error")
    database = Database(config.database_url, size=2, name="tgd command")
    sealing = Sealing(database, Clock(), Metrics(), _directory(config), timedelta(hours=1))
    with command.explained(config.database_url):
        try:
            await database.open()
            made = await sealing.seal()
            async with database.connection() as connection:
                last = await store.last_seal(connection)
        finally:
            await database.close()
    if last is None:
        say("nothing has been written yet: no checkpoint")
        return
    if out is None:
        typer.echo(last.line)
    else:
        await asyncio.to_thread(_add, out, last)
    what = "made" if made else "is the latest: nothing was written since"
    say(f"checkpoint {last.no} {what}")


async def journal_public_key(config: Config) -> None:
    """Print the public key of this installation."""
    signer = await asyncio.to_thread(signing.Signer, _directory(config))
    typer.echo(signing.pem(signer.public_key), nl=False)


async def _verified(
    connection: Connection, trusted: Sequence[bytes], kept: Sequence[Signed], since: datetime | None
) -> Verdict:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal
    ) as bars:
        bar = bars.add_task("entries", total=await store.count(connection, since))
        return await verify(
            connection,
            trusted,
            kept,
            since=since,
            tell=lambda entries: bars.update(bar, completed=entries),
        )


def _trusted(config: Config, keys: Sequence[Path]) -> list[bytes]:
    """Return the keys that were given, or this installation's own."""
    own = [config.signing_dir / signing.PUBLIC] if config.signing_dir else []
    files = keys or [file for file in own if file.exists()]
    if not files:
        raise signing.NoSigningKey(
            "there is no public key here (a server's first start makes it): give --public-key FILE"
        )
    return [signing.public_key(file) for file in files]


async def _kept(config: Config, connection: Connection, files: Sequence[Path]) -> list[Signed]:
    """Return the checkpoints of these files, or else those that were made on this machine."""
    if not files and config.signing_dir is not None:
        own = signing.checkpoints(config.signing_dir, await identity(connection))
        files = [own] if own.exists() else []
    return [one for file in files for one in signing.kept(file)]


def _directory(config: Config) -> Path:
    if config.signing_dir is None:
        raise signing.NoSigningKey("no directory for the signing key: set TGD_JOURNAL_DIR")
    return config.signing_dir


def _add(out: Path, seal: Signed) -> None:
    try:
        with out.open("a", encoding="utf-8") as file:
            file.write(seal.line + "\n")
    except OSError as error:
        raise signing.NoSigningKey(f"cannot write {out}: {error.strerror}") from error


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("since", "must be a date or a time such as 2030-01-15T09:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _say(verdict: Verdict, kept: int) -> None:
    entries, seals = verdict.entries, verdict.seals
    say(
        f"looked at {counted(entries, 'entry', 'entries')} in {counted(verdict.chains, 'chain')}"
        f" ({verdict.redacted} redacted at the end of their term), {counted(seals, 'checkpoint')},"
        f" {counted(kept, 'copy', 'copies')} of checkpoints kept outside"
    )
    for fault in verdict.faults[:SHOWN]:
        typer.echo(f"{place(fault)}: {fault.what}")
    if verdict.faults:
        first = verdict.faults[0]
        raise NotProven(
            f"the journal does not verify: {counted(len(verdict.faults), 'fault')}, the first in"
            f" {place(first)}: {first.what}"
        )
    last = verdict.sealed_until
    if last is None:
        say("no checkpoint yet: what was cut off at an end could not be told")
    else:
        say(f"vouched for up to checkpoint {last.no}, of {Seal.read(last.statement).at:%F %T} UTC")
    say("the journal verifies")
