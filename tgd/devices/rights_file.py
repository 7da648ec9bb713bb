"""A broker's rights kept in a file beside it, spoken to in the words of Mosquitto's plugin.

Serves arrow 1's first metre where the broker has no plugin that can be ordered about: the embedded
one. ``Control`` and this are the same to whoever asks (``enrolment``): what it says of itself, and
orders that change it. Promises: the broker sees a whole file or the former one; a file that is
gone or cannot be read is one without anybody, and is written anew; passwords stand in it as hashes
(SHA-256: ours are 192 random bits).
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from tgd.devices.authority import write_private
from tgd.devices.dynsec import DEFAULTS, Found, Order
from tgd.errors import Rejected, Temporary

SCHEME: Final = "file"
_KINDS: Final = {"Client": "username", "Role": "rolename", "Group": "groupname"}
_ACTS: Final = {
    "Client": ("create", "modify", "delete", "enable", "disable"),
    "Role": ("create", "modify", "delete"),
    "Group": ("delete",),
}
_COMMANDS: Final = {f"{act}{kind}": kind for kind, acts in _ACTS.items() for act in acts} | {
    "setClientPassword": "Client"
}


class RightsFile:
    """One file. ``run()`` as a task; ``changed`` is called once, as it can be asked at once."""

    user = ""
    """Nobody comes in at the broker to give its rights."""

    def __init__(self, url: str, changed: Callable[[], None]) -> None:
        self._path = Path(unquote(urlsplit(url).path))
        self.where = self._path.name
        self._changed = changed

    async def run(self) -> None:
        """Stay: there is no connection that could break."""
        self._changed()
        await asyncio.Event().wait()

    async def found(self) -> Found:
        """Return what the file says."""
        state = read(self._path)
        return Found(state["Client"], state["Role"], tuple(state["Group"]), state["defaults"])

    async def order(self, orders: Sequence[Order]) -> list[dict[str, Any]]:
        """Carry orders out and write the file; raises ``Rejected`` or ``Temporary``."""
        state = read(self._path)
        for order in orders:
            try:
                _obey(state, order)
            except KeyError as error:
                raise Rejected(f"{self.where}: {order.get('command')}: no {error}") from None
        new = self._path.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            write_private(new, json.dumps(state).encode())
            new.replace(self._path)
        except OSError as error:
            raise Temporary(f"{self.where} cannot be written: {error.strerror}") from None
        return [{"command": order["command"]} for order in orders]


def read(path: Path) -> dict[str, Any]:
    """Return the state in a file; nobody's where it is no such file."""
    try:
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if state.keys() >= {*_KINDS, "defaults"}:
            return state
    except (OSError, ValueError, AttributeError):
        pass
    return {**{kind: {} for kind in _KINDS}, "defaults": dict.fromkeys(DEFAULTS, False)}


def digest(password: str) -> str:
    """Return what a password is known by."""
    return hashlib.sha256(password.encode()).hexdigest()


def _obey(state: dict[str, Any], order: Order) -> None:
    """Change the state; raises ``KeyError`` for what is not there."""
    command = order["command"]
    if command == "setDefaultACLAccess":
        state["defaults"] |= {acl["acltype"]: acl["allow"] for acl in order["acls"]}
        return
    kind = _COMMANDS[command]
    every, name = state[kind], order[_KINDS[kind]]
    said = {k: v for k, v in order.items() if k not in {"command", "password", _KINDS[kind]}}
    if "password" in order:
        said["password"] = digest(order["password"])
    if command.startswith("create"):
        every[name] = said
    elif command.startswith("delete"):
        del every[name]
    elif command.startswith(("enable", "disable")):
        every[name] |= {"disabled": command.startswith("disable")}
    else:
        every[name] |= said
