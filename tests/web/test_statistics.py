"""How long each leg took, how many there were, how many phones were tested: figures, no persons."""

import json

import asyncpg
import pytest
from web.served import Api

from tgd.store.db import sql

DAY = 24 * 3600


async def answered(api: Api, device: str, after: float, verdict: str = "no_danger") -> str:
    """An alert that was answered after so many seconds and decided five seconds later."""
    alert = (await api.press(device))["alert"]
    api.clock.set_on(after)
    await api.act(alert, "voice", {"with": "holder"})
    api.clock.set_on(5)
    seen = (await api.alert(alert))["last_press"]
    status, said = await api.act(alert, "decision", {"verdict": verdict, "seen": seen})
    assert status == 200, said
    return alert


async def acknowledged(api: Api, alert: str, after: float) -> None:
    api.clock.set_on(after)
    told = {"room": "cic86", "call_taker": "brigadier A", "reference": "2030-1"}
    status, said = await api.act(alert, "voice-handoff", told)
    assert status == 200, said


async def figures(api: Api, query: str = "", status: int = 200, **who) -> dict:
    who = {"role": "supervisor", "name": "chef"} | who
    code, found = await api.call("GET", f"statistics{query}", **who)
    assert code == status, found
    return found


def leg(found: dict, name: str, kind: str = "alerts") -> dict | None:
    return next(one for one in found["legs"] if one["name"] == name)[kind]["whole"]


async def test_each_leg_s_percentiles_tests_apart(api: Api):
    for n, after in enumerate((2, 4, 6, 20), start=1):
        await answered(api, f"tgd-86-0{n}", after)
    await answered(api, "tgd-86-05", 9, "test")
    found = await figures(api)
    assert leg(found, "alert_to_answer") == {
        "begins": None, "n": 4, "p50": 5.0, "p90": 15.8, "p99": 19.58,
    }  # fmt: skip
    assert leg(found, "alert_to_answer", "tests")["p50"] == 9.0
    assert leg(found, "answer_to_decision")["p99"] == 5.0
    assert leg(found, "press_to_alert")["n"] == 4
    assert leg(found, "decision_to_sent") is None
    targets = {one["name"]: one["targets"] for one in found["legs"]}
    assert targets["press_to_acknowledged"] == {"p50": 30.0, "p90": 60.0, "p99": 120.0}
    assert (found["counts"]["alerts"], found["counts"]["tests"]) == (4, 1)


async def test_the_way_to_the_police(api: Api):
    alert = await answered(api, "tgd-86-01", 3, "police")
    await acknowledged(api, alert, 12)
    found = await figures(api)
    assert leg(found, "press_to_acknowledged")["p50"] == 20.0
    assert leg(found, "sent_to_acknowledged") is None  # nothing was sent in this world
    assert found["counts"]["by_verdict"] == {"police": 1}
    assert found["counts"]["open"] == 1


async def test_verdicts_reasons_and_steps(api: Api):
    await answered(api, "tgd-86-01", 3)
    api.clock.set_on(DAY)
    await answered(api, "tgd-86-02", 3, "accidental")
    alert = (await api.press("tgd-86-03"))["alert"]
    await api.rows(
        "UPDATE alert SET verdict = 'forwarded', verdict_at = opened_at, reason = $2 WHERE id = $1",
        *(alert, "press, not answered"),
    )
    counts = (await figures(api))["counts"]
    assert counts["by_verdict"] == {"no_danger": 1, "accidental": 1, "forwarded": 1}
    assert counts["by_reason"] == {"press, not answered": 1}
    assert [(one["begins"], one["alerts"]) for one in counts["steps"]] == [
        ("2030-01-15", 1),
        ("2030-01-16", 2),
    ]
    weeks = (await figures(api, "?step=week"))["counts"]["steps"]
    assert [(one["begins"], one["alerts"]) for one in weeks] == [("2030-01-14", 3)]
    assert (await figures(api, "?from=2030-01-16&to=2030-01-16"))["counts"]["alerts"] == 2


async def test_phones_are_counted_by_when_they_were_tested(api: Api):
    await answered(api, "tgd-86-01", 1, "test")
    api.clock.set_on(6 * DAY)
    await answered(api, "tgd-86-02", 1, "test")
    await answered(api, "tgd-86-03", 1)
    phones = (await figures(api))["phones"]
    worst = phones.pop("worst")
    assert phones == {
        "assigned": 8, "within_15": 2, "within_21": 2, "never": 6, "rehearsed": 0,
        "percent_15": 25.0, "percent_21": 25.0,
    }  # fmt: skip
    assert [one["days"] for one in worst] == [None] * 6 + [6, 0]
    assert [one["device"][-1] for one in worst] == ["3", "4", "5", "6", "7", "8", "1", "2"]
    api.clock.set_on(10 * DAY)
    phones = (await figures(api))["phones"]
    assert (phones["within_15"], phones["within_21"]) == (1, 2)
    # As it stood at the end of the period.
    assert (await figures(api, "?to=2030-01-15"))["phones"]["within_15"] == 1


async def test_nobody_is_named(api: Api):
    await answered(api, "tgd-86-01", 1, "test")
    found = await figures(api)
    # A phone's id is not hers, and the list of those to be tested is of no use without it.
    assert {"device", "days"} == set(found["phones"].pop("worst")[0])
    text = json.dumps(found)
    assert "tgd-86" not in text
    assert "Bénéficiaire" not in text
    assert "op-1" not in text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?from=2030-01-16", "from"),
        ("?from=2028-01-01&to=2030-01-01", "from"),
        ("?from=yesterday", "from"),
        ("?to=2030-02-30", "to"),
        ("?from=2029-06-01&to=2030-01-01&step=day", "step"),
        ("?step=minute", "step"),
    ],
)
async def test_the_period_is_bounded(api: Api, query: str, field: str):
    assert (await figures(api, query, 422))["field"] == field


async def test_a_year_is_by_week(api: Api):
    assert (await figures(api, "?from=2029-02-01&to=2030-01-15"))["step"] == "week"


@pytest.mark.parametrize("role", ["operator", "association", "phone"])
async def test_not_for_all(api: Api, role: str):
    await figures(api, "", 403, role=role, name="x")


@pytest.mark.parametrize("role", ["admin", "auditor"])
async def test_for_those_who_answer_for_the_service(api: Api, role: str):
    await answered(api, "tgd-86-01", 1)
    assert (await figures(api, role=role, name="x"))["counts"]["alerts"] == 1


async def test_a_prosecutor_s_are_his_tribunal_s(api: Api):
    await answered(api, "tgd-86-01", 1)
    await answered(api, "nobody-1", 1)
    await api.rows("INSERT INTO tribunal (id, name) VALUES ('tj-autre', 'Tribunal fictif')")
    [own] = await api.rows("SELECT tribunal_id AS id FROM device LIMIT 1")
    for name, tribunal, seen in (("p-1", own["id"], 1), ("p-2", "tj-autre", 0)):
        await api.account(name, "un mot de passe", "prosecutor", tribunal_id=tribunal)
        login = {"username": name, "password": "un mot de passe"}
        async with api.http.post("/api/v1/session", json=login) as said:
            assert said.status == 200
        status, found = await api.bare("GET", "statistics")
        assert (status, found["counts"]["alerts"]) == (200, seen)
        assert found["phones"]["assigned"] == 8 * seen
        api.http.cookie_jar.clear()
    assert (await figures(api, role="prosecutor", name="program"))["counts"]["alerts"] == 0


async def test_years_of_alerts_are_read_by_their_index(api: Api):
    connection = await asyncpg.connect(api.url_of_database)
    try:
        await connection.execute(
            """INSERT INTO alert (case_id, device, reply_to, known, consent, located, listen, plan,
                   status, opened_at, pressed_at, last_press_id, last_press_at, verdict, verdict_at,
                   closed_at, closed_by)
               SELECT 'x-' || n, 'nobody-' || n, '', false, 'unknown', true, 'none', '{}', 'closed',
                   at, at, gen_random_uuid(), at, 'test', at, at, 'op-1'
               FROM generate_series(1, 20000) AS n,
               LATERAL (SELECT timestamptz '2025-01-01' + n * interval '2 hours' AS at) AS t"""
        )
        await connection.execute("ANALYZE alert")
        statement = "EXPLAIN " + sql("statistics", "figures")
        values = ("'2029-01-01'", "'2029-01-10'", "'day'", "NULL", "now()", "'{}'")
        for place, value in enumerate(values, start=1):
            statement = statement.replace(f"${place}", value)
        plan = "\n".join(row[0] for row in await connection.fetch(statement))
    finally:
        await connection.close()
    assert "alert_opened" in plan
    assert "Seq Scan on alert a" not in plan
