"""The amqp line of a control room: one envelope, one message in the room's own queue.

Serves arrow 3, and carries our RS-ERROR back. It promises that ``send`` returns only after the
broker has confirmed that the addressee's queue has the message on disk, that it never takes longer
than it was given, and that no foreign exception leaves it. Which queue, which id, until when: the
envelope itself says it, so that whoever has an envelope can send it. An answer of the broker that
does not come is uncertain and therefore ``errors.Temporary``: the same message goes again under the
same id, and rooms keep each id once. Connections are opened on first need and kept, one for each
broker and login; what is listened to has connections of its own (``flow.hearing``), because a
broker in need stops reading from those who publish.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import aio_pika
import msgspec

from tgd.clock import Clock
from tgd.errors import Invalid, Temporary
from tgd.platform.channels import Tried
from tgd.platform.channels.amqp_address import read
from tgd.platform.channels.amqp_link import Link, Login, certificate
from tgd.platform.channels.certificates import Valid, ours_until
from tgd.platform.channels.cisu_wire import address, identifier

QUEUES = ("message", "ack", "info")
"""Each client's three, after its address and a point: cases and patrols, RC-REF, RS-ERROR."""
SHORTEST = timedelta(seconds=10)
"""What has expired while it waited is still better seen than dropped unseen by the broker."""
_JSON = "application/json"


class _Address(msgspec.Struct):
    value: str = msgspec.field(name="explicitAddressValue")


class _Descriptor(msgspec.Struct):
    address: _Address = msgspec.field(name="explicitAddress")


class _Envelope(msgspec.Struct):
    distribution_id: str = msgspec.field(name="distributionID")
    sender: str = msgspec.field(name="senderID")
    expires_at: datetime = msgspec.field(name="dateTimeExpires")
    kind: Literal["Report", "Update", "Cancel", "Ack", "Error"] = msgspec.field(
        name="distributionKind"
    )
    descriptor: _Descriptor


@dataclass(frozen=True, slots=True)
class Label:
    """What an envelope says on its outside."""

    distribution_id: str
    sender: str
    queue: str
    expires_at: datetime


def label(body: bytes) -> Label:
    """Read the outside of an envelope of ours; raises ``errors.Invalid``."""
    try:
        told = msgspec.json.decode(body, type=_Envelope)
    except msgspec.MsgspecError:
        raise Invalid("body", "is no envelope") from None
    if told.expires_at.tzinfo is None:
        raise Invalid("dateTimeExpires", "has no offset")
    room = address("explicitAddressValue", told.descriptor.address.value)
    return Label(
        identifier("distributionID", told.distribution_id),
        address("senderID", told.sender),
        f"{room}.{_queue_of(told.kind)}",
        told.expires_at,
    )


def queues(client: str) -> tuple[str, ...]:
    """Return the names of a client's three queues."""
    return tuple(f"{client}.{one}" for one in QUEUES)


class CisuAmqp:
    """A ``Channel`` by AMQP 0-9-1."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._links: dict[Login, Link] = {}
        self._opening: dict[Login, asyncio.Lock] = {}
        self._closing: set[asyncio.Task[None]] = set()
        quiet()

    async def send(self, url: str, token: str | None, body: bytes, timeout_s: float) -> None:
        """Deliver ``body`` to the queue of its addressee within ``timeout_s`` seconds.

        The user is the envelope's sender, the password is ``token`` or, without one, the line's
        certificate. Raises ``errors.Temporary`` where it is uncertain or a queue takes nothing just
        now, ``errors.Rejected`` where there is no such queue or no right to it, ``errors.Invalid``
        for an address or an envelope that cannot be used.
        """
        broker, outside = read(url), label(body)
        message = self._message(outside, body)
        login = Login(broker, outside.sender, token)
        link: Link | None = None
        try:
            async with asyncio.timeout(timeout_s):
                link = await self._link(login)
                link.users += 1
                try:
                    await link.publish(outside.queue, message)
                finally:
                    link.users -= 1
        except TimeoutError:
            if link is not None and self._links.get(login) is link:
                del self._links[login]  # perhaps it is dead and nobody has told us
                link.retired = True
            raise Temporary(f"no confirmation within {timeout_s:g} s") from None
        finally:
            if link is not None and link.retired and not link.users:
                self._end(link)

    async def close(self) -> None:
        """Close every connection; what is being sent is broken off and counts as not sent."""
        while self._links:
            self._end(self._links.popitem()[1])
        await asyncio.gather(*self._closing)

    async def _link(self, login: Login) -> Link:
        async with self._opening.setdefault(login, asyncio.Lock()):
            link = self._links.get(login)
            if link is None or link.lost.is_set():
                if link is not None:
                    self._end(link)
                link = self._links[login] = await Link.open(login)
            return link

    def _end(self, link: Link) -> None:
        task = asyncio.create_task(link.close(), name="amqp close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _message(self, outside: Label, body: bytes) -> aio_pika.Message:
        left = max(outside.expires_at - self._clock.now(), SHORTEST)
        return aio_pika.Message(
            body,
            content_type=_JSON,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=outside.distribution_id,
            expiration=left,
            user_id=outside.sender,
        )


async def probe(tried: Tried) -> Valid:
    """Connect and look for the queues, as ``check``."""
    return await check(tried.url, tried.token, tried.sender, tried.room, tried.timeout_s)


async def check(url: str, token: str | None, client: str, room: str, timeout_s: float) -> Valid:
    """Log in and look for the room's queue of cases and for our own three; nothing is sent.

    Return until when the broker's certificate is valid, and ours. Raises what ``send`` raises.
    """
    broker = read(url)
    try:
        async with asyncio.timeout(timeout_s):
            valid = Valid(await certificate(broker), ours_until(broker.settings.files))
            link = await Link.open(Login(broker, client, token))
            try:
                await link.check(f"{room}.message", *queues(client))
            finally:
                await link.close()
    except TimeoutError:
        raise Temporary(f"no answer within {timeout_s:g} s") from None
    return valid


def quiet() -> None:
    """Keep the library's own log out of ours: what it says there is what we raise.

    At its lower levels it logs whole messages.
    """
    for name in ("aiormq", "aio_pika"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _queue_of(kind: str) -> str:
    return {"Ack": "ack", "Error": "info"}.get(kind, "message")
