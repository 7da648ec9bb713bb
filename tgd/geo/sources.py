"""What a file of the territory gives, and how it says that it cannot be used.

Serves `tgd zones import`: `contours` and `table` fill a `Source`, `join` brings several together.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from tgd.errors import TgdError

Tick: TypeAlias = Callable[[int, int], None]
"""Told how much is done, and of how much."""

Where: TypeAlias = Callable[[], str]
"""Says where in a file something stands; asked only when it is wrong."""

_CODE: Final = re.compile(r"(?:\d\d|2[AB])\d{3}")
_TEXT_MAX: Final = 200


class FileError(TgdError):
    """A file cannot be used; the message is one line that says where, and what was expected."""


@dataclass(frozen=True, slots=True)
class Contour:
    """A commune's code, name and shape (WKB, WGS 84), and the codes of those it was made of."""

    code: str
    name: str
    shape: bytes = field(repr=False)
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; without a service, `service` and `institution` are None."""

    code: str
    commune: str
    institution: str | None
    service: str | None
    service_name: str


@dataclass(slots=True)
class Source:
    """One file: its name, its SHA-256, and what stands in it.

    `former` names, by its code, a commune that is no more, and the one that it belongs to.
    """

    name: str
    sha256: str
    contours: list[Contour] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    former: dict[str, str] = field(default_factory=dict)


def insee(given: Any, where: Where) -> str:
    """Return an INSEE code, or raise `FileError`."""
    if isinstance(given, str) and _CODE.fullmatch(given):
        return given
    said = f"{str(given)[:40]!r}: expected an INSEE code of 5 characters, such as 86194"
    if re.fullmatch(r"\d{4}", str(given)):
        said += " (the leading zero is lost)"
    raise FileError(f"{where()}: {said}")


def is_text(value: str) -> bool:
    """Say whether a value can be a name or an id."""
    return 0 < len(value) <= _TEXT_MAX and value.isprintable() and not value.isspace()
