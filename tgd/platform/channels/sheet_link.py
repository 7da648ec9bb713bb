"""The sheet's address: bound to one room's dispatch, and made anew from it whenever it is written.

Serves arrow 3. The token in it is the dispatch's id and 256 bits that only the master secret makes
of that id: nothing is stored by which it could be found out, every message of one dispatch names
the same address, and whoever guesses is turned away before the database is asked. It is good for
``LIFE`` from the dispatch on and dies earlier with the alert, with the dispatch, or by an act: that
is the row's to say. Opening it is no acknowledgement, and it may be opened again: mail scanners
open links, and would use up one that is good for once.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tgd.seal import Sealer

LIFE = timedelta(hours=12)
PATH = "/fiche/"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{64}")
_ID = 16


class Links:
    """Writes addresses and reads them; without a public address it writes none."""

    def __init__(self, sealer: Sealer, public_url: str | None) -> None:
        self._sealer = sealer
        self._base = None if public_url is None else public_url.rstrip("/") + PATH

    def of(self, dispatch: Mapping[str, Any], now: datetime) -> str | None:
        """Return a dispatch's address, None where there is none or it is dead."""
        if self._base is None or not lives(dispatch, now):
            return None
        return self._base + self.token(dispatch["id"])

    def token(self, dispatch_id: UUID) -> str:
        """Return the 64 characters at the end of the address."""
        known = dispatch_id.bytes + self._mark(dispatch_id)
        return base64.urlsafe_b64encode(known).decode()

    def dispatch(self, token: str) -> UUID | None:
        """Return the dispatch that a token names, None if we never made it."""
        if not _TOKEN.fullmatch(token):
            return None
        known = base64.urlsafe_b64decode(token)
        dispatch_id = UUID(bytes=known[:_ID])
        right = hmac.compare_digest(known[_ID:], self._mark(dispatch_id))
        return dispatch_id if right else None

    def _mark(self, dispatch_id: UUID) -> bytes:
        return self._sealer.digest(b"sheet of dispatch " + dispatch_id.bytes)


def lives(dispatch: Mapping[str, Any], now: datetime) -> bool:
    """Say whether a dispatch's address still opens; that its alert is open is the caller's."""
    return (
        dispatch["withdrawn_at"] is None
        and dispatch["sheet_revoked_at"] is None
        and now < dispatch["dispatched_at"] + LIFE
    )
