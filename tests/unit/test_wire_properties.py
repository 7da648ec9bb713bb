"""Over every input that can be thought up: a press comes out, whole, and harms nothing."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tgd.devices import salvage, wire
from tgd.devices.messages import Quarantined

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
TIMES = st.floats() | st.integers() | st.floats(1.7e9, 1.8e9) | ANYTHING
GOOD = {
    "_type": "press",
    "id": "3f0e9f6a-1a2b-4c3d-8e9f-0123456789ab",
    "seq": 42,
    "attempt": 1,
    "tst": NOW.timestamp() - 2,
    "created_at": NOW.timestamp() - 1,
    "trigger": "button",
    "loc": {"lat": 46.580224, "lon": 0.340375, "acc": 12, "pm": "G", "tst": NOW.timestamp() - 5},
    "batt": 77,
    "net": {"rat": "lte"},
}
RAW = json.dumps(GOOD).encode()
PRESSES = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=70) | ANYTHING,
        "seq": ANYTHING,
        "attempt": ANYTHING,
        "tst": TIMES,
        "created_at": TIMES,
        "trigger": ANYTHING,
        "batt": ANYTHING,
        "loc": ANYTHING
        | st.fixed_dictionaries(
            {"lat": TIMES, "lon": TIMES}, optional={"acc": TIMES, "tst": TIMES}
        ),
    },
)


@st.composite
def mutated(draw) -> bytes:
    raw = bytearray(RAW)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(raw)))
        cut = draw(st.integers(0, 20))
        raw[at : at + cut] = draw(st.binary(max_size=20))
    return bytes(raw)


def is_sound(raw: bytes, device: str = "d", received_at: datetime = NOW) -> None:
    press = wire.press(device, raw, received_at=received_at)
    assert "wire_fault" not in press.doubts
    assert press.raw == raw
    assert press.digest == hashlib.sha256(raw).digest()
    assert press.reply_to == device
    assert wire.device_key(press.device) == press.device
    assert 0 <= press.age_s <= 8 * 86_400
    assert abs(received_at - press.pressed_at - timedelta(seconds=press.age_s)).total_seconds() < 1
    assert len(set(press.doubts)) == len(press.doubts)
    assert (press.sent_id is None) == ("id_missing" in press.doubts)
    assert (press.fix is None) == bool({"location_absent", "location_invalid"} & {*press.doubts})
    assert press.seq is None or -(2**63) <= press.seq < 2**63
    assert 0 < len(press.trigger) <= 32
    assert press.trigger.isprintable()
    if press.sent_id is not None:
        assert 0 < len(press.sent_id) <= 64
        assert "\0" not in press.sent_id
        told = wire.receipt(press.sent_id, code="ok", alert="1", at=NOW, listen="none")
        assert json.loads(told)["id"] == press.sent_id
    assert press.fix is None or press.fixed_at is not None
    assert isinstance(press.redacted, bytes)


@given(st.binary(max_size=600))
def test_any_bytes(raw) -> None:
    is_sound(raw)


@given(st.text(), st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-16-be"]))
def test_any_text_in_any_encoding(text, encoding) -> None:
    is_sound(text.encode(encoding, "surrogatepass"))


@given(ANYTHING)
def test_any_json(document) -> None:
    is_sound(json.dumps(document).encode())


@given(PRESSES, st.booleans())
def test_any_press(document, ascii_only) -> None:
    is_sound(json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(mutated())
def test_any_mutation_of_a_good_press(raw) -> None:
    is_sound(raw)


@given(st.text(max_size=80) | st.text(st.characters(categories=["Cs", "Cc"]), max_size=9))
def test_any_device(device) -> None:
    is_sound(RAW, device)


@given(PRESSES, st.datetimes(timezones=st.just(UTC)))
def test_any_hour_of_arrival(document, received_at) -> None:
    is_sound(json.dumps(document).encode(), received_at=received_at)


DEGREES = st.floats(-90, 90).filter(lambda one: len(str(one)) > 8)


@given(DEGREES, DEGREES, st.dictionaries(st.text(max_size=8), ANYTHING, max_size=3))
def test_a_readable_press_redacted_is_json_without_its_coordinates(lat, lon, extra) -> None:
    document = {**GOOD, **extra, "loc": {"lat": lat, "lon": lon}, "more": [{"LAT": lat}, f"{lon}"]}
    redacted = wire.press("d", json.dumps(document).encode(), received_at=NOW).redacted
    assert str(abs(lat)).encode() not in redacted
    assert isinstance(json.loads(redacted), dict)


@given(st.integers(0, len(RAW)), st.binary(max_size=4))
def test_a_press_cut_anywhere_redacted_holds_no_coordinates(at, noise) -> None:
    for raw in (RAW[:at] + noise, noise + RAW[at:], RAW[:at] + b"\xff" + RAW[at:]):
        redacted = salvage.redact(raw)
        if b'"lat": 46.580224' in raw:
            assert b"580224" not in redacted
        if b'"lon": 0.340375' in raw:
            assert b"340375" not in redacted


@given(st.binary(max_size=300) | mutated() | PRESSES.map(lambda one: json.dumps(one).encode()))
def test_other_topics_read_or_quarantine(raw) -> None:
    for read in (wire.position, wire.heartbeat, wire.last_will):
        try:
            assert read("d", raw, NOW).received_at == NOW
        except Quarantined:
            continue
