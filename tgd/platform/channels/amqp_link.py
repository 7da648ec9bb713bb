"""One connection to a RabbitMQ: opened, published on, listened on, closed. The only aio-pika here.

Serves arrow 3 and its way back, adapter ``amqp``. It promises that no foreign exception leaves
it (``errors.Temporary``: again; ``errors.Rejected``: not this way); that ``publish`` returns only
once the broker has confirmed that a queue has the message; and that a lost connection ends whoever
waits on it. It is not "robust" on purpose: a connection that heals itself keeps a publisher waiting
without an end, and whether to try again is the caller's to say. Each queue has a channel of its
own: RabbitMQ answers a mistake by closing the channel, with all that was under way on it.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Self

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.exceptions import (
    AuthenticationError,
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionClosed,
    ConnectionNotAllowed,
    DeliveryError,
    InvalidFrameError,
    ProbableAuthenticationError,
    PublishError,
)
from yarl import URL

from tgd.errors import Rejected, Temporary, TgdError
from tgd.platform.channels.amqp_address import PLAIN, TLS, Broker
from tgd.platform.channels.certificates import MEND_S, context, theirs_until

HEARTBEAT_S = 5
"""A broker that is gone without a word is noticed after about three of these and a half."""
CLOSE_S = 2.0
_NOT_ALLOWED = 530
"""How a broker says so while we are still being let in."""
_NO_RIGHT = "the broker gives us no right to it"
_NEVER: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((PublishError,), "no queue takes it"),
    (
        (ProbableAuthenticationError, AuthenticationError),
        "the broker refuses our user, password or certificate",
    ),
    ((ChannelNotFoundEntity,), "the queue or the exchange is not there"),
    ((ChannelAccessRefused, ConnectionNotAllowed), _NO_RIGHT),
    ((ChannelPreconditionFailed,), "the broker takes it from another user only"),
)
_log = logging.getLogger(__name__)


class Verdict(Enum):
    """What becomes of a message that was listened to."""

    DONE = "done"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of one of our queues. ``user``: who published it, as the broker has checked it."""

    queue: str
    user: str | None
    body: bytes = field(repr=False)
    again: bool


@dataclass(frozen=True, slots=True)
class Login:
    """Who calls which broker; without a password, the certificate says who."""

    broker: Broker
    user: str
    password: str | None = field(repr=False)


class Connection(aio_pika.Connection):
    """One that is only ever closed by whoever opened it."""

    def __del__(self) -> None:
        """Do nothing.

        The library's begins a task that closes it, from whichever thread the collector happens to
        run in. What could not be opened, or not be closed in time, has nothing left to close.
        """


class Link:
    """An open connection; ``open`` it, ``close`` it.

    ``users`` are publishing on it; one that is ``retired`` takes no more.
    """

    def __init__(self, connection: AbstractConnection, exchange: str) -> None:
        self._connection = connection
        self._exchange = exchange
        self._channels: dict[str, AbstractChannel] = {}
        self._first: dict[str, asyncio.Lock] = {}
        self._proved: set[str] = set()
        self.lost = asyncio.Event()
        self.users = 0
        self.retired = False
        connection.close_callbacks.add(self._ended)

    @classmethod
    async def open(cls, login: Login) -> Self:
        """Connect and log in; the caller says how long it may take."""
        with ours():
            trust = context(login.broker.settings.files) if login.broker.tls else None
            try:
                connection = await aio_pika.connect(
                    _url(login), ssl_context=trust, connection_class=Connection
                )
            except InvalidFrameError:
                raise Rejected("the broker does not let us into its virtual host") from None
        return cls(connection, login.broker.settings.exchange or "")

    async def publish(self, key: str, message: aio_pika.Message) -> None:
        """Publish to the queue of this name; return once it is confirmed to be there.

        Until one has arrived they go one by one: a mistake closes the channel, and what is written
        to a channel after that costs the whole connection.
        """
        with ours():
            async with self._first.setdefault(key, asyncio.Lock()):
                channel = self._channels.get(key)
                if channel is None or channel.is_closed:
                    self._proved.discard(key)
                    channel = await self._connection.channel(on_return_raises=True)
                    self._channels[key] = channel
                if key not in self._proved:
                    await self._put(channel, key, message)
                    self._proved.add(key)
                    return
            await self._put(channel, key, message)

    async def check(self, *queues: str) -> None:
        """Raise ``Rejected`` if one of these queues is not there; nothing is made or taken."""
        with ours():
            channel = await self._connection.channel()
            for queue in queues:
                await channel.declare_queue(queue, passive=True)

    async def listen(
        self, queues: tuple[str, ...], at_once: int, take: Callable[[Delivery], Awaitable[Verdict]]
    ) -> asyncio.Event:
        """Have each message of these queues handed to ``take``, so many at a time.

        Returns once that has begun; the event is set when it has ended. What ``take`` has not
        answered for by then comes again. It must not raise.
        """
        gone = asyncio.Event()
        with ours():
            channel = await self._connection.channel()
            channel.close_callbacks.add(lambda *_: gone.set())
            below = await channel.get_underlay_channel()
            below.on_consumer_cancel_callbacks.add(lambda _: gone.set())  # a queue was deleted
            await channel.set_qos(at_once)
            for name in queues:
                queue = await channel.get_queue(name)
                await queue.consume(_taker(name, take))
        return gone

    async def close(self) -> None:
        """Close it, politely if the other side still answers."""
        try:
            async with asyncio.timeout(CLOSE_S):
                with ours():
                    await self._connection.close()
        except (TimeoutError, Temporary, Rejected):
            _log.debug("a broker's connection did not close in time")
        self.lost.set()

    async def _put(self, channel: AbstractChannel, key: str, message: aio_pika.Message) -> None:
        exchange = channel.default_exchange
        if self._exchange:
            exchange = await channel.get_exchange(self._exchange, ensure=False)
        await exchange.publish(message, key, mandatory=True)

    def _ended(self, *_: object) -> None:
        self.lost.set()


async def certificate(broker: Broker) -> datetime | None:
    """Return until when the broker's certificate is valid; None without TLS.

    A handshake of its own: the library does not say what it was shown.
    """
    if not broker.tls:
        return None
    with ours():
        trust = context(broker.settings.files)
        _, writer = await asyncio.open_connection(broker.host, broker.port, ssl=trust)
        try:
            return theirs_until(writer.get_extra_info("peercert"))
        finally:
            writer.transport.abort()


@contextmanager
def ours() -> Iterator[None]:
    """Turn whatever RabbitMQ or the network says into our own errors."""
    try:
        yield
    except (*CONNECTION_EXCEPTIONS, DeliveryError) as error:
        raise _meaning(error) from None
    except asyncio.CancelledError:
        # The library ends its own waits so when a connection goes; ours are ended by their task.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Temporary("connection: lost") from None
    except TgdError:
        raise
    except Exception as error:  # noqa: BLE001  what a broken broker has the library stumble over
        raise Temporary(f"connection: {type(error).__name__}") from None


def _meaning(error: Exception) -> Temporary | Rejected:
    for kinds, text in _NEVER:
        if isinstance(error, kinds):
            return Rejected(text)
    if isinstance(error, DeliveryError):
        return Temporary("the queue refuses it (full?)")
    if isinstance(error, ConnectionClosed) and error.args[:1] == (_NOT_ALLOWED,):
        return Rejected(_NO_RIGHT)
    fault = _tls(error)
    if fault is not None:
        return Temporary(f"TLS: {type(fault).__name__}", MEND_S)
    return Temporary(f"connection: {type(error).__name__}")


def _tls(error: BaseException | None) -> ssl.SSLError | None:
    """Return the fault of TLS behind an error, if that is what it was."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__
    return None


def _url(login: Login) -> URL:
    broker = login.broker
    query = {"heartbeat": str(HEARTBEAT_S), "name": "tgd"}
    if login.password is None:
        query["auth"] = "external"
    return URL.build(
        scheme=TLS if broker.tls else PLAIN,
        user=login.user,
        password=login.password or "",
        host=broker.host,
        port=broker.port,
        path="/" if broker.vhost == "/" else f"/{broker.vhost}",
        query=query,
    )


def _taker(
    queue: str, take: Callable[[Delivery], Awaitable[Verdict]]
) -> Callable[[AbstractIncomingMessage], Awaitable[None]]:
    async def taken(message: AbstractIncomingMessage) -> None:
        again = bool(message.redelivered)
        verdict = await take(Delivery(queue, message.user_id, message.body, again))
        try:
            with ours():
                await (message.ack() if verdict is Verdict.DONE else message.nack(requeue=True))
        except (Temporary, Rejected):
            _log.debug("a message's answer did not reach the broker: it comes again")

    return taken
