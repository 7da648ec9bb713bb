"""What the prosecutor's page reads beside the register: tests under way, figures, people."""

import pytest
from web.served import PLACE, Api
from web.test_register_api import MATCH, freed, heard, held, office, ok


def states(found: dict) -> dict[str, str]:
    return {one["step"]: one["state"] for one in found["steps"]}


async def test_a_hand_over_test_step_by_step(api: Api):
    path = f"assignments/{await held(api)}/handover-test"
    found = await ok(api, "GET", path)
    assert states(found) == dict.fromkeys(
        ("received", "answered", "heard", "located", "recognised"), "waiting"
    )
    alert = (await api.press(loc=PLACE))["alert"]
    found = await ok(api, "GET", path)
    assert [name for name, state in states(found).items() if state == "done"] == [
        "received",
        "located",
    ]
    await api.act(alert, "answer")
    await api.act(alert, "voice", {"with": "holder"})
    assert states(await ok(api, "GET", path))["heard"] == "done"
    seen = (await api.alert(alert))["last_press"]
    await api.act(alert, "decision", {"verdict": "test", "seen": seen})
    found = await ok(api, "GET", path)
    assert set(states(found).values()) == {"done"}
    assert found["finished_at"] is None
    await ok(api, "POST", path, MATCH)
    assert (await ok(api, "GET", path))["finished_at"] is not None


async def test_an_alert_that_was_none_has_failed_as_a_test(api: Api):
    path = f"assignments/{await held(api)}/handover-test"
    alert = (await api.press())["alert"]
    await api.act(alert, "decision", {"verdict": "police"})
    found = states(await ok(api, "GET", path))
    assert (found["heard"], found["located"], found["recognised"]) == ("failed", "failed", "failed")


async def test_who_refused_to_be_located_is_not_asked(api: Api):
    path = f"assignments/{await held(api, 'tgd-86-08')}/handover-test"
    assert states(await ok(api, "GET", path))["located"] == "not_asked"
    unknown = "assignments/00000000-0000-0000-0000-000000000000/handover-test"
    assert (await office(api, "GET", unknown))[0] == 404


async def test_a_press_before_the_hand_over_proves_nothing(api: Api):
    await freed(api)
    her = {"beneficiary": {"name": "Zoé Fictive"}, "handed_over": False}
    made = await ok(api, "POST", "assignments", her)
    api.tokens.pop(("phone", "tgd-86-01"), None)
    await heard(api)
    api.clock.set_on(60)
    await ok(api, "POST", f"assignments/{made['id']}/handover")
    found = states(await ok(api, "GET", f"assignments/{made['id']}/handover-test"))
    assert found["received"] == "waiting"


async def test_figures_hide_what_is_about_few(api: Api):
    for n in range(8):
        source = "police" if n < 2 else "association"
        await ok(api, "POST", "requests", {"beneficiary": f"Fictive {n}", "source": source})
    await heard(api)
    found = await ok(api, "GET", "steering")
    assert (found["allocation"], found["held"], found["requests"]) == (8, 8, 8)
    assert found["requests_by_source"] == {"police": None, "association": None}
    assert found["requests_by_status"] == {"open": 8}
    assert (found["alerts"], found["alerts_by_verdict"]) == (None, {"test": None})
    assert (found["renewals"], found["wait_days"]) == (0, None)
    assert (found["from"], found["to"]) == ("2029-01-16", "2030-01-15")
    found = await ok(api, "GET", "steering?from=2020-01-01&to=2020-12-31")
    assert (found["requests"], found["held"]) == (0, 0)


@pytest.mark.parametrize("asked", ["from=2030-02-01", "from=x", "from=2001-01-01", "to=7"])
async def test_a_period_that_cannot_be_is_named(api: Api, asked: str):
    status, said = await office(api, "GET", f"steering?{asked}")
    assert (status, said["field"]) == (422, "to" if asked == "to=7" else "from")


async def test_an_association_is_told_of_phones_and_of_nothing_else(api: Api):
    member = await api.member("asso", "tgd-86-01", "tgd-86-02")
    status, found = await api.bare("GET", "people", headers=member)
    assert status == 200
    assert [one["device"] for one in found["items"]] == ["tgd-86-01", "tgd-86-02"]
    _, found_by_program = await api.call("GET", "people", role="association", name="asso")
    assert found_by_program["items"] == []
    one = found["items"][0]
    assert set(one) == {
        *("device", "label", "state", "assignment_status", "holder", "ends_at", "days_left"),
        *("handed_over_at", "last_test_at", "battery", "last_contact_at", "red_list"),
    }
    assert set(one["holder"]) == {"id", "label", "initials"}
    assert "never_pressed" in one["red_list"]
    assert not {"legal_basis_missing", "consent_missing"} & set(one["red_list"])
    for role in ("operator", "supervisor", "prosecutor", "admin", "auditor"):
        assert (await api.call("GET", "people", role=role, name="x"))[0] == 403


@pytest.mark.parametrize(("kind", "value"), [("role", "association"), ("account", "asso")])
async def test_whoever_is_locked_out_has_not_even_a_line(api: Api, kind: str, value: str):
    her = (await ok(api, "GET", "devices/tgd-86-01"))["holder"]["id"]
    await ok(api, "POST", f"beneficiaries/{her}/conflicts", {"kind": kind, "value": value})
    member = await api.member("asso", "tgd-86-01", "tgd-86-02")
    _, found = await api.bare("GET", "people", headers=member)
    assert [one["device"] for one in found["items"]] == ["tgd-86-02"]


async def test_phones_are_lent_to_neighbours(api: Api):
    assert (await ok(api, "GET", "tribunals/poitiers/neighbours"))["items"] == []
    assert (await office(api, "GET", "tribunals/limoges/neighbours"))[0] == 404


async def test_the_pages_hold_nothing(api: Api):
    for path in ("/parquet", "/parquet/remise/1"):
        status, page = await api.bare("GET", path)
        assert status == 200
        assert b"tgd-86" not in page
