"""How the journal proves itself: an entry's hashes, a chain's faults, a signed checkpoint.

Serves the journal. Pure: rows in, faults out; nothing here asks the database to judge itself. The
database writes the hashes (``journal_is_chained``); ``tgd journal verify`` and the archive of a
case make them again, by what stands here:

- content = SHA-256(salt ‖ length of the actor's name in bytes, 4 ‖ actor ‖ details)
- hash = SHA-256(the previous entry's hash ‖ number, 8 ‖ no, 8 ‖ at, 8 ‖ alert, 16 ‖ assignment, 16
  ‖ content, 32 ‖ kind)

Numbers are big-endian and signed; ``at`` is microseconds since 1 January 2000 UTC; alert and
assignment are UUIDs, zeros where there is none; before the first entry stand 32 zeros. The salt is
16 random bytes. Texts are UTF-8; details are the text that PostgreSQL writes of a jsonb. A redacted
entry has lost salt, actor and details: its content cannot be guessed, and its hash still holds.

A checkpoint is a text (``Seal.statement``), signed with Ed25519: the heads of the chains that have
changed since the one before, whose own hash it holds.
"""

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

NOTHING = bytes(32)
SYSTEM = UUID(int=0)
"""The chain of what concerns neither an alert nor an assignment."""
REDACTED = "redacted"

_TITLE = "tgd-journal-seal/1"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FIXED = struct.Struct(">qq8s16s16s32s")


class Entry(NamedTuple):
    """One entry as the database keeps it; ``at`` as it is hashed, what a redaction took is None."""

    chain: UUID | None
    number: int | None
    no: int
    at: bytes
    alert_id: UUID | None
    assignment_id: UUID | None
    kind: str
    actor: str | None
    details: str | None
    salt: bytes | None
    content: bytes
    hash: bytes

    @property
    def says_what_it_said(self) -> bool:
        """Is the content what was hashed, or, the salt being gone, gone too?"""
        if self.salt is None:
            said = (self.actor, self.details) == (None, None)
        else:
            said = self.content == content_hash(self.salt, self.actor or "", self.details or "")
        return said and len(self.content) == len(NOTHING)


class Fault(NamedTuple):
    """What is wrong, and where; ``number`` None: with the chain as a whole."""

    chain: UUID | None
    number: int | None
    what: str


def moment(at: datetime) -> bytes:
    """Return a time as it is hashed."""
    return struct.pack(">q", (at - _EPOCH) // timedelta(microseconds=1))


def when(at: bytes) -> datetime:
    """Return the time of which this is ``moment``."""
    return _EPOCH + timedelta(microseconds=struct.unpack(">q", at)[0])


def content_hash(salt: bytes, actor: str, details: str) -> bytes:
    """Return the hash over what a redaction takes away."""
    name = actor.encode()
    return hashlib.sha256(salt + struct.pack(">i", len(name)) + name + details.encode()).digest()


def chain_hash(previous: bytes, entry: Entry) -> bytes:
    """Return the hash over the entry before, and all of this one that stays."""
    fixed = _FIXED.pack(
        entry.number,
        entry.no,
        entry.at,
        entry.alert_id.bytes if entry.alert_id else bytes(16),
        entry.assignment_id.bytes if entry.assignment_id else bytes(16),
        entry.content,
    )
    return hashlib.sha256(previous + fixed + entry.kind.encode()).digest()


class Chain:
    """Follows one chain from its first entry on; ``fault`` is the first that was found."""

    def __init__(self, chain: UUID | None) -> None:
        self.chain = chain
        self.number = 0
        self.hash = NOTHING
        self.fault: Fault | None = None
        self._gone: list[range] = []
        self._accounted: list[range] = []

    def follow(self, entry: Entry, sealed: bytes | None = None) -> None:
        """Look at the next entry; ``sealed`` is its hash as a checkpoint has it."""
        if self.fault is not None:
            return
        wrong = self._wrong(entry, sealed)
        if wrong is not None:
            self.fault = Fault(self.chain, self.number + 1, wrong)
            return
        self.number += 1
        self.hash = entry.hash
        if entry.salt is None:
            if self._gone and self._gone[-1].stop == self.number:
                self._gone[-1] = range(self._gone[-1].start, self.number + 1)
            else:
                self._gone.append(range(self.number, self.number + 1))
        elif entry.kind == REDACTED:
            try:
                self._accounted.append(_accounted(entry.details or "", self.number))
            except (ValueError, TypeError, KeyError):
                what = "a redaction that does not say of which entries"
                self.fault = Fault(self.chain, self.number, what)

    def end(self, number: int | None, hash_: bytes | None) -> Fault | None:
        """Compare with where the chain should end, and return the first fault."""
        if self.fault is None:
            self.fault = self._at_end(number, hash_)
        return self.fault

    def _wrong(self, entry: Entry, sealed: bytes | None) -> str | None:
        if entry.chain != (entry.alert_id or entry.assignment_id or SYSTEM):
            return "does not belong to its chain"
        if entry.number != self.number + 1:
            return f"missing: the next one there is number {entry.number}"
        if not entry.says_what_it_said:
            return "actor, details, salt or the content's hash changed"
        if entry.hash != chain_hash(self.hash, entry):
            return "number, time, kind, what it concerns or a hash changed"
        if sealed is not None and sealed != entry.hash:
            return "differs from what a checkpoint vouches for"
        return None

    def _at_end(self, number: int | None, hash_: bytes | None) -> Fault | None:
        for gone in self._gone:
            for one in gone:
                if not any(one in accounted for accounted in self._accounted):
                    return Fault(self.chain, one, "emptied, and no redaction accounts for it")
        if number is None or hash_ is None:
            return Fault(self.chain, None, "its head is missing")
        if number > self.number:
            return Fault(self.chain, self.number + 1, "missing: the chain was cut off")
        if (number, hash_) != (self.number, self.hash):
            return Fault(self.chain, self.number, "is not where the chain's head says it ends")
        return None


def _accounted(details: str, own: int) -> range:
    """Return for which entries a redaction accounts: for none that comes after it."""
    said = json.loads(details)
    return range(int(said["from"]), min(int(said["to"]) + 1, own))


class Head(NamedTuple):
    """Where a chain ends."""

    chain: UUID
    number: int
    hash: bytes


def heads_digest(heads: Iterable[Head]) -> bytes:
    """Return SHA-256 over a line for each head, ordered by chain: ``chain number hash``."""
    digest = hashlib.sha256()
    for head in heads:
        digest.update(head_line(head))
    return digest.digest()


def head_line(head: Head) -> bytes:
    """Return the line of one head."""
    return f"{head.chain} {head.number} {head.hash.hex()}\n".encode()


@dataclass(frozen=True, slots=True)
class Seal:
    """A checkpoint's statement. ``previous``: SHA-256 of the statement before, or zeros."""

    no: int
    at: datetime
    previous: bytes
    chains: int
    heads: bytes

    @property
    def statement(self) -> str:
        """The text that is signed."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return (
            f"{_TITLE}\nno {self.no}\nat {at}\nprevious {self.previous.hex()}\n"
            f"chains {self.chains}\nheads {self.heads.hex()}\n"
        )

    @classmethod
    def read(cls, statement: str) -> "Seal":
        """Read a statement; raises ``ValueError`` where it is none."""
        title, *lines = statement.removesuffix("\n").split("\n")
        names = [line.partition(" ")[0] for line in lines]
        if title != _TITLE or names != ["no", "at", "previous", "chains", "heads"]:
            raise ValueError("not a checkpoint's statement")
        no, at, previous, chains, heads = (line.partition(" ")[2] for line in lines)
        moment = datetime.fromisoformat(at)
        seal = cls(int(no), moment, bytes.fromhex(previous), int(chains), bytes.fromhex(heads))
        if seal.statement != statement:
            raise ValueError("not a checkpoint's statement")
        return seal


def digest(statement: str) -> bytes:
    """Return the hash by which the next checkpoint names this one."""
    return hashlib.sha256(statement.encode()).digest()


class Signed(NamedTuple):
    """A checkpoint with its signature, as the database keeps it."""

    no: int
    statement: str
    signature: bytes
    public_key: bytes

    @property
    def line(self) -> str:
        """One line of JSON, for whoever keeps checkpoints outside."""
        return json.dumps(
            {
                "statement": self.statement,
                "signature": self.signature.hex(),
                "public_key": self.public_key.hex(),
            }
        )

    @classmethod
    def read(cls, line: str) -> "Signed":
        """Read such a line; raises ``ValueError`` where it is none."""
        try:
            said = json.loads(line)
            signature, key = (bytes.fromhex(said[name]) for name in ("signature", "public_key"))
            return cls(Seal.read(said["statement"]).no, said["statement"], signature, key)
        except (KeyError, TypeError) as error:
            raise ValueError("not a checkpoint's line") from error


def sealing_faults(previous: Signed | None, one: Signed, heads: Sequence[Head]) -> str | None:
    """Say what is wrong with a checkpoint after ``previous``, its signature apart."""
    try:
        seal = Seal.read(one.statement)
    except ValueError as error:
        return str(error)
    expected = 1 if previous is None else previous.no + 1
    if (seal.no, one.no) != (expected, expected):
        return f"checkpoint {expected} is missing"
    if seal.previous != (NOTHING if previous is None else digest(previous.statement)):
        return "does not follow from the checkpoint before it"
    if seal.chains != len(heads) or seal.heads != heads_digest(heads):
        return "the heads that it vouches for changed"
    return None
