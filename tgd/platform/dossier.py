"""The files of persons, as the prosecutor's office writes them and as it may show them.

Serves what comes before the arrows: the office says who needs a phone, operators read it during an
alert (``persons``). Promises: whatever is said of a person is sealed before it is a row; what is
wrong in it is named by its field and never quoted; a list shows initials and no more.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from tgd.clock import Clock
from tgd.errors import Invalid
from tgd.platform import persons
from tgd.platform.persons import PersonFile
from tgd.seal import Sealer
from tgd.store import persons as store
from tgd.store.db import Connection

WORD_ABOUT: Final = "all-clear word"
"""What the word is sealed about (``flow.triage`` opens it)."""
FIELDS: Final = frozenset(PersonFile.__struct_fields__)
_WHERE: Final = re.compile(r" - at `\$\.?([^`]*)`\Z")


class Dossiers:
    """Keeps the files of persons; one for the whole server."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    def read(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a file, checked; raises ``Invalid`` naming the field."""
        given = {name: value for name, value in said.items() if name in FIELDS}
        if isinstance(given.get("aggressor"), str):
            given["aggressor"] = {"name": given["aggressor"]}
        if isinstance(given.get("children"), list):
            given["children"] = [
                {"name": one} if isinstance(one, str) else one for one in given["children"]
            ]
        _checked({"name": "", **given})
        return given

    async def put(self, connection: Connection, beneficiary_id: UUID, file: Any) -> None:
        """Store what was said over what was known; a file without a name says so."""
        row = await store.file_of(connection, beneficiary_id)
        before = persons.opened(self._sealer, beneficiary_id, *row) if row else None
        known = msgspec.to_builtins(before) if before else {}
        whole = _checked({**known, **file})
        await persons.put(connection, self._sealer, beneficiary_id, whole, self._clock)

    def word(self, spoken: str) -> bytes:
        """Return an all-clear word, sealed."""
        return self._sealer.seal(spoken.encode(), WORD_ABOUT)

    def initials(
        self, beneficiary_id: UUID, content: bytes | None, key: bytes | None
    ) -> str | None:
        """Return a person's initials, at most three; None where nothing is kept."""
        if content is None or key is None:
            return None
        file = persons.opened(self._sealer, beneficiary_id, content, key)
        letters = [word[0].upper() for word in re.findall(r"\w+", file.name)] if file else []
        return "".join(f"{letter}." for letter in letters[:3]) or None


def _checked(said: Mapping[str, Any]) -> PersonFile:
    """Return the file; the decoder's message names types and paths, never a value."""
    try:
        return msgspec.convert(said, PersonFile)
    except msgspec.ValidationError as error:
        text = str(error)
        found = _WHERE.search(text)
        path = found[1] if found else ""
        if "missing required field `name`" in text:
            raise Invalid("beneficiary.name", "is missing") from None
        raise Invalid(f"beneficiary.{path}".rstrip("."), "is not what the file has here") from None
