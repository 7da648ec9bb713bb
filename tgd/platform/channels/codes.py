"""The framework's code lists, as far as we write or read them: ``codes.toml``, and nothing else.

Serves arrow 3 in both directions. The official schemas let any code of the right shape pass, so
this is what is checked: a code that stands in no list is never sent, and one that a room sends is
refused. What a code is chosen for is left to ``cisu_case``, ``cisu_place`` and ``cisu_risks``.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any


def label(of: str, code: str) -> str:
    """Return what a code of this list means, in French. Raises ``KeyError`` for an unknown one."""
    return known(of)[code]


@cache
def known(of: str) -> Mapping[str, str]:
    """Return a list's codes with their labels."""
    codes: dict[str, str] = _lists()[of]["codes"]
    return MappingProxyType(codes)


@cache
def besides(of: str) -> frozenset[str]:
    """Return those of a list's codes that only a later edition or a schema has."""
    return frozenset(_lists()[of].get("also", ()))


def lists() -> frozenset[str]:
    """Return the names of the lists."""
    return frozenset(name for name, one in _lists().items() if isinstance(one, dict))


def reference_version() -> str:
    """Return the edition of the lists that our messages name."""
    version: str = _lists()["reference_version"]
    return version


@cache
def _lists() -> dict[str, Any]:
    text = files(__package__).joinpath("codes.toml").read_text("utf-8")
    return tomllib.loads(text)
