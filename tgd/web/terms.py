"""The table of terms as a document, beside the table of rights that says who reads.

Serves ``docs/terms.md``: ``python -m tgd.web.terms`` prints it from ``platform/terms.toml`` and
``web/rights.toml``. A row names what it is shown in; whose roles those are is looked up here, and
stands nowhere twice.
"""

import sys
from collections.abc import Iterable

from tgd.platform.terms import Kept, Terms
from tgd.platform.terms import table as terms_table
from tgd.web.rights import ROLES, Rights
from tgd.web.rights import table as rights_table

_HEAD = """# What is kept, who reads it, and for how long

Written from `tgd/platform/terms.toml` by `python -m tgd.web.terms`: correct the table there, then
write this anew. What erases reads the same table, in its order; a test finds a row here for every
column of the database, and sees after each term that what should be gone is gone and that the rest
is there. Readers are those of [the table of rights](rights.md).

**Held**: not erased while the prosecutor holds an alert of hers for a criminal case. **none**: no
clock erases it. What is sealed goes with its key, from every back-up too; a row of the journal
loses who and what, and its hashes stay. The arrêté of 22 April 2015 could be had in part only: its
article 5, not its articles 2 and 3; where no text was found, the row says so, and a jurist
corrects it.
| Code | What | Readers | Term | From when on | Held | Source |
|---|---|---|---|---|---|---|
"""
_PUBLIC = """
## Nothing of a person

| Columns | Why |
|---|---|
"""
_COLUMNS = """
## In which columns

What is sealed is named by itself; `*` is the rest of a table.

| Code | Columns |
|---|---|
"""


def readers(rights: Rights, shown: Iterable[str]) -> list[str]:
    """Return the roles that see anything of these things, in the table's order."""
    things = set(shown)
    roles = {role for row in rights.rows if row.of in things for role in row.roles}
    return [role for role in ROLES if role in roles]


def document(terms: Terms, rights: Rights) -> str:
    """Return the table in Markdown."""
    lines = [
        _HEAD + "\n".join(_line(row, rights) for row in terms.kept.values()),
        _COLUMNS.strip("\n"),
    ]
    lines[1:1] = [""]
    lines += [f"| `{row.code}` | {_names(row.columns)} |" for row in terms.kept.values()]
    lines += ["", _PUBLIC.strip("\n")]
    lines += [f"| {_names(one.columns)} | {one.why} |" for one in terms.public]
    return "\n".join(lines) + "\n"


def _line(row: Kept, rights: Rights) -> str:
    term = row.said["term"]
    if "authorised" in row.said:
        term += f"; {row.said['authorised']} if authorised"
    if "test" in row.said:
        term += f"; {row.said['test']} of a test or a mistake"
    who = ", ".join(readers(rights, row.shown)) or "nobody"
    cells = (
        f"`{row.code}`",
        row.what,
        who,
        term,
        row.begins,
        "yes" if row.hold else "",
        row.source,
    )
    return f"| {' | '.join(cells)} |"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in columns)


if __name__ == "__main__":
    sys.stdout.write(document(terms_table(), rights_table()))
