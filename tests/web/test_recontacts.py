"""Called back after a day and after two: whom, by whom, until when, and never as an alarm."""

import asyncio
from datetime import timedelta

import aiohttp
import pytest
from web.served import Api

DAY = 24 * 3600


async def closed(api: Api, verdict: str, device: str = "tgd-86-01") -> str:
    """An alert that was closed by this verdict, or, with the police, by an operator."""
    alert = (await api.press(device))["alert"]
    await api.act(alert, "voice", {"with": "holder"})
    seen = (await api.alert(alert))["last_press"]
    status, said = await api.act(alert, "decision", {"verdict": verdict, "seen": seen})
    assert status == 200, said
    if verdict == "police":
        told = {"room": "cic86", "call_taker": "brigadier A", "reference": "2030-1"}
        await api.act(alert, "voice-handoff", told)
        status, said = await api.act(alert, "close", {"outcome": "intervention"})
        assert status == 200, said
    return alert


async def listed(api: Api, status: str = "open", **who) -> list[dict]:
    code, found = await api.call("GET", f"recontacts?status={status}", **who)
    assert code == 200, found
    return found["items"]


async def association(api: Api, tribunal: str | None, name: str = "asso") -> dict[str, str]:
    """The headers of an association's session."""
    await api.account(name, "un mot de passe", "association", tribunal_id=tribunal)
    login = {"username": name, "password": "un mot de passe"}
    async with api.http.post("/api/v1/session", json=login) as answer:
        assert answer.status == 200
        cookie = answer.cookies["tgd_session"].value
        csrf = (await answer.json())["csrf"]
    api.http.cookie_jar.clear()
    return {"Cookie": f"tgd_session={cookie}", "X-CSRF-Token": csrf}


@pytest.mark.parametrize("verdict", ["police", "no_danger"])
async def test_she_is_called_back_after_a_day_and_after_two(api: Api, verdict: str):
    at = api.clock.now()
    alert = await closed(api, verdict)
    calls = await listed(api)
    assert [(c["hours"], c["owner"], c["overdue"]) for c in calls] == [
        (24, "association", False),
        (48, "association", False),
    ]
    due = [(at + timedelta(hours=h)).strftime("%Y-%m-%dT%H:%M:%S.000Z") for h in (24, 48)]
    assert [c["due_at"] for c in calls] == due
    assert {(c["alert"], c["beneficiary"], c["verdict"]) for c in calls} == {
        (alert, "Bénéficiaire 86-01", verdict)
    }


@pytest.mark.parametrize("verdict", ["test", "accidental"])
async def test_not_after_a_test_or_a_mistake(api: Api, verdict: str):
    await closed(api, verdict)
    assert await listed(api) == []


async def test_a_phone_without_a_holder_is_the_supervisors_to_find_out(api: Api):
    await closed(api, "no_danger", "nobody-1")
    assert {(c["owner"], c["beneficiary"]) for c in await listed(api)} == {("supervisor", None)}


async def test_a_call_is_done_once_and_what_was_said_is_sealed(api: Api):
    alert = await closed(api, "no_danger")
    first, second = await listed(api)
    said = {"note": "Elle va mieux, dort chez sa sœur."}
    status, left = await api.call("POST", f"recontacts/{first['id']}/done", json=said)
    assert (status, [c["id"] for c in left["items"]]) == (200, [second["id"]])
    [done] = await listed(api, "done")
    assert (done["id"], done["done_by"]) == (first["id"], "op-1")
    # Again by the same person changes nothing; another hears who has done it.
    assert (await api.call("POST", f"recontacts/{first['id']}/done", json=said))[0] == 200
    status, refused = await api.call("POST", f"recontacts/{first['id']}/done", json={}, name="op-2")
    assert (status, refused["code"]) == (409, "done_already")
    [note] = await api.rows("SELECT text, author FROM note WHERE alert_id = $1", alert)
    assert b"sister" not in note["text"]
    assert "sœur".encode() not in note["text"]
    entries = [
        r
        for r in await api.rows("SELECT kind, actor, details FROM journal ORDER BY no")
        if r["kind"] == "recontacted"
    ]
    assert [(r["actor"], r["details"]) for r in entries] == [("op-1", {"hours": 24, "late": False})]


async def test_of_two_at_the_same_moment_one_made_the_call(api: Api):
    alert = await closed(api, "no_danger")
    [call, _] = await listed(api)
    path, said = f"recontacts/{call['id']}/done", {"note": "Elle va bien."}
    names = [f"op-{n}" for n in range(1, 5)]
    for name in names:
        await api.token("operator", name)
    answers = await asyncio.gather(
        *(api.call("POST", path, json=said, name=name) for name in names)
    )
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]
    assert len(await api.rows("SELECT FROM note WHERE alert_id = $1", alert)) == 1


async def test_what_is_late_is_counted_and_rings_nowhere(api: Api):
    await closed(api, "no_danger")
    api.clock.set_on(DAY + 1)
    await api._context.recontact.count()
    assert api.metrics.recontacts_overdue._value.get() == 1
    assert [c["overdue"] for c in await listed(api)] == [True, False]
    assert (await api.call("GET", "alerts?status=open"))[1]["items"] == []
    [late, _] = await listed(api)
    await api.call("POST", f"recontacts/{late['id']}/done", json={})
    assert api.metrics.recontacts_overdue._value.get() == 0


async def test_a_note_after_everything_was_erased_has_its_own_term(api: Api):
    alert = await closed(api, "no_danger")
    api.clock.set_on(4 * DAY)
    await api._context.forget.look()
    [row] = await api.rows("SELECT key, forget_at FROM alert WHERE id = $1", alert)
    assert (row["key"], row["forget_at"]) == (None, None)
    [call, _] = await listed(api)
    status, _ = await api.call(
        "POST", f"recontacts/{call['id']}/done", json={"note": "Injoignable."}
    )
    assert status == 200
    [row] = await api.rows("SELECT key, forget_at FROM alert WHERE id = $1", alert)
    assert row["key"] is not None
    assert row["forget_at"] == api.clock.now() + timedelta(days=3)
    api.clock.set_on(3 * DAY + 1)
    await api._context.forget.look()
    [note] = await api.rows("SELECT text FROM note WHERE alert_id = $1", alert)
    assert note["text"] is None


async def test_a_member_of_an_association_sees_those_only_whom_she_follows(api: Api):
    await closed(api, "no_danger")
    await closed(api, "no_danger", "nobody-1")
    await closed(api, "no_danger", "tgd-86-02")
    [tribunal] = await api.rows("SELECT tribunal_id FROM device LIMIT 1")
    own = await association(api, tribunal["tribunal_id"])
    other = await association(api, tribunal["tribunal_id"], "asso-2")
    async with api.http.get("/api/v1/recontacts", headers=own) as answered:
        assert (await answered.json())["items"] == []
    await api.follows("asso", "tgd-86-01")
    async with api.http.get("/api/v1/recontacts", headers=own) as answered:
        calls = (await answered.json())["items"]
    assert {c["beneficiary"] for c in calls} == {"Bénéficiaire 86-01"}
    async with api.http.get("/api/v1/recontacts", headers=other) as answered:
        assert (await answered.json())["items"] == []
    assert await listed(api, role="association", name="asso") == [], "a program"
    path = f"/api/v1/recontacts/{calls[0]['id']}/done"
    assert await posted(api, path, other) == 404
    assert await posted(api, path, own) == 200
    [done] = await listed(api, "done")
    assert done["done_by"] == "asso"


async def posted(api: Api, path: str, headers: dict[str, str]) -> int:
    async with api.http.post(path, json={}, headers=headers) as answered:
        assert isinstance(answered, aiohttp.ClientResponse)
        return answered.status


@pytest.mark.parametrize("role", ["prosecutor", "admin", "auditor", "phone"])
async def test_for_those_who_follow_the_person_only(api: Api, role: str):
    status, _ = await api.call("GET", "recontacts", role=role, name="x")
    assert status in {401, 403}


@pytest.mark.parametrize("id_", ["x", "00000000-0000-0000-0000-000000000000"])
async def test_no_such_call(api: Api, id_: str):
    assert (await api.call("POST", f"recontacts/{id_}/done", json={}))[0] == 404


async def test_caution_where_whoever_holds_the_phone_may_be_the_one_she_fears(api: Api):
    alert = await closed(api, "police")
    await api.rows("UPDATE alert SET coerced = true WHERE id = $1", alert)
    assert {c["caution"] for c in await listed(api)} == {"coercion"}
