"""The bytes under the MQTT link: packets cut anywhere, acknowledgements in order, a bounded box."""

import asyncio

import pytest

from tgd.devices.mqtt_loop import Arrived, Wire
from tgd.devices.mqtt_outbox import Outbox, frame


class Pipe(asyncio.Transport):
    """The far end of a wire: keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True


class Line:
    """A wire between a pipe and lists."""

    def __init__(self, *, v5: bool = True, first_token: int = 1) -> None:
        self.heard: list[Arrived] = []
        self.settled: list[tuple[int, int]] = []
        self.controls: list[bytes] = []
        self.pipe = Pipe()
        self.wire = Wire(
            v5=v5,
            first_token=first_token,
            arrived=self.heard.extend,
            puback=lambda mid, reason: self.settled.append((mid, reason)),
        )
        self.wire.control = lambda: self.controls.append(self.wire.recv(1000))
        self.wire.connection_made(self.pipe)

    def sent(self) -> bytes:
        self.wire.flush()
        written, self.pipe.written = self.pipe.written, b""
        return written


def puback(mid: int) -> bytes:
    return b"\x40\x02" + mid.to_bytes(2, "big")


@pytest.mark.parametrize("v5", [True, False])
@pytest.mark.parametrize("step", [1, 2, 3, 7, 50, 129, 4096])
async def test_packets_may_be_cut_anywhere(v5: bool, step: int):
    line = Line(v5=v5)
    stream = (
        frame(b"a/b", b"x" * 200, mid=7, v5=v5)
        + b"\xd0\x00"
        + frame("é".encode(), b"", mid=0, v5=v5)
        + puback(1024)
        + b"\x40\x03\x04\x01\x87"
        + frame(b"c", b"y" * 20_000, mid=65535, v5=v5, again=True)
    )
    for at in range(0, len(stream), step):
        line.wire.data_received(stream[at : at + step])
    assert line.heard == [
        Arrived("a/b", b"x" * 200, False, 1),
        Arrived("é", b"", False, 0),
        Arrived("c", b"y" * 20_000, False, 2),
    ]
    assert line.settled == [(1024, 0), (1025, 0x87)]
    assert line.controls == [b"\xd0\x00"]
    line.wire.ack(1)
    line.wire.ack(2)
    assert line.sent() == puback(7) + puback(65535)


async def test_acknowledgements_wait_for_the_ones_before_them():
    line = Line(first_token=100)
    for mid in (5, 6, 7, 8):
        line.wire.data_received(frame(b"t", b"", mid=mid, v5=True))
    assert [message.token for message in line.heard] == [100, 101, 102, 103]
    assert line.wire.ack(102)
    assert line.wire.ack(101)
    assert line.sent() == b""
    assert line.wire.ack(100)
    assert line.sent() == puback(5) + puback(6) + puback(7)
    assert not line.wire.ack(101), "a second time"
    assert not line.wire.ack(99), "an earlier connection's"
    assert not line.wire.ack(104), "nobody's"
    assert line.wire.next_token == 104
    assert line.sent() == b""


async def test_what_is_never_acknowledged_holds_nothing_back():
    line = Line()
    for mid in (5, 6, 7):
        line.wire.data_received(frame(b"t", b"", mid=mid, v5=True))
    line.wire.never_ack(2)
    line.wire.ack(3)
    line.wire.ack(1)
    assert line.sent() == puback(5) + puback(7)


@pytest.mark.parametrize(
    "garbage", [b"\x32\xff\xff\xff\xff\x01", b"\x32\x03\x00\x50a", b"\x32\x01\x00"]
)
async def test_what_is_not_mqtt_ends_the_connection(garbage: bytes):
    line = Line()
    line.wire.data_received(garbage)
    assert line.pipe.aborted
    assert line.wire.lost.done()
    assert line.heard == []


async def test_a_topic_that_is_not_utf8_costs_nothing():
    line = Line()
    line.wire.data_received(frame(b"tgd/v1/\xff/up/press", b"help", mid=1, v5=True))
    assert line.heard[0].topic == "tgd/v1/\N{REPLACEMENT CHARACTER}/up/press"


async def test_the_box_keeps_to_the_window_and_to_its_limit():
    line, box = Line(), Outbox(4)
    box.resume(line.wire, 2, 0.0)
    assert [box.put(b"t", b"%d" % n, 1.0) for n in range(5)] == [True] * 4 + [False]
    first = [frame(b"t", b"%d" % n, mid=1025 + n, v5=True) for n in range(4)]
    assert line.sent() == first[0] + first[1]
    assert box.settle(1025) == b"t"
    assert box.settle(1025) is None
    assert line.sent() == first[2]
    assert len(box) == 3


async def test_the_next_connection_gets_what_is_still_of_use():
    line, box = Line(), Outbox(10)
    box.resume(line.wire, 2, 0.0)
    for n in range(4):
        box.put(b"t", b"%d" % n, float(n))
    box.pause()
    later = Line(v5=False)
    assert box.resume(later.wire, 10, 1.0) == (3, 1)
    assert later.sent() == (
        frame(b"t", b"1", mid=1026, v5=False, again=True)
        + frame(b"t", b"2", mid=1027, v5=False)
        + frame(b"t", b"3", mid=1028, v5=False)
    )


async def test_packet_ids_come_round_without_meeting_one_in_flight():
    line, box = Line(), Outbox(100_000)
    box.resume(line.wire, 65535, 0.0)
    assert box.put(b"old", b"", 1.0)
    for _ in range(130_000):
        assert box.put(b"t", b"", 1.0)
        box.settle(box._last_id)
    assert len(box) == 1
    assert box.settle(1025) == b"old"
