"""Short texts typed by hand beside a code or a name: sealed where they stand, in a column of text.

Serves arrow 2 and the prosecutor's answers. Who took a hand-off over by telephone, the room's own
reference, how an alert ended in the operator's words, the criminal case that it is held for, the
magistrate who authorised eight days: any of them may be somebody's name. Each is sealed under its
alert's key and goes with it; the rules see a text that they need not read. What does not open any
more is None: erased.
"""

import base64
from typing import Final
from uuid import UUID

from tgd.seal import DataKey, SealBroken, Sealer

SEALED: Final = "sealed:"
NOT_KEPT: Final = "not_kept"
"""In the place of a text that could not be sealed: its alert's key is away, or erased."""


def seal(key: DataKey | None, text: str, alert_id: UUID) -> str:
    """Return a text as the row keeps it; ``NOT_KEPT`` without a key."""
    if key is None:
        return NOT_KEPT
    sealed = key.seal(text.encode(), _about(alert_id))
    return SEALED + base64.urlsafe_b64encode(sealed).decode()


def same(key: DataKey | None, text: str, kept: str | None, alert_id: UUID) -> str:
    """Return what is kept where that says the same; else the text as the row is to keep it."""
    if kept is not None and read(key, kept, alert_id) == text:
        return kept
    return seal(key, text, alert_id)


def unlock(sealer: Sealer, wrapped: bytes | None) -> DataKey | None:
    """Return an alert's key; None where it is erased or away."""
    try:
        return None if wrapped is None else sealer.unwrap(wrapped)
    except SealBroken:
        return None


def read(key: DataKey | None, kept: str | None, alert_id: UUID) -> str | None:
    """Return what was typed, or a code that stands there as it is; None: not kept any more."""
    if kept is None or not kept.startswith(SEALED):
        return None if kept == NOT_KEPT else kept
    try:
        sealed = base64.urlsafe_b64decode(kept.removeprefix(SEALED))
        return None if key is None else key.open(sealed, _about(alert_id)).decode()
    except (SealBroken, ValueError):  # no base64, or no text
        return None


def _about(alert_id: UUID) -> str:
    return f"typed {alert_id}"
