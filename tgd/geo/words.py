"""Words that are kept in clear, without the coordinates that somebody put into them.

Serves every arrow: a firmware writes a place into its version, a room's machine quotes one in its
error, an operator types one where a reference is asked for. Such words stand in tables, journal
and logs for years; a position may not. What is only sealed (notes, messages) is left as it is.
"""

import re
from typing import Final

CUT: Final = "…"

# Three decimals are some 100 m. A version has points on both sides (1.234.5), a coordinate has not.
_DECIMAL: Final = r"(?<![0-9.])-?[0-9]{1,3}+[.,][0-9]{3,}+(?!\.[0-9])"
_MINUTES: Final = r"[0-9]{1,3}+\s{0,2}+[°º]\s{0,2}+[0-9]{1,2}+(?:[.,][0-9]{1,9}+)?+\s{0,2}+['’′]"
_SECONDS: Final = r"(?:\s{0,2}+[0-9]{1,2}+(?:[.,][0-9]{1,9}+)?+\s{0,2}+(?:[\"”″]|''|’’|′′))?+"
_COORDINATE: Final = re.compile(f"{_DECIMAL}|{_MINUTES}{_SECONDS}")


def without_coordinates(words: str) -> str:
    """Return the words with ``…`` for whatever is shaped like a coordinate; in linear time."""
    return _COORDINATE.sub(CUT, words)
