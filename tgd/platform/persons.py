"""The file of a person: what an operator must know at once of who presses, and of whom she fears.

Serves arrow 2; the prosecutor's office writes it (``dossier``). It is sealed under a key of its
own, opened for operators only while an alert of that person is open, and every reading is
journalled with who and when: an insider who looks somebody up leaves a trace. A file that does not
open costs the file, never the alert.
"""

import logging
import re
import unicodedata
from typing import Any
from uuid import UUID

import msgspec

from tgd.clock import Clock
from tgd.errors import NotFound
from tgd.seal import SealBroken, Sealer
from tgd.store import glass
from tgd.store import persons as store
from tgd.store.db import Connection, Database

_log = logging.getLogger(__name__)


class Child(msgspec.Struct, forbid_unknown_fields=True, repr_omit_defaults=True):
    """A child: ``note`` says what matters at the door."""

    name: str
    born: str | None = None
    note: str | None = None


class Aggressor(msgspec.Struct, forbid_unknown_fields=True):
    """Whom she fears: how to know him, and his car."""

    name: str
    description: str | None = None
    vehicle: str | None = None
    relation: str | None = None


class Dangers(msgspec.Struct, forbid_unknown_fields=True):
    """What whoever goes there must know: weapons, a dog, how to get in."""

    weapons: str | None = None
    dog: str | None = None
    access: str | None = None
    other: str | None = None


class PersonFile(msgspec.Struct, forbid_unknown_fields=True):
    """The file; texts as they are to be read. ``languages`` in her order.

    ``contact`` is the safe way to reach her, ``contact_hours`` when; ``evaluation`` is what she was
    given the phone on: the office's alone.
    """

    name: str
    born: str | None = None
    description: str | None = None
    languages: tuple[str, ...] = ()
    health: str | None = None
    contact: str | None = None
    children: tuple[Child, ...] = ()
    aggressor: Aggressor | None = None
    dangers: Dangers | None = None
    contact_hours: str | None = None
    evaluation: str | None = None


class Persons:
    """Reads files for operators; one for the whole server."""

    def __init__(self, database: Database, clock: Clock, sealer: Sealer) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer

    async def read(self, alert_id: UUID, operator: str) -> dict[str, Any]:
        """Return ``file`` (None: there is none, ``unknown`` says why) of an open alert's holder.

        Of a closed one's, while the reader has broken the glass.
        Raises ``NotFound`` for an unknown alert. The reading is journalled in the same transaction.
        """
        async with self._database.transaction() as transaction:
            found = await store.of_alert(transaction, alert_id)
            if found is None:
                raise NotFound("alert")
            now = self._clock.now()
            if not found.open and not await glass.until(
                transaction, found.beneficiary_id, operator, now
            ):
                return {"file": None, "unknown": "alert_closed"}
            if found.content is None or found.key is None:
                return {"file": None, "unknown": "no_file"}
            await store.note_reading(transaction, alert_id, operator, now)
        try:
            plain = self._sealer.unwrap(found.key).open(found.content, _about(found.beneficiary_id))
            return {"file": msgspec.to_builtins(msgspec.json.decode(plain, type=PersonFile))}
        except (SealBroken, msgspec.MsgspecError) as error:
            _log.warning("a person's file does not open: %s", type(error).__name__)
            return {"file": None, "unknown": "unreadable"}


async def put(
    connection: Connection, sealer: Sealer, beneficiary_id: UUID, file: PersonFile, clock: Clock
) -> None:
    """Store a person's file instead of the one before, under a key of its own."""
    key = sealer.new_key()
    # What is not said is left out: a server of before it could be said reads the rest.
    said = {name: one for name, one in msgspec.structs.asdict(file).items() if one is not None}
    sealed = key.seal(msgspec.json.encode(said), _about(beneficiary_id))
    hashed = name_digest(sealer, file.name)
    await store.put(connection, beneficiary_id, sealed, key.wrapped, clock.now(), hashed)


def name_digest(sealer: Sealer, name: str) -> bytes | None:
    """Return the hash by which a name is found, however it is written; None: no letter in it.

    Neither case, accents, signs nor the order of the words matter; nothing else is found by it.
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    words = re.findall(r"[^\W_]+", "".join(c for c in plain if not unicodedata.combining(c)))
    return sealer.digest(b"name " + " ".join(sorted(words)).encode()) if words else None


def opened(sealer: Sealer, beneficiary_id: UUID, content: bytes, key: bytes) -> PersonFile | None:
    """Return a file that was read as a row; None where it does not open."""
    try:
        plain = sealer.unwrap(key).open(content, _about(beneficiary_id))
        return msgspec.json.decode(plain, type=PersonFile)
    except (SealBroken, msgspec.MsgspecError) as error:
        _log.warning("a person's file does not open: %s", type(error).__name__)
        return None


def _about(beneficiary_id: UUID | None) -> str:
    return f"file of {beneficiary_id}"
