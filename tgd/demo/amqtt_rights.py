"""The rights of PROTOCOL §2 in the embedded broker: the same clients, from a file.

Serves arrow 1's far side where Mosquitto is not installed. amqtt loads both plugins by name; the
file is one of ``tgd.devices.rights_file``, which the server keeps as the register says: who comes
in, with which password, under which client id, and on which topics. It is read anew when it
changes: whoever is no longer in it says nothing and hears nothing from then on, though amqtt has no
way to end the connection. A last will on another's topic, which amqtt asks nobody about, keeps its
client out.
"""

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amqtt.contexts import Action, BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from tgd.devices.rights_file import digest, read

_ACLS = {
    Action.PUBLISH: ("publishClientSend",),
    Action.RECEIVE: ("publishClientReceive",),
    Action.SUBSCRIBE: ("subscribeLiteral", "subscribePattern"),
}
_LITERAL = "subscribeLiteral"


class _File:
    """The file's content, as it is now."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._read_at = 0
        self._state: dict[str, Any] = {}

    def client(self, name: str | None) -> Any:
        """Return who is called so, with what they may do; None where nobody is."""
        try:
            changed = self._path.stat().st_mtime_ns
        except OSError:
            return None
        if changed != self._read_at:
            self._state, self._read_at = read(self._path), changed
        client = self._state["Client"].get(name or "")
        if client is None or client.get("disabled"):
            return None
        roles = [self._state["Role"].get(role["rolename"], {}) for role in client["roles"]]
        acls = [
            (acl["acltype"], acl["topic"])
            for role in roles
            for acl in role.get("acls", ())
            if acl["allow"]
        ]
        return {**client, "acls": acls}


class Auth(BaseAuthPlugin):
    """Who comes in."""

    @dataclass
    class Config:
        """The file."""

        file: str

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._file = _File(self.config.file)

    async def authenticate(self, *, session: Session) -> bool:
        """Say whether user, password, client id and last will are those of one client."""
        client = self._file.client(session.username)
        if client is None:
            return False
        if not hmac.compare_digest(digest(session.password or ""), client["password"]):
            return False
        if client["clientid"] not in {"", session.client_id}:
            return False
        return session.will_topic is None or may(client, Action.PUBLISH, session.will_topic)


class Topics(BaseTopicPlugin):
    """What they may do."""

    @dataclass
    class Config:
        """The file."""

        file: str

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._file = _File(self.config.file)

    async def topic_filtering(
        self,
        *,
        session: Session | None = None,
        topic: str | None = None,
        action: Action | None = None,
    ) -> bool:
        """Say whether the session's user may do this on this topic."""
        client = self._file.client(session.username if session else None)
        return client is not None and action is not None and may(client, action, topic or "")


def may(client: Any, action: Action, topic: str) -> bool:
    """Say whether one of the client's rules allows it."""
    return any(
        topic == rule if kind == _LITERAL else _within(topic.split("/"), rule.split("/"))
        for kind, rule in client["acls"]
        if kind in _ACLS[action]
    )


def _within(topic: list[str], rule: list[str]) -> bool:
    """Say whether a topic, or every topic of a filter, is one of the rule's."""
    for at, level in enumerate(rule):
        if level == "#":
            return True
        if at >= len(topic) or topic[at] == "#" or level not in {"+", topic[at]}:
            return False
    return len(topic) == len(rule)
