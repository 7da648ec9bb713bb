"""The files of persons, as the prosecutor's office writes them and as it may show them.

Serves what comes before the arrows: the office says who needs a phone, operators read it during an
alert (``persons``). Promises: whatever is said of a person is sealed before it is a row; what is
wrong in it is named by its field and never quoted; a list shows initials and no more.
"""

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from tgd.clock import Clock
from tgd.errors import Invalid
from tgd.platform import persons, places
from tgd.platform.domain import proof
from tgd.platform.persons import PersonFile
from tgd.platform.places import RADIUS_M, Access, Place
from tgd.seal import Sealer
from tgd.store import alerts
from tgd.store import persons as store
from tgd.store import places as place_rows
from tgd.store.db import Connection

WORD_ABOUT: Final = "all-clear word"
"""What the word is sealed about."""
FIELDS: Final = frozenset(PersonFile.__struct_fields__)
PLACES_MAX: Final = 20
_WHERE: Final = re.compile(r" - at `\$\.?([^`]*)`\Z")


class _Place(msgspec.Struct, forbid_unknown_fields=True):
    """A known place as the office says it."""

    kind: Literal["home", "work", "school", "aggressor", "other"]
    label: Annotated[str, Meta(min_length=1, max_length=200)]
    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    address: Annotated[str, Meta(max_length=300)] | None = None
    radius_m: Annotated[float, Meta(ge=1, le=20_000)] | None = None
    approach: Annotated[str, Meta(max_length=2_000)] | None = None
    access: Access | None = None


class Dossiers:
    """Keeps the files of persons; one for the whole server."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    def read(self, said: Mapping[str, Any], at: str = "beneficiary") -> dict[str, Any]:
        """Return a file's fields, checked; raises ``Invalid`` naming the field under ``at``."""
        given = {name: value for name, value in said.items() if name in FIELDS}
        if isinstance(given.get("aggressor"), str):
            given["aggressor"] = {"name": given["aggressor"]}
        if isinstance(given.get("children"), list):
            given["children"] = [
                {"name": one} if isinstance(one, str) else one for one in given["children"]
            ]
        _checked({"name": "", **given}, at)
        return given

    def places(self, said: object) -> list[Place]:
        """Return known places, checked; raises ``Invalid`` naming the field."""
        try:
            given = msgspec.convert(said, Annotated[list[_Place], Meta(max_length=PLACES_MAX)])
        except msgspec.ValidationError as error:
            raise _invalid(error, "places") from None
        for number, one in enumerate(given):
            if (one.lat, one.lon) == (0.0, 0.0):
                raise Invalid(f"places[{number}].lat", "0, 0 is no place")
        return [
            Place(
                one.kind,
                one.label,
                one.address,
                one.lat,
                one.lon,
                one.radius_m or RADIUS_M[one.kind],
                one.approach,
                one.access,
            )
            for one in given
        ]

    async def put(
        self, connection: Connection, beneficiary_id: UUID, file: Any, at: str = "beneficiary"
    ) -> None:
        """Store what was said over what was known; a file without a name says so."""
        row = await store.file_of(connection, beneficiary_id)
        before = persons.opened(self._sealer, beneficiary_id, *row) if row else None
        known = msgspec.to_builtins(before) if before else {}
        whole = _checked({**known, **file}, at)
        await persons.put(connection, self._sealer, beneficiary_id, whole, self._clock)

    async def put_places(
        self, connection: Connection, beneficiary_id: UUID, known: Any, now: datetime
    ) -> None:
        """Store places instead of all that the person had."""
        await places.replace(connection, self._sealer, beneficiary_id, known, now)

    async def whole(self, connection: Connection, beneficiary_id: UUID) -> dict[str, Any]:
        """Return ``file`` (None: ``unknown`` says why) and ``places``, opened."""
        row = await store.file_of(connection, beneficiary_id)
        file = persons.opened(self._sealer, beneficiary_id, *row) if row else None
        rows = await place_rows.of_beneficiaries(connection, [beneficiary_id])
        known = places.opened(rows, self._sealer).get(beneficiary_id, [])
        return {
            "file": None if file is None else msgspec.to_builtins(file),
            "unknown": None if file else "unreadable" if row else "no_file",
            "places": [
                {name: msgspec.to_builtins(getattr(one, name)) for name in _Place.__struct_fields__}
                for one in known
            ],
        }

    def word(self, spoken: str) -> tuple[bytes, bytes]:
        """Return an all-clear word, sealed, and its key, which goes with her file's."""
        key = self._sealer.new_key()
        return key.seal(spoken.encode(), WORD_ABOUT), key.wrapped

    def name_digest(self, name: str) -> bytes | None:
        """Return the hash by which a name is found; None: there is no letter in it."""
        return persons.name_digest(self._sealer, name)

    def initials(
        self, beneficiary_id: UUID, content: bytes | None, key: bytes | None
    ) -> str | None:
        """Return a person's initials, at most three; None where nothing is kept."""
        if content is None or key is None:
            return None
        file = persons.opened(self._sealer, beneficiary_id, content, key)
        letters = [word[0].upper() for word in re.findall(r"\w+", file.name)] if file else []
        return "".join(f"{letter}." for letter in letters[:3]) or None


async def word_right(
    connection: Connection, sealer: Sealer, alert_id: UUID, given: str | None
) -> bool | None:
    """Say whether the agreed word was given; None: none was agreed. Raises ``SealBroken``."""
    sealed, key = await alerts.agreed_word(connection, alert_id)
    if sealed is None:
        return None
    opener = sealer if key is None else sealer.unwrap(key)
    agreed = opener.open(sealed, WORD_ABOUT).decode()
    return hmac.compare_digest(proof.spoken(agreed), proof.spoken(given or ""))


def _checked(said: Mapping[str, Any], at: str) -> PersonFile:
    try:
        return msgspec.convert(said, PersonFile)
    except msgspec.ValidationError as error:
        raise _invalid(error, at) from None


def _invalid(error: msgspec.ValidationError, at: str) -> Invalid:
    """Return which field is wrong; the decoder's message names types and paths, never a value."""
    text = str(error)
    found = _WHERE.search(text)
    inner = found[1] if found else ""
    path = f"{at}{inner}" if inner.startswith("[") else f"{at}.{inner}".rstrip(".")
    if missing := re.search(r"missing required field `(\w+)`", text):
        return Invalid(f"{path}.{missing[1]}", "is missing")
    if "unknown field" in text:
        return Invalid(path, "has a field that is not known")
    return Invalid(path, "is not what the file has here")
