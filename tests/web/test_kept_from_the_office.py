"""A magistrate or clerk who is locked out of a person's file learns nothing of her either."""

from typing import Any

import pytest
from test_kept_from_readers import HERS, lock, person
from test_register_api import HER, PASSWORD, freed
from web.served import Api

CLERK = {"role": "prosecutor", "name": "parquet-9"}
FREE = {"role": "prosecutor", "name": "parquet-1"}
ADMIN = {"role": "admin", "name": "admin-1"}


async def said(api: Api, method: str, path: str, body: Any = None, **who: str) -> dict:
    status, found = await api.call(method, path, json=body, **(who or FREE))
    assert status in {200, 201}, found
    return found


async def pages(api: Api, path: str, **who: str) -> list[dict]:
    """Every page of a list, one thing on each."""
    found, cursor = [], ""
    while True:
        told = await said(api, "GET", f"{path}limit=1{cursor}", **who)
        found.append(told)
        if told["next"] is None:
            return found
        cursor = f"&cursor={told['next']}"


# ── Lists page by those whom their reader may know of ───────────────────────────────────


@pytest.mark.parametrize("path", ["devices?", "assignments?", "requests?status=all&"])
async def test_no_page_stands_for_her(api: Api, path: str) -> None:
    for device in (HERS, "tgd-86-04"):
        body = {"beneficiary": {"id": await person(api, device)}}
        await said(api, "POST", "requests", body)
    before = await pages(api, path, **CLERK)
    await lock(api, "account", "parquet-9")
    after = await pages(api, path, **CLERK)
    assert [len(one["items"]) for one in after] == [1] * (len(before) - 1)
    assert len(await pages(api, path, **FREE)) == len(before)


async def test_nor_is_her_phone_nor_her_place_counted(api: Api) -> None:
    """She is the first of three on the waiting list, and has a phone."""
    for device in (HERS, "tgd-86-04", "tgd-86-05"):
        await said(api, "POST", "requests", {"beneficiary": {"id": await person(api, device)}})
        api.clock.set_on(1)
    await lock(api, "account", "parquet-9")

    async def told(**who: str) -> tuple[int, int, list[int]]:
        [tribunal] = (await said(api, "GET", "tribunals", **who))["items"]
        waiting = (await said(api, "GET", "requests", **who))["items"]
        return tribunal["out"], tribunal["waiting"], [one["place"] for one in waiting]

    assert await told(**FREE) == (8, 3, [1, 2, 3])
    assert await told(**CLERK) == (7, 2, [1, 2])
    body = {"beneficiary": {"name": "Une autre"}}
    status, problem = await api.call("POST", "assignments", json=body, **CLERK)
    assert (status, problem["request"]["place"]) == (409, 3)


async def test_a_phone_that_waits_for_her_is_not_shown(api: Api) -> None:
    who = await person(api)
    await freed(api)
    body = {"beneficiary": who, "kind": "release", "at": "2030-02-01T08:00:00Z"}
    assert (await said(api, "POST", "releases", body))["device"] == HERS
    await lock(api, "account", "parquet-9", "tgd-86-01")
    ids = [one["id"] for one in (await said(api, "GET", "devices", **CLERK))["items"]]
    assert HERS not in ids
    assert len(ids) == 7


async def test_who_is_linked_to_another_of_hers_is_not_named_by_her(api: Api) -> None:
    """A mother, her child, the child's friend: the lock on the mother is the child's as well."""
    mother, child, friend = [await person(api, f"tgd-86-0{n}") for n in (1, 2, 3)]
    for one, other in ((mother, child), (child, friend)):
        await said(api, "POST", f"beneficiaries/{one}/file", {"linked": [other]})
    await said(api, "POST", f"beneficiaries/{child}/file", {"linked": [mother, friend]})
    await lock(api, "account", "parquet-9")
    held = (await said(api, "GET", "devices/tgd-86-03", **CLERK))["assignment"]
    shown = {}
    for who in (CLERK, FREE):
        one = await said(api, "GET", f"assignments/{held}", **who)
        listed = (await said(api, "GET", "assignments?device=tgd-86-03", **who))["items"]
        assert [row["linked"] for row in listed] == [one["linked"]]
        shown[who["name"]] = one["linked"]
    assert shown == {"parquet-9": [], "parquet-1": [child]}


# ── What a body names ───────────────────────────────────────────────────────────────────


async def test_a_body_that_names_her_says_what_one_that_names_nothing_does(api: Api) -> None:
    who = await person(api)
    held = (await said(api, "GET", f"devices/{HERS}"))["assignment"]
    asked = await said(api, "POST", "requests", {"beneficiary": {"id": who}})
    leave = {"beneficiary": who, "kind": "leave", "at": "2030-02-01T08:00:00Z"}
    await freed(api, "tgd-86-02")
    await lock(api, "account", "parquet-9")
    api.clock.set_on(120)
    nothing = "00000000-0000-4000-8000-000000000000"
    entries = "SELECT count(*) AS n FROM journal WHERE actor = 'parquet-9' AND kind <> $1"
    for path, body, never in (
        ("assignments", {"beneficiary": {"id": who}}, {"beneficiary": {"id": nothing}}),
        ("assignments", {"beneficiary_id": who}, {"beneficiary_id": nothing}),
        ("assignments", {"device": HERS, "beneficiary": HER}, {"device": "x", "beneficiary": HER}),
        ("assignments", {"replaces": held}, {"replaces": nothing}),
        ("assignments", {"request": asked["id"]}, {"request": nothing}),
        ("requests", {"beneficiary": {"id": who}}, {"beneficiary": {"id": nothing}}),
        ("releases", leave, leave | {"beneficiary": nothing}),
    ):
        found = await api.call("POST", path, json=body, **CLERK)
        assert found == await api.call("POST", path, json=never, **CLERK), path
        assert found[0] == 404, (path, body, found)
    [done] = await api.rows(entries, "locked_lookup")
    assert done["n"] == 0
    assert b'tgd_lookups_total{kind="locked"} 1.0' in api.metrics.render()


async def test_linking_to_her_is_linking_to_nobody(api: Api) -> None:
    hers, other = await person(api), await person(api, "tgd-86-04")
    await lock(api, "account", "parquet-9")
    api.clock.set_on(120)
    nobody, path = "00000000-0000-4000-8000-000000000000", f"beneficiaries/{other}/file"
    found = await api.call("POST", path, json={"linked": [hers]}, **CLERK)
    assert found == await api.call("POST", path, json={"linked": [nobody]}, **CLERK)
    assert found[0] == 422
    assert b'tgd_lookups_total{kind="locked"} 1.0' in api.metrics.render()


async def test_her_phone_is_not_entered_anew_by_who_may_not_know(api: Api) -> None:
    await lock(api, "account", "parquet-9")
    body = {"id": HERS, "label": "autre"}
    status, problem = await api.call("POST", "devices", json=body, **CLERK)
    assert (status, problem["code"]) == (404, "not_found")
    status, problem = await api.call("POST", "devices", json=body | {"new": True}, **CLERK)
    assert (status, problem["code"]) == (409, "device_known")
    assert (await said(api, "GET", f"devices/{HERS}"))["label"] == HERS


async def test_she_is_entrusted_to_nobody_by_who_may_not_know(api: Api) -> None:
    term = {"association": "Association fictive", "ends_at": "2031-01-01T00:00:00Z"}
    convention = (await said(api, "POST", "conventions", term))["id"]
    await api.account("asso-1", PASSWORD, "association", tribunal_id="poitiers")
    path = f"conventions/{convention}/clear"
    [clearance] = (await said(api, "POST", path, {"username": "asso-1"}))["clearances"]
    who = await person(api)
    await lock(api, "account", "parquet-9")
    path = f"clearances/{clearance['id']}/entrust"
    status, _ = await api.call("POST", path, json={"beneficiary": who}, **CLERK)
    assert status == 404
    [kept] = (await said(api, "GET", "conventions"))["items"]
    assert kept["clearances"][0]["people"] == []


# ── A lock that locks nobody ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "value"),
    [("institution", "police"), ("role", "policier"), ("room", "cic99"), ("account", " ")],
)
async def test_a_lock_that_would_lock_nobody_is_refused(api: Api, kind: str, value: str) -> None:
    path = f"beneficiaries/{await person(api)}/conflicts"
    status, problem = await api.call("POST", path, json={"kind": kind, "value": value}, **ADMIN)
    assert (status, problem["field"]) == (422, "value")


@pytest.mark.parametrize(
    ("kind", "value", "known"),
    [
        ("account", "Operateur-7", True),
        ("account", "operateur7", False),
        ("site", "niort", True),
        ("site", "niorts", False),
        ("role", "auditor", True),
    ],
)
async def test_a_name_that_nobody_has_is_kept_and_said(
    api: Api, kind: str, value: str, known: bool
) -> None:
    await api.account("operateur-7", PASSWORD)
    async with api.database.connection() as connection:
        await connection.execute("SET ROLE NONE")
        await connection.execute("UPDATE account SET site = 'Niort'")
        await connection.execute("SET ROLE tgd_app")
    path = f"beneficiaries/{await person(api)}/conflicts"
    found = await said(api, "POST", path, {"kind": kind, "value": value}, **ADMIN)
    assert found["items"] == [{"kind": kind, "value": value, "known": known}]


async def test_a_room_is_locked_by_the_name_that_people_know_it_by(api: Api) -> None:
    await api.rows("UPDATE room SET name = 'CIC de Poitiers' WHERE id = 'cic86'")
    path = f"beneficiaries/{await person(api)}/conflicts"
    for lifted, left in ((False, [{"kind": "room", "value": "cic86", "known": True}]), (True, [])):
        body = {"kind": "room", "value": "cic de poitiers", "lifted": lifted}
        assert (await said(api, "POST", path, body, **ADMIN))["items"] == left
