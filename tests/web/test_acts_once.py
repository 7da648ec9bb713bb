"""An act that comes twice under one key is done once; one that rests on old reading is refused.

Browsers send a POST again by themselves when the connection breaks before the answer.
"""

import asyncio
from datetime import timedelta

import pytest
from web.served import Api

KEY = {"Idempotency-Key": "0b6f7a52-93bd-4a3f-8a55-5d3c0ef1f6b1"}


async def answered(api: Api) -> str:
    alert = (await api.press())["alert"]
    assert (await api.act(alert, "answer"))[0] == 200
    return alert


async def count(api: Api, kind: str) -> int:
    return len(await api.rows("SELECT FROM journal WHERE kind = $1", kind))


async def test_nobody_twice_under_one_key_is_one_silence(api: Api):
    alert = await answered(api)
    for _ in range(3):
        status, found = await api.act(alert, "voice", {"with": "nobody"}, headers=KEY)
        assert (status, found["verdict"]) == (200, None)
    assert await count(api, "voice") == 1
    status, found = await api.act(alert, "voice", {"with": "nobody"})
    assert (status, found["verdict"]) == (200, "forwarded")


async def test_at_the_same_moment_too(api: Api):
    alert = await answered(api)
    body = {"with": "nobody"}
    sent = [api.act(alert, "voice", body, headers=KEY) for _ in range(4)]
    assert [status for status, _ in await asyncio.gather(*sent)] == [200] * 4
    assert await count(api, "voice") == 1
    assert (await api.alert(alert))["verdict"] is None


@pytest.mark.parametrize(
    ("act", "body", "kind"),
    [
        ("extend", {"reason": "elle parle"}, "extended"),
        ("notes", {"text": "elle chuchote"}, "note"),
        ("release", {"reason": "je pars"}, "released"),
    ],
)
async def test_an_act_under_one_key_is_on_record_once(api: Api, act: str, body: dict, kind: str):
    alert = await answered(api)
    first = await api.act(alert, act, body, headers=KEY)
    again = await api.act(alert, act, body, headers=KEY)
    assert first[0] == again[0] == 200
    assert first[1]["deadlines"] == again[1]["deadlines"]
    assert await count(api, kind) == 1


async def test_what_was_given_back_is_not_given_back_by_a_repetition(api: Api):
    alert = await answered(api)
    for act, body, key in (
        ("release", {"reason": "un instant"}, KEY),
        ("answer", None, {}),
        ("release", {"reason": "un instant"}, KEY),  # the first one, come again
    ):
        assert (await api.act(alert, act, body, headers=key))[0] == 200
    assert (await api.alert(alert))["released_at"] is None


async def test_the_police_for_a_closed_alert_are_sent_once(api: Api):
    alert = await answered(api)
    await api.act(alert, "voice", {"with": "holder"})
    seen = (await api.alert(alert))["last_press"]
    status, _ = await api.act(alert, "decision", {"verdict": "test", "seen": seen})
    assert status == 200
    police = {"verdict": "police", "seen": seen}
    status, opened = await api.act(alert, "decision", police, headers=KEY)
    assert status == 201
    handed = {"room": "cic86", "call_taker": "un agent", "reference": "86-1"}
    assert (await api.act(opened["id"], "voice-handoff", handed))[0] == 200
    assert (await api.act(opened["id"], "close", {"outcome": "safe"}))[0] == 200
    status, again = await api.act(alert, "decision", police, headers=KEY)
    assert (status, again["id"]) == (200, opened["id"])
    assert len(await api.rows("SELECT FROM dispatch")) == 1


async def test_a_refusal_is_not_remembered(api: Api):
    alert = (await api.press())["alert"]
    await api.act(alert, "answer", name="op-2")
    body = {"with": "nobody"}
    assert (await api.act(alert, "voice", body, headers=KEY))[0] == 409
    assert (await api.act(alert, "release", {"reason": "à toi"}, name="op-2"))[0] == 200
    assert (await api.act(alert, "voice", body, headers=KEY))[0] == 200
    assert await count(api, "voice") == 1


@pytest.mark.parametrize("key", ["", "é", "a b", "x" * 65])
async def test_a_key_that_is_none_is_said(api: Api, key: str):
    alert = await answered(api)
    headers = {"Idempotency-Key": key}
    status, problem = await api.act(alert, "voice", {"with": "child"}, headers=headers)
    assert (status, problem["field"]) == (422, "Idempotency-Key")


async def test_an_act_that_rests_on_old_reading_is_refused(api: Api):
    alert = await answered(api)
    await api.act(alert, "voice", {"with": "holder"})
    found = await api.alert(alert)
    at = api.clock.now()
    api.clock.set_on(31)
    old = {"Tgd-Read-At": at.isoformat()}
    body = {"verdict": "test", "seen": found["last_press"]}
    for act, body_ in (
        ("decision", body),
        ("voice", {"with": "holder"}),
        ("extend", {"reason": "elle parle"}),
        ("close", {"outcome": "safe"}),
        ("answer", None),
    ):
        status, problem = await api.act(alert, act, body_, headers=old)
        assert (status, problem["code"]) == (409, "stale_page")
    assert (await api.alert(alert))["status"] == "answered"
    fresh = {"Tgd-Read-At": (at + timedelta(seconds=5)).isoformat()}
    assert (await api.act(alert, "decision", body, headers=fresh))[0] == 200


async def test_the_police_are_never_sent_too_late(api: Api):
    alert = await answered(api)
    at = api.clock.now()
    api.clock.set_on(3600)
    old = {"Tgd-Read-At": at.isoformat()}
    status, found = await api.act(alert, "decision", {"verdict": "police"}, headers=old)
    assert (status, found["verdict"]) == (200, "police")


@pytest.mark.parametrize("said", ["soon", "2030-01-15T09:00:00", ""])
async def test_a_time_that_is_none_is_said(api: Api, said: str):
    alert = await answered(api)
    status, problem = await api.act(
        alert, "voice", {"with": "child"}, headers={"Tgd-Read-At": said}
    )
    assert (status, problem["field"]) == (422, "Tgd-Read-At")
