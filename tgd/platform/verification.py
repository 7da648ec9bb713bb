"""Verifying the journal: every chain, every checkpoint, and the copies that were kept outside.

Serves the command line. What is changed, removed, put elsewhere or cut off is found and named by
its chain and its number in it, the first bad entry of each chain; rows are streamed. Two things
cannot be found here, as nobody could: what was written since the last checkpoint by whoever owns
the database, and, where no copy of a later checkpoint was kept elsewhere, a database that was set
back whole.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tgd.ledger import SYSTEM, Chain, Fault, Signed, sealing_faults
from tgd.signing import is_signed
from tgd.store import journal as store
from tgd.store.db import Connection


@dataclass(slots=True)
class Verdict:
    """What was looked at, how much of it was redacted, and, of each chain, the first fault."""

    entries: int = 0
    redacted: int = 0
    chains: int = 0
    seals: int = 0
    sealed_until: Signed | None = None
    faults: list[Fault] = field(default_factory=list)


async def verify(
    connection: Connection,
    trusted: Sequence[bytes],
    kept: Iterable[Signed] = (),
    *,
    since: datetime | None = None,
    tell: Callable[[int], None] = lambda _entries: None,
) -> Verdict:
    """Look at everything that ``connection``, a snapshot, shows; raises nothing for a fault.

    ``trusted``: the public keys that may have signed; ``kept``: checkpoints from outside;
    ``since``: only chains that went on since then (checkpoints all the same); ``tell`` hears how
    many entries have been looked at.
    """
    verdict = Verdict()
    seals = await _seals(connection, trusted, kept, verdict)
    first = {fault.chain: fault for fault in await _chains(connection, since, verdict, tell)}
    for fault in await _missing(connection):
        known = first.get(fault.chain)
        if known is None or _number(fault) < _number(known):
            first[fault.chain] = fault
    for chain, number in await store.unsealed(connection):
        what = "marked as sealed up to here, and no checkpoint says so, or another does"
        first.setdefault(chain, Fault(chain, number, what))
    verdict.faults = [*seals, *(first[chain] for chain in sorted(first, key=str))]
    return verdict


async def _chains(
    connection: Connection, since: datetime | None, verdict: Verdict, tell: Callable[[int], None]
) -> list[Fault]:
    faults: list[Fault] = []
    chain: Chain | None = None
    read: store.Read | None = None

    def ended() -> None:
        if chain is None or read is None:
            return
        verdict.chains += 1
        fault = chain.end(read.head_number, read.head_hash)
        if fault is not None:
            faults.append(fault)

    async for one in store.entries(connection, since):
        if chain is None or (read is not None and one.entry.chain != read.entry.chain):
            ended()
            chain = Chain(one.entry.chain or SYSTEM)
        read = one
        chain.follow(one.entry, one.sealed)
        verdict.entries += 1
        verdict.redacted += one.entry.salt is None
        if not verdict.entries % store.TOGETHER:
            tell(verdict.entries)
    ended()
    tell(verdict.entries)
    return faults


async def _missing(connection: Connection) -> list[Fault]:
    """Return what something names and is not there."""
    faults = []
    for gone in await store.missing(connection):
        by = f"checkpoint {gone.seal_no} vouches" if gone.seal_no else "its chain's head stands"
        faults.append(Fault(gone.chain, gone.number, f"missing: {by} for it"))
    return faults


async def _seals(
    connection: Connection, trusted: Sequence[bytes], kept: Iterable[Signed], verdict: Verdict
) -> list[Fault]:
    """Follow the checkpoints, and compare them with their copies; the first fault of each kind."""
    faults: list[Fault] = []
    copies: dict[int, str] = {}
    for copy in kept:
        if is_signed(copy, trusted):
            copies[copy.no] = copy.statement
        else:
            faults.append(
                _seal(copy.no, "a copy kept outside is not signed by a key to be trusted")
            )
    previous: Signed | None = None
    broken = False
    async for one in store.seals(connection):
        verdict.seals += 1
        copy_says = copies.pop(one.no, one.statement)
        if copy_says != one.statement:
            faults.append(_seal(one.no, "differs from its copy kept outside"))
        if not broken:
            what = sealing_faults(previous, one, await store.heads(connection, one.no))
            if what is None and not is_signed(one, trusted):
                what = "is not signed by a key to be trusted"
            if what is not None:
                broken = True
                faults.append(_seal(one.no, what))
        previous = one
    verdict.sealed_until = previous
    faults += [
        _seal(no, "is missing, and a copy of it was kept outside: the database was set back")
        for no in sorted(copies)
    ][:1]
    faults += [_seal(no, "is missing") for no in await store.stray(connection)][:1]
    return faults


def _seal(no: int, what: str) -> Fault:
    return Fault(None, no, what)


def _number(fault: Fault) -> int:
    return fault.number if fault.number is not None else 1 << 62


def place(fault: Fault) -> str:
    """Say in words where a fault is."""
    if fault.chain is None:
        return f"checkpoint {fault.number}"
    chain = "the system's chain" if fault.chain == SYSTEM else f"chain {fault.chain}"
    return chain if fault.number is None else f"{chain}, entry {fault.number}"
