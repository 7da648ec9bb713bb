"""What is sealed of a person and an assignment: nothing of it is a column in clear.

Serves the prosecutor's office. The file of a person is the platform's (operators read it during an
alert): ``Files`` is what the office needs of whoever keeps it. An assignment's own words (the
order's reference and dates, what was said at each act) are sealed here, under a key of their own,
so that they can go by the law's terms; a card's numbers in ``tgd.sim``.
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

    def read(self, said: Mapping[str, Any], at: str = "beneficiary") -> Any:
        """Return what is said of a person as a file; raises ``errors.Invalid`` without a value."""

    def places(self, said: object) -> Any:
        """Return what is said of known places; raises ``errors.Invalid`` without a value."""

    async def put(
        self, connection: Connection, beneficiary_id: UUID, file: Any, at: str = "beneficiary"
    ) -> None:
        """Store a file over the one before: what it does not say stays."""

    async def put_places(
        self, connection: Connection, beneficiary_id: UUID, known: Any, now: datetime
    ) -> None:
        """Store places instead of all that the person had."""

    async def whole(self, connection: Connection, beneficiary_id: UUID) -> dict[str, Any]:
        """Return ``file`` (None: ``unknown`` says why) and ``places``, opened."""

    def word(self, spoken: str) -> tuple[bytes, bytes]:
        """Return an all-clear word, sealed, and its key."""

    def name_digest(self, name: str) -> bytes | None:
        """Return the hash by which a name is found; None: there is no letter in it."""

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


def _about(what: str, of: object) -> str:
    return f"{what} of {of}"
