"""The wire under the MQTT link: bytes in, messages out, as cheaply as Python allows.

Serves the first arrow (a press comes in) and every word back to the phones. paho-mqtt keeps the
session (CONNECT, SUBSCRIBE, keepalive, DISCONNECT and what their answers mean); this module is
the connection that it is given in place of a socket, and lets two kinds of packet pass paho by,
in both directions: PUBLISH of QoS 0 and 1, and PUBACK. They are 99.9 % of the traffic, paho
spends four `recv`, a dozen locks and a `send` on each, and nothing in them belongs to the session.

Promises: a message is acknowledged only when its token is given back, in the order of arrival
whatever order the tokens come in, and never on another connection than the one that brought it
(a token counts all messages of the process's life, so an old one falls before the present head).
Leaves to `mqtt_outbox` what waits to be acknowledged by the broker, to `mqtt` addresses, protocol
versions, reconnection, subscriptions and logs.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, cast

PUBLISH_KIND = 0xF6  # the first byte without its DUP and RETAIN bits
PUBLISH_QOS0 = 0x30
PUBLISH_QOS1 = 0x32
PUBACK = 0x40
PUBACK_HEAD = b"\x40\x02"
MORE = 0x80  # a length goes on in the next byte


class Arrived(NamedTuple):
    """A message as it came. `token` goes to `MqttLink.ack`; 0 means nothing to acknowledge."""

    topic: str
    payload: bytes
    retain: bool
    token: int


class ProtocolError(Exception):
    """The broker sent bytes that are not MQTT; the connection is given up."""


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Read the variable byte integer at `at`: its value and its end, (0, 0) if cut short."""
    value = shift = 0
    for place in range(at, min(at + 4, len(data))):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if not byte & MORE:
            return value, place + 1
        shift += 7
    if len(data) - at >= 4:  # noqa: PLR2004  a length has at most four bytes (MQTT 5, 1.5.5)
        raise ProtocolError("length of five bytes")
    return 0, 0


class Wire(asyncio.Protocol):
    """One connection to the broker: an asyncio protocol below, a socket to paho above.

    asyncio resolves, connects, does TLS and sets TCP_NODELAY; so nothing here blocks, and no
    bytes are left behind in a TLS buffer. `lost` is done when the connection is over.
    """

    def __init__(
        self,
        *,
        v5: bool,
        first_token: int,
        arrived: Callable[[list[Arrived]], None],
        puback: Callable[[int, int], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[Exception | None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()  # the socket is closed, too
        self.v5 = v5
        self.closed = False
        self.congested = False  # the socket takes less than is written
        self._loop = loop
        self._arrived = arrived
        self._puback = puback
        self.control: Callable[[], object] = self.abort  # paho's reader, once it is there
        self._transport: asyncio.Transport | None = None
        self._rest = bytearray()  # the beginning of a packet whose end has not come
        self._need = 2  # bytes that `_rest` must have before it is worth looking at
        self._inbox = bytearray()  # a packet for paho
        self._out: list[bytes] = []
        self._head = first_token  # token of the oldest message that is not acknowledged
        self._due: deque[int] = deque()  # packet ids from the head on; 0 is never acknowledged
        self._done: set[int] = set()  # tokens given back ahead of the head

    # ── asyncio's side ──────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio)."""
        # uvloop's transports are asyncio's in all but the class.
        self._transport = cast("asyncio.Transport", transport)

    def tune(self, silence_s: int) -> None:
        """Send small packets at once, and give up a peer that acknowledges no byte for so long."""
        sock = self._transport.get_extra_info("socket") if self._transport else None
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, silence_s * 1000)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so once (asyncio)."""
        self.closed = True
        if not self.ended.done():
            self.ended.set_result(None)
        if not self.lost.done():
            self.lost.set_result(exc)

    def pause_writing(self) -> None:
        """Note that the peer reads too slowly (asyncio)."""
        self.congested = True

    def resume_writing(self) -> None:
        """Note that the peer has caught up (asyncio)."""
        self.congested = False

    def data_received(self, data: bytes) -> None:
        """Take what came, hand on every whole packet, send what the handlers wrote (asyncio)."""
        if self.closed:
            return
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest.clear()
        try:
            self._packets(data)
        except (ProtocolError, IndexError) as broken:
            self.abort(ProtocolError(str(broken) or "packet cut short"))
        self.flush()

    def _packets(self, data: bytes) -> None:
        at, size = 0, len(data)
        batch: list[Arrived] = []
        self._need = 2
        while size - at >= 2 and not self.closed:  # noqa: PLR2004  type and length, at least
            head, length, body = data[at], data[at + 1], at + 2
            if length & MORE:
                length, body = _length(data, at + 1)
                if not body:
                    break
            end = body + length
            if end > size:
                self._need = end - at
                break
            kind = head & PUBLISH_KIND
            if kind in (PUBLISH_QOS1, PUBLISH_QOS0):
                batch.append(self._publish(data, head, body, end))
            elif head == PUBACK:
                self._puback(data[body] << 8 | data[body + 1], data[body + 2] if length > 2 else 0)  # noqa: PLR2004  the reason, left out when all is well
            else:
                if batch:
                    self._arrived(batch)
                    batch = []
                self._inbox += data[at:end]
                self.control()
            at = end
        if at < size:
            self._rest += data[at:]
        if batch:
            self._arrived(batch)

    def _publish(self, data: bytes, head: int, at: int, end: int) -> Arrived:
        topic_end = at + 2 + (data[at] << 8 | data[at + 1])
        # A topic that is not UTF-8 is the broker's to refuse; here it must not cost a press.
        topic = data[at + 2 : topic_end].decode("utf-8", "replace")
        at, token = topic_end, 0
        if head & 0x06:
            mid = data[at] << 8 | data[at + 1]
            at += 2
            token = self._head + len(self._due)
            self._due.append(mid)
        if self.v5:
            length, at = (data[at], at + 1) if not data[at] & MORE else _length(data, at)
            at += length
        if at > end:
            raise ProtocolError("PUBLISH shorter than it says")
        return Arrived(topic, data[at:end], (head & 1) == 1, token)

    # ── acknowledgements ────────────────────────────────────────────────────────────────────

    @property
    def next_token(self) -> int:
        """The token that the next message would get; a later connection starts there."""
        return self._head + len(self._due)

    def ack(self, token: int) -> bool:
        """Acknowledge, as soon as all before it are; False for a token of another connection."""
        ahead = token - self._head
        if ahead == 0 and self._due:
            self._release()
            while self._done and self._head in self._done:
                self._done.discard(self._head)
                self._release()
            return True
        if 0 < ahead < len(self._due):
            self._done.add(token)
            return True
        return False

    def never_ack(self, token: int) -> None:
        """Leave this message with the broker, without holding back those behind it."""
        place = token - self._head
        if 0 <= place < len(self._due):
            self._due[place] = 0
            self.ack(token)

    def _release(self) -> None:
        mid = self._due.popleft()
        self._head += 1
        if mid:
            self.write(PUBACK_HEAD + mid.to_bytes(2, "big"))

    # ── writing ─────────────────────────────────────────────────────────────────────────────

    def write(self, frame: bytes) -> None:
        """Send a whole packet with the next flush, at the latest when the loop comes round."""
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(frame)

    def flush(self) -> None:
        """Send everything written so far in one piece."""
        if self._out and not self.closed and self._transport is not None:
            frames = b"".join(self._out)
            self._out.clear()
            self._transport.write(frames)

    def abort(self, why: Exception | None = None) -> None:
        """End the connection at once; what was not sent is dropped."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()
        elif not self.ended.done():
            self.ended.set_result(None)
        if not self.lost.done():
            self.lost.set_result(why)

    # ── paho's side: the five methods of its SocketLike ─────────────────────────────────────

    def recv(self, buffer_size: int) -> bytes:
        """Bytes of the control packet at hand (paho)."""
        if not self._inbox:
            raise BlockingIOError
        piece = bytes(self._inbox[:buffer_size])
        del self._inbox[:buffer_size]
        return piece

    def send(self, buffer: bytes | bytearray) -> int:
        """Take a control packet (paho)."""
        self.write(bytes(buffer))
        return len(buffer)

    def close(self) -> None:
        """Send what is written and say that it is over; `abort` frees the socket (paho)."""
        self.flush()
        self.closed = True
        if not self.lost.done():
            self.lost.set_result(None)

    def fileno(self) -> int:
        """No descriptor for anyone to poll (paho asks only in its own loops)."""
        return -1

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001  paho's signature
        """Nothing to set: it never blocks (paho)."""
