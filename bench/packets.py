"""As much of MQTT 3.1.1 as the benchmark's lean phones speak: packets as bytes, nothing else."""

import socket

PUBLISH, PUBACK, SUBACK, CONNACK = 0x30, 0x40, 0x90, 0x20
PATIENCE_S = 20.0


def text(value: bytes) -> bytes:
    """Return a string as it stands in a packet."""
    return len(value).to_bytes(2, "big") + value


def packet(head: int, rest: bytes) -> bytes:
    """Return a whole packet."""
    size, length = len(rest), b""
    while size >= 128:
        size, low = divmod(size, 128)
        length += bytes((low | 128,))
    return bytes((head,)) + length + bytes((size,)) + rest


def connect(name: str) -> bytes:
    """Return a CONNECT with a clean session, kept alive for 600 s without a word."""
    return packet(0x10, text(b"MQTT") + b"\x04\x02\x02\x58" + text(name.encode()))


def publish(topic: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """Return a PUBLISH of QoS 1 in two parts, before and after its packet id."""
    whole = packet(0x32, text(topic) + b"\x00\x00" + payload)
    cut = len(whole) - len(payload)
    return whole[: cut - 2], payload


def expect(sock: socket.socket, kind: int) -> None:
    """Read one packet of this kind, the connection being new and quiet."""
    sock.settimeout(PATIENCE_S)
    head = sock.recv(2, socket.MSG_WAITALL)
    length = head[1]
    if length & 0x80:
        length = length & 0x7F | sock.recv(1)[0] << 7
    sock.recv(length, socket.MSG_WAITALL)
    assert head[0] == kind, f"the broker answered with {head[0]:#x}"
