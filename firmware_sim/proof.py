"""Whether a message is the platform's own: its MAC under the phone's key (protocol, "MAC").

Serves every message that comes down. Promises: what carries no right MAC is acted upon by nobody,
so that a receipt from elsewhere does not stop the repetition. A receipt with `"id": null` stops
whatever is open, so an old one may not be shown again: it counts only if its `at` is later than
that of every right message before. Written against the protocol's text, not the server's code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

TAIL = 34  # bytes of `,"mac":"` + 24 characters + `"}`
SENT = 18  # bytes of the MAC that are sent


class Proof:
    """What one phone knows of the platform: the key that both have, 32 bytes in base64url."""

    def __init__(self, device: str, key: str) -> None:
        self._key = base64.urlsafe_b64decode(key)
        self._topic = f"tgd/v1/{device}/down\n".encode()
        self._newest = 0.0

    def fault(self, payload: bytes) -> str:
        """Say why a message is not to be believed; empty if it is."""
        said, tail = payload[:-TAIL] + b"}", payload[-TAIL:]
        if not tail.startswith(b',"mac":"') or not tail.endswith(b'"}'):
            return "no MAC"
        digest = hmac.new(self._key, self._topic + said, hashlib.sha256).digest()[:SENT]
        if not hmac.compare_digest(base64.urlsafe_b64encode(digest), tail[8:-2]):
            return "wrong MAC"
        return self._replayed(said)

    def _replayed(self, said: bytes) -> str:
        message = json.loads(said)  # under a right MAC it is the platform's own JSON
        at = float(message.get("at", 0.0))
        if message.get("_type") == "receipt" and message.get("id") is None and at <= self._newest:
            return "shown again"
        self._newest = max(self._newest, at)
        return ""
