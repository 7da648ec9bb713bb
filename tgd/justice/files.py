"""What is sealed of a person, an assignment and a SIM card: nothing of it is a column in clear.

Serves the prosecutor's office. The file of a person is the platform's (operators read it during an
alert): ``Files`` is what the office needs of whoever keeps it. An assignment's own words (the
order's reference and dates, what was said at each act) and a SIM's numbers are sealed here, each
under a key of its own, so that they can go by the law's terms.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from tgd.seal import SealBroken, Sealer
from tgd.store.db import Connection

LISTENS = ("mic_only", "none", "duplex")


class Files(Protocol):
    """Whoever keeps the files of persons."""

    def read(self, said: Mapping[str, Any]) -> Any:
        """Return what is said of a person as a file; raises ``errors.Invalid`` without a value."""

    async def put(self, connection: Connection, beneficiary_id: UUID, file: Any) -> None:
        """Store a file over the one before: what it does not say stays."""

    def word(self, spoken: str) -> bytes:
        """Return an all-clear word, sealed."""

    def initials(
        self, beneficiary_id: UUID, content: bytes | None, key: bytes | None
    ) -> str | None:
        """Return a person's initials; None where nothing is kept, or it does not open."""


class Order(msgspec.Struct, omit_defaults=True):
    """The judge's order that an assignment stands on."""

    reference: str | None = None
    issued_at: str | None = None
    expires_at: str | None = None


class Note(msgspec.Struct):
    """What was said at an act: who, when, about what."""

    at: datetime
    by: str
    about: str
    text: str


class Words(msgspec.Struct):
    """What is sealed about an assignment."""

    order: Order | None = None
    notes: list[Note] = []


class Sim(msgspec.Struct, omit_defaults=True):
    """A card: its number (ICCID) and its telephone number (MSISDN, E.164)."""

    iccid: str | None = None
    msisdn: str | None = None


Sealed = tuple[bytes | None, bytes | None]
"""Content and key, as the row has them."""


def words(sealer: Sealer, assignment: UUID, sealed: Sealed) -> Words:
    """Return what is sealed about an assignment; nothing where it does not open any more."""
    content, key = sealed
    if content is None or key is None:
        return Words()
    try:
        plain = sealer.unwrap(key).open(content, _about("assignment", assignment))
        return msgspec.json.decode(plain, type=Words)
    except (SealBroken, msgspec.MsgspecError):
        return Words()


def seal_words(sealer: Sealer, assignment: UUID, said: Words, key: bytes | None) -> Sealed:
    """Return the words sealed under the assignment's key, or a new one; nothing of nothing."""
    if said.order is None and not said.notes:
        return None, None
    data_key = sealer.new_key() if key is None else sealer.unwrap(key)
    sealed = data_key.seal(msgspec.json.encode(said), _about("assignment", assignment))
    return sealed, data_key.wrapped


def sim(sealer: Sealer, device: str, sealed: Sealed) -> Sim:
    """Return a phone's card; an empty one where none is known or it does not open."""
    content, key = sealed
    if content is None or key is None:
        return Sim()
    try:
        return msgspec.json.decode(
            sealer.unwrap(key).open(content, _about("sim", device)), type=Sim
        )
    except (SealBroken, msgspec.MsgspecError):
        return Sim()


def seal_sim(sealer: Sealer, device: str, card: Sim) -> Sealed:
    """Return a card sealed under a key of its own; nothing of an empty one."""
    if card.iccid is None and card.msisdn is None:
        return None, None
    key = sealer.new_key()
    return key.seal(msgspec.json.encode(card), _about("sim", device)), key.wrapped


def _about(what: str, of: object) -> str:
    return f"{what} of {of}"
