"""``tgd persons import``: what an operator must know of the phones' holders, from a file.

Serves arrow 2 before it is needed. Like places, files of persons come in a TOML file and on no
command line; no error quotes more of one than its number and the name of a field; a file is stored
whole or not at all, and should be destroyed once it is. ``[[linked]]`` names phones whose holders
belong together (a mother and her child): their alerts name each other.
"""

import re
import tomllib
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from tgd.cli.administration import actor, say
from tgd.cli.counts import counted
from tgd.cli.places import text_of
from tgd.cli.sealing import sealing
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import TgdError
from tgd.platform import persons
from tgd.platform.persons import PersonFile
from tgd.store import command
from tgd.store import persons as store
from tgd.store.places import holders

_WHERE: Final = re.compile(r" - at `([^`]*)`\Z")
_AT: Final = re.compile(r"\$\.(person|linked)\[(\d+)\](?:\.([\w.]+))?")

Device = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class PersonsFileError(TgdError):
    """The file cannot be used; the message is one line, says where, and quotes no content."""


class _Person(PersonFile, kw_only=True):
    device: Device


class _Linked(msgspec.Struct, forbid_unknown_fields=True):
    devices: Annotated[list[Device], Meta(min_length=2, max_length=20)]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    person: list[_Person] = []
    linked: list[_Linked] = []


def read(text: str) -> tuple[dict[str, PersonFile], list[list[str]]]:
    """Return the files by phone and the groups of linked phones; raises ``PersonsFileError``."""
    try:
        file = msgspec.convert(tomllib.loads(text), _File)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\((at [^()]*)\)\Z", str(error))
        raise PersonsFileError(f"not TOML{f' {where[1]}' if where else ''}") from None
    except msgspec.ValidationError as error:
        raise PersonsFileError(_line(str(error))) from None
    found: dict[str, PersonFile] = {}
    for number, one in enumerate(file.person, 1):
        if one.device in found:
            raise PersonsFileError(f"person {number}: device: stands twice in the file")
        said = {name: getattr(one, name) for name in PersonFile.__struct_fields__}
        found[one.device] = PersonFile(**said)
    if not found and not file.linked:
        raise PersonsFileError("only [[person]] and [[linked]] are known at the top, at least one")
    return found, [one.devices for one in file.linked]


async def persons_import(config: Config, file: Path) -> None:
    """Store a file's persons instead of what was kept of the phones' present holders."""
    given, linked = read(text_of(file, PersonsFileError))
    clock = Clock()
    async with command.transaction(config.database_url) as connection:
        named = sorted({*given, *(device for group in linked for device in group)})
        held = _held(await holders(connection, named), named)
        done = {"persons": len(given), "linked": len(linked)}
        async with sealing(config, connection) as sealer:
            for device, one in given.items():
                await persons.put(connection, sealer, held[device], one, clock)
        for group in linked:
            for one_of, other in combinations({held[device] for device in group}, 2):
                await store.link(connection, one_of, other)
        await command.record(connection, clock.now(), actor(), "persons_imported", done)
    groups = counted(done["linked"], "group")
    say(f"imported: {counted(done['persons'], 'person')}, {groups} of linked ones")


def _held(found: Mapping[str, UUID | None], devices: list[str]) -> dict[str, UUID]:
    held: dict[str, UUID] = {}
    for device in devices:
        person = found.get(device)
        if person is None:
            why = "is held by nobody" if device in found else "is not in the register"
            raise PersonsFileError(f"device {device} {why}")
        held[device] = person
    return held


def _line(said: str) -> str:
    """Turn a message of the decoder, which quotes names of fields but no value, into our line."""
    found = _WHERE.search(said)
    what, at = _WHERE.sub("", said), _AT.match(found[1]) if found else None
    if at is None:
        return f"{what}: only [[person]] and [[linked]] are known at the top"
    return f"{at[1]} {int(at[2]) + 1}: {f'{at[3]}: ' if at[3] else ''}{what}"
