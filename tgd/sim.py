"""A phone's card: its number (ICCID) and its telephone number, sealed; found again by keyed hash.

Serves the register, which keeps it, and whoever must call the phone: the alert's screen and the
control rooms. The database has both numbers under a key of the phone's own, and of the telephone
number a hash under the master secret, by which a call or a search finds the phone. Nobody who has
the database alone can try numbers on it.
"""

import re

import msgspec

from tgd.seal import SealBroken, Sealer

_SIGNS = re.compile(r"[^0-9]")


class Sim(msgspec.Struct, omit_defaults=True):
    """A card: its number (ICCID) and its telephone number (MSISDN, E.164)."""

    iccid: str | None = None
    msisdn: str | None = None


def opened(sealer: Sealer, device: str, content: bytes | None, key: bytes | None) -> Sim:
    """Return a phone's card; an empty one where none is known or it does not open."""
    if content is None or key is None:
        return Sim()
    try:
        return msgspec.json.decode(sealer.unwrap(key).open(content, _about(device)), type=Sim)
    except (SealBroken, msgspec.MsgspecError):
        return Sim()


def sealed(
    sealer: Sealer, device: str, card: Sim
) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return a card sealed, its key, and its number's hash; nothing of an empty one."""
    if card.iccid is None and card.msisdn is None:
        return None, None, None
    key = sealer.new_key()
    hashed = None if card.msisdn is None else digest(sealer, card.msisdn)
    return key.seal(msgspec.json.encode(card), _about(device)), key.wrapped, hashed


def digest(sealer: Sealer, number: str) -> bytes:
    """Return the hash by which a telephone number in international form is found."""
    return sealer.digest(b"number " + _SIGNS.sub("", number).encode())


def _about(device: str) -> str:
    return f"sim of {device}"
