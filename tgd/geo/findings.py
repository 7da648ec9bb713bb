"""What a check found: a kind, how often, and some examples.

Serves `tgd zones`: a serious finding keeps a set from taking effect unless a person accepts it.
Examples name communes and services, never places.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of finding; `kind` is for machines, `what` for people."""

    kind: str
    what: str
    count: int
    examples: tuple[str, ...]
    serious: bool

    @classmethod
    def of(cls, kind: str, what: str, all_: Sequence[str], *, serious: bool) -> "Finding":
        """Make a finding out of everything found, best examples first."""
        return cls(kind, what, len(all_), tuple(all_[:EXAMPLES]), serious)

    def as_json(self) -> dict[str, Any]:
        """Return the fields for the database."""
        return {
            "kind": self.kind,
            "what": self.what,
            "count": self.count,
            "examples": list(self.examples),
            "serious": self.serious,
        }

    def __str__(self) -> str:
        more = "; …" if self.count > len(self.examples) else ""
        return f"{self.what}: {self.count} ({'; '.join(self.examples)}{more})"
