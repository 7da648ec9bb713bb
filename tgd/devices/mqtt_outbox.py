"""What the server has said and the broker has not yet acknowledged.

Serves every arrow's way back to the phone: receipts, states and commands leave at QoS 1 and are
kept here until the broker's PUBACK.

Promises: memory stays bounded however slowly the broker answers; its window is kept to, and what
exceeds it waits its turn; a lost connection loses nothing that is still of use. Leaves to
`mqtt_loop` the bytes of the connection, to `downlink` what is said.
"""

from collections import deque

from tgd.devices.mqtt_loop import MORE, PUBLISH_QOS0, PUBLISH_QOS1, Wire

DUP = 0x08
FIRST_OWN_ID = 1024  # packet ids below are left to paho's SUBSCRIBEs
LAST_ID = 65535


def _length_bytes(value: int) -> bytes:
    if value < MORE:
        return bytes((value,))
    out = bytearray()
    while value >= MORE:
        out.append(value & 0x7F | MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def frame(topic: bytes, payload: bytes, *, mid: int, v5: bool, again: bool = False) -> bytes:
    """Build a PUBLISH packet: QoS 1 with packet id `mid`, QoS 0 if that is 0; `again` sets DUP."""
    head = (PUBLISH_QOS1 if mid else PUBLISH_QOS0) | (DUP if again else 0)
    packet_id = mid.to_bytes(2, "big") if mid else b""
    properties = b"\0" if v5 else b""
    rest = 2 + len(topic) + len(packet_id) + len(properties) + len(payload)
    return b"".join(
        (
            bytes((head,)),
            _length_bytes(rest),
            len(topic).to_bytes(2, "big"),
            topic,
            packet_id,
            properties,
            payload,
        )
    )


class Outbox:
    """QoS 1 messages that the broker has not acknowledged, oldest first; at most `limit`.

    Held within the broker's window (its Receive Maximum); what exceeds it waits here. They
    outlive a connection: the next one sends them again, marked as repeated, if still of use.
    """

    def __init__(self, limit: int) -> None:
        self.limit = min(limit, LAST_ID - FIRST_OWN_ID)
        self._letters: dict[int, tuple[bytes, bytes, float]] = {}  # id: topic, payload, when
        self._waiting: deque[int] = deque()
        self._again: set[int] = set()
        self._in_flight = 0
        self._window = 0
        self._last_id = FIRST_OWN_ID
        self._wire: Wire | None = None

    def __len__(self) -> int:
        return len(self._letters)

    def put(self, topic: bytes, payload: bytes, now: float) -> bool:
        """Send or queue one message; False when the box is full."""
        letters = self._letters
        if len(letters) >= self.limit:
            return False
        mid = self._last_id
        while True:
            mid = mid + 1 if mid < LAST_ID else FIRST_OWN_ID
            if mid not in letters:
                break
        self._last_id = mid
        letters[mid] = (topic, payload, now)
        if self._in_flight < self._window and not self._waiting and self._wire is not None:
            self._in_flight += 1
            self._wire.write(frame(topic, payload, mid=mid, v5=self._wire.v5))
        else:
            self._waiting.append(mid)
        return True

    def settle(self, mid: int) -> bytes | None:
        """Forget message `mid`, which the broker has answered; return its topic if it was ours."""
        letter = self._letters.pop(mid, None)
        if letter is None:
            return None
        self._in_flight -= 1
        if self._waiting:
            self._pump()
        return letter[0]

    def resume(self, wire: Wire, window: int, oldest: float) -> tuple[int, int]:
        """Go on over a new connection; (sent again, too old and dropped)."""
        unsent = set(self._waiting)
        before = len(self._letters)
        self._letters = {mid: it for mid, it in self._letters.items() if it[2] >= oldest}
        self._again = {mid for mid in self._letters if mid not in unsent}
        self._waiting = deque(self._letters)
        self._wire, self._window, self._in_flight = wire, window, 0
        self._pump()
        return len(self._letters), before - len(self._letters)

    def pause(self) -> None:
        """Keep everything for the next connection; this one is gone."""
        self._wire = None

    def _pump(self) -> None:
        while self._waiting and self._in_flight < self._window and self._wire is not None:
            mid = self._waiting.popleft()
            topic, payload, _ = self._letters[mid]
            self._in_flight += 1
            again = mid in self._again
            self._again.discard(mid)
            self._wire.write(frame(topic, payload, mid=mid, v5=self._wire.v5, again=again))
