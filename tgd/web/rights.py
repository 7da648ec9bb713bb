"""Who may do what and see which field: the table ``rights.toml``, read once, denying what it lacks.

Serves every route. The guard asks it who may come in, and every answer is cut down to what the
caller's role is granted before it leaves: a field without a row is not in the answer. Whose things
a role sees (its tribunal's, its own) the handlers look to; the table says so, and a test tries it.
``python -m tgd.web.rights`` prints the table as the document ``docs/rights.md``.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from itertools import product
from typing import Any, NamedTuple

EVERYBODY = "everybody"
ROLES = ("operator", "supervisor", "prosecutor", "association", "admin", "auditor", "phone")
_LIST = "[]"
_ALL = "**"

LEAF, WHOLE = "leaf", "whole"
Node = str | Mapping[str, "Node"]
"""What is granted of a value: ``LEAF``, it has no parts; ``WHOLE``, all; or these names in it."""


class View:
    """What one role is granted of an answer. Equal ones are one object."""

    __slots__ = ("_tree",)

    def __init__(self, tree: Node) -> None:
        self._tree = tree

    def of(self, value: Any) -> Any:
        """Return what may be seen of a value: what is not granted is absent."""
        return _seen(value, self._tree)


class Row(NamedTuple):
    """Some fields of a thing, who sees them, and why."""

    of: str
    names: tuple[str, ...]
    roles: frozenset[str]
    why: str


class Grant(NamedTuple):
    """A route: whose things each role may have it do; what it answers (None: nothing of ours)."""

    whose: Mapping[str, str]
    shows: str | None
    per_minute: int | None = None

    @property
    def roles(self) -> frozenset[str]:
        """Who may; nobody needs to log in for what everybody may."""
        return frozenset(self.whose)

    @property
    def open(self) -> bool:
        """Whether everybody may."""
        return EVERYBODY in self.whose


class Rights:
    """The table."""

    def __init__(self, text: str) -> None:
        table = tomllib.loads(text)
        self.rows = tuple(_row(one) for one in table["fields"])
        self.routes = {does: _grant(does, one) for does, one in table["routes"].items()}
        self._views: dict[tuple[str | None, str], View] = {}
        self._same: dict[frozenset[tuple[str, ...]], View] = {}

    def grant(self, method: str, path: str) -> Grant:
        """Return who may; nobody, where there is no row."""
        return self.routes.get(f"{method} {path}", Grant({}, None))

    def view(self, shows: str | None, role: str) -> View:
        """Return what a role sees of such an answer."""
        key = shows, role
        if key not in self._views:
            paths = frozenset(self.paths(shows, role))
            self._views[key] = self._same.setdefault(paths, View(_tree(paths)))
        return self._views[key]

    def paths(self, shows: str | None, role: str) -> Iterator[tuple[str, ...]]:
        """Return the fields that a role sees of such an answer, each as its path."""
        if shows is None:
            return
        thing, is_list = shows.removesuffix(_LIST), shows.endswith(_LIST)
        for row in self.rows:
            if role not in row.roles:
                continue
            for path in _paths(row.names):
                if row.of == thing:
                    yield ("items", *path) if is_list else path
                elif is_list and row.of == "list":
                    yield path


@cache
def table() -> Rights:
    """Return the table of the package."""
    text = resources.files("tgd.web").joinpath("rights.toml").read_text(encoding="utf-8")
    return Rights(text)


def document(rights: Rights) -> str:
    """Return the table in Markdown."""
    lines = [_HEAD, _line("Route", *ROLES, "Answers", "A minute"), "|---" * (len(ROLES) + 3) + "|"]
    for does, grant in rights.routes.items():
        cells = [EVERYBODY if grant.open else grant.whose.get(role, "") for role in ROLES]
        often = str(grant.per_minute or "")
        lines.append(_line(f"`{does}`", *cells, grant.shows or "", often))
    lines += [_FIELDS, _line("Of", "Fields", *ROLES, "Why"), "|---" * (len(ROLES) + 3) + "|"]
    for row in rights.rows:
        cells = ["yes" if role in row.roles else "" for role in ROLES]
        lines.append(_line(row.of, ", ".join(f"`{name}`" for name in row.names), *cells, row.why))
    return "\n".join(lines) + "\n"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


_HEAD = """# Who may do what, and see which field

Written from `tgd/web/rights.toml` by `python -m tgd.web.rights`: correct the table there, then
write this anew. The server reads the same table: what does not stand here nobody may, and nobody
sees. `tests/web/test_rights.py` tries every role on every route against a running server.

**Whose**: `all`; `tribunal`, of the own tribunal, by session (another's is not there: 404, or an
empty list); `acted`, of alerts that the caller has acted in; `own`, one's own; `followed`, of
persons entrusted to the caller, while convention and clearance last. Empty: 403. **A minute**: so
often may one caller ask; then 429 `too_many_requests`.
Articles 2 and 3 of the arrêté of 22 April 2015 (the list of data and their readers) could not be
had: a jurist corrects the table, and no code.

## Routes
"""
_FIELDS = """
## Fields

A field that a role may not see is absent from the answer. `a.b` is b in a, `a.{b,c}` both, `a.**`
all that is in a; `list` is what stands around the `items` of a list (`thing[]`), `problem` what an
error adds.
"""


def _seen(value: Any, node: Node) -> Any:
    if node is WHOLE:
        return value
    if isinstance(value, Mapping):
        names = {} if isinstance(node, str) else node
        return {
            name: _seen(one, names[name])
            for name, one in value.items()
            if name in names and not (names[name] is LEAF and _has_parts(one))
        }
    if isinstance(value, list | tuple):
        return [_seen(one, node) for one in value]
    return value if node is LEAF else None


def _has_parts(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_has_parts(one) for one in value)
    return isinstance(value, Mapping)


def _tree(paths: Iterable[tuple[str, ...]]) -> dict[str, Node]:
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        *inner, last = path
        node = tree
        for name in inner:
            node = node.setdefault(name, {})
        if last == _ALL:
            _put_whole(tree, inner)
        else:
            node[last] = LEAF
    return tree


def _put_whole(tree: dict[str, Any], path: list[str]) -> None:
    *inner, last = path
    for name in inner:
        tree = tree[name]
    tree[last] = WHOLE


def _paths(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Return the paths that names stand for: ``a.{b,c}`` is a.b and a.c."""
    for name in names:
        parts = [part.strip("{}").split(",") for part in name.split(".")]
        yield from product(*parts)


def _row(one: Mapping[str, Any]) -> Row:
    if unknown := set(one["for"]) - set(ROLES):
        raise ValueError(f"rights.toml: unknown roles {sorted(unknown)}")
    return Row(one["of"], tuple(one["names"]), frozenset(one["for"]), one["why"])


def _grant(does: str, one: Mapping[str, Any]) -> Grant:
    whose = {role: said for role, said in one.items() if role not in {"shows", "per_minute"}}
    if unknown := set(whose) - {*ROLES, EVERYBODY}:
        raise ValueError(f"rights.toml: {does}: unknown roles {sorted(unknown)}")
    return Grant(whose, one.get("shows"), one.get("per_minute"))


if __name__ == "__main__":
    sys.stdout.write(document(table()))
