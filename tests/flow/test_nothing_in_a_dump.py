"""A dump of the database says nothing: no name, address, telephone number or word in clear.

The demo's files of persons and places are imported and its office is furnished, as the demo does
it; phones press, operators, rooms, prosecutors and an association write a name wherever a text can
be written. Then ``pg_dump`` is searched for every plain value, however it may be written there.
"""

from datetime import UTC, datetime
from importlib import resources
from typing import Any

import pytest
from commands import on
from dumps import ICCID, NUMBER, demo_values, dumped, forms, traces
from world import BY_HAND, PLACE, SECRET, ManualClock, World

from tgd.demo import magistrate
from tgd.demo.postgres import EmbeddedPostgres
from tgd.store import accounts

PASSWORD = "un mot de passe fictif"
NAME = "Zéphyrine Mirabelle-Essai"
STREET = "12 bis rue Inventée"
WORD = "tournesol argenté"
SAID = f"vue avec {NAME}, {STREET}, 06 39 98 00 01"
TYPED = (NAME, "Mirabelle", STREET, "Inventée", ICCID, WORD, "tournesol", SAID, PASSWORD)
# ── Everything that somebody writes ─────────────────────────────────────────────────────


async def the_demo(world: World) -> None:
    """Import what the demo imports, and furnish its office as it does."""
    run = on(world.url)
    settings = {"TGD_SECRET_KEY": SECRET, "TGD_KEY_DIR": str(world.config.key_dir)}
    for what in ("persons", "places"):
        with resources.as_file(resources.files("tgd.demo").joinpath(f"{what}.toml")) as file:
            done = await run(what, "import", str(file), **settings)
        assert done.code == 0, done.err
    async with world.database.transaction() as connection:
        for username, role in magistrate.PEOPLE.items():
            await accounts.add_account(
                connection,
                username=username,
                password=PASSWORD,
                role=role,
                now=world.clock.now(),
                tribunal_id="poitiers" if role == "prosecutor" else None,
            )
    await magistrate.furnish(world.base, PASSWORD)


class Office:
    """The prosecutor at the real API, who writes names wherever that is possible."""

    def __init__(self, world: World) -> None:
        self.who = world.operator("parquet-2", "admin")

    async def post(self, path: str, status: int = 200, **body: object) -> Any:
        return await self.who.call("POST", path, body, status)

    async def get(self, path: str) -> Any:
        return await self.who.call("GET", path, None, 200)


async def the_register(world: World) -> None:
    office = Office(world)
    await office.post(
        "devices", 201, id="spare-1", iccid=ICCID, msisdn=NUMBER, tribunal="poitiers", label="8"
    )
    await office.post("tribunals/poitiers", allocation=9)
    her = {
        "name": NAME,
        "description": SAID,
        "contact": SAID,
        "aggressor": {"name": NAME, "description": SAID},
        "children": [{"name": NAME, "note": SAID}],
        "all_clear_word": WORD,
    }
    order = {"reference": SAID}
    made = await office.post(
        "assignments", 201, beneficiary=her, order=order, note=SAID, tribunal="poitiers"
    )
    await office.post(f"assignments/{made['id']}/consents", consents={"location": True})
    asked = await office.post(
        "requests", 201, beneficiary=her, source="victim", tribunal="poitiers"
    )
    held = (await office.get("devices/tgd-86-04"))["assignment"]
    await office.post(f"assignments/{held}/revoke", reason=SAID)
    await office.post(f"assignments/{held}/return", note=SAID)
    return asked


async def an_alert(world: World) -> None:
    operator, supervisor = world.operator(), world.operator("superviseur-1", "supervisor")
    world.room.forgives()
    at = world.clock.now().timestamp()
    press = await world.phone().press(loc={**PLACE, "tst": at}, note=SAID)
    alert = press.alert
    await operator.answers(alert)
    await operator.hears(alert, "holder")
    await operator.does(alert, "notes", {"text": SAID}, 200)
    await operator.does(alert, "extend", {"reason": SAID}, 200)
    await operator.does(alert, "follow", {"reason": SAID}, 200)
    await operator.decides(alert, "police", note=SAID)
    report = await world.room.expects("Report", alert=alert)
    handed = {"room": "cic86", "call_taker": NAME, "reference": SAID}
    shown = await operator.does(alert, "voice-handoff", handed, 200)
    assert [shown["dispatches"][0][n] for n in ("acknowledged_by", "reference")] == [NAME, SAID]
    for step in ("RECU", "INTEGRE", "CONSULTE"):
        await world.room.says(report, step)
    await supervisor.does(alert, "eight-days", {"authorised_by": NAME}, 200)
    await world.app.forget.hold(
        (await world.rows("SELECT id FROM alert"))[0]["id"], "parquet", SAID
    )
    shown = await operator.does(alert, "close", {"outcome": f"confiée à {NAME}", "note": SAID}, 200)
    assert shown["outcome"] == f"confiée à {NAME}"
    again = await operator.does(alert, "close", {"outcome": f"confiée à {NAME}"}, 200)
    assert again["outcome"] == shown["outcome"]
    for call in (await operator.call("GET", "recontacts", None, 200))["items"]:
        assert call["outcome"] == "in_words"
        await operator.call("POST", f"recontacts/{call['id']}/done", {"note": SAID}, 200)
    terms = await supervisor.call("GET", f"alerts/{alert}/retention", None, 200)
    assert (terms["reference"], terms["eight_days_by"]) == (SAID, NAME)
    report = await supervisor.call("GET", f"alerts/{alert}/report", None, 200)
    assert report["outcome"] == f"confiée à {NAME}"
    assert report["dispatches"][0]["acknowledged_by"] == NAME
    assert report["positions"]["held_for"] == SAID
    await operator.call("GET", f"alerts/{alert}/person", None, 200)


async def another_alert(world: World) -> None:
    """A test with her word, a withdrawal, a release of the alert."""
    operator = world.operator()
    press = await world.phone("tgd-86-02").press(loc=PLACE)
    await operator.hears(press.alert, "holder")
    await operator.does(press.alert, "release", {"reason": SAID}, 200)
    await operator.answers(press.alert)
    await operator.hears(press.alert, "holder")
    await operator.does(press.alert, "withdraw-location", {"reason": SAID}, 200)
    await operator.decides(press.alert, "test", note=SAID, all_clear_word=WORD)


# ── The tests ───────────────────────────────────────────────────────────────────────────


def test_what_is_searched_for_is_found_where_it_is() -> None:
    """The search itself: it finds each form, so that to find nothing means something."""
    values = {NAME}
    for form in forms(NAME):
        assert traces(f"x{form}y", values), form
    assert traces("tel 06 39 98 00 01", set())
    assert traces("33639980001", set())
    assert not traces("nothing here", values | set(TYPED) | demo_values())
    assert len(demo_values()) > 60


@pytest.mark.settings(
    clock=ManualClock(datetime.now(UTC)),  # the demo's office goes by ours
    behaviour=BY_HAND,  # a person at the telephone is to be the first who takes it
)
async def test_a_dump_says_nothing(world: World, postgres: EmbeddedPostgres) -> None:
    await the_demo(world)
    await the_register(world)
    await an_alert(world)
    await another_alert(world)
    dump = await dumped(postgres, world.url)
    assert "tgd-86-01" in dump
    assert dump.count("sealed:") >= 5
    assert traces(dump, demo_values() | set(TYPED)) == []
