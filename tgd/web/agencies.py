"""Agencies whose own login serves (OpenID Connect): who they are, and whom they may send as what.

Serves the login. One file (``TGD_OIDC``) names each agency's issuer and, in an explicit table, what
a claim must hold for which role, tribunal and site. Promises: whom no row fits is nobody; what a
row lacks is not guessed; a file that is wrong stops the server at its start in one line, and no
secret stands in it (it is the first line of a file of its own).
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tgd.errors import TgdError
from tgd.readers import own_server
from tgd.store.accounts import PERSON_ROLES, RING_GROUPS

_BOUND = ("prosecutor", "association")
"""Roles that are of a tribunal."""
_KEYS = {
    "": {"public_url", "agency"},
    "agency": {
        *("id", "name", "issuer", "client_id", "client_secret_file", "scope", "username"),
        *("acr", "amr", "userinfo", "grant"),
    },
    "grant": {"claim", "has", "role", "tribunal", "group", "site"},
}


class WrongFile(TgdError):
    """The file of agencies cannot be used; the message is one line and names the entry."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Who has ``has`` in ``claim`` comes in as this."""

    claim: str
    has: str
    role: str
    tribunal: str | None = None
    group: str = "first"
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Agency:
    """One issuer. ``acr`` and ``amr``: one of these proves a second factor; both empty: none asked.

    ``username`` is the claim that names the account when it is made; ``userinfo``: the ID token
    does not say all of it, the issuer is asked.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    grants: tuple[Grant, ...]
    secret: str | None = field(default=None, repr=False)
    scope: str = "openid profile"
    username: str = "preferred_username"
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    userinfo: bool = False

    def granted(self, claims: Mapping[str, Any]) -> Grant | None:
        """Return what the first row that fits grants; None where none does."""
        return next((one for one in self.grants if one.has in _values(claims, one.claim)), None)

    def proven(self, claims: Mapping[str, Any]) -> bool:
        """Say whether the second factor that is demanded was used, as the issuer states it."""
        if not (self.acr or self.amr):
            return True
        return claims.get("acr") in self.acr or not _values(claims, "amr").isdisjoint(self.amr)


@dataclass(frozen=True, slots=True)
class Agencies:
    """All of them; ``public_url`` is where browsers reach this server."""

    public_url: str = ""
    every: Mapping[str, Agency] = field(default_factory=dict)

    def back(self, agency: Agency) -> str:
        """Return where an agency sends people back to: to be registered there to the letter."""
        return f"{self.public_url}/api/v1/oidc/{agency.id}/callback"

    def of(self, issuer: str) -> Agency | None:
        """Return the agency with this issuer."""
        return next((one for one in self.every.values() if one.issuer == issuer), None)


def load(path: Path | None) -> Agencies:
    """Read the file; without one there are none. Raises ``WrongFile``."""
    if path is None:
        return Agencies()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return _read(table)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WrongFile(f"TGD_OIDC: cannot read {path}: {error}") from None
    except ValueError as error:
        raise WrongFile(f"TGD_OIDC: {path}: {error}") from None


def _read(table: Mapping[str, Any]) -> Agencies:
    _known("", table, "the file")
    public_url = own_server(_text(table, "public_url", "the file")).rstrip("/")
    every = [_agency(one) for one in table.get("agency", ())]
    for key in ("id", "issuer"):
        if len({getattr(one, key) for one in every}) < len(every):
            raise ValueError(f"two agencies have the same {key}")
    return Agencies(public_url, {one.id: one for one in every})


def _agency(one: Mapping[str, Any]) -> Agency:
    id_ = _text(one, "id", "an agency")
    where = f"agency {id_}"
    _known("agency", one, where)
    if not re.fullmatch(r"[a-z0-9-]{1,32}", id_):
        raise ValueError(f"{where}: id must be 1 to 32 small letters, digits or -")
    try:
        issuer = own_server(_text(one, "issuer", where))
    except ValueError as error:
        raise ValueError(f"{where}: issuer {error}") from None
    given: dict[str, Any] = {
        key: read(one, key, where)
        for read, keys in ((_text, ("scope", "username")), (_texts, ("acr", "amr")))
        for key in keys
        if key in one
    }
    return Agency(
        id_,
        _text(one, "name", where),
        issuer,
        _text(one, "client_id", where),
        tuple(_grant(row, where) for row in one.get("grant", ())),
        _secret(one, where),
        **given,
        userinfo=_truth(one, "userinfo", where),
    )


def _grant(row: Mapping[str, Any], where: str) -> Grant:
    _known("grant", row, where)
    made = Grant(**{key: _text(row, key, where) for key in ("claim", "has", "role", *row)})
    if made.role not in PERSON_ROLES:
        raise ValueError(f"{where}: role must be one of {', '.join(PERSON_ROLES)}")
    if made.group not in RING_GROUPS:
        raise ValueError(f"{where}: group must be one of {', '.join(RING_GROUPS)}")
    if made.role in _BOUND and made.tribunal is None:
        raise ValueError(f"{where}: the role {made.role} needs a tribunal")
    return made


def _secret(one: Mapping[str, Any], where: str) -> str | None:
    if "client_secret_file" not in one:
        return None
    lines = Path(_text(one, "client_secret_file", where)).read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0].strip():
        raise ValueError(f"{where}: client_secret_file is empty")
    return lines[0].strip()


def _known(kind: str, table: Mapping[str, Any], where: str) -> None:
    if unknown := sorted(set(table) - _KEYS[kind]):
        raise ValueError(f"{where}: unknown {', '.join(unknown)}")


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: {key} must be a text")
    return value


def _truth(table: Mapping[str, Any], key: str, where: str) -> bool:
    value = table.get(key, False)
    if value is True or value is False:
        return bool(value)
    raise ValueError(f"{where}: {key} must be true or false")


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    values = table[key]
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise ValueError(f"{where}: {key} must be a list of texts")
    return tuple(values)


def _values(claims: Mapping[str, Any], name: str) -> set[str]:
    """Return the texts in a claim, one or many; ``a.b`` is also b in a."""
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    found: Sequence[Any] = value if isinstance(value, list) else [value]
    return {one for one in found if isinstance(one, str)}
