"""The MQTT link: the server's one way to hear phones and to speak to them.

Serves the first arrow: messages of `tgd/v1/+/up/…` come in here, receipts, states and commands go
out. Two links run: one for presses and everything sent down, one for positions, heartbeats and
last wills, so that a press never queues behind them.

Promises: a message is handed over once per delivery and acknowledged to the broker only when
`ack` is called with its token (after the commit that stored it); what is not acknowledged is
delivered again after a reconnection. The link comes back by itself from whatever ends a
connection, tries its addresses in turn, speaks MQTT 5 and falls back to 3.1.1, and says aloud
what the broker refuses. Nothing here blocks the event loop.

Leaves to others: what a message means (`wire`), storing it (`ingest`), what to answer
(`downlink`). What moves per message is in `mqtt_loop`; paho-mqtt keeps the session.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tgd.devices.mqtt_address import Address
from tgd.devices.mqtt_loop import Arrived, Wire
from tgd.devices.mqtt_outbox import Outbox, frame

__all__ = ["Arrived", "Counts", "MqttLink", "State"]

log = logging.getLogger(__name__)

CONNECT_S = 3.0  # for DNS, TCP and TLS together, per address
CONNACK_S = 3.0
PROBE_S = 1.0  # the same, of a version never spoken there: amqtt waits for ever on a CONNECT of 5
GOODBYE_S = 1.0
KEEPALIVE_S = 10  # a silent peer is noticed within twice this
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
STEADY_S = 5.0  # a connection that held this long starts the pauses anew
RESUBSCRIBE_S = 5.0
RESEND_S = 60.0  # states and commands are void after 60 s, receipts are asked for anew by then
FOR_EVER = 0xFFFFFFFF  # seconds: MQTT 5's word for a session that never expires
WINDOW = 65535  # MQTT's own largest, and its default
UNSUPPORTED_VERSION = 0x84
FAILURE = 0x80  # reason codes from here on mean no


class State(StrEnum):
    """What the link can do now."""

    DOWN = "down"
    CONNECTED = "connected"  # it can publish
    LISTENING = "listening"  # every subscription is granted as well


@dataclass(slots=True)
class Counts:
    """What has happened since the start; only grows."""

    received: int = 0
    published: int = 0
    refused: int = 0  # publish() returned False: not connected, box full, or an illegal topic
    stale_acks: int = 0
    denied: int = 0  # the broker answered a publish with a failure
    repeated: int = 0  # sent again after a reconnection
    expired: int = 0  # given up at a reconnection, too old to be of use
    connections: int = 0


class _NoLink(Exception):
    """This connection is over, and why, in words for the log."""


class _Session(Client):
    """One connection's conversation: paho's client over a wire that is already connected."""

    def __init__(self, wire: Wire, name: str, address: Address, *, keep: bool) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            clean_session=None if wire.v5 else not keep,
            protocol=MQTTProtocolVersion.MQTTv5 if wire.v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,  # else it reconnects by itself, as 3.1, on a refusal
            manual_ack=True,
        )
        self.wire = wire
        self.answer: asyncio.Future[ReasonCode] = asyncio.get_running_loop().create_future()
        self.last_words = ""
        self._keep = keep
        if address.username is not None:
            self.username_pw_set(address.username, address.password)
        self.on_socket_register_write = self._write_soon
        self.on_disconnect = self._parted

    def _write_soon(self, *_: object) -> None:
        # Inside a callback paho holds a lock that writing may take again: write from the loop.
        asyncio.get_running_loop().call_soon(self.loop_write)

    def _create_socket(self) -> Wire:
        # Overridden for want of a public hook: paho would resolve and connect here, blocking.
        return self.wire

    def hello(self, address: Address, keepalive_s: int) -> None:
        """Send CONNECT; version 5 says here how long the session lives and how wide we read."""
        if not self.wire.v5:
            self.connect(address.host, address.port, keepalive_s)
            return
        new: Callable[[int], Properties] = Properties  # paho left its __init__ without types
        said = new(PacketTypes.CONNECT)
        said.ReceiveMaximum = WINDOW
        said.SessionExpiryInterval = FOR_EVER if self._keep else 0
        fresh = not self._keep
        self.connect(address.host, address.port, keepalive_s, clean_start=fresh, properties=said)

    def goodbye(self) -> None:
        """Send DISCONNECT and close; the broker keeps the session."""
        self.disconnect()
        self.loop_write()

    def _parted(
        self, _: Client, __: object, flags: DisconnectFlags, reason: ReasonCode, ___: object
    ) -> None:
        said_so = flags.is_disconnect_packet_from_server
        self.last_words = f"the broker ended it: {reason}" if said_so else str(reason)


class MqttLink:
    """One persistent session with a broker; run `run()` as a supervised task.

    `name` is the client id. `subscriptions` are (filter, QoS 0 or 1). `on_messages` gets the
    messages of one read together, in order, in the event loop; it must only take note of them.
    `limit` bounds the QoS 1 messages on their way out. `keep_session=False` makes a passing
    client of it (a probe, a benchmark).
    """

    def __init__(
        self,
        name: str,
        addresses: Sequence[str],
        subscriptions: Sequence[tuple[str, int]],
        on_messages: Callable[[list[Arrived]], None],
        *,
        on_state: Callable[[State], None] = lambda _: None,
        tls: ssl.SSLContext | None = None,
        limit: int = 60_000,
        keepalive_s: int = KEEPALIVE_S,
        keep_session: bool = True,
    ) -> None:
        if not name or not addresses:
            raise ValueError("a link needs a name and at least one address")
        self.name = name
        self.counts = Counts()
        self.state = State.DOWN
        self._addresses = [Address.parse(url) for url in addresses]
        self._subscriptions = list(subscriptions)
        self._on_messages = on_messages
        self._on_state = on_state
        self._tls = tls
        self._keepalive_s = keepalive_s
        self._keep_session = keep_session
        self._outbox = Outbox(limit)
        self._wire: Wire | None = None  # only while the broker has accepted us
        self._next_token = 1
        self._missing: list[tuple[str, int]] = []  # subscriptions not granted yet
        self._asked: dict[int | None, list[tuple[str, int]]] = {}
        self._ask_again_at = 0.0
        self._told: set[str] = set()

    # ── what the rest of the program calls ──────────────────────────────────────────────────

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection, and it stands."""
        return self._wire is not None

    @property
    def pending(self) -> int:
        """QoS 1 messages on their way out that the broker has not acknowledged."""
        return len(self._outbox)

    def ack(self, token: int) -> None:
        """Tell the broker that the message is safe. Tokens of an earlier connection do nothing."""
        if token and (self._wire is None or not self._wire.ack(token)):
            self.counts.stale_acks += 1

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> bool:
        """Send, or queue within the broker's window; False if nothing will be sent. Never raises.

        At QoS 1 a message that the broker has not acknowledged when the connection ends is sent
        again by the next one, for a minute.
        """
        wire = self._wire
        sent = wire is not None and self._put(wire, topic, payload, qos)
        self.counts.published += sent
        self.counts.refused += not sent
        return sent

    def flush(self) -> None:
        """Send what was acknowledged and published now, not when the event loop comes round."""
        if self._wire is not None:
            self._wire.flush()

    async def run(self) -> NoReturn:
        """Keep the link up, for ever."""
        pause = FIRST_PAUSE_S
        while True:
            for address in self._addresses:
                if await self._try(address):
                    pause = FIRST_PAUSE_S
                    break  # it worked for a while: begin again with the first
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  jitter, no secret
            pause = min(pause * 2, LONGEST_PAUSE_S)

    # ── messages ────────────────────────────────────────────────────────────────────────────

    def _put(self, wire: Wire, topic: str, payload: bytes, qos: int) -> bool:
        try:
            name = topic.encode()
        except UnicodeEncodeError:
            name = b""
        # The broker would cut the connection for any of these.
        if not 0 < len(name) <= 65535 or b"+" in name or b"#" in name or b"\0" in name:  # noqa: PLR2004  a topic's length has 16 bits
            log.error("%s: not a topic to publish on: %a", self.name, topic[:100])
            return False
        if qos:
            return self._outbox.put(name, payload, asyncio.get_running_loop().time())
        if not wire.congested:
            wire.write(frame(name, payload, mid=0, v5=wire.v5))
        return not wire.congested

    def _arrived(self, batch: list[Arrived]) -> None:
        self.counts.received += len(batch)
        try:
            self._on_messages(batch)
        except Exception:  # left with the broker, which sends them again; those behind them go on
            log.exception("%s: taking %d messages failed", self.name, len(batch))
            if self._wire is not None:
                for message in batch:
                    self._wire.never_ack(message.token)

    def _puback(self, mid: int, reason: int) -> None:
        topic = self._outbox.settle(mid)
        if reason >= FAILURE and topic is not None:
            self.counts.denied += 1
            why = ReasonCode(PacketTypes.PUBACK, identifier=reason)
            log.error("%s: the broker refuses to publish on %s: %s", self.name, topic.decode(), why)

    # ── one connection ──────────────────────────────────────────────────────────────────────

    async def _try(self, address: Address) -> bool:
        """Serve one address, in the other version too if it turns out to need it."""
        v5 = address.v5
        held = await self._serve(address)
        return held if address.v5 is v5 else await self._serve(address)

    async def _serve(self, address: Address) -> bool:
        """One connection from DNS to its end; whether it held for a while."""
        wire = Wire(
            v5=address.v5,
            first_token=self._next_token,
            arrived=self._arrived,
            puback=self._puback,
        )
        try:
            await self._open(wire, address)
            session = self._session(wire, address)
            await self._introduce(session, address)
            return await self._hold(session, address)
        except (OSError, _NoLink) as failure:
            self._tell(address, str(failure) or type(failure).__name__)
            return False
        finally:
            self._down(wire)
            wire.abort()
            await asyncio.wait({wire.ended})

    async def _open(self, wire: Wire, address: Address) -> None:
        if address.tls and self._tls is None:
            self._tls = ssl.create_default_context()
        async with asyncio.timeout(CONNECT_S):
            await asyncio.get_running_loop().create_connection(
                lambda: wire, address.host, address.port, ssl=self._tls if address.tls else None
            )
        wire.tune(self._keepalive_s)

    def _session(self, wire: Wire, address: Address) -> _Session:
        session = _Session(wire, self.name, address, keep=self._keep_session)
        wire.control = session.loop_read

        def answered(
            _: Client, __: object, flags: ConnectFlags, reason: ReasonCode, said: Properties | None
        ) -> None:
            if not reason.is_failure:
                # Here and now: the next bytes of the same read may be messages.
                self._up(session, getattr(said, "ReceiveMaximum", WINDOW))
                if self._keep_session and not flags.session_present:
                    log.warning("%s: the broker had kept no session for us", self.name)
            session.answer.set_result(reason)

        session.on_connect = answered
        session.on_subscribe = self._granted
        return session

    async def _introduce(self, session: _Session, address: Address) -> None:
        wire = session.wire
        session.hello(address, self._keepalive_s)
        either: set[asyncio.Future[Any]] = {session.answer, wire.lost}
        patience = CONNACK_S if address.proven or address.fixed else PROBE_S
        await asyncio.wait(either, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not session.answer.done():
            address.closed_silently()
            silence = "closed without an answer" if wire.lost.done() else "no answer to CONNECT"
            raise _NoLink(f"{silence} (MQTT {'5' if wire.v5 else '3.1.1'})")
        reason = session.answer.result()
        if reason.value == UNSUPPORTED_VERSION:
            address.other_version()
        if reason.is_failure:
            raise _NoLink(f"refused: {reason}")
        address.proven, address.silent = True, 0
        log.info("%s: connected to %s, MQTT %s", self.name, address, "5" if wire.v5 else "3.1.1")

    async def _hold(self, session: _Session, address: Address) -> bool:
        """Mind the keepalive and the subscriptions until the connection is lost."""
        wire, loop = session.wire, asyncio.get_running_loop()
        since = loop.time()
        try:
            while not wire.lost.done():
                await asyncio.wait({wire.lost}, timeout=1.0)
                session.loop_misc()
                if self._missing and loop.time() >= self._ask_again_at:
                    self._subscribe(session)
        finally:
            if not wire.lost.done():  # we are being stopped
                session.goodbye()
                # The broker closes once it has read all: the last acknowledgements have counted.
                await asyncio.wait({wire.ended}, timeout=GOODBYE_S)
        self._tell(address, str(wire.lost.result() or session.last_words or "connection closed"))
        return loop.time() - since >= STEADY_S

    def _up(self, session: _Session, window: int) -> None:
        self._wire = session.wire
        self.counts.connections += 1
        oldest = asyncio.get_running_loop().time() - RESEND_S
        repeated, expired = self._outbox.resume(session.wire, window, oldest)
        self.counts.repeated += repeated
        self.counts.expired += expired
        self._told.clear()
        self._missing = list(self._subscriptions)
        self._asked.clear()
        if self._missing:
            self._subscribe(session)
        self._set(State.CONNECTED if self._missing else State.LISTENING)

    def _down(self, wire: Wire) -> None:
        self._next_token = wire.next_token
        if self._wire is wire:
            self._wire = None
            self._outbox.pause()
            self._set(State.DOWN)

    # ── subscriptions ───────────────────────────────────────────────────────────────────────

    def _subscribe(self, session: _Session) -> None:
        asked = list(self._missing)
        _, mid = session.subscribe(asked)
        self._asked[mid] = asked
        self._ask_again_at = asyncio.get_running_loop().time() + RESUBSCRIBE_S

    def _granted(
        self, _: Client, __: object, mid: int, codes: list[ReasonCode], ___: object
    ) -> None:
        for wanted, code in zip(self._asked.pop(mid, []), codes, strict=False):
            if code.value >= FAILURE:
                log.error("%s: the broker refuses %s: %s", self.name, wanted[0], code)
                continue
            if code.value < wanted[1]:
                log.error("%s: %s granted without acknowledgement", self.name, wanted[0])
            if wanted in self._missing:
                self._missing.remove(wanted)
        if not self._missing and self.connected:
            self._set(State.LISTENING)

    def _set(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._on_state(state)

    def _tell(self, address: Address, what: str) -> None:
        """Log why there is no connection: once aloud, its repetitions quietly."""
        text = f"{self.name}: {address}: {what}"
        log.log(logging.DEBUG if text in self._told else logging.WARNING, "%s", text)
        self._told.add(text)
