"""MQTT 3.1.1 packets, the few a phone needs (OASIS MQTT 3.1.1, sections 2 and 3).

Serves the radio: many modems speak only 3.1.1, and a phone that does as they do proves that
nothing depends on 5. Pure bytes in and out. Leaves connections and repetition to `mqtt.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 0x20, 0x30, 0x40, 0x90, 0xD0
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
DUP = 0x08
_QOS1 = 0x02
_PROTOCOL = b"\x00\x04MQTT\x04"
_WILL_QOS1, _WILL, _PASSWORD, _USER = 0x08, 0x04, 0x40, 0x80


class Broken(ValueError):
    """The other side sent what is no MQTT."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: the first byte whole (type and flags) and the body after the length."""

    head: int
    body: bytes

    @property
    def kind(self) -> int:
        """Type without flags."""
        return self.head & 0xF0


def text(value: str) -> bytes:
    """Encode a UTF-8 string behind its two-byte length (1.5.3)."""
    return binary(value.encode())


def binary(value: bytes) -> bytes:
    """Put two bytes of length before some bytes."""
    return len(value).to_bytes(2, "big") + value


def packet(head: int, body: bytes) -> bytes:
    """Put a packet together, with its remaining length in 7-bit groups (2.2.3)."""
    left = len(body)
    length = bytearray()
    while True:
        left, group = divmod(left, 128)
        length.append(group | (0x80 if left else 0))
        if not left:
            return bytes((head, *length)) + body


def connect(client: str, *, password: str | None, keepalive: int, will: tuple[str, bytes]) -> bytes:
    """CONNECT with the client's id as user name, a last will, and the session kept (3.1)."""
    flags = _USER | _WILL | _WILL_QOS1 | (_PASSWORD if password is not None else 0)
    topic, payload = will
    body = _PROTOCOL + bytes([flags]) + keepalive.to_bytes(2, "big")
    body += text(client) + text(topic) + binary(payload) + text(client)
    return packet(0x10, body + (text(password) if password is not None else b""))


def subscribe(number: int, topic: str) -> bytes:
    """SUBSCRIBE to one topic at QoS 1 (3.8)."""
    return packet(0x82, number.to_bytes(2, "big") + text(topic) + b"\x01")


def publish(number: int, topic: str, payload: bytes) -> bytes:
    """PUBLISH at QoS 1, not retained (3.3)."""
    return packet(PUBLISH | _QOS1, text(topic) + number.to_bytes(2, "big") + payload)


def puback(number: int) -> bytes:
    """PUBACK (3.4)."""
    return packet(PUBACK, number.to_bytes(2, "big"))


def published(found: Packet) -> tuple[int | None, bytes]:
    """Return a received PUBLISH's packet number (None at QoS 0) and payload."""
    start = 2 + int.from_bytes(found.body[:2], "big")
    if len(found.body) < start:
        raise Broken("PUBLISH cut short")
    if not found.head & 0x06:
        return None, found.body[start:]
    return int.from_bytes(found.body[start : start + 2], "big"), found.body[start + 2 :]


class Reader:
    """Cuts a stream of bytes into packets."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Give each packet that is whole by now; Broken if it can be none."""
        self._held += data
        while True:
            header = self._header()
            if header is None:
                return
            start, length = header
            if len(self._held) < start + length:
                return
            found = Packet(self._held[0], self._held[start : start + length])
            self._held = self._held[start + length :]
            yield found

    def _header(self) -> tuple[int, int] | None:
        length = 0
        for place, byte in enumerate(self._held[1:5]):
            length |= (byte & 0x7F) << (7 * place)
            if not byte & 0x80:
                return place + 2, length
        if len(self._held) >= 5:
            raise Broken("remaining length over four bytes")
        return None
