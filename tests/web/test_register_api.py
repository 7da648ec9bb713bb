"""The prosecutor's office over HTTP: from a request to a phone that is back, and every refusal."""

import asyncio
from datetime import timedelta

import pytest
from web.served import PLACE, RFC3339, Api

PASSWORD = "un mot de passe"
HER = {"name": "Zoé Fictive", "born": "1990-01-01", "languages": ["fr"]}
MATCH = {"label": True, "imei": True, "sim": True, "identity": True}


async def office(api: Api, method: str, path: str, body: dict | None = None, **who) -> tuple:
    who = {"role": "prosecutor", "name": "parquet-1"} | who
    return await api.call(method, path, json=body, **who)


async def ok(api: Api, method: str, path: str, body: dict | None = None, **who) -> dict:
    status, said = await office(api, method, path, body, **who)
    assert status in {200, 201}, said
    return said


async def refused(api: Api, path: str, body: dict | None = None, **who) -> tuple[int, str]:
    status, said = await office(api, "POST", path, body, **who)
    assert status >= 400, said
    return status, said["code"] if status != 422 else said["field"]


async def held(api: Api, device: str = "tgd-86-01") -> str:
    """The assignment of a seeded phone."""
    return (await ok(api, "GET", f"devices/{device}"))["assignment"]


async def freed(api: Api, device: str = "tgd-86-01") -> str:
    """The phone is back and wiped."""
    one = await held(api, device)
    await ok(api, "POST", f"assignments/{one}/revoke", {"reason": "danger_over"})
    await ok(api, "POST", f"assignments/{one}/return", {"wiped": True})
    return one


async def heard(api: Api, device: str = "tgd-86-01", loc: dict | None = PLACE) -> None:
    """She presses, is heard, and the operator calls it a test."""
    alert = (await api.press(device, loc=loc))["alert"]
    await api.act(alert, "voice", {"with": "holder"})
    seen = (await api.alert(alert))["last_press"]
    status, said = await api.act(alert, "decision", {"verdict": "test", "seen": seen})
    assert status == 200, said


async def test_the_seed_at_a_glance(api: Api):
    found = await ok(api, "GET", "devices")
    assert [one["id"] for one in found["items"]] == [f"tgd-86-0{n}" for n in range(1, 9)]
    assert found["next"] is None
    one = found["items"][0]
    assert (one["state"], one["label"], one["days_left"]) == ("handed_over", "tgd-86-01", 179)
    assert one["holder"]["label"] == "Bénéficiaire 86-01"
    assert one["holder"]["initials"] is None
    assert (one["battery"], one["last_test_at"], one["last_contact_at"]) == (None, None, None)
    assert {"handover_untested", "never_pressed"} <= set(one["red_list"])
    assert RFC3339.fullmatch(one["ends_at"])
    (poitiers,) = (await ok(api, "GET", "tribunals"))["items"]
    assert (poitiers["allocation"], poitiers["out"], poitiers["waiting"]) == (8, 8, 0)


async def test_lists_come_in_pages(api: Api):
    seen, path = [], "devices?limit=3"
    while path:
        page = await ok(api, "GET", path)
        seen += [one["id"] for one in page["items"]]
        path = f"devices?limit=3&cursor={page['next']}" if page["next"] else None
    assert seen == [f"tgd-86-0{n}" for n in range(1, 9)]
    seen, path = [], "assignments?limit=3"
    while path:
        page = await ok(api, "GET", path)
        seen += [one["device"] for one in page["items"]]
        path = f"assignments?limit=3&cursor={page['next']}" if page["next"] else None
    assert sorted(seen) == [f"tgd-86-0{n}" for n in range(1, 9)]
    assert (await office(api, "GET", "assignments?cursor=x"))[0] == 422
    assert (await office(api, "GET", "devices?state=eaten"))[0] == 422
    mine = await ok(api, "GET", "assignments?device=tgd-86-03&status=handed_over")
    assert [one["device"] for one in mine["items"]] == ["tgd-86-03"]


async def test_from_request_to_a_phone_that_is_back(api: Api):
    await freed(api)
    asked = {"beneficiary": HER, "source": "association", "means": "telephone", "legal_basis": "2°"}
    request = await ok(api, "POST", "requests", asked)
    assert (request["status"], request["reason"], request["place"]) == ("open", "undecided", 1)
    assert request["beneficiary"]["initials"] == "Z.F."
    decided = {"consents": {"phone": True, "location": True}, "legal_basis": 1}
    decided |= {"order": {"reference": "RG 30/1", "issued_at": "2030-01-02"}}
    made = await ok(api, "POST", f"requests/{request['id']}/grant", decided)
    one = f"assignments/{made['id']}"
    assert (made["status"], made["device"], made["legal_basis"]) == (
        "handed_over",
        "tgd-86-01",
        "1",
    )
    assert made["consents"] == {"phone": True, "location": True, "audio": None}
    assert made["order"]["reference"] == "RG 30/1"
    assert made["ends_at"] == "2030-07-15T08:00:00.000Z"
    assert (await ok(api, "GET", "requests"))["items"] == []
    # Until a press was heard and everything compared, it stands on the red list.
    status, lacks = await office(api, "POST", f"{one}/handover-test", MATCH)
    assert (status, lacks["code"], lacks["missing"]) == (
        409, "handover_incomplete", ["press_heard"],
    )  # fmt: skip
    await heard(api)
    status, lacks = await office(api, "POST", f"{one}/handover-test", {"label": "tgd-86-02"})
    assert lacks["missing"] == ["label", "imei", "sim", "identity"]
    done = await ok(api, "POST", f"{one}/handover-test", MATCH | {"label": "TGD 86 01"})
    assert (done["status"], done["tested_by"]) == ("active", "parquet-1")
    phone = await ok(api, "GET", "devices/tgd-86-01")
    assert phone["red_list"] == []
    assert phone["last_test_at"] is not None
    # Warned at 60, 30 and 7 days; renewed; ended by a person; back; wiped.
    for days, warning in ((119, None), (2, 60), (30, 30), (23, 7)):
        api.clock.set_on(days * 86400)
        assert (await ok(api, "GET", one))["warning"] == warning
    assert "expiring_7" in (await ok(api, "GET", "devices/tgd-86-01"))["red_list"]
    renewed = await ok(api, "POST", f"{one}/renew", {"reason": "Le danger demeure."})
    assert (renewed["ends_at"], renewed["renewals"]) == ("2031-01-15T09:00:00.000Z", 1)
    assert await refused(api, f"{one}/renew") == (409, "renewed_already")
    ended = await ok(api, "POST", f"{one}/revoke", {"reason": "aggressor_jailed"})
    assert (ended["status"], ended["end_reason"]) == ("ended", "aggressor_jailed")
    assert await refused(api, f"{one}/revoke", {"reason": "her_wish"}) == (409, "ended_already")
    assert (await ok(api, "GET", "devices/tgd-86-01"))["red_list"] == ["ended_not_returned"]
    back = await ok(api, "POST", f"{one}/return", {"attested_by": "Accueil du tribunal"})
    assert back["status"] == "returned"
    phone = await ok(api, "POST", "devices/tgd-86-01/wipe")
    assert (phone["state"], phone["holder"]) == ("wiped", None)
    assert (await ok(api, "GET", one))["status"] == "wiped"
    kinds = [entry["kind"] for entry in (await ok(api, "GET", f"{one}/journal"))["items"]]
    assert kinds == [
        *("assigned", "handover_test", "handover_test", "handover_test", "renewed"),
        *("assignment_ended", "returned", "wiped"),
    ]


async def test_neither_end_nor_loss_mutes_the_button(api: Api):
    one = await held(api)
    await ok(api, "POST", f"assignments/{one}/revoke", {"reason": "Consignes non respectées."})
    assert (await ok(api, "GET", f"assignments/{one}"))["end_reason"] == "other"
    alert = (await api.press())["alert"]
    assert "assignment_ended" in (await api.alert(alert))["doubts"]
    await ok(api, "POST", "devices/tgd-86-02/state", {"state": "stolen"})
    alert = (await api.press("tgd-86-02"))["alert"]
    assert "device_lost" in (await api.alert(alert))["doubts"]
    phone = await ok(api, "GET", "devices/tgd-86-02")
    assert (phone["state"], "stolen" in phone["red_list"]) == ("stolen", True)
    phone = await ok(api, "POST", "devices/tgd-86-02/state", {"state": "found"})
    assert (phone["state"], phone["lost_at"]) == ("handed_over", None)


async def test_credentials_end_when_the_phone_is_back(api: Api):
    await api.press()
    await freed(api)
    headers = {"Authorization": f"Bearer {await api.token('phone', 'tgd-86-01')}"}
    assert (await api.bare("POST", "presses", json={}, headers=headers))[0] == 401


async def test_two_prosecutors_and_the_last_phone(api: Api):
    await freed(api)
    for n in range(1, 9):
        await api.token("prosecutor", f"parquet-{n}")
    answers = await asyncio.gather(
        *(
            office(api, "POST", "assignments", {"beneficiary": f"Fictive {n}"}, name=f"parquet-{n}")
            for n in range(1, 9)
        )
    )  # fmt: skip
    assert sorted(status for status, _ in answers) == [201, *[409] * 7]
    waits = [said for status, said in answers if status == 409]
    assert {said["code"] for said in waits} == {"no_phone_free"}
    listed = (await ok(api, "GET", "requests"))["items"]
    assert sorted(one["id"] for one in listed) == sorted(said["request"]["id"] for said in waits)
    assert [one["place"] for one in listed] == list(range(1, 8))
    assert all(one["status"] == "waiting" and RFC3339.fullmatch(one["reason_at"]) for one in listed)


async def test_the_same_for_a_phone_by_its_name(api: Api):
    await freed(api)
    await api.token("prosecutor", "parquet-2")
    body = {"device": "tgd-86-01", "beneficiary": "Zoé Fictive"}
    answers = await asyncio.gather(
        *(office(api, "POST", "assignments", body, name=f"parquet-{n}") for n in (1, 2))
    )
    assert sorted(status for status, _ in answers) == [201, 409]
    assert len((await ok(api, "GET", "requests"))["items"]) == 1


async def test_never_more_out_than_allocated_and_a_floor_in_reserve(api: Api):
    new = {"id": "tgd-86-09", "imei": "35-000000-000000-0", "generation": "4G"}
    status, phone = await office(api, "POST", "devices", new)
    assert (status, phone["state"], phone["imei"]) == (201, "in_stock", "350000000000000")
    assert await refused(api, "assignments", {"beneficiary": HER}) == (409, "allocation_used")
    nine = {"allocation": 9, "reserve_floor": 1}
    assert (await office(api, "POST", "tribunals/poitiers", nine))[0] == 403
    await ok(api, "POST", "tribunals/poitiers", nine, role="admin", name="admin")
    her = (await ok(api, "GET", "requests"))["items"][0]
    grant = f"requests/{her['id']}/grant"
    assert await refused(api, grant) == (409, "reserve_floor")
    made = await ok(api, "POST", grant, {"use_reserve": True})
    assert (made["device"], made["request"]) == ("tgd-86-09", her["id"])
    fewer = {"allocation": 8}
    assert (await refused(api, "tribunals/poitiers", fewer, role="admin", name="admin"))[0] == 409


async def test_a_compromised_phone_needs_two_persons_and_a_tested_replacement(api: Api):
    await freed(api, "tgd-86-02")
    path = "devices/tgd-86-01/compromised"
    assert await refused(api, f"{path}/confirm") == (409, "not_compromised")
    phone = await ok(api, "POST", path)
    assert phone["red_list"][0] == "compromised"
    alert = (await api.press())["alert"]
    assert "device_compromised" in (await api.alert(alert))["doubts"]
    second = {"name": "parquet-2"}
    assert await refused(api, f"{path}/confirm") == (409, "same_person")
    assert await refused(api, f"{path}/confirm", **second) == (409, "replacement_not_tested")
    old = phone["assignment"]
    new = await ok(api, "POST", "assignments", {"replaces": old})
    assert (new["device"], new["replaces"]) == ("tgd-86-02", old)
    assert new["beneficiary"] == phone["holder"]
    assert new["consents"]["location"] is True
    assert await refused(api, f"{path}/confirm", **second) == (409, "replacement_not_tested")
    api.tokens.pop(("phone", "tgd-86-02"), None)
    await heard(api, "tgd-86-02")
    await ok(api, "POST", f"assignments/{new['id']}/handover-test", MATCH)
    phone = await ok(api, "POST", f"{path}/confirm", **second)
    assert phone["muted_by"] == "parquet-2"
    headers = {"Authorization": f"Bearer {await api.token('phone', 'tgd-86-01')}"}
    assert (await api.bare("POST", "presses", json={}, headers=headers))[0] == 401


@pytest.mark.parametrize("gone", ["lost", "stolen", "broken"])
async def test_a_replacement_that_is_not_there_any_more_mutes_nothing(api: Api, gone: str):
    """She would be left with no phone at all."""
    await freed(api, "tgd-86-02")
    old = (await ok(api, "POST", "devices/tgd-86-01/compromised"))["assignment"]
    new = await ok(api, "POST", "assignments", {"replaces": old})
    await heard(api, "tgd-86-02")
    await ok(api, "POST", f"assignments/{new['id']}/handover-test", MATCH)
    await ok(api, "POST", "devices/tgd-86-02/state", {"state": gone})
    path, second = "devices/tgd-86-01/compromised/confirm", {"name": "parquet-2"}
    assert await refused(api, path, **second) == (409, "replacement_not_tested")
    back = "repaired" if gone == "broken" else "found"
    await ok(api, "POST", "devices/tgd-86-02/state", {"state": back})
    await ok(api, "POST", path, **second)


async def test_a_gesture_before_the_hand_over_shows_both_persons(api: Api):
    await freed(api)
    made = await ok(api, "POST", "assignments", {"beneficiary": HER, "device": "tgd-86-01"})
    at = api.clock.now().timestamp() - 3600
    api.tokens.pop(("phone", "tgd-86-01"), None)
    alert = (await api.press(tst=at, created_at=at + 3600))["alert"]
    shown = await api.alert(alert)
    assert shown["former_beneficiary"] == "Bénéficiaire 86-01"
    assert shown["beneficiary"] == made["beneficiary"]["label"]
    assert "before_handover" in shown["doubts"]
    listed = (await api.call("GET", "alerts?status=open"))[1]["items"]
    assert listed[0]["former_beneficiary"] == "Bénéficiaire 86-01"


async def test_what_is_said_of_a_person_is_sealed(api: Api):
    await freed(api)
    said = {
        "beneficiary": HER | {
            "aggressor": {"name": "Yvon Fictif"}, "children": ["Xavier Fictif"],
            "all_clear_word": "mirabelle", "contact": "par sa sœur, le matin",
        },
        "order": {"reference": "RG 2030/77"},
    }  # fmt: skip
    made = await ok(api, "POST", "assignments", said)
    await ok(api, "POST", f"assignments/{made['id']}/revoke", {"reason": "Partie chez Yvon."})
    notes = (await ok(api, "GET", f"assignments/{made['id']}"))["notes"]
    assert [note["text"] for note in notes] == ["Partie chez Yvon."]
    assert made["word_agreed"] is True
    tables = await api.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for name in ("Fictive", "Yvon", "Xavier", "mirabelle", "2030/77", "sœur"):
        for table in tables:
            found = await api.rows(f"SELECT t::text AS row FROM {table[0]} t")  # noqa: S608  the catalogue's names
            assert not [r for r in found if name in r["row"] or name.encode().hex() in r["row"]]


async def test_a_release_reserves_a_phone_and_asks_for_an_evaluation(api: Api):
    old = await freed(api)
    her = (await ok(api, "GET", f"assignments/{old}"))["beneficiary"]["id"]
    coming = {"beneficiary": her, "kind": "release", "at": "2030-02-01"}
    release = await ok(api, "POST", "releases", coming)
    assert (release["device"], release["happens_at"]) == ("tgd-86-01", "2030-01-31T23:00:00.000Z")
    assert (await ok(api, "GET", "devices/tgd-86-01"))["state"] == "reserved"
    # It is hers: nobody else gets it.
    assert await refused(api, "assignments", {"beneficiary": HER}) == (409, "no_phone_free")
    made = await ok(api, "POST", "assignments", {"beneficiary": her})
    assert made["device"] == "tgd-86-01"
    (answered,) = (await ok(api, "GET", "releases?status=all"))["items"]
    assert answered["outcome"] == "phone_needed"
    # Whoever holds a phone keeps it, and is evaluated anew.
    other = (await ok(api, "GET", "devices/tgd-86-02"))["holder"]["id"]
    again = await ok(api, "POST", "releases", {**coming, "beneficiary": other, "kind": "leave"})
    assert again["device"] is None
    assert "evaluation_due" in (await ok(api, "GET", "devices/tgd-86-02"))["red_list"]
    done = await ok(api, "POST", f"releases/{again['id']}/evaluated", {"outcome": "keeps_hers"})
    assert done["evaluated_by"] == "parquet-1"
    assert "evaluation_due" not in (await ok(api, "GET", "devices/tgd-86-02"))["red_list"]


async def test_an_evaluation_frees_the_phone_that_was_kept(api: Api):
    old = await freed(api)
    her = (await ok(api, "GET", f"assignments/{old}"))["beneficiary"]["id"]
    coming = {"beneficiary": her, "kind": "leave", "at": "2030-02-01T08:00:00+01:00"}
    release = await ok(api, "POST", "releases", coming)
    path = f"releases/{release['id']}/evaluated"
    assert await refused(api, path, {"outcome": "phone_needed"}) == (409, "phone_to_give")
    await ok(api, "POST", path, {"outcome": "no_danger"})
    assert (await ok(api, "GET", "devices/tgd-86-01"))["state"] == "in_stock"
    assert await refused(api, path, {"outcome": "no_danger"}) == (409, "evaluated_already")


async def test_each_tribunal_its_own_and_loans_within_the_court(api: Api):
    await api.rows(
        "INSERT INTO tribunal VALUES ('niort', 'Tribunal fictif de Niort', 2, 0, 'poitiers')"
    )
    await api.rows("INSERT INTO tribunal VALUES ('lyon', 'Tribunal fictif de Lyon', 2, 0, 'lyon')")
    admin = {"role": "admin", "name": "admin"}
    # A program's token names no tribunal, and there are several now.
    assert (await ok(api, "GET", "devices"))["items"] == []
    one = (await ok(api, "GET", "devices/tgd-86-01", **admin))["assignment"]
    assert await refused(api, f"assignments/{one}/revoke", {"reason": "her_wish"}) == (
        404, "not_found",
    )  # fmt: skip
    await api.account("parquet79", PASSWORD, "prosecutor", tribunal_id="niort")
    niort = await logged_in(api, "parquet79")
    async with api.http.get("/api/v1/devices", headers=niort) as answered:
        assert (await answered.json())["items"] == []
    await ok(api, "POST", f"assignments/{one}/revoke", {"reason": "her_wish"}, **admin)
    await ok(api, "POST", f"assignments/{one}/return", {"wiped": True}, **admin)
    loan = "devices/tgd-86-01/loan"
    assert await refused(api, loan, {"to": "lyon"}, **admin) == (409, "loan_outside_court")
    lent = await ok(api, "POST", loan, {"to": "niort"}, **admin)
    assert (lent["state"], lent["lent_to"]) == ("on_loan", "niort")
    async with api.http.post(
        "/api/v1/assignments", headers=niort, json={"beneficiary": HER}
    ) as answered:
        assert answered.status == 201
        made = await answered.json()
    assert (made["device"], made["decided_by"]) == ("tgd-86-01", "parquet79")
    counts = {t["id"]: t["out"] for t in (await ok(api, "GET", "tribunals", **admin))["items"]}
    assert counts == {"lyon": 0, "niort": 0, "poitiers": 8}
    assert await refused(api, loan, {"to": None}, **admin) == (409, "device_state")


async def logged_in(api: Api, name: str) -> dict[str, str]:
    login = {"username": name, "password": PASSWORD}
    async with api.http.post("/api/v1/session", json=login) as answer:
        cookie, csrf = answer.cookies["tgd_session"].value, (await answer.json())["csrf"]
    api.http.cookie_jar.clear()
    return {"Cookie": f"tgd_session={cookie}", "X-CSRF-Token": csrf}


async def test_who_must_not_know_is_locked_out(api: Api):
    her = (await ok(api, "GET", "devices/tgd-86-01"))["holder"]["id"]
    path = f"beneficiaries/{her}/conflicts"
    locked = await ok(api, "POST", path, {"kind": "institution", "value": "GN"})
    assert locked["items"] == [{"kind": "institution", "value": "GN", "known": True}]
    one = await held(api)
    assert (await ok(api, "GET", f"assignments/{one}"))["conflicts"] == ["institution:GN"]
    assert await refused(api, path, {"kind": "institution", "value": "GN"}) == (409, "done_already")
    lifted = await ok(api, "POST", path, {"kind": "institution", "value": "GN", "lifted": True})
    assert lifted["items"] == []
    nobody = "beneficiaries/00000000-0000-0000-0000-000000000000/conflicts"
    assert (await office(api, "GET", nobody))[0] == 404


async def test_a_request_is_refused_or_withdrawn_with_its_reason(api: Api):
    first = await ok(api, "POST", "requests", {"beneficiary": HER})
    again = {"beneficiary": first["beneficiary"]["id"]}
    assert await refused(api, "requests", again) == (409, "asked_already")
    assert await refused(api, f"requests/{first['id']}/refuse", {"reason": "no"}) == (422, "reason")
    done = await ok(api, "POST", f"requests/{first['id']}/refuse", {"reason": "conditions_not_met"})
    assert (done["status"], done["reason"]) == ("refused", "conditions_not_met")
    assert await refused(api, f"requests/{first['id']}/withdraw", {}) == (409, "decided")
    second = await ok(api, "POST", "requests", again)
    await ok(api, "POST", f"requests/{second['id']}/withdraw", {})
    assert len((await ok(api, "GET", "requests?status=all"))["items"]) == 2
    assert (await office(api, "GET", "requests?status=lost"))[0] == 422


async def test_the_term_is_six_months_at_most_and_may_be_shortened(api: Api):
    one = f"assignments/{await held(api)}"
    assert await refused(api, f"{one}/renew", {"ends_at": "2031-06-01"}) == (422, "ends_at")
    short = {"until": "2030-03-01", "reason": "Pas d'ordonnance de protection."}
    shown = await ok(api, "POST", f"{one}/shorten", short)
    assert (shown["ends_at"], shown["days_left"]) == ("2030-02-28T23:00:00.000Z", 44)
    api.clock.set_on(60 * 86400)
    late = await ok(api, "GET", one)
    assert (late["status"], late["expired"], late["days_left"]) == ("handed_over", True, 0)
    assert "expired" in (await ok(api, "GET", "devices/tgd-86-01"))["red_list"]
    renewed = await ok(api, "POST", f"{one}/renew")  # late: from now on, not backwards
    start = api.clock.now()
    assert renewed["term_at"] == start.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert timedelta(days=180) < timedelta(days=renewed["days_left"] + 1) < timedelta(days=186)


async def test_consents_apart_and_the_ground(api: Api):
    one = f"assignments/{await held(api, 'tgd-86-08')}"
    assert (await ok(api, "GET", one))["consents"]["location"] is False
    said = await ok(
        api, "POST", f"{one}/consents", {"consents": {"location": True, "audio": False}}
    )
    assert said["consents"] == {"phone": None, "location": True, "audio": False}
    assert await refused(api, f"{one}/consents", {"consents": {"blood": True}}) == (422, "consents")
    said = await ok(api, "POST", f"{one}/basis", {"legal_basis": "2", "order": {"reference": "R"}})
    assert (said["legal_basis"], said["order"]["reference"]) == ("2", "R")


async def test_prepared_first_and_handed_over_later(api: Api):
    await freed(api)
    made = await ok(api, "POST", "assignments", {"beneficiary": HER, "handed_over": False})
    assert made["status"] == "preparing"
    assert (await ok(api, "GET", "devices/tgd-86-01"))["state"] == "reserved"
    made = await ok(api, "POST", f"assignments/{made['id']}/handover", {})
    assert made["status"] == "handed_over"
    assert (await ok(api, "GET", "devices/tgd-86-01"))["state"] == "handed_over"


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("devices", {}, (422, "device")),
        ("devices", {"id": "a b"}, (422, "id")),
        ("devices", {"id": "n", "imei": "12"}, (422, "imei")),
        ("devices", {"id": "n", "sim": {"msisdn": "0600000000"}}, (422, "msisdn")),
        ("devices", {"id": "n", "generation": "6G"}, (422, "generation")),
        ("devices", {"id": "n", "state": "lost"}, (422, "state")),
        ("devices/nobody/state", {"state": "lost"}, (404, "not_found")),
        ("devices/tgd-86-01/state", {"state": "eaten"}, (422, "state")),
        ("devices/tgd-86-01/state", {"state": "found"}, (409, "device_state")),
        ("devices/tgd-86-01/wipe", {}, (409, "device_state")),
        ("devices/tgd-86-01/loan", {}, (409, "device_state")),
        ("assignments", {"device": "nobody", "beneficiary": HER}, (404, "not_found")),
        ("assignments", {"beneficiary": 7}, (422, "beneficiary")),
        ("assignments", {"beneficiary": {"born": "1990"}}, (422, "beneficiary.name")),
        ("assignments", {"beneficiary": {"name": 3}}, (422, "beneficiary.name")),
        ("assignments", {"beneficiary": {"name": "A", "label": "A"}}, (422, "beneficiary.label")),
        ("assignments", {"beneficiary": HER, "legal_basis": "3"}, (422, "legal_basis")),
        ("assignments", {"beneficiary": HER, "ends_at": "tomorrow"}, (422, "ends_at")),
        ("assignments", {"replaces": "00000000-0000-0000-0000-000000000000"}, (404, "not_found")),
        ("assignments/x/renew", {}, (404, "not_found")),
        ("assignments/00000000-0000-0000-0000-000000000000/return", {}, (404, "not_found")),
        ("requests", {"source": "a bird"}, (422, "source")),
        ("requests/00000000-0000-0000-0000-000000000000/grant", {}, (404, "not_found")),
        ("releases", {"kind": "release"}, (422, "beneficiary")),
    ],
)
async def test_what_cannot_be_is_named(api: Api, path: str, body: dict, expected: tuple):
    assert await refused(api, path, body) == expected


async def test_an_end_and_a_return_say_what_they_need(api: Api):
    one = f"assignments/{await held(api)}"
    assert await refused(api, f"{one}/revoke") == (422, "reason")
    assert await refused(api, f"{one}/return") == (409, "not_ended")
    back = await ok(api, "POST", f"{one}/return", {"reason": "her_wish"})
    assert (back["status"], back["end_reason"]) == ("returned", "her_wish")
    assert await refused(api, f"{one}/return") == (409, "returned_already")


@pytest.mark.parametrize("role", ["operator", "supervisor", "association", "auditor"])
@pytest.mark.parametrize("path", ["devices", "assignments", "requests", "releases", "tribunals"])
async def test_for_the_office_only(api: Api, role: str, path: str):
    assert (await api.call("GET", path, role=role, name="x"))[0] == 403


async def test_a_sim_is_known_by_its_last_digits(api: Api):
    card = {"iccid": "8933 0000 0000 0000 0042", "msisdn": "+33 7 00 00 00 86"}
    phone = await ok(api, "POST", "devices", {"id": "tgd-86-01", "sim": card, "imei": "3" * 15})
    assert phone["sim"] == {"iccid": "…0042", "msisdn": "…0086"}
    await heard(api)
    one = f"assignments/{await held(api)}/handover-test"
    said = {"label": "tgd-86-01", "imei": "3" * 15, "sim": "+33700000087", "identity": True}
    assert (await office(api, "POST", one, said))[1]["missing"] == ["sim"]
    done = await ok(api, "POST", one, said | {"sim": card["msisdn"]})
    assert done["status"] == "active"
