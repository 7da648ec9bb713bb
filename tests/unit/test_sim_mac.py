"""A phone that has its key believes only the platform; one that has none goes on as before."""

import base64
import json

from phone_bench import DEVICE, Bench

from firmware_sim import Kind
from tgd.devices import mac

KEY = bytes(range(32))
TOPIC = f"tgd/v1/{DEVICE}/down"


class Enrolled(Bench):
    """A phone with a key, told what the test signs, or does not."""

    def __init__(self, *, signing: bytes | None = KEY, key: bytes | None = KEY) -> None:
        self.signing = signing
        super().__init__(key=base64.urlsafe_b64encode(key).decode() if key else None)

    def says(self, **message):
        raw = json.dumps(message).encode()
        if self.signing is not None:
            raw = mac.signed(self.signing, TOPIC, raw)
        self.phone.came_down("mqtt", raw)


def test_a_receipt_with_the_right_mac_ends_the_repeating() -> None:
    bench = Enrolled()
    press = bench.phone.press_now()
    bench.receipt(press.id)
    assert not bench.phone.unreceipted
    assert not bench.seen.all(Kind.FORGED)


def test_a_forged_receipt_stops_neither_the_repeating_nor_the_call() -> None:
    for signing, why in ((None, "no MAC"), (bytes(32), "wrong MAC")):
        bench = Enrolled(signing=signing)
        press = bench.phone.press_now()
        bench.receipt(press.id)
        bench.time.advance(31)
        assert bench.phone.unreceipted == (press.id,)
        assert len(bench.leaves()) > 5
        assert bench.seen.all(Kind.DIAL_112)
        assert set(bench.reasons(Kind.FORGED)) == {why}


def test_a_forged_state_or_command_is_not_acted_upon() -> None:
    bench = Enrolled()
    bench.in_alert()
    bench.signing = bytes(32)
    bench.state("closed", 2)
    bench.command("endAlert", alert="a-1")
    bench.command("reportLocation", alert="a-1", moving_s=1, still_s=1)
    assert bench.phone.alert == "a-1"
    assert len(bench.seen.all(Kind.FORGED)) == 3
    assert not bench.seen.all(Kind.STATE)
    assert not bench.seen.all(Kind.COMMAND)


def test_a_receipt_for_any_press_cannot_be_shown_again() -> None:
    bench = Enrolled()
    bench.phone.press_now()
    at = bench.platform()
    whatever = {"_type": "receipt", "id": None, "code": "ok", "alert": None, "at": at}
    bench.says(**whatever, listen="mic_only")
    assert not bench.phone.unreceipted
    bench.phone.press_now()
    bench.says(**whatever, listen="mic_only")
    assert bench.phone.unreceipted
    assert bench.reasons(Kind.FORGED) == ["shown again"]


def test_a_phone_without_a_key_reads_past_the_mac() -> None:
    bench = Enrolled(key=None)
    press = bench.phone.press_now()
    bench.receipt(press.id)
    assert not bench.phone.unreceipted
