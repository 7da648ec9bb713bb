"""``tgd case export``: a case as one signed file that anybody can verify.

Serves a court, an inspection, the person herself. What is in it, and that its making is on record,
is ``web.archive``'s. The file is for its owner's eyes alone (0600) and never overwrites another.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

from tgd import log, signing
from tgd.cli.administration import actor, say
from tgd.cli.counts import counted
from tgd.cli.sealing import sealing
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid
from tgd.metrics import Metrics
from tgd.platform import case
from tgd.platform.report import Reporting
from tgd.platform.whereabouts import Whereabouts
from tgd.store import command
from tgd.store.db import Database
from tgd.web.archive import Archives


async def case_export(
    config: Config, case_id: str, out: Path, *, ground: str, reference: str | None
) -> None:
    """Write the archive; raises ``NotFound``, ``Invalid`` or ``NoSigningKey``."""
    log.setup(config.log_format, "error")
    if ground not in case.GROUNDS:
        raise Invalid("ground", f"must be one of {', '.join(case.GROUNDS)}")
    if config.signing_dir is None:
        raise signing.NoSigningKey("no directory for the signing key: set TGD_JOURNAL_DIR")
    await asyncio.to_thread(signing.Signer, config.signing_dir)  # before anything is on record
    made = case.Made(Clock().now(), actor(), ground, reference)
    with _new(out) as file, command.explained(config.database_url):
        database = Database(config.database_url, size=3, name="tgd command")
        try:
            await database.open()
            async with database.connection() as connection:
                alert_id = await case.find(connection, case_id)
                async with sealing(config, connection) as sealer:
                    clock = Clock()
                    reporting = Reporting(database, clock, sealer, Whereabouts(sealer))
                    archives = Archives(database, clock, Metrics(), sealer, reporting)
                    packed = await archives.pack(config.signing_dir, alert_id, case_id, made)
        finally:
            await database.close()
        await asyncio.to_thread(file.write, packed)
    say(f"case {case_id}: {counted(len(packed), 'byte')} in {out}")
    say("it holds what was said and where she was: who may read it is in your hands now")


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
