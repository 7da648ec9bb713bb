"""A press by HTTPS: with a phone's token any body is a press, and the answer is the receipt."""

import asyncio
import gzip
import json

import pytest
from web.served import PLACE, Api


async def post(api: Api, raw: bytes, device: str = "tgd-86-01", **more) -> dict:
    status, receipt = await api.call("POST", "presses", role="phone", name=device, data=raw, **more)
    assert status == 200, receipt
    return receipt


async def test_the_answer_is_the_receipt(api: Api):
    press = {"_type": "press", "id": "a-1", "seq": 4, "attempt": 1, "loc": PLACE}
    receipt = await post(api, json.dumps(press).encode())
    assert receipt["_type"] == "receipt"
    assert (receipt["id"], receipt["code"], receipt["listen"]) == ("a-1", "ok", "mic_only")
    assert receipt["at"] == api.clock.now().timestamp()
    alert = await api.alert(receipt["alert"])
    assert alert["presses"][0]["path"] == "https"

    again = await post(api, json.dumps(press | {"attempt": 2}).encode())
    assert (again["code"], again["alert"]) == ("duplicate", receipt["alert"])
    assert len(await api.rows("SELECT FROM press")) == 1


@pytest.mark.parametrize(
    ("raw", "doubt"),
    [
        (b"", "press_unreadable"),
        (b"\xff\xfe\x00", "press_unreadable"),
        (b"[" * 8192, "press_unreadable"),
        (b'{"id":"\\u0000"}', "id_missing"),
        (b'{"id":"x","loc":{"lat":NaN,"lon":1}}', "location_invalid"),
        (b'{"id":"x","loc":{"lat":0,"lon":0}}', "location_invalid"),
        (b'{"id":"x"}' + b" " * 9000, "oversized"),
    ],
)
async def test_whatever_is_sent_is_a_press(api: Api, raw: bytes, doubt: str):
    receipt = await post(api, raw)
    assert doubt in (await api.alert(receipt["alert"]))["doubts"]


async def test_a_megabyte_is_cut_and_taken(api: Api):
    receipt = await post(api, b'{"id":"big","x":"' + b"x" * 1_000_000 + b'"}')
    assert (receipt["id"], receipt["code"]) == ("big", "ok")
    alert = await api.alert(receipt["alert"])
    assert "oversized" in alert["doubts"]
    [row] = await api.rows("SELECT length(raw) AS n FROM press")
    assert 256 * 1024 <= row["n"] < 257 * 1024


async def test_a_body_that_claims_an_encoding_is_a_press(api: Api):
    packed = {"Content-Encoding": "gzip"}
    receipt = await post(api, b'{"id":"not zipped"}', headers=packed)
    assert receipt["id"] == "not zipped"
    receipt = await post(api, gzip.compress(b'{"id":"zipped"}'), "tgd-86-02", headers=packed)
    assert "press_unreadable" in (await api.alert(receipt["alert"]))["doubts"]


async def test_a_body_cut_off_by_the_network_is_a_press(api: Api):
    token = await api.token("phone", "tgd-86-01")
    _, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    writer.write(
        b"POST /api/v1/presses HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n"
        b"Authorization: Bearer " + token.encode() + b'\r\n\r\n{"id":"half","seq":1,'
    )
    await writer.drain()
    writer.close()
    async with asyncio.timeout(120):
        while not (found := await api.rows("SELECT doubts FROM press")):
            pass
    assert "press_unreadable" in found[0]["doubts"]


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic eDp5"])
async def test_without_a_valid_token_it_is_401(api: Api, header: str | None):
    headers = {"Authorization": header} if header else {}
    status, _ = await api.bare("POST", "presses", data=b'{"id":"x"}', headers=headers)
    assert status == 401
    assert await api.rows("SELECT FROM press") == []


async def test_an_operator_s_token_presses_nothing(api: Api):
    status, _ = await api.call("POST", "presses", data=b'{"id":"x"}')
    assert status == 401


async def test_the_token_says_which_phone_it_is(api: Api):
    receipt = await post(api, b'{"id":"x","device":"tgd-86-02"}')
    assert (await api.alert(receipt["alert"]))["device"] == "tgd-86-01"


async def test_twenty_bad_and_twenty_good_at_once(api: Api):
    bad = [b"", b"{", b"\xff", b'{"id":"\\u0000"}', b"[" * 9000] * 4
    for n in range(40):
        await api.token("phone", f"p-{n}")
    good = [json.dumps({"id": f"g-{n}", "seq": n}).encode() for n in range(20)]
    receipts = await asyncio.gather(*(post(api, raw, f"p-{n}") for n, raw in enumerate(bad + good)))
    assert [receipt["code"] for receipt in receipts] == ["ok"] * 40
    assert [receipt["id"] for receipt in receipts[20:]] == [f"g-{n}" for n in range(20)]
    assert len(await api.rows("SELECT FROM alert_press")) == 40
