"""Looking a person up: exactly, by whoever may, never in an address, and always on the record."""

import pytest
from web.served import Api
from web.test_dossier_api import entries, her, mended
from web.test_register_api import PASSWORD, logged_in, ok, refused

from tgd.platform.persons import name_digest
from tgd.seal import Sealer
from tgd.sim import digest
from tgd.store import search

NUMBER = "+33639980001"
ZOE = {"name": "Zoé-Maëlle d'Essai Fictive"}


async def look(api: Api, **said: str) -> list[dict]:
    return (await ok(api, "POST", "beneficiaries/search", said))["items"]


@pytest.mark.parametrize(
    "written",
    ["Zoé-Maëlle d'Essai Fictive", "fictive zoe maelle d essai", "ZOÉ  MAËLLE D’ESSAI FICTIVE"],
)
async def test_a_person_is_found_however_her_name_is_written(api: Api, written: str):
    who = await her(api)
    await mended(api, who, file=ZOE)
    (found,) = await look(api, name=written)
    assert (found["id"], found["device"], found["status"]) == (who, "tgd-86-01", "handed_over")
    assert found["initials"] == "Z.M.D."
    assert (found["label"], found["request"]) == ("Bénéficiaire 86-01", None)
    (entry,) = await entries(api, "person_searched")
    assert (entry["actor"], entry["details"]) == ("parquet-1", {"by": "name", "found": 1})
    (hers,) = await entries(api, "person_found")
    assert str(hers["assignment_id"]) == found["assignment"]
    assert "zo" not in repr(await api.rows("SELECT details FROM journal")).lower()


@pytest.mark.parametrize("other", ["Zoé", "Zoé Fictive", "Zoé-Maëlle d'Essai Fictives", "'- "])
async def test_nothing_but_the_whole_name_finds_her_and_that_is_on_record_too(api: Api, other: str):
    await mended(api, await her(api), file=ZOE)
    assert await look(api, name=other) == []
    (entry,) = await entries(api, "person_searched")
    assert entry["details"] == {"by": "name", "found": 0}


async def test_by_the_number_of_the_phone_that_she_has(api: Api):
    who = await her(api, "tgd-86-02")
    await ok(api, "POST", "devices", {"id": "tgd-86-02", "msisdn": NUMBER})
    (found,) = await look(api, number="+33 6 39 98 00 01")
    assert found["id"] == who
    sealer = Sealer(api.config.secret_key)
    async with api.database.connection() as connection:
        assert await search.phone(connection, digest(sealer, NUMBER)) == "tgd-86-02"
        assert await search.phone(connection, digest(sealer, NUMBER + "2")) is None
    # Its alert tells whoever must call it the number, which is nowhere in clear.
    alert = (await api.press("tgd-86-02"))["alert"]
    assert (await api.alert(alert))["number"] == NUMBER
    assert (await api.rows("SELECT number FROM device WHERE id = 'tgd-86-02'"))[0]["number"] is None


async def test_of_another_tribunal_nobody_is_found(api: Api):
    await mended(api, await her(api), file=ZOE)
    await api.rows("INSERT INTO tribunal (id, name) VALUES ('niort', 'Tribunal de Niort')")
    for account, tribunal, count in (("parquet79", "niort", 0), ("parquet86", "poitiers", 1)):
        await api.account(account, PASSWORD, "prosecutor", tribunal_id=tribunal)
        who = await logged_in(api, account)
        found = await api.bare("POST", "beneficiaries/search", headers=who, json=ZOE)
        assert (found[0], len(found[1]["items"])) == (200, count)


async def test_who_must_not_know_of_her_finds_nobody_and_rings_an_alarm(api: Api):
    who = await her(api)
    await mended(api, who, file=ZOE)
    locked = {"kind": "account", "value": "parquet-1"}
    await ok(api, "POST", f"beneficiaries/{who}/conflicts", locked, name="parquet-2")
    api.clock.set_on(120)
    assert await look(api, name=ZOE["name"]) == []
    (entry,) = await entries(api, "person_searched")
    assert entry["details"]["found"] == 0
    assert await entries(api, "person_found") == []
    assert len(await entries(api, "locked_lookup")) == 1


@pytest.mark.parametrize("said", [{}, {"name": "a", "number": "b"}])
async def test_one_thing_is_asked_for(api: Api, said: dict):
    assert await refused(api, "beneficiaries/search", said) == (422, "name")


async def test_a_label_is_no_part_of_a_name(api: Api):
    said = {"beneficiary": {**ZOE, "label": "Dossier de Zoé"}}
    assert await refused(api, "requests", said) == (422, "beneficiary.label")


def test_the_hash_is_of_nobody_s_without_the_secret():
    one, other = Sealer("11" * 32), Sealer("22" * 32)
    assert name_digest(one, ZOE["name"]) != name_digest(other, ZOE["name"])
    assert name_digest(one, "--") is None
