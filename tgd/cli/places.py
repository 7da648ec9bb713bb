"""``tgd places import``: the known places of the phones' holders, from a file and no command line.

Serves arrow 2 before it is needed. Where she lives and where he does must stand in no list of
processes and no shell's history, so it comes in a TOML file; and no error quotes more of it than
the number of the place and the name of the field. A file is stored whole or not at all. Once it is
imported it should be destroyed: only what the server keeps is sealed.
"""

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from tgd.cli.administration import actor, say
from tgd.cli.counts import counted
from tgd.cli.sealing import sealing
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import TgdError
from tgd.platform import places
from tgd.platform.places import RADIUS_M, Access, Place
from tgd.store import command
from tgd.store import places as store

_AT: Final = re.compile(r"\$\.place\[(\d+)\](?:\.(\w+))?\Z")
_WHERE: Final = re.compile(r" - at `([^`]*)`\Z")
_LINES: Final = str.maketrans("", "", "\n\t")


class PlacesFileError(TgdError):
    """The file cannot be used; the message is one line, says where, and quotes no content."""


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    device: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    kind: Literal["home", "work", "school", "aggressor", "other"]
    label: Annotated[str, Meta(min_length=1, max_length=200)]
    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    address: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    radius_m: Annotated[float, Meta(ge=1, le=20_000)] | None = None
    approach: Annotated[str, Meta(min_length=1, max_length=2_000)] | None = None
    access: Access | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    place: Annotated[list[_Entry], Meta(min_length=1)]


def read(text: str) -> dict[str, list[Place]]:
    """Return the file's places by phone, or raise ``PlacesFileError``."""
    try:
        file = msgspec.convert(tomllib.loads(text), _File)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\((at [^()]*)\)\Z", str(error))
        raise PlacesFileError(f"not TOML{f' {where[1]}' if where else ''}") from None
    except msgspec.ValidationError as error:
        raise PlacesFileError(_line(str(error))) from None
    found: dict[str, list[Place]] = {}
    for number, entry in enumerate(file.place, 1):
        found.setdefault(entry.device, []).append(_place(number, entry))
    return found


def _place(number: int, entry: _Entry) -> Place:
    for name in ("label", "address", "approach"):
        said = getattr(entry, name)
        legible = said.translate(_LINES) if said and name == "approach" else said
        if said is not None and (not legible.isprintable() or said.isspace()):
            raise PlacesFileError(f"place {number}: {name}: not a legible text")
    for name in ("lat", "lon", "radius_m"):
        if not math.isfinite(getattr(entry, name) or 0.0):
            raise PlacesFileError(f"place {number}: {name}: not a number")
    if (entry.lat, entry.lon) == (0.0, 0.0):
        raise PlacesFileError(f"place {number}: lat and lon are both 0, which is no place")
    return Place(
        kind=entry.kind,
        label=entry.label,
        address=entry.address,
        lat=float(entry.lat),
        lon=float(entry.lon),
        radius_m=RADIUS_M[entry.kind] if entry.radius_m is None else float(entry.radius_m),
        approach=entry.approach,
        access=entry.access,
    )


def _line(said: str) -> str:
    """Turn a message of the decoder, which quotes names of fields but no value, into our line."""
    found = _WHERE.search(said)
    path = found[1] if found else ""
    what = _WHERE.sub("", said)
    if what.startswith("Invalid enum value"):  # and quotes it
        what = f"must be one of {', '.join(RADIUS_M)}"
    at = _AT.fullmatch(path)
    if at is None:
        return f"{what}: only [[place]] is known at the top, at least one"
    return f"place {int(at[1]) + 1}: {f'{at[2]}: ' if at[2] else ''}{what}"


async def places_import(config: Config, file: Path) -> None:
    """Store a file's places instead of all that the phones' present holders had."""
    given = read(text_of(file))
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        held = _held(given, await store.holders(connection, list(given)))
        done = {"holders": len(held), "places": sum(map(len, held.values()))}
        async with sealing(config, connection) as sealer:
            for person, some in held.items():
                await places.replace(connection, sealer, person, some, now)
            await command.record(connection, now, actor(), "places_imported", done)
    of = counted(done["holders"], "holder")
    say(f"imported: {counted(done['places'], 'place')} of {of}, instead of what they had")


def _held(
    given: Mapping[str, Sequence[Place]], holders: Mapping[str, UUID | None]
) -> dict[UUID, list[Place]]:
    """Return the places by person; raises ``PlacesFileError`` for a phone that nobody holds."""
    held: dict[UUID, list[Place]] = {}
    for device, some in given.items():
        person = holders.get(device)
        if person is None:
            why = "is held by nobody" if device in holders else "is not in the register"
            raise PlacesFileError(f"device {device} {why}")
        held.setdefault(person, []).extend(some)
    return held


def text_of(file: Path, failed: type[TgdError] = PlacesFileError) -> str:
    """Return a file's text; raises ``failed`` in one line."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise failed(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise failed(f"cannot read {file}: not UTF-8") from None
