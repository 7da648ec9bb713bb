"""The state with which a broker begins: one client, who may give rights and nothing else.

Serves arrow 1's first metre. Mosquitto before 2.1 lets nobody in without such a file; all the rest
of it is written by the broker itself, as the server orders (``enrolment``). Format and derivation
(PBKDF2 with HMAC-SHA512, RFC 8018) are the plugin's.
"""

import base64
import hashlib
import json
import os
from typing import Final

from tgd.devices.dynsec import DEFAULTS

ROLE: Final = "tgd-control"
_ROUNDS: Final = 100_000
_SALT: Final = 12
_HASH: Final = 64
_CONTROL: Final = "$CONTROL/dynamic-security/v1"
_ACLS: Final = (
    ("publishClientSend", f"{_CONTROL}/#"),
    ("publishClientReceive", f"{_CONTROL}/#"),
    ("subscribePattern", f"{_CONTROL}/#"),
)


def initial(user: str, password: str) -> str:
    """Return the file's text: ``user`` may give rights at the broker, and nobody comes in."""
    salt = os.urandom(_SALT)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, _HASH)
    client = {
        "username": user,
        "textname": "tgd",
        "roles": [{"rolename": ROLE}],
        "password": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": _ROUNDS,
    }
    acls = [{"acltype": kind, "topic": topic, "allow": True} for kind, topic in _ACLS]
    role = {"rolename": ROLE, "acls": acls}
    state = {"clients": [client], "roles": [role], "defaultACLAccess": DEFAULTS}
    return json.dumps(state, indent="\t")
