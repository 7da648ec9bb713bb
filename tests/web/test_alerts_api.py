"""The alerts' routes: what is shown, what is done, what is refused and how."""

import re
from uuid import UUID, uuid4

import pytest
from web.served import PLACE, RFC3339, ROOM, Api


async def test_an_alert_shows_everything_that_the_protocol_promises(api: Api):
    receipt = await api.press(loc=PLACE)
    api.clock.set_on(3)
    alert = await api.alert(receipt["alert"])

    assert alert["id"] == receipt["alert"]
    assert re.fullmatch(r"20300115-\d{6}", alert["case_id"])
    assert (alert["device"], alert["status"], alert["verdict"]) == ("tgd-86-01", "ringing", None)
    assert (alert["reason"], alert["follows"], alert["answered_by"]) == (None, None, None)
    assert alert["opened_at"] == "2030-01-15T09:00:00.000Z"
    assert alert["beneficiary"] == "Bénéficiaire 86-01"
    assert (alert["listen"], alert["rings"], alert["consent"]) == ("mic_only", "first", "given")
    [press] = alert["presses"]
    assert set(press) == {"id", "pressed_at", "received_at", "age_s", "path", "doubts", "batt"}
    assert (press["id"], press["path"], press["batt"]) == (receipt["id"], "https", 80)
    position = alert["position"]
    assert (position["lat"], position["lon"], position["method"]) == (46.58, 0.34, "G")
    assert position["r95_m"] == pytest.approx(12 * 1.62 + 3 * 110 / 3.6, abs=0.1)
    assert position["age_s"] == 3.0
    assert RFC3339.fullmatch(position["fixed_at"])
    due = {deadline["name"]: deadline["due_at"] for deadline in alert["deadlines"]}
    assert due["answer"] == "2030-01-15T09:00:20.000Z"
    assert set(due) == {"overflow", "answer", "contact"}
    assert alert["doubts"] == alert["dispatches"] == alert["tasks"] == []


async def test_what_is_missing_or_wrong_is_a_doubt(api: Api):
    refused = await api.alert((await api.press("tgd-86-08", loc=PLACE))["alert"])
    assert refused["position"] is None
    assert "location_refused" in refused["doubts"]
    assert "location_absent" not in refused["doubts"]

    unknown = await api.alert((await api.press("nobody-1"))["alert"])
    assert {"device_unknown", "consent_unknown", "location_absent"} <= set(unknown["doubts"])
    assert unknown["beneficiary"] is None
    assert unknown["known"] is False

    nowhere = await api.alert((await api.press("tgd-86-02"))["alert"])
    assert nowhere["doubts"] == ["location_absent"]


async def test_a_later_place_takes_away_the_doubt_of_its_absence(api: Api):
    first = await api.press()
    assert "location_absent" in (await api.alert(first["alert"]))["doubts"]
    await api.press(loc=PLACE)
    alert = await api.alert(first["alert"])
    assert alert["doubts"] == []
    assert alert["presses"][1]["doubts"] == ["location_absent"]


async def test_the_whole_life_of_an_alert(api: Api):
    alert = (await api.press())["alert"]
    status, shown = await api.act(alert, "answer")
    assert (status, shown["status"], shown["answered_by"]) == (200, "answered", "op-1")
    status, shown = await api.act(alert, "answer")
    assert status == 200
    status, problem = await api.act(alert, "answer", name="op-2")
    assert (status, problem["code"]) == (409, "answered_by_another")
    assert "op-1" in problem["detail"]

    status, shown = await api.act(alert, "voice", {"with": "holder"})
    assert (status, shown["holder_heard"]) == (200, True)
    status, shown = await api.act(alert, "extend", {"reason": "elle parle"})
    assert (status, shown["extended"]) == (200, 1)
    status, shown = await api.act(alert, "notes", {"text": "voix calme"})
    assert status == 200
    status, shown = await api.act(alert, "decision", {"verdict": "police"})
    assert (status, shown["status"], shown["verdict"]) == (200, "police", "police")
    [dispatch] = shown["dispatches"]
    assert (dispatch["room"], dispatch["lead"], dispatch["state"]) == (ROOM, True, "sending")
    [task] = shown["tasks"]
    assert (task["kind"], task["number"], task["red"]) == ("voice", "+33549000017", False)

    status, problem = await api.act(alert, "close", {"outcome": "intervention"})
    assert (status, problem["code"]) == (409, "not_acknowledged")
    assert ROOM in problem["detail"]
    hand_off = {"room": ROOM, "call_taker": "Brigadier A", "reference": "2030-77"}
    status, shown = await api.act(alert, "voice-handoff", hand_off)
    assert status == 200
    assert shown["dispatches"][0]["acknowledged_by"] == "Brigadier A"
    status, shown = await api.act(alert, "close", {"outcome": "intervention", "note": "fini"})
    assert (status, shown["status"], shown["closed_by"]) == (200, "closed", "op-1")

    status, journal = await api.call("GET", f"alerts/{alert}/journal")
    kinds = [entry["kind"] for entry in journal["items"]]
    assert status == 200
    assert kinds[0] == "press"
    assert {"answered", "voice", "verdict", "acknowledged", "closed"} <= set(kinds)


async def test_a_closing_verdict_needs_the_holder_and_the_latest_press(api: Api):
    alert = (await api.press())["alert"]
    await api.act(alert, "answer")
    body = {"verdict": "test", "seen": str(uuid4())}
    status, problem = await api.act(alert, "decision", body)
    assert (status, problem["code"]) == (409, "holder_not_heard")
    await api.act(alert, "voice", {"with": "holder"})
    status, problem = await api.act(alert, "decision", body)
    assert (status, problem["code"]) == (409, "not_latest_press")
    body["seen"] = (await api.alert(alert))["last_press"].upper()
    status, shown = await api.act(alert, "decision", body)
    assert (status, shown["status"], shown["verdict"]) == (200, "closed", "test")


async def test_police_on_a_closed_alert_opens_one_that_names_it(api: Api):
    alert = (await api.press())["alert"]
    await api.act(alert, "voice", {"with": "holder"})
    seen = (await api.alert(alert))["last_press"]
    await api.act(alert, "decision", {"verdict": "accidental", "seen": seen})
    status, shown = await api.act(alert, "decision", {"verdict": "police"})
    assert (status, shown["follows"], shown["status"]) == (201, alert, "police")
    assert shown["id"] != alert
    status, again = await api.act(alert, "decision", {"verdict": "police"})
    assert (status, again["id"]) == (200, shown["id"])


async def test_a_supervisor_may_act_on_what_another_holds(api: Api):
    alert = (await api.press())["alert"]
    await api.act(alert, "answer")
    status, problem = await api.act(alert, "voice", {"with": "child"}, name="op-2")
    assert (status, problem["code"]) == (409, "answered_by_another")
    status, shown = await api.act(
        alert, "voice", {"with": "child"}, role="supervisor", name="chief"
    )
    assert (status, shown["voice"]) == (200, "child")


async def test_lists_are_newest_first_in_pages_without_holes(api: Api):
    opened = []
    for n in range(1, 6):
        api.clock.set_on(1)
        opened.append((await api.press(f"tgd-86-0{n}"))["alert"])
    opened.append((await api.press("tgd-86-06"))["alert"])  # at the same moment as the fifth
    for alert in opened[:2]:
        await api.act(alert, "voice", {"with": "holder"})
        seen = (await api.alert(alert))["last_press"]
        await api.act(alert, "decision", {"verdict": "test", "seen": seen})

    seen, cursor = [], ""
    while cursor is not None:
        status, page = await api.call("GET", f"alerts?limit=2{cursor and '&cursor=' + cursor}")
        assert status == 200
        seen += [alert["id"] for alert in page["items"]]
        cursor = page["next"]
    assert sorted(seen) == sorted(opened)
    assert seen[2:] == opened[3::-1]
    _, page = await api.call("GET", "alerts?status=closed")
    assert ([a["id"] for a in page["items"]], page["next"]) == (opened[1::-1], None)
    _, page = await api.call("GET", "alerts?status=open&limit=500")
    assert len(page["items"]) == 4


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=ringing", "status"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=many", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=-1", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=%F0%9F%92%A9", "cursor"),
        ("cursor=MjAzMC0wMS0xNQ", "cursor"),
    ],
)
async def test_a_wrong_query_names_its_field(api: Api, query: str, field: str):
    status, problem = await api.call("GET", f"alerts?{query}")
    assert (status, problem["field"]) == (422, field)


LONG = "x" * 4001
NUL = "a\x00b"


@pytest.mark.parametrize(
    ("act", "body", "field"),
    [
        ("voice", {}, "with"),
        ("voice", {"with": "ghost"}, "with"),
        ("voice", {"with": ["holder"]}, "with"),
        ("extend", {"reason": LONG}, "reason"),
        ("extend", {"reason": "  "}, "reason"),
        ("decision", {}, "verdict"),
        ("decision", {"verdict": "forwarded"}, "verdict"),
        ("decision", {"verdict": 7}, "verdict"),
        ("decision", {"verdict": "police", "note": NUL}, "note"),
        ("decision", {"verdict": "police", "note": LONG}, "note"),
        ("decision", {"verdict": "test", "seen": 3}, "seen"),
        ("decision", {"verdict": "test", "all_clear_word": {}}, "all_clear_word"),
        ("notes", {"text": None}, "text"),
        ("notes", {"text": NUL}, "text"),
        ("notes", ["text"], "body"),
        ("close", {"note": "x"}, "outcome"),
        ("close", {"outcome": "x", "note": LONG}, "note"),
        ("voice-handoff", {"room": ROOM, "reference": "1"}, "call_taker"),
        ("voice-handoff", {"room": ROOM, "call_taker": True, "reference": "1"}, "call_taker"),
    ],
)
async def test_bad_input_names_its_field_and_changes_nothing(api: Api, act, body, field):
    alert = (await api.press())["alert"]
    before = await api.alert(alert), await api.rows("SELECT * FROM journal")
    status, problem = await api.act(alert, act, body)
    assert (status, problem["field"], problem["status"]) == (422, field, 422)
    assert (await api.alert(alert), await api.rows("SELECT * FROM journal")) == before


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b'{"text":"\xff"}', b'{"text":NaN}', b"[" * 30_000, b'{"text":"\\ud800"}'],
)
async def test_malformed_json_is_400(api: Api, raw: bytes):
    alert = (await api.press())["alert"]
    status, problem = await api.call("POST", f"alerts/{alert}/notes", data=raw)
    assert (status, problem["code"], problem["field"]) == (400, "malformed", "body")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_64_kib_is_413(api: Api, chunked: bool):
    alert = (await api.press())["alert"]
    raw = b'{"text":"' + b"x" * 65536 + b'"}'

    async def pieces():
        yield raw[:40_000]
        yield raw[40_000:]

    status, problem = await api.call(
        "POST", f"alerts/{alert}/notes", data=pieces() if chunked else raw
    )
    assert (status, problem["code"]) == (413, "too_large")


@pytest.mark.parametrize("alert", ["no-uuid", str(UUID(int=7)), UUID(int=7).hex, "%00"])
async def test_what_names_no_alert_is_404(api: Api, alert: str):
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/answer", None),
        ("POST", "/decision", {"verdict": "police"}),
        ("POST", "/notes", {"text": "x"}),
        ("GET", "/journal", None),
    ):
        status, problem = await api.call(method, f"alerts/{alert}{path}", json=body)
        assert (status, problem["code"]) == (404, "not_found")
