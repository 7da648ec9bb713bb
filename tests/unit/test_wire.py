"""A press is never refused; other topics refuse what they cannot use, and say why."""

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from tgd.devices import salvage, wire
from tgd.devices.messages import REASONS, Heartbeat, LastWill, Quarantined

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
T = NOW.timestamp()
UUID = "3f0e9f6a-1a2b-4c3d-8e9f-0123456789ab"
LOC = {"lat": 46.580224, "lon": 0.340375, "acc": 12, "pm": "G", "tst": T - 5}
GOOD = {
    "_type": "press",
    "id": UUID,
    "seq": 42,
    "attempt": 1,
    "tst": T - 2,
    "created_at": T - 1,
    "trigger": "button",
    "loc": LOC,
    "batt": 77,
    "bs": 1,
    "conn": "m",
    "net": {"rat": "lte"},
}


def encoded(**changes) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def without(*names) -> bytes:
    return json.dumps({k: v for k, v in GOOD.items() if k not in names}).encode()


def read(raw, device="tgd-86-01", **more):
    return wire.press(device, raw, received_at=NOW, **more)


def test_a_good_press_is_read_whole() -> None:
    raw = encoded()
    press = read(raw)
    assert dataclasses.asdict(press) == {
        "device": "tgd-86-01",
        "reply_to": "tgd-86-01",
        "sent_id": UUID,
        "seq": 42,
        "attempt": 1,
        "tst": T - 2,
        "created_at": T - 1,
        "trigger": "button",
        "fix": {
            "lat": 46.580224,
            "lon": 0.340375,
            "acc": 12.0,
            "confidence": 68.0,
            "method": "G",
            "tst": T - 5,
            "alt": None,
            "vac": None,
            "vel": None,
            "cog": None,
            "mocked": False,
        },
        "batt": 77,
        "path": "mqtt",
        "raw": raw,
        "digest": hashlib.sha256(raw).digest(),
        "retained": False,
        "received_at": NOW,
        "pressed_at": NOW - timedelta(seconds=2),
        "age_s": 2.0,
        "doubts": (),
    }
    assert press.fixed_at == NOW - timedelta(seconds=5)


BAD_UTF8 = encoded().replace(b'"lte"', b'"l\xff\xfe"')
MALFORMED = [
    # what came, its id if legible, the doubts
    ("empty", b"", None, {"press_unreadable", "id_missing", "time_missing", "location_absent"}),
    ("bad UTF-8, legible", BAD_UTF8, UUID, {"press_unreadable"}),
    ("bad UTF-8 alone", b"\xff\xfe\xfd", None, {"press_unreadable", "id_missing"}),
    ("NUL in the id", encoded(id="a\0b"), None, {"id_missing"}),
    ("NUL elsewhere", encoded(net={"x": "a\0b"}), UUID, set()),
    ("8 KiB of brackets", b"[" * 8192, None, {"press_unreadable", "id_missing"}),
    ("100 KiB", encoded(x="y" * 102_400), UUID, {"oversized"}),
    ("300 KiB", encoded(x="y" * 307_200), UUID, {"oversized", "press_unreadable"}),
    ("NaN coordinates", encoded(loc={**LOC, "lat": float("nan")}), UUID, {"location_invalid"}),
    ("(0, 0)", encoded(loc={**LOC, "lat": 0, "lon": 0}), UUID, {"location_invalid"}),
    ("latitude 200", encoded(loc={**LOC, "lat": 200}), UUID, {"location_invalid"}),
    ("no id", without("id"), None, {"id_missing"}),
    ("id a number", encoded(id=17), None, {"id_missing"}),
    ("id too long", encoded(id="x" * 65), None, {"id_missing"}),
    ("id empty", encoded(id=""), None, {"id_missing"}),
    ("clock in 1970", encoded(tst=12, created_at=13), UUID, {"clock_wrong"}),
    ("clock in 2106", encoded(tst=4294967294, created_at=4294967295), UUID, {"clock_wrong"}),
    ("top level a list", b"[" + encoded() + b"]", UUID, {"press_unreadable"}),
    ("cut off", encoded()[:-60], UUID, {"press_unreadable", "location_salvaged"}),
    ("location null", encoded(loc=None), UUID, {"location_absent"}),
    ("location of text", encoded(loc="here"), UUID, {"location_invalid"}),
    ("lone surrogate", encoded(net={"x": "\ud800"}), UUID, set()),
    ("lone surrogate in the id", encoded(id="\ud800"), None, {"id_missing"}),
    ("trailing NUL", encoded() + b"\0", UUID, {"press_unreadable"}),
    ("byte order mark", b"\xef\xbb\xbf" + encoded(), UUID, set()),
    ("UTF-16", encoded().decode().encode("utf-16"), UUID, {"press_unreadable"}),
    ("a number of 5,000 digits", encoded(seq=1).replace(b": 1,", b": " + b"1" * 5000 + b",", 1),
     UUID, set()),
    ("a time as text", encoded(tst="yesterday"), UUID, {"clock_wrong"}),
    ("a time beyond the calendar", encoded(tst=1e300, created_at=-1e300), UUID, {"clock_wrong"}),
    ("true as time", encoded(tst=True, created_at=False), UUID, {"clock_wrong", "time_missing"}),
    ("no time", without("tst", "created_at"), UUID, {"time_missing"}),
    ("not ours", b'{"hello":"world"}', None, {"id_missing", "location_absent"}),
    ("an unknown field", encoded(unknown={"a": [1]}), UUID, set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "sent_id", "doubts"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED]
)
def test_every_malformed_press_is_a_press_marked_with_what_is_wrong(raw, sent_id, doubts) -> None:
    press = read(raw)
    assert (press.raw, press.sent_id) == (raw, sent_id)
    assert doubts <= set(press.doubts)
    if not doubts:
        assert press.doubts == ()
    assert "wire_fault" not in press.doubts


def test_a_good_press_in_an_unreadable_wrapping_keeps_its_seq_and_place() -> None:
    press = read(encoded()[:-60])
    assert (press.seq, press.attempt, press.age_s) == (42, 1, 2.0)
    assert (press.fix.lat, press.fix.lon, press.fix.acc) == (46.580224, 0.340375, 12.0)


def test_a_coordinate_cut_in_the_middle_is_not_believed() -> None:
    raw = encoded()
    press = read(raw[: raw.index(b"0.340375") + 5])
    assert press.fix is None
    assert press.sent_id == UUID
    assert "location_invalid" in press.doubts


def test_an_id_is_found_in_rubble() -> None:
    assert read(f"\x01\x02d: {UUID}\x03".encode()).sent_id == UUID
    assert read(b'{"seq": 7, "id": "abc", "loc": {"lat"').sent_id == "abc"
    assert read(b'{"id": "cut-o').sent_id is None


@pytest.mark.parametrize(
    ("device", "key"),
    [
        ("tgd-86-01", "tgd-86-01"),
        ("A_z-9", "A_z-9"),
        ("", "x-" + hashlib.sha256(b"").hexdigest()[:32]),
        ("a" * 65, "x-" + hashlib.sha256(b"a" * 65).hexdigest()[:32]),
        ("tgd\n", "x-" + hashlib.sha256(b"tgd\n").hexdigest()[:32]),
        ("é", "x-" + hashlib.sha256("é".encode()).hexdigest()[:32]),
    ],
)
def test_any_device_has_a_key_and_keeps_its_name(device, key) -> None:
    press = read(encoded(), device)
    assert (press.device, press.reply_to) == (key, device)
    assert press.doubts == (() if key == device else ("device_ill_formed",))


@pytest.mark.parametrize(
    ("tst", "created_at", "age_s", "doubts"),
    [
        (T - 2, T - 1, 2, ()),
        (T - 600, T - 1, 600, ("late",)),
        (T - 60, T, 60, ("late",)),
        (T - 59.5, T, 59.5, ()),
        (T - 2, T + 5, 7, ()),  # skew
        (T - 2, T + 6, 8, ("clock_wrong",)),
        (T, T - 0.5, 0.5, ()),  # whole seconds
        (T, T - 2, 0, ("clock_wrong",)),
        (T - 8 * 86400, T, 0, ("clock_wrong",)),
        (T - 6 * 86400, T, 6 * 86400, ("late",)),
        (T - 86400 - 31, T - 86400 - 1, 30, ("clock_wrong",)),
        (T - 86400 - 29, T - 86400 + 1, 86400 + 29, ("late",)),
        (None, T - 9, 9, ()),
        (T - 9, None, 9, ()),
        (None, None, 0, ("time_missing",)),
        (12, 42, 30, ("clock_wrong",)),
        ("x", T - 9, 9, ("clock_wrong",)),
        (T * 1000, T - 9, 9, ("clock_wrong",)),  # milliseconds
    ],
)
def test_the_age_of_a_press(tst, created_at, age_s, doubts) -> None:
    press = read(encoded(tst=tst, created_at=created_at))
    assert press.age_s == pytest.approx(age_s, abs=1e-5)
    assert press.pressed_at == NOW - timedelta(seconds=press.age_s)
    assert press.doubts == doubts


@pytest.mark.parametrize(
    ("clock", "fix_tst"), [(0, T - 5), (-1.7e9, T - 1.7e9 - 5), (-1.7e9, T - 5)]
)
def test_a_fix_is_dated_through_a_wrong_clock(clock, fix_tst) -> None:
    raw = encoded(tst=T + clock, created_at=T + clock, loc={**LOC, "tst": fix_tst})
    assert read(raw).fixed_at == NOW - timedelta(seconds=5)


def test_a_flat_location_is_read() -> None:
    press = read(json.dumps({**{k: v for k, v in GOOD.items() if k != "loc"}, **LOC}).encode())
    assert (press.fix.lat, press.fix.lon) == (46.580224, 0.340375)


@pytest.mark.parametrize(
    ("field", "said", "kept"),
    [
        ("seq", 2**63, None),
        ("seq", -(2**63), -(2**63)),
        ("seq", True, None),
        ("seq", 5.0, 5),
        ("seq", 5.5, None),
        ("seq", "5", None),
        ("attempt", -1, None),
        ("attempt", 2**40, None),
        ("batt", 101, None),
        ("batt", 0, 0),
        ("trigger", "fall", "fall"),
        ("trigger", None, "button"),
        ("trigger", "x" * 99, "x" * 32),
        ("trigger", "a\0\nb", "ab"),
        ("trigger", "\0", "button"),
        ("trigger", 7, "button"),
    ],
)
def test_what_cannot_be_stored_is_not_kept(field, said, kept) -> None:
    assert getattr(read(encoded(**{field: said})), field) == kept


def test_where_it_came_from_is_kept() -> None:
    press = read(encoded(), retained=True, path="https")
    assert (press.retained, press.path, press.doubts) == (True, "https", ("retained",))


def test_a_fault_of_ours_is_a_press_that_says_so() -> None:
    press = wire.press("tgd-86-01", encoded(), received_at=None)  # what no caller may do
    assert press.raw == encoded()
    assert "wire_fault" in press.doubts


def test_nothing_locating_is_in_a_repr() -> None:
    assert "46.58" not in repr(read(encoded()))
    assert "46.58" not in repr(wire.position("d", json.dumps(LOC).encode(), NOW))


@pytest.mark.parametrize(
    "raw",
    [
        encoded(),
        encoded(loc=None, lat=46.580224, lon=0.340375),
        encoded(net={"deep": [{"Latitude": 46.580224, "lng": 0.340375}]}),
        encoded(note='{"lat":46.580224,"lon":"0.340375"}'),
        encoded(note="geo:46.580224,0.340375"),
        encoded()[:-60],
        BAD_UTF8,
        encoded().decode().encode("utf-16"),
        b"\xff lat=46.580224 lon='0.340375'",
        b'{\'lat\' : 46.580224e0, "lon":"0,340375"',
        b'x{"position":[46.580224, 0.340375]',
        b"\xff" + json.dumps({"note": json.dumps(LOC)}).encode() + b"}",
    ],
)
def test_redacted_bytes_hold_no_coordinates(raw) -> None:
    redacted = read(raw).redacted
    assert b"580224" not in redacted
    assert b"340375" not in redacted


def test_redacted_json_keeps_the_rest() -> None:
    kept = json.loads(read(encoded()).redacted)
    assert kept == {key: value for key, value in GOOD.items() if key != "loc"}
    assert UUID.encode() in salvage.redact(encoded()[:-60])


OWNTRACKS = {
    "_type": "location",
    "lat": 46.58,
    "lon": 0.34,
    "acc": 9,
    "alt": 110,
    "batt": 80,
    "bs": 1,
    "conn": "w",
    "created_at": int(T) - 10,
    "tst": int(T) - 30,
    "m": 2,
    "t": "u",
    "tid": "01",
    "vac": 3,
    "vel": 0,
    "SSID": "a network",
}


def test_a_position_as_the_owntracks_app_sends_it() -> None:
    report = wire.position("tgd-86-01", json.dumps(OWNTRACKS).encode(), NOW)
    assert (report.fix.lat, report.fix.acc, report.fix.vel) == (46.58, 9.0, 0.0)
    assert (report.device, report.received_at, report.doubts) == ("tgd-86-01", NOW, ())
    assert report.fixed_at == datetime.fromtimestamp(int(T) - 30, UTC)


def test_a_position_of_a_wrong_clock_is_dated_by_it() -> None:
    raw = json.dumps({**OWNTRACKS, "tst": 100, "created_at": 112}).encode()
    assert wire.position("d", raw, NOW).fixed_at == NOW - timedelta(seconds=12)


def test_a_heartbeat_never_holds_a_place() -> None:
    said = {
        "_type": "heartbeat",
        "seq": 3,
        "tst": T,
        "batt": 50,
        "bs": 9,
        "conn": "z",
        "fw": "1.2\0.3",
        "lat": 46.58,
        "lon": 0.34,
        "net": {"rat": "lte", "rsrp": -90, "cid": 7, "Lat": 46.58, "deep": {"lat": 1}, "up": True},
    }
    assert wire.heartbeat("d", json.dumps(said).encode(), NOW) == Heartbeat(
        device="d",
        seq=3,
        tst=T,
        batt=50,
        bs=None,
        conn=None,
        net={"rat": "lte", "rsrp": -90.0, "up": True},
        fw="1.2.3",
        received_at=NOW,
    )


@pytest.mark.parametrize("raw", [b"", b'{"_type":"lwt","tst":1}', b"{}"])
def test_a_last_will(raw) -> None:
    assert wire.last_will("d", raw, NOW) == LastWill("d", NOW)


@pytest.mark.parametrize(
    ("device", "raw", "reason"),
    [
        ("d", b"", "unreadable"),
        ("d", b"\xff", "unreadable"),
        ("d", b"[]", "unreadable"),
        ("d", b"[" * 8192, "unreadable"),
        ("d", b'{"lat":NaN}', "unreadable"),
        ("d", b" " * 8193, "oversized"),
        ("d", b'{"_type":"waypoint"}', "wrong_type"),
        ("d", b'{"_type":["location"]}', "wrong_type"),
        ("d/e", b"{}", "topic"),
        ("", b"{}", "topic"),
        ("d", b'{"_type":"location","lat":0,"lon":0}', "location_invalid"),
        ("d", b'{"_type":"location","pm":"N"}', "location_invalid"),
    ],
)
def test_other_topics_refuse_and_say_why(device, raw, reason) -> None:
    with pytest.raises(Quarantined) as caught:
        wire.position(device, raw, NOW)
    assert caught.value.reason == reason
    assert reason in REASONS


@pytest.mark.parametrize("read_one", [wire.heartbeat, wire.last_will])
def test_each_of_the_other_topics_refuses(read_one) -> None:
    for raw, reason in [(b"[]", "unreadable"), (b" " * 8193, "oversized")]:
        with pytest.raises(Quarantined) as caught:
            read_one("d", raw, NOW)
        assert caught.value.reason == reason
    with pytest.raises(Quarantined) as caught:
        read_one("d/e", b"", NOW)
    assert caught.value.reason == "topic"


def test_what_the_phone_is_told() -> None:
    told = wire.receipt(UUID, code="ok", alert="7", at=NOW, listen="mic_only")
    assert json.loads(told) == {
        "_type": "receipt",
        "id": UUID,
        "code": "ok",
        "alert": "7",
        "at": 1772366400.25,
        "listen": "mic_only",
    }
    told = wire.receipt(None, code="duplicate", alert=None, at=NOW, listen="none")
    assert (json.loads(told)["id"], json.loads(told)["alert"]) == (None, None)
    told = wire.state("7", state="police_told", n=3, at=NOW)
    assert json.loads(told) == {
        "_type": "state",
        "alert": "7",
        "state": "police_told",
        "n": 3,
        "at": 1772366400.25,
    }
