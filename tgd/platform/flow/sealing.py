"""Sealing: from time to time the ends of the journal's chains are signed, with a key elsewhere.

Beside the arrows. The journal's chains prove themselves, but for what is cut off at an end or taken
away whole: a checkpoint, signed and naming the one before it, vouches for every chain that has gone
on since. Promises: one every ``every`` and one at an orderly end, where anything was written; a
copy outside the database, in the log and in the signing key's directory. Writers never wait: a
chain that is being written is left to the next checkpoint. Verifying is the command line's.
"""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from tgd import ledger
from tgd.clock import Clock
from tgd.errors import TgdError
from tgd.ledger import Seal, Signed
from tgd.metrics import Metrics
from tgd.signing import NoSigningKey, Signer
from tgd.store import journal as store
from tgd.store.db import OUTAGE, Connection, Database, again, identity

AT_ONCE = 500
"""So many chains in one checkpoint: who writes to one of them waits while it is committed."""
_log = logging.getLogger(__name__)


class NotKept(TgdError):
    """A checkpoint was made, and no copy of it could be kept outside the database."""


class Sealing:
    """Makes checkpoints, for ever; ``heard`` shortens the wait."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        directory: Path,
        every: timedelta,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._directory = directory
        self._signer: Signer | None = None
        self._owner = b""
        self._every = every
        self._at_once = at_once
        self.heard = asyncio.Event()

    async def run(self) -> None:
        """Seal now and after every while."""
        while True:
            await self.attempt()
            await self._clock.wait(self.heard, self._clock.now() + self._every)
            self.heard.clear()

    async def attempt(self) -> None:
        """Seal, or say in the log why not."""
        try:
            await self.seal()
        except OUTAGE as error:
            _log.warning("sealing the journal waits for the database: %s", type(error).__name__)
        except NoSigningKey as error:
            self._metrics.loop_errors["sealing"].inc()
            _log.error("the journal cannot be sealed: %s", error)
        except NotKept as error:
            self._metrics.loop_errors["sealing"].inc()
            _log.error("a checkpoint was not kept outside the database: %s", error)

    async def seal(self) -> Signed | None:
        """Make a checkpoint, or several, and return the last one; None where nothing was written.

        Raises ``NoSigningKey``, and ``NotKept`` where it stands in the database alone.
        """
        if self._signer is None:
            self._signer = await asyncio.to_thread(Signer, self._directory)
            async with self._database.connection() as connection:
                self._owner = await identity(connection)
        last, more = None, True
        while more:
            made = await self._made(self._signer)
            more = made is not None and Seal.read(made.statement).chains == self._at_once
            if made is not None:
                last = made
                await self._keep(made, self._signer)
        self._metrics.journal_sealed_at.set(self._clock.now().timestamp())
        return last

    async def _keep(self, made: Signed, signer: Signer) -> None:
        """Let a copy out of the database."""
        _log.info("journal checkpoint %s", made.line)
        try:
            await asyncio.to_thread(signer.keep, made, self._owner)
        except OSError as error:
            raise NotKept(error.strerror or type(error).__name__) from error

    @again
    async def _made(self, signer: Signer) -> Signed | None:
        async with self._database.transaction() as transaction:
            return await self._write(transaction, signer)

    async def _write(self, transaction: Connection, signer: Signer) -> Signed | None:
        await store.take_turns(transaction)
        heads = await store.changed(transaction, self._at_once)
        if not heads:
            return None
        last = await store.last_seal(transaction)
        seal = Seal(
            no=last.no + 1 if last else 1,
            at=self._clock.now(),
            previous=ledger.digest(last.statement) if last else ledger.NOTHING,
            chains=len(heads),
            heads=ledger.heads_digest(heads),
        )
        signature = signer.sign(seal.statement.encode())
        made = Signed(seal.no, seal.statement, signature, signer.public_key)
        await store.add_seal(transaction, made, heads)
        return made
