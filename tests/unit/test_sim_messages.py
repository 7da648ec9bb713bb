"""What a phone writes is what the protocol says, field for field; what it reads is checked."""

import json
from datetime import UTC, datetime

import pytest

from firmware_sim import messages, packets
from firmware_sim.store import FileStore, Memory, OpenAlert, OpenPress
from tgd.devices import live, wire

BODY = {
    "trigger": "button",
    "loc": {"lat": 46.58, "lon": 0.34, "acc": 8.0, "lc": 68, "pm": "G", "tst": 99.0},
    "batt": 87,
    "bs": 1,
    "conn": "m",
    "net": {"rat": "lte", "rsrp": -90},
}
PRESS = OpenPress(id="p-1", seq=4, tst=100.0, pressed_at=7.0, body=BODY, attempt=3, dialled=True)


def test_a_press():
    assert json.loads(messages.press(PRESS, 103.0004)) == {
        "_type": "press",
        "id": "p-1",
        "seq": 4,
        "attempt": 3,
        "tst": 100.0,
        "created_at": 103.0,
        **BODY,
    }


def test_a_position_a_heartbeat_and_a_last_will():
    position = json.loads(messages.position(BODY["loc"], 101.0004))
    assert position == {"_type": "location", **BODY["loc"], "created_at": 101.0}
    health = {name: BODY[name] for name in ("batt", "bs", "conn", "net")}
    beat = json.loads(messages.heartbeat(9, 5.0, health))
    assert beat == {"_type": "heartbeat", "seq": 9, "tst": 5.0, **health, "fw": messages.FIRMWARE}
    assert json.loads(messages.last_will(5.0)) == {"_type": "lwt", "tst": 5.0}


def test_everything_is_utf_8_and_small():
    assert len(messages.press(PRESS, 1.0)) < 1024
    assert "é".encode() in messages.encode({"note": "é"})


def test_what_comes_down_is_read():
    receipt = messages.decode(b'{"_type":"receipt","id":null,"code":"ok","alert":"a","at":1,"x":2}')
    assert receipt == messages.Receipt(id=None, code="ok", alert="a", listen="mic_only", at=1.0)
    state = messages.decode(b'{"_type":"state","alert":"a","state":"closed","n":3,"at":1.5}')
    assert state == messages.State("a", "closed", 3, 1.5)
    command = messages.decode(b'{"_type":"cmd","id":"c","at":2,"action":"endAlert"}')
    assert (command.id, command.at, command.action) == ("c", 2.0, "endAlert")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"_type":"press"}',
        b'{"_type":"receipt","code":"ok"}',
        b'{"_type":"receipt","id":1,"code":"ok"}',
        b'{"_type":"state","alert":"a","state":"closed","n":true,"at":1}',
        b'{"_type":"state","alert":"a","state":"closed","n":1,"at":"now"}',
        b'{"_type":"cmd","id":"c","action":"endAlert"}',
        b'{"_type":"cmd","id":"c","at":NaN,"action":"endAlert"}',
        b'{"_type":"cmd","id":"c","at":Infinity,"action":"endAlert"}',
        b'{"_type":"cmd","id":"c","at":1' + b"0" * 400 + b',"action":"endAlert"}',
    ],
)
def test_what_is_no_message_is_refused_and_nothing_else_happens(raw):
    with pytest.raises(messages.Unreadable):
        messages.decode(raw)


@pytest.mark.parametrize("at", ["now", None, True, -1, 0, float("nan"), 1e300])
def test_a_receipt_with_an_odd_time_counts_and_says_no_time(at):
    raw = json.dumps({"_type": "receipt", "id": "p", "code": "ok", "alert": "a", "at": at})
    assert messages.decode(raw.encode()).at is None


def test_the_platform_reads_what_a_phone_writes_without_a_doubt():
    at = datetime.fromtimestamp(103.5, UTC)
    read = wire.press("tgd-86-01", messages.press(PRESS, 103.0), received_at=at)
    assert read.doubts == ()
    assert (read.sent_id, read.seq, read.attempt, read.age_s) == ("p-1", 4, 3, 3.5)
    health = {name: BODY[name] for name in ("batt", "bs", "conn", "net")}
    assert wire.heartbeat("tgd-86-01", messages.heartbeat(9, 5.0, health), at).seq == 9
    assert wire.position("tgd-86-01", messages.position(BODY["loc"], 103.0), at).fix.acc == 8.0
    wire.last_will("tgd-86-01", messages.last_will(5.0), at)


def test_a_phone_reads_what_the_platform_writes():
    at = datetime.fromtimestamp(5, UTC)
    down = wire.receipt(None, code="ok", alert="a", at=at, listen="duplex")
    assert messages.decode(down) == messages.Receipt(None, "ok", "a", "duplex", 5.0)
    down = wire.state("a", state="answered", n=2, at=at)
    assert messages.decode(down) == messages.State("a", "answered", 2, 5.0)
    down = json.dumps(live.report_location("a", at, at + live.LIVE_FOR)).encode()
    assert messages.decode(down).fields["until"] == 7205.0


def test_connect_says_311_the_kept_session_the_user_and_the_will():
    whole = packets.connect(
        "tgd-86-01", password="pw", keepalive=60, will=("tgd/v1/tgd-86-01/up/lwt", b"{}")
    )
    (found,) = packets.Reader().feed(whole)
    assert found.head == 0x10
    assert found.body[:7] == b"\x00\x04MQTT\x04"
    flags = found.body[7]
    assert flags == 0b1100_1100  # user, password, will not retained at QoS 1, session kept
    assert found.body.count(packets.text("tgd-86-01")) == 2  # client id and user name
    assert found.body.endswith(packets.text("pw"))


def test_a_publish_is_qos_1_and_not_retained():
    (found,) = packets.Reader().feed(packets.publish(513, "t/x", b"hello"))
    assert found.head == 0x32
    assert packets.published(found) == (513, b"hello")


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 70_000])
def test_packets_survive_any_cut_of_the_stream(size):
    stream = packets.packet(0x30, bytes(size)) + packets.puback(7)
    reader, found = packets.Reader(), []
    step = max(1, len(stream) // 50)
    for start in range(0, len(stream), step):
        found += reader.feed(stream[start : start + step])
    assert [(p.kind, len(p.body)) for p in found] == [(0x30, size), (packets.PUBACK, 2)]


def test_a_stream_that_is_no_mqtt_is_broken_off():
    with pytest.raises(packets.Broken):
        list(packets.Reader().feed(b"\x30\xff\xff\xff\xff\xff"))
    with pytest.raises(packets.Broken):
        packets.published(packets.Packet(0x32, b"\x00\x40a"))


def test_a_memory_survives_in_its_file(tmp_path):
    store = FileStore(tmp_path / "phone.json")
    assert store.load() == Memory()
    memory = Memory(
        seq=3, presses=[PRESS], alert=OpenAlert("a", 1.0), heard={"a": 2}, heartbeat_s=60.0
    )
    store.save(memory.packed())
    assert FileStore(tmp_path / "phone.json").load() == memory
    assert [path.name for path in tmp_path.iterdir()] == ["phone.json"]


def test_a_file_that_is_no_memory_is_named(tmp_path):
    (tmp_path / "phone.json").write_text('{"seq": "three"}')
    with pytest.raises(ValueError, match=r"phone\.json is no phone's memory"):
        FileStore(tmp_path / "phone.json").load()
