"""``tgd case export``: a case as one signed file that anybody can verify.

Serves a court, an inspection, the person herself. The making is an entry of the alert's journal
before anything is read; then the journal is sealed, so that the archive's checkpoint vouches for
that entry too. The file is for its owner's eyes alone (0600) and never overwrites another.
"""

import asyncio
import os
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from tgd import log, signing
from tgd.cli.administration import actor, say
from tgd.cli.sealing import sealing
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid
from tgd.metrics import Metrics
from tgd.platform import case
from tgd.platform.flow.sealing import Sealing
from tgd.platform.report import Reporting
from tgd.platform.whereabouts import Whereabouts
from tgd.seal import Sealer
from tgd.store import case as store
from tgd.store import command, journal
from tgd.store.db import Database
from tgd.web.report_document import document
from tgd.web.report_pdf import pdf
from tgd.web.wording import Words

_README = """The archive of a case of a Téléphone Grave Danger platform.

manifest.json   who made it, when, on what ground; SHA-256 of every file; signed in manifest.sig
journal.jsonl   what happened, an entry a line, each with the hash that holds the one before it
checkpoint.json a signed statement of where this and other journals ended
report.pdf      the same in words (report.json: as data)
presses, positions, notes, messages: what was kept of them when the archive was made; each is
                erased at its term, and a file may be empty

    python3 verify.py ARCHIVE.zip PUBLIC_KEY.pem

Get the public key from the platform's operator by another way than this archive.

"""


async def case_export(
    config: Config, case_id: str, out: Path, *, ground: str, reference: str | None
) -> None:
    """Write the archive; raises ``NotFound``, ``Invalid`` or ``NoSigningKey``."""
    log.setup(config.log_format, "error")
    if ground not in case.GROUNDS:
        raise Invalid("ground", f"must be one of {', '.join(case.GROUNDS)}")
    if config.signing_dir is None:
        raise signing.NoSigningKey("no directory for the signing key: set TGD_JOURNAL_DIR")
    signer = await asyncio.to_thread(signing.Signer, config.signing_dir)
    made = case.Made(Clock().now(), actor(), ground, reference)
    with _new(out) as file, command.explained(config.database_url):
        database = Database(config.database_url, size=3, name="tgd command")
        try:
            await database.open()
            async with database.connection() as connection:
                alert_id = await case.find(connection, case_id)
                async with sealing(config, connection) as sealer:
                    contents = await _contents(config, database, sealer, alert_id, made)
        finally:
            await database.close()
        contents |= _shipped()
        packed = await asyncio.to_thread(case.archive, contents, signer, alert_id, case_id, made)
        await asyncio.to_thread(file.write, packed)
    say(f"case {case_id}: {len(contents)} files, {len(packed)} bytes in {out}")
    say("it holds what was said and where she was: who may read it is in your hands now")


async def _contents(
    config: Config, database: Database, sealer: Sealer, alert_id: UUID, made: case.Made
) -> dict[str, bytes]:
    clock = Clock()
    reporting = Reporting(database, clock, sealer, Whereabouts(sealer))
    report = await reporting.of(alert_id, made.by, "admin", form="archive")
    async with database.transaction() as transaction:
        await store.exported(transaction, alert_id, made.at, made.by, made.ground)
    directory = config.signing_dir
    if directory is not None:
        await Sealing(database, clock, Metrics(), directory, timedelta(hours=1)).seal()
    async with journal.snapshot(database) as connection:
        contents = await case.files(connection, sealer, alert_id, made.at)
    said = document(report, Words("report", "fr"))
    values: Any = msgspec.to_builtins(report)
    contents["report.json"] = msgspec.json.encode(values)
    contents["report.pdf"] = await asyncio.to_thread(pdf, said, made.at)
    return contents


def _shipped() -> dict[str, bytes]:
    """Return the script that verifies, and how to use it."""
    how = resources.files("tgd").joinpath("ledger.py").read_text(encoding="utf-8")
    return {
        "verify.py": resources.files("tgd.cli").joinpath("verify_case.py").read_bytes(),
        "README.txt": (_README + how.split('"""')[1]).encode(),
    }


class _new:  # noqa: N801  used as a context manager, like those of contextlib
    """A file that was not there before; taken away again where the block fails."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise Invalid("out", f"cannot make {self._path}: {error.strerror}") from error
        self._file = os.fdopen(descriptor, "wb")
        return self._file

    def __exit__(self, failure: type[BaseException] | None, *_rest: object) -> None:
        self._file.close()
        if failure is not None:
            self._path.unlink()
