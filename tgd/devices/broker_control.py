"""The conversation with one broker about who may do what there: orders out, answers back.

Serves arrow 1's first metre. Speaks to Mosquitto's dynamic security plugin over its control topic,
through a connection of its own as a client that may do nothing else. Promises: an answer or one of
two errors within seconds; orders go a few at a time, as the broker writes its whole state after
each and serves no press meanwhile; nothing of an order (there are passwords in it) is logged.
Leaves to ``dynsec`` what is ordered.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tgd.devices.dynsec import DEFAULTS, Found, Order
from tgd.devices.mqtt import Arrived, MqttLink, State
from tgd.devices.mqtt_address import Address
from tgd.devices.rights_file import SCHEME
from tgd.errors import Rejected, Temporary

TOPIC: Final = "$CONTROL/dynamic-security/v1"
ANSWER_S: Final = 10.0
LISTENING_S: Final = 1.0
_TOGETHER: Final = 10
_PAGE: Final = 100


class Control:
    """One broker's control. Run ``run()`` as a task; ``changed`` is called when it can be asked."""

    def __init__(
        self, name: str, url: str, tls: ssl.SSLContext | None, changed: Callable[[], None]
    ) -> None:
        address = Address.parse(url)
        self.where = str(address)
        self.user = address.username or ""
        self._changed = changed
        self._listening = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._asked: tuple[str, asyncio.Future[dict[str, Any]]] | None = None
        self._count = 0
        self._link = MqttLink(
            name,
            [url],
            [(f"{TOPIC}/response", 1)],
            self._arrived,
            on_state=self._state,
            tls=tls,
            keep_session=False,
        )
        self.run = self._link.run

    @property
    def listening(self) -> bool:
        """Whether the broker can be asked now."""
        return self._listening.is_set()

    async def found(self) -> Found:
        """Ask what the broker says of itself, whole. Raises ``Temporary`` or ``Rejected``."""
        try:
            clients = await self._list("listClients", "clients", "username")
            roles = await self._list("listRoles", "roles", "rolename")
            groups = await self._list("listGroups", "groups", "groupname")
            (said,) = await self.order([{"command": "getDefaultACLAccess"}])
            defaults = {acl["acltype"]: bool(acl["allow"]) for acl in said["data"]["acls"]}
        except (KeyError, TypeError, ValueError):
            raise Rejected(f"broker {self.where}: an answer of another shape") from None
        known = {kind: defaults.get(kind, False) for kind in DEFAULTS}
        return Found(clients, roles, tuple(groups), known)

    async def order(self, orders: Sequence[Order]) -> list[dict[str, Any]]:
        """Give orders in turn and return the answers; raises at the first that is refused."""
        answers: list[dict[str, Any]] = []
        for at in range(0, len(orders), _TOGETHER):
            answers += await self._ask(orders[at : at + _TOGETHER])
        return answers

    async def _list(self, command: str, what: str, key: str) -> dict[str, dict[str, Any]]:
        listed: dict[str, dict[str, Any]] = {}
        while True:
            ask = {"command": command, "verbose": True, "count": _PAGE, "offset": len(listed)}
            (said,) = await self._ask([ask])
            page = {one[key]: one for one in said["data"][what]}
            before = len(listed)
            listed |= page
            if len(listed) >= said["data"]["totalCount"] or len(listed) == before:
                return listed

    async def _ask(self, orders: Sequence[Order]) -> list[dict[str, Any]]:
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(LISTENING_S):
                    await self._listening.wait()
                async with asyncio.timeout(ANSWER_S):
                    return await self._told(orders)
            except TimeoutError:
                what = "no answer" if self.listening else "no connection for its control"
                raise Temporary(f"broker {self.where}: {what}") from None
            finally:
                self._asked = None

    async def _told(self, orders: Sequence[Order]) -> list[dict[str, Any]]:
        self._count += 1
        mark = str(self._count)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked = mark, future
        marked = [{**order, "correlationData": mark} for order in orders]
        if not self._link.publish(TOPIC, msgspec.json.encode({"commands": marked})):
            raise Temporary(f"broker {self.where}: the connection for its control is gone")
        answers: list[dict[str, Any]] = (await future)["responses"]
        for answer in answers:
            if "error" in answer:
                said = f"{answer.get('command')}: {answer['error']}"
                raise Rejected(f"broker {self.where} refuses {said}")
        return answers

    def _arrived(self, messages: Iterable[Arrived]) -> None:
        for message in messages:
            try:
                said = json.loads(message.payload)
                marks = {answer.get("correlationData") for answer in said["responses"]}
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # no answer of ours: whoever asked waits on, and then says so
            if self._asked is not None and marks == {self._asked[0]}:
                _, future = self._asked
                if not future.done():
                    future.set_result(said)

    def _state(self, state: State) -> None:
        if state is State.LISTENING:
            self._listening.set()
            self._changed()
        else:
            self._listening.clear()


def login(urls: Sequence[str]) -> tuple[str, str] | None:
    """Return the first user and password that stand in brokers' addresses."""
    for url in urls:
        if urlsplit(url).scheme == SCHEME:
            continue
        address = Address.parse(url)
        if address.username is not None and urlsplit(url).password:
            return address.username, address.password or ""
    return None
