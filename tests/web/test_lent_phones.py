"""A phone on loan: whoever lends it learns nothing of who has it, and does nothing to her."""

from typing import Any

from test_kept_from_readers import HERS
from test_register_api import HER, PASSWORD, logged_in
from web.served import Api


async def lender_and_borrower(api: Api) -> list[dict]:
    """Log in a prosecutor of each of two tribunals of one court; return their headers."""
    await api.rows(
        "INSERT INTO tribunal VALUES ('niort', 'Tribunal fictif de Niort', 2, 0, 'poitiers')"
    )
    for name, tribunal in (("parquet86", "poitiers"), ("parquet79", "niort")):
        await api.account(name, PASSWORD, "prosecutor", tribunal_id=tribunal)
    return [await logged_in(api, name) for name in ("parquet86", "parquet79")]


async def test_who_lends_a_phone_learns_nothing_of_who_has_it(api: Api) -> None:
    here, there = await lender_and_borrower(api)

    async def call(method: str, path: str, who: dict, body: Any = None) -> tuple[int, Any]:
        return await api.bare(method, path, headers=who, json=body)

    _, phone = await call("GET", f"devices/{HERS}", here)
    one = phone["assignment"]
    await call("POST", f"assignments/{one}/revoke", here, {"reason": "her_wish"})
    await call("POST", f"assignments/{one}/return", here, {"wiped": True})
    assert (await call("POST", f"devices/{HERS}/loan", here, {"to": "niort"}))[0] == 200
    status, made = await call("POST", "assignments", there, {"beneficiary": HER})
    assert (status, made["device"]) == (201, HERS)
    hers, who = made["id"], made["beneficiary"]["id"]

    _, phone = await call("GET", f"devices/{HERS}", here)
    assert (phone["state"], phone["lent_to"]) == ("handed_over", "niort")
    assert (phone["holder"], phone["assignment"]) == (None, None)
    for method, path, body in (
        ("GET", f"assignments/{hers}", None),
        ("GET", f"assignments/{hers}/journal", None),
        ("GET", f"assignments/{hers}/handover-test", None),
        ("POST", f"assignments/{hers}/revoke", {"reason": "her_wish"}),
        ("GET", f"beneficiaries/{who}/file", None),
        ("POST", f"beneficiaries/{who}/file", {"listen": "none"}),
        ("GET", f"beneficiaries/{who}/conflicts", None),
    ):
        assert (await call(method, path, here, body))[0] == 404, path
        if method == "GET":
            assert (await call(method, path, there))[0] == 200, path
    listed = (await call("GET", "assignments?limit=500", here))[1]["items"]
    assert hers not in {row["id"] for row in listed}
    name = {"name": HER["name"]}
    assert (await call("POST", "beneficiaries/search", here, name))[1]["items"] == []
    assert len((await call("POST", "beneficiaries/search", there, name))[1]["items"]) == 1


async def test_what_was_done_with_a_lent_phone_stays_whose_it_was(api: Api) -> None:
    """Its alerts, what is kept of them, and the assignment, also once the phone is back."""
    here, there = await lender_and_borrower(api)

    async def call(path: str, who: dict, body: Any = None) -> tuple[int, Any]:
        return await api.bare("GET" if body is None else "POST", path, headers=who, json=body)

    _, phone = await call(f"devices/{HERS}", here)
    await call(f"assignments/{phone['assignment']}/revoke", here, {"reason": "her_wish"})
    await call(f"assignments/{phone['assignment']}/return", here, {"wiped": True})
    await call(f"devices/{HERS}/loan", here, {"to": "niort"})
    _, made = await call("assignments", there, {"beneficiary": HER})
    alert = (await api.press(HERS))["alert"]
    await api.act(alert, "decision", {"verdict": "police"})
    handed = {"room": "cic86", "call_taker": "Chef de salle", "reference": "2030-1"}
    await api.act(alert, "voice-handoff", handed)
    await api.act(alert, "close", {"outcome": "safe"})
    hold = {"hold": True, "reference": "PV 2030/1"}

    async def seen() -> None:
        for path in (f"alerts/{alert}/journal", f"alerts/{alert}/report"):
            assert (await call(path, here))[0] in {403, 404}, path
            assert (await call(path, there))[0] == 200, path
        listed = (await call("assignments?limit=500", here))[1]["items"]
        assert made["id"] not in {row["id"] for row in listed}
        assert (await call(f"assignments/{made['id']}", there))[0] == 200

    assert (await call("holds", here))[1]["items"] == []
    assert [one["alert"] for one in (await call("holds", there))[1]["items"]] == [alert]
    assert (await call(f"alerts/{alert}/hold", here, hold))[0] == 404
    await seen()
    assert (await call(f"assignments/{made['id']}/revoke", there, {"reason": "her_wish"}))[0] == 200
    assert (await call(f"assignments/{made['id']}/return", there, {"wiped": True}))[0] == 200
    assert (await call(f"devices/{HERS}/loan", here, {"to": None}))[0] == 200
    await seen()
    assert (await call(f"alerts/{alert}/hold", here, hold))[0] == 404
    assert (await call(f"alerts/{alert}/hold", there, hold))[0] == 200
