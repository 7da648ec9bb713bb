"""The MAC of what phones are told: two readings of one text agree, and nothing else passes."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.proof import TAIL, Proof
from tgd.devices import mac

KEY = bytes(range(32))
TEXT = base64.urlsafe_b64encode(KEY).decode()
TOPIC = "tgd/v1/tgd-86-01/down"
PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
RECEIPT = b'{"_type":"receipt","id":"a","code":"ok","alert":null,"at":100.5,"listen":"mic_only"}'


def proof(device: str = "tgd-86-01") -> Proof:
    return Proof(device, TEXT)


def test_the_example_of_the_protocol() -> None:
    said = mac.signed(KEY, TOPIC, RECEIPT)
    assert said.decode() in PROTOCOL
    assert json.loads(said) == json.loads(RECEIPT) | {"mac": said[-26:-2].decode()}
    assert proof().fault(said) == ""
    assert mac.right(KEY, TOPIC, said)


@given(st.dictionaries(st.text(), st.text(), min_size=1))
def test_what_the_platform_signs_the_phone_believes(message: dict[str, str]) -> None:
    raw = json.dumps({"_type": "cmd", **{f"x{k}": v for k, v in message.items()}}).encode()
    assert proof().fault(mac.signed(KEY, TOPIC, raw)) == ""


@given(st.integers(0, len(RECEIPT) + TAIL - 2), st.integers(1, 255))
def test_no_changed_byte_is_believed(at: int, by: int) -> None:
    said = bytearray(mac.signed(KEY, TOPIC, RECEIPT))
    said[at] ^= by
    assert proof().fault(bytes(said))
    assert not mac.right(KEY, TOPIC, bytes(said))


@pytest.mark.parametrize(
    "said",
    [RECEIPT, b"", b"{}", b'"}', mac.signed(bytes(32), TOPIC, RECEIPT)],
)
def test_what_has_no_right_mac_is_not_believed(said: bytes) -> None:
    assert proof().fault(said)
    assert not mac.right(KEY, TOPIC, said)


def test_what_another_phone_was_told_is_not_believed() -> None:
    assert proof("tgd-86-02").fault(mac.signed(KEY, TOPIC, RECEIPT)) == "wrong MAC"


def test_a_receipt_for_any_press_is_not_believed_twice() -> None:
    phone = proof()
    empty = mac.signed(KEY, TOPIC, b'{"_type":"receipt","id":null,"code":"ok","at":100.5}')
    assert phone.fault(empty) == ""
    assert phone.fault(empty) == "shown again"
    later = mac.signed(KEY, TOPIC, b'{"_type":"receipt","id":null,"code":"ok","at":101.0}')
    assert phone.fault(later) == ""
