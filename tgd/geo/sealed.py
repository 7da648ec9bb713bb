"""A fix as it is kept: ciphertext, from the moment it leaves the server's memory.

Serves arrow 1 and the positions after it. The promise: no coordinate reaches the database, its
logs or its backups in clear; what opens a fix is the data key of its press or alert. When that key
is erased is left to the flow ``forget``.
"""

from dataclasses import fields
from operator import attrgetter

import msgspec

from tgd.geo.position import Fix
from tgd.seal import DataKey, SealBroken

ABOUT = "position"
"""What fixes are sealed as."""

# In the order of the fields: one that is added later comes last and has a default.
_values = attrgetter(*(f.name for f in fields(Fix)))


def seal_fix(fix: Fix, key: DataKey) -> bytes:
    """Return the fix sealed under this key."""
    return key.seal(msgspec.msgpack.encode(_values(fix)), ABOUT)


def open_fix(sealed: bytes, key: DataKey) -> Fix:
    """Return what ``seal_fix`` was given; raises ``SealBroken``."""
    try:
        return Fix(*msgspec.msgpack.decode(key.open(sealed, ABOUT)))
    except (msgspec.DecodeError, TypeError) as error:
        raise SealBroken("not a sealed fix") from error
