"""Nobody but the platform silences or steers a phone: its messages carry a MAC under its own key.

Serves every arrow towards the protected person. HMAC-SHA256 (RFC 2104), of which the first 18 bytes
are sent (its §5 asks for half of the hash at least), over the topic, a newline and the message
without its MAC. The MAC is the last member, ``,"mac":"`` and 24 characters of base64url, and so
takes the last 34 bytes of the message: a phone needs no canonical JSON, only the bytes it got. One
that knows nothing of it ignores the member. Leaves to ``phone_keys`` whose key it is.
"""

import base64
import hmac
from typing import Final

KEY_BYTES: Final = 32
_SENT: Final = 18
_OPENING: Final = b',"mac":"'
_CLOSING: Final = b'"}'
SUFFIX_BYTES: Final = len(_OPENING) + 24 + len(_CLOSING)


def signed(key: bytes, topic: str, message: bytes) -> bytes:
    """Return ``message`` (a JSON object with a member at least) with its MAC as last member."""
    return message[:-1] + _OPENING + _mac(key, topic, message) + _CLOSING


def right(key: bytes, topic: str, message: bytes) -> bool:
    """Say whether a message carries the right MAC, in a time that tells nothing of it."""
    body = message[:-SUFFIX_BYTES] + b"}"
    return hmac.compare_digest(message, signed(key, topic, body))


def _mac(key: bytes, topic: str, message: bytes) -> bytes:
    digest = hmac.digest(key, topic.encode() + b"\n" + message, "sha256")
    return base64.urlsafe_b64encode(digest[:_SENT])
