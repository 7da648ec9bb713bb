"""A journal to be tampered with: several chains, checkpoints, a redaction; and its verification."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
from world import ManualClock

from tgd.ledger import Signed
from tgd.metrics import Metrics
from tgd.platform.flow.sealing import Sealing
from tgd.platform.verification import Verdict, verify
from tgd.signing import Signer
from tgd.store import journal
from tgd.store.db import Database

NOW = datetime(2030, 1, 15, 9, tzinfo=UTC)
ALERTS = [UUID(int=0xA0 << 96 | n) for n in range(1, 6)]
ASSIGNMENTS = [UUID(int=0xB0 << 96 | n) for n in range(1, 3)]


class Journal:
    """A database's journal, written as the server writes it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.database = Database(url, size=4)
        self.clock = ManualClock(NOW)
        self.sealing = Sealing(self.database, self.clock, Metrics(), folder, timedelta(minutes=10))
        self.kept: list[Signed] = []

    async def open(self) -> "Journal":
        await self.database.open()
        return self

    async def write(
        self, chain: UUID | None, kind: str = "press", actor: str = "phone", **details: object
    ) -> None:
        self.clock.set_on(1)
        async with self.database.connection() as connection:
            await connection.execute(
                "INSERT INTO journal (at, actor, alert_id, assignment_id, kind, details)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                *(self.clock.now(), actor, chain if chain in ALERTS else None),
                *(chain if chain in ASSIGNMENTS else None, kind, details),
            )

    async def seal(self) -> Signed | None:
        made = await self.sealing.seal()
        if made is not None:
            self.kept.append(made)
        return made

    async def redact(self, chain: UUID, before: datetime | None = None) -> int:
        self.clock.set_on(1)
        now = self.clock.now()
        async with self.database.transaction() as transaction:
            return await journal.redact(
                transaction, chain, before or now, now, actor="tgd:essai", ground="term"
            )

    @property
    def trusted(self) -> list[bytes]:
        return [Signer(self.folder).public_key]

    async def verify(
        self, kept: Sequence[Signed] = (), connection: asyncpg.Connection | None = None
    ) -> Verdict:
        if connection is not None:
            return await verify(connection, self.trusted, kept)
        async with journal.snapshot(self.database) as own:
            return await verify(own, self.trusted, kept)
