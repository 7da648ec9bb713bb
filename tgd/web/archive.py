"""A case's archive, packed: for the command ``tgd case export`` and for the prosecutor's page.

Serves a court, an inspection, the person herself. The making is an entry of the alert's journal
before anything is read; then the journal is sealed, so that the archive's checkpoint vouches for
that entry too. What is in it is ``platform.case``'s; the report in it is for people.
"""

import asyncio
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from tgd.clock import Clock
from tgd.metrics import Metrics
from tgd.platform import case
from tgd.platform.flow.sealing import Sealing
from tgd.platform.report import Reporting
from tgd.seal import Sealer
from tgd.signing import Signer
from tgd.store import case as store
from tgd.store import journal
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

Get the public key and verify.py from the platform's operator by another way than this archive: a
forged one holds a script that says what its maker likes.

"""


class Archives:
    """Packs cases."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        sealer: Sealer,
        reporting: Reporting,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._sealer = sealer
        self._reporting = reporting

    async def pack(self, signing_dir: Path, alert_id: UUID, case_id: str, made: case.Made) -> bytes:
        """Return the signed archive; raises ``NotFound`` or ``signing.NoSigningKey``."""
        signer = await asyncio.to_thread(Signer, signing_dir)
        report = await self._reporting.of(alert_id, made.by, "admin", form="archive")
        async with self._database.transaction() as transaction:
            await store.exported(transaction, alert_id, made.at, made.by, made.ground)
        every = timedelta(hours=1)
        await Sealing(self._database, self._clock, self._metrics, signing_dir, every).seal()
        async with journal.snapshot(self._database) as connection:
            contents = await case.files(connection, self._sealer, alert_id, made.at)
        said = document(report, Words("report", "fr"))
        values: Any = msgspec.to_builtins(report)
        contents["report.json"] = msgspec.json.encode(values)
        contents["report.pdf"] = await asyncio.to_thread(pdf, said, made.at)
        contents |= _shipped()
        return await asyncio.to_thread(case.archive, contents, signer, alert_id, case_id, made)


def _shipped() -> dict[str, bytes]:
    """Return the script that verifies, and how to use it."""
    how = resources.files("tgd").joinpath("ledger.py").read_text(encoding="utf-8")
    return {
        "verify.py": resources.files("tgd").joinpath("cli", "verify_case.py").read_bytes(),
        "README.txt": (_README + how.split('"""')[1]).encode(),
    }
