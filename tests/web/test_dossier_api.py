"""A person's file over HTTP: who reads which part of it, who mends it, and what is on record."""

import asyncio
from uuid import uuid4

import pytest
from web.served import Api
from web.test_register_api import office, ok

FILE = {
    "name": "Zoé Fictive",
    "born": "1990-01-02",
    "description": "manteau rouge",
    "languages": ["français", "español"],
    "health": "asthme",
    "contact": "par la voisine",
    "contact_hours": "le matin, jamais le soir",
    "evaluation": "danger grave et imminent",
    "children": [{"name": "Enfant fictif", "born": "2021", "note": "dort au fond"}],
    "aggressor": {"name": "Auteur fictif", "relation": "ancien conjoint", "vehicle": "fourgon"},
    "dangers": {"weapons": "fusil", "dog": "molosse", "access": "par la cour"},
}
HOME = {
    "kind": "home",
    "label": "Domicile",
    "lat": 46.58,
    "lon": 0.34,
    "approach": "portail",
    "access": {"floor": "3", "codes": ["1234A", "B5"]},
}
WORDS = ("Zoé", "manteau", "asthme", "voisine", "Auteur", "fusil", "Domicile", "mimosa", "grave")


async def her(api: Api, device: str = "tgd-86-01") -> str:
    return str((await ok(api, "GET", f"devices/{device}"))["holder"]["id"])


async def mended(api: Api, who: str, **said: object) -> dict:
    return await ok(api, "POST", f"beneficiaries/{who}/file", said)


async def entries(api: Api, kind: str) -> list:
    return await api.rows("SELECT * FROM journal WHERE kind = $1 ORDER BY no", kind)


async def test_the_office_writes_a_file_and_reads_it_whole(api: Api):
    who = await her(api)
    before = await ok(api, "GET", f"beneficiaries/{who}/file")
    assert (before["file"], before["unknown"], before["word_agreed"]) == (None, "no_file", False)
    other = await her(api, "tgd-86-02")
    said = {"file": FILE, "places": [HOME], "all_clear_word": "mimosa", "listen": "none"}
    found = await mended(api, who, **said, linked=[other], seen=None)
    assert {k: v for k, v in found["file"].items() if v} == {
        **FILE,
        "children": [FILE["children"][0]],
        "aggressor": {**FILE["aggressor"], "description": None},
        "dangers": {**FILE["dangers"], "other": None},
    }
    assert found["places"] == [{**HOME, "address": None, "radius_m": 100.0}]
    assert (found["word_agreed"], found["listen"]) == (True, "none")
    assert [one["id"] for one in found["linked"]] == [other]
    assert found["assignment"]["device"] == "tgd-86-01"
    assert found["consents"] == {"phone": None, "location": True, "audio": None}
    assert "mimosa" not in repr(found)
    back = await ok(api, "GET", f"beneficiaries/{other}/file")
    assert [one["id"] for one in back["linked"]] == [who]


async def test_what_is_not_said_stays_and_null_takes_away(api: Api):
    who = await her(api)
    await mended(api, who, file=FILE, places=[HOME], all_clear_word="mimosa")
    found = await mended(api, who, file={"health": None, "children": None, "contact": "par SMS"})
    assert (found["file"]["health"], found["file"]["children"]) == (None, [])
    assert (found["file"]["name"], found["file"]["contact"]) == (FILE["name"], "par SMS")
    assert (len(found["places"]), found["word_agreed"]) == (1, True)
    found = await mended(api, who, places=[], all_clear_word=None, file={"dangers": None})
    assert (found["places"], found["word_agreed"], found["file"]["dangers"]) == ([], False, None)


async def test_every_reading_and_mending_is_on_record_and_names_only_fields(api: Api):
    who = await her(api)
    await mended(api, who, file=FILE, places=[HOME], all_clear_word="mimosa")
    await ok(api, "GET", f"beneficiaries/{who}/file")
    read, change = await entries(api, "file_read"), await entries(api, "file_mended")
    assert [row["actor"] for row in read] == ["parquet-1", "parquet-1"]
    assert all(row["assignment_id"] is not None for row in read + change)
    assert change[0]["details"]["fields"] == [*FILE, "places", "all_clear_word"]
    everything = repr(await api.rows("SELECT * FROM journal"))
    assert [word for word in WORDS if word in everything] == []
    sealed = await api.rows("SELECT content FROM person_file")
    assert not any(word.encode() in row["content"] for row in sealed for word in WORDS)


async def test_what_a_request_says_of_somebody_known_is_on_record_too(api: Api):
    who = await her(api)
    said = {"id": who, "name": "Zoé Fictive", "health": "asthme", "all_clear_word": "mimosa"}
    await ok(api, "POST", "requests", {"beneficiary": said})
    [row] = await entries(api, "file_mended")
    assert row["details"]["fields"] == ["name", "health", "all_clear_word"]
    assert row["assignment_id"] is not None


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "file"),
        ({"file": "x"}, "file"),
        ({"file": {"nom": "x"}}, "file"),
        ({"file": {"name": " "}}, "file.name"),
        ({"file": {"name": None}}, "file.name"),
        ({"file": {"name": "Zoé", "children": [{"born": "2021"}]}}, "file.children[0].name"),
        ({"file": {"name": "Zoé", "dangers": {"dog": 3}}}, "file.dangers.dog"),
        ({"file": {"health": "asthme"}}, "file.name"),
        ({"places": [{**HOME, "lat": 91}]}, "places[0].lat"),
        ({"places": [HOME, {**HOME, "kind": "castle"}]}, "places[1].kind"),
        ({"places": [{**HOME, "lat": 0, "lon": 0}]}, "places[0].lat"),
        ({"places": "x"}, "places"),
        ({"listen": "loud"}, "listen"),
        ({"all_clear_word": ""}, "all_clear_word"),
        ({"linked": ["x"]}, "linked"),
        ({"linked": [str(uuid4())]}, "linked[0]"),
        ({"word": "mimosa"}, "body"),
        ({"seen": "yesterday", "listen": "none"}, "seen"),
    ],
)
async def test_what_is_wrong_is_named_and_changes_nothing(api: Api, said: dict, field: str):
    who = await her(api)
    status, found = await office(api, "POST", f"beneficiaries/{who}/file", said)
    assert (status, found["field"]) == (422, field)
    assert [word for word in WORDS if word in repr(found)] == []
    assert await entries(api, "file_mended") == []
    assert await api.rows("SELECT FROM person_file") == []


async def test_nobody_writes_over_what_somebody_else_has_written(api: Api):
    who = await her(api)
    first = await mended(api, who, file=FILE, seen=None)
    api.clock.set_on(5)
    await mended(api, who, file={"health": "aucun souci"}, seen=first["changed_at"])
    body = {"file": {"health": "asthme"}, "seen": first["changed_at"]}
    status, found = await office(api, "POST", f"beneficiaries/{who}/file", body)
    assert (status, found["code"]) == (409, "file_changed")
    assert (await ok(api, "GET", f"beneficiaries/{who}/file"))["file"]["health"] == "aucun souci"


async def test_two_who_mend_other_fields_at_once_lose_nothing(api: Api):
    who = await her(api)
    await mended(api, who, file=FILE)
    said = [{"health": "un"}, {"contact": "deux"}, {"description": "trois"}]
    await asyncio.gather(*(mended(api, who, file=one) for one in said))
    file = (await ok(api, "GET", f"beneficiaries/{who}/file"))["file"]
    assert (file["health"], file["contact"], file["description"]) == ("un", "deux", "trois")


async def test_operators_find_it_in_an_alert_but_for_the_evaluation(api: Api):
    who = await her(api)
    await mended(api, who, file=FILE)
    alert = (await api.press())["alert"]
    status, found = await api.call("GET", f"alerts/{alert}/person")
    assert (status, found["file"]["contact_hours"]) == (200, FILE["contact_hours"])
    assert "evaluation" not in found["file"]
    for role in ("operator", "supervisor", "admin", "auditor"):
        for method in ("GET", "POST"):
            status, _ = await api.call(method, f"beneficiaries/{who}/file", role=role, json={})
            assert status == 403


async def test_a_member_of_an_association_reads_hers_in_part_until_it_ends(api: Api):
    who, other = await her(api), await her(api, "tgd-86-02")
    await mended(api, who, file=FILE, places=[HOME], all_clear_word="mimosa")
    member = await api.member("asso", "tgd-86-01")
    path = f"beneficiaries/{who}/file"
    status, found = await api.bare("GET", path, headers=member)
    assert status == 200
    assert set(found["file"]) == {
        *("name", "born", "languages", "health", "contact", "contact_hours", "children"),
        "aggressor",
    }
    assert set(found["file"]["aggressor"]) == {"name", "relation"}
    assert not {"places", "word_agreed", "conflicts", "releases", "listen"} & set(found)
    assert (await api.bare("POST", path, headers=member, json={"listen": "none"}))[0] == 403
    unknown = [f"beneficiaries/{one}/file" for one in (other, uuid4(), "x")]
    for one in unknown:
        assert (await api.bare("GET", one, headers=member))[0] == 404
    assert (await api.call("GET", path, role="association", name="asso"))[0] == 404
    [convention] = (await ok(api, "GET", "conventions"))["items"]
    await ok(api, "POST", f"conventions/{convention['id']}/end")
    assert (await api.bare("GET", path, headers=member))[0] == 404
    assert [row["actor"] for row in await entries(api, "file_read")][1:] == ["asso"]


@pytest.mark.parametrize(("kind", "value"), [("account", "parquet-1"), ("role", "prosecutor")])
async def test_whom_her_file_locks_out_finds_nobody(api: Api, kind: str, value: str):
    who = await her(api)
    lock = {"kind": kind, "value": value}
    await ok(api, "POST", f"beneficiaries/{who}/conflicts", lock)
    for method in ("GET", "POST"):
        status, _ = await office(api, method, f"beneficiaries/{who}/file", {"listen": "none"})
        assert status == 404
    assert await entries(api, "file_mended") == []


async def test_a_link_to_somebody_who_is_kept_from_a_reader_stays_and_is_not_told(api: Api):
    who, child, other = [await her(api, f"tgd-86-0{n}") for n in (1, 2, 3)]
    lock = {"kind": "account", "value": "parquet-2"}
    await mended(api, who, linked=[child])
    await ok(api, "POST", f"beneficiaries/{child}/conflicts", lock)
    path = f"beneficiaries/{who}/file"
    assert (await office(api, "GET", path, name="parquet-2"))[0] == 404, "it is hers as well"
    await api.rows("DELETE FROM linked_person WHERE one = $1", child)
    api.clock.set_on(1)
    status, found = await office(api, "POST", path, {"linked": [other]}, name="parquet-2")
    assert (status, [one["id"] for one in found["linked"]]) == (200, [other])
    status, _ = await office(api, "POST", path, {"linked": [child]}, name="parquet-2")
    assert status == 422
    found = await ok(api, "GET", path)
    assert {one["id"] for one in found["linked"]} == {child, other}
