"""Who may have what is kept held, for how long, and what is answered."""

import asyncpg
import pytest
from web.served import PLACE, Api, until

PASSWORD = "un mot de passe"
HELD = {"hold": True, "reference": "PV 2030/118"}
EIGHT = {"authorised_by": "Procureure de permanence"}
DAY = 86_400


@pytest.fixture(autouse=True)
async def _people(api: Api) -> None:
    await api.rows("INSERT INTO tribunal VALUES ('niort', 'Tribunal judiciaire de Niort')")
    await api.account("parquet86", PASSWORD, "prosecutor", tribunal_id="poitiers")
    await api.account("parquet79", PASSWORD, "prosecutor", tribunal_id="niort")
    await api.account("nulle-part", PASSWORD, "prosecutor")
    await api.account("chef", PASSWORD, "supervisor")


async def called(api: Api, who: str, method: str, path: str, body: dict | None = None):
    """Call as a person, logged in."""
    answer = await api.http.post("/api/v1/session", json={"username": who, "password": PASSWORD})
    csrf = (await answer.json())["csrf"]
    more = {} if body is None else {"json": body}
    return await api.bare(method, path, headers={"X-CSRF-Token": csrf}, **more)


async def with_police(api: Api, device: str = "tgd-86-01") -> str:
    """A closed alert that the police were told of."""
    alert = (await api.press(device, loc={**PLACE, "tst": api.clock.now().timestamp()}))["alert"]
    status, shown = await api.act(alert, "decision", {"verdict": "police"})
    assert status == 200, shown
    told = {"room": "cic86", "call_taker": "brigadier", "reference": "2030/1"}
    assert (await api.act(alert, "voice-handoff", told))[0] == 200
    assert (await api.act(alert, "close", {"outcome": "patrouille sur place"}))[0] == 200
    return alert


async def held_positions(api: Api) -> int:
    return (await api.rows("SELECT count(*) AS n FROM position"))[0]["n"]


async def test_the_prosecutor_of_the_tribunal_is_asked_and_answers(api: Api):
    alert = await with_police(api)
    status, found = await called(api, "parquet86", "GET", "holds")
    (question,) = found["items"]
    assert (status, question["alert"], question["device"]) == (200, alert, "tgd-86-01")
    assert question["erased_at"] == "2030-01-18T09:00:00.000Z"
    status, terms = await called(api, "parquet86", "POST", f"alerts/{alert}/hold", HELD)
    assert status == 200
    assert (terms["hold"], terms["reference"], terms["answered_by"]) == (
        *(True, "PV 2030/118", "parquet86"),
    )
    assert terms["erased_at"] is None
    assert (await called(api, "parquet86", "GET", "holds"))[1]["items"] == []
    same = await called(api, "chef", "GET", f"alerts/{alert}/retention")
    assert same == (200, terms)
    status, terms = await called(api, "parquet86", "POST", f"alerts/{alert}/hold", {"hold": False})
    assert (status, terms["hold"], terms["reference"]) == (200, False, None)
    assert terms["erased_at"] == "2030-01-18T09:00:00.000Z"


async def test_what_was_held_past_its_term_is_gone_with_the_answer(api: Api):
    alert = await with_police(api)
    await called(api, "parquet86", "POST", f"alerts/{alert}/hold", HELD)
    api.clock.set_on(30 * DAY)
    assert await held_positions(api) == 1
    status, terms = await called(api, "parquet86", "POST", f"alerts/{alert}/hold", {"hold": False})
    assert (status, terms["erased_at"]) == (200, None)
    assert await held_positions(api) == 0
    for act, body in (("hold", HELD), ("eight-days", EIGHT)):
        status, problem = await called(api, "parquet86", "POST", f"alerts/{alert}/{act}", body)
        assert (status, problem["code"]) == (409, "erased")


async def test_eight_days_by_the_prosecutor_or_a_supervisor(api: Api):
    for who, device in (("chef", "tgd-86-01"), ("parquet86", "tgd-86-02")):
        alert = await with_police(api, device)
        path = f"alerts/{alert}/eight-days"
        status, terms = await called(api, who, "POST", path, EIGHT)
        assert (status, terms["eight_days_by"]) == (200, "Procureure de permanence")
        assert terms["erased_at"] == "2030-01-23T09:00:00.000Z"
        assert terms["asked_again_at"] is None
    for body in ({}, {"authorised_by": " "}, {"authorised_by": 7}, {"authorised_by": "x" * 201}):
        status, problem = await called(api, "chef", "POST", path, body)
        assert (status, problem["field"]) == (422, "authorised_by")


async def test_another_tribunal_s_prosecutor_finds_nothing(api: Api):
    alert = await with_police(api)
    for who in ("parquet79", "nulle-part"):
        assert (await called(api, who, "GET", "holds"))[1]["items"] == []
        for method, path, body in (
            ("GET", "retention", None),
            ("POST", "hold", HELD),
            ("POST", "eight-days", EIGHT),
        ):
            status, _ = await called(api, who, method, f"alerts/{alert}/{path}", body)
            assert status == 404, (who, path)
    assert (await api.rows("SELECT answered_by FROM retention"))[0]["answered_by"] is None


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("operator", (403, 403, 403, 403)),
        ("supervisor", (200, 200, 403, 200)),
        ("prosecutor", (200, 404, 404, 404)),  # a token is of no tribunal
        ("auditor", (403, 403, 403, 403)),
        ("association", (403, 403, 403, 403)),
        ("admin", (403, 403, 403, 403)),
        ("phone", (403, 403, 403, 403)),
    ],
)
async def test_only_the_prosecutor_holds(api: Api, role: str, statuses: tuple[int, ...]):
    alert = await with_police(api)
    found = []
    for method, path, body in (
        ("GET", "holds", None),
        ("GET", f"alerts/{alert}/retention", None),
        ("POST", f"alerts/{alert}/hold", HELD),
        ("POST", f"alerts/{alert}/eight-days", EIGHT),
    ):
        more = {} if body is None else {"json": body}
        found.append((await api.call(method, path, role=role, name="tgd-86-01", **more))[0])
    assert tuple(found) == statuses


async def test_a_stranger_s_alert_is_any_prosecutor_s(api: Api):
    await api.rows("INSERT INTO device (id, tribunal_id) VALUES ('stranger', 'poitiers')")
    alert = await with_police(api, "stranger")
    # The register does not know it; the server itself never takes a phone out of it.
    owner = await asyncpg.connect(api.url_of_database)
    await owner.execute("DELETE FROM device WHERE id = 'stranger'")
    await owner.close()
    for who in ("parquet86", "parquet79"):
        _, found = await called(api, who, "GET", "holds")
        assert [one["alert"] for one in found["items"]] == [alert]
    assert (await called(api, "nulle-part", "GET", "holds"))[1]["items"] == []
    assert (await called(api, "nulle-part", "POST", f"alerts/{alert}/hold", HELD))[0] == 404
    status, terms = await called(api, "parquet79", "POST", f"alerts/{alert}/hold", HELD)
    assert (status, terms["answered_by"]) == (200, "parquet79")
    assert (await called(api, "parquet86", "GET", "holds"))[1]["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "hold"),
        ({"hold": "yes"}, "hold"),
        ({"hold": None}, "hold"),
        ({"hold": True}, "reference"),
        ({"hold": True, "reference": "  "}, "reference"),
        ({"hold": True, "reference": 7}, "reference"),
        ({"hold": True, "reference": "x" * 201}, "reference"),
    ],
)
async def test_a_hold_says_for_which_case(api: Api, body: dict, field: str):
    alert = await with_police(api)
    status, problem = await called(api, "parquet86", "POST", f"alerts/{alert}/hold", body)
    assert (status, problem["field"]) == (422, field)
    assert (await api.rows("SELECT hold FROM retention"))[0]["hold"] is None


async def test_an_alert_that_is_not_there(api: Api):
    for path, body in (("hold", HELD), ("eight-days", EIGHT)):
        nowhere = f"alerts/00000000-0000-4000-8000-000000000000/{path}"
        assert (await called(api, "parquet86", "POST", nowhere, body))[0] == 404
        assert (await called(api, "parquet86", "POST", f"alerts/x/{path}", body))[0] == 404


async def test_the_journal_names_who_answered_and_no_place(api: Api):
    alert = await with_police(api)
    where = {"hold": True, "reference": "PV 118, 46.58021 0.34041"}
    await called(api, "parquet86", "POST", f"alerts/{alert}/hold", where)
    await called(api, "chef", "POST", f"alerts/{alert}/eight-days", EIGHT)
    await called(api, "parquet86", "POST", f"alerts/{alert}/hold", {"hold": False})
    _, found = await called(api, "parquet86", "GET", f"alerts/{alert}/journal")
    acts = [(e["kind"], e["actor"]) for e in found["items"][-3:]]
    assert acts == [("held", "parquet86"), ("eight_days", "chef"), ("not_held", "parquet86")]
    assert "46.58" not in str(found)
    stored = await api.rows("SELECT retention::text AS row FROM retention")
    assert "46.58" not in stored[0]["row"]


async def test_a_browser_s_answer_needs_its_session_s_token(api: Api):
    alert = await with_police(api)
    await called(api, "parquet86", "GET", "holds")
    status, problem = await api.bare("POST", f"alerts/{alert}/hold", json=HELD)
    assert (status, problem["code"]) == (403, "csrf")


async def test_consoles_hear_of_an_answer(api: Api):
    alert = await with_police(api)
    headers = {"Authorization": f"Bearer {await api.token()}"}
    async with api.http.get("/api/v1/stream", headers=headers) as stream:
        await stream.content.readline()
        hints = len(api.delivered)
        await called(api, "parquet86", "POST", f"alerts/{alert}/hold", HELD)
        await until(lambda: len(api.delivered) > hints)
