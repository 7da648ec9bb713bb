"""The person's known places: where she lives and works, and where he does, beside her position.

Serves arrow 2: an operator who sees "100 m from his address" decides otherwise than one who sees a
point on a map. What is known of a place is sealed under the key of her file, each for its own row,
and is opened only for an alert. ``opened`` never raises: a place that cannot be read is missed on
the screen and counted in the log, and the alert stands. Who may be shown them, and when they go,
is left to others.
"""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, TypeAlias
from uuid import UUID, uuid4

import msgspec
from msgspec import Meta

from tgd.errors import TgdError
from tgd.geo.locate import metres
from tgd.geo.position import Fix
from tgd.seal import DataKey, KeyErased, Sealer
from tgd.store import places as store
from tgd.store.db import Connection
from tgd.store.places import PlaceRow, SealedPlace

of_beneficiaries = store.of_beneficiaries

RADIUS_M: Final = {
    "home": 100.0,
    "work": 150.0,
    "school": 200.0,
    "aggressor": 200.0,
    "other": 100.0,
}
"""The kinds of place, each with the radius in metres that it has where none is given."""

_log = logging.getLogger(__name__)


_Short: TypeAlias = Annotated[str, Meta(min_length=1, max_length=80)]


class Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How to get in: each a short text as it was told, None where it was not.

    ``codes`` are those of the doors, in the order in which one meets them.
    """

    floor: _Short | None = None
    codes: Annotated[tuple[_Short, ...], Meta(max_length=5)] = ()
    interphone: _Short | None = None
    building: _Short | None = None
    entrance: _Short | None = None
    door: _Short | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One known place: WGS 84 degrees, radius in metres.

    ``kind`` is a key of ``RADIUS_M``; ``approach`` is what officers should know before they go
    there. What it says stays out of ``repr``, so that no log line or traceback can carry it.
    """

    kind: str
    label: str = field(repr=False)
    address: str | None = field(repr=False)
    lat: float = field(repr=False)
    lon: float = field(repr=False)
    radius_m: float
    approach: str | None = field(repr=False)
    access: Access | None = field(default=None, repr=False)


class _Content(msgspec.Struct, array_like=True):
    """What is sealed. New fields go to the end, with a default."""

    label: str
    address: str | None
    lat: float
    lon: float
    radius_m: float
    approach: str | None
    access: Access | None = None


def opened(rows: Sequence[PlaceRow], sealer: Sealer) -> dict[UUID, list[Place]]:
    """Return the places by person, by kind and label. What does not open is left out and counted.

    Never raises.
    """
    keys: dict[bytes, DataKey | None] = {}
    found: dict[UUID, list[Place]] = {}
    shut = 0
    for row in rows:
        place = _opened(row, sealer, keys)
        if place is None:
            shut += 1
        else:
            found.setdefault(row.beneficiary_id, []).append(place)
    if shut:
        _log.warning("%d of %d known places do not open and are not shown", shut, len(rows))
    kinds = list(RADIUS_M)
    for places in found.values():
        places.sort(key=lambda place: (kinds.index(place.kind), place.label))
    return found


def touched(
    places: Sequence[Place], lat: float, lon: float, r95_m: float
) -> list[tuple[Place, float]]:
    """Return the places whose circle the disc touches, nearest first.

    Each with the distance of the two centres in metres. ``r95_m`` is the disc's radius.
    """
    here = Fix(lat, lon)
    found = [(place, metres(Fix(place.lat, place.lon), here)) for place in places]
    near = [(place, apart) for place, apart in found if apart <= place.radius_m + r95_m]
    return sorted(near, key=lambda one: one[1])


async def replace(
    connection: Connection,
    sealer: Sealer,
    beneficiary_id: UUID,
    places: Sequence[Place],
    now: datetime,
) -> None:
    """Store these places instead of all that the person had; none takes them away.

    Her file gets a new key each time: the old one is named by no row any more, so that it goes from
    the key store, and with it what backups hold of the places that she had. Raises
    ``errors.NotFound`` where there is no such person, ``seal.SealBroken`` where her file's key does
    not open (not where it is gone: then there is nothing to lose). To be called inside a
    transaction.
    """
    wrapped = await store.hold_key(connection, beneficiary_id)
    sealed: list[SealedPlace] = []
    if wrapped is not None:
        with contextlib.suppress(KeyErased):
            sealer.unwrap(wrapped)
    key = sealer.new_key() if places else None
    if key is not None:
        sealed = [_sealed(place, key) for place in places]
    await store.put_key(connection, beneficiary_id, None if key is None else key.wrapped)
    await store.replace(connection, beneficiary_id, sealed, now)


def _sealed(place: Place, key: DataKey) -> SealedPlace:
    content = _Content(
        place.label, place.address, place.lat, place.lon, place.radius_m, place.approach,
        place.access,
    )  # fmt: skip
    own = uuid4()
    return SealedPlace(own, place.kind, key.seal(msgspec.json.encode(content), _about(own)))


def _opened(row: PlaceRow, sealer: Sealer, keys: dict[bytes, DataKey | None]) -> Place | None:
    """Return the place of a row, None if it does not open; ``keys`` are those tried before."""
    if row.key is None or row.kind not in RADIUS_M:
        return None
    try:
        if row.key not in keys:
            keys[row.key] = None
            keys[row.key] = sealer.unwrap(row.key)
        key = keys[row.key]
        if key is None:
            return None
        said = msgspec.json.decode(key.open(row.content, _about(row.id)), type=_Content)
    except (TgdError, OSError, ValueError, msgspec.MsgspecError):
        return None  # counted by the caller: an alert is shown without it rather than not at all
    return Place(
        row.kind, said.label, said.address, said.lat, said.lon, said.radius_m, said.approach,
        said.access,
    )  # fmt: skip


def _about(place_id: UUID) -> str:
    return f"place {place_id}"
