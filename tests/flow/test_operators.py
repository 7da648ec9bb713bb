"""Who is there, and how an alert passes from one to another: it is never nobody's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from world import WITHIN_S, Operator, World

from tgd.clock import Clock
from tgd.platform import persons
from tgd.platform.persons import Aggressor, Child, Dangers, PersonFile

FILE = PersonFile(
    name="Bénéficiaire 86-01",
    languages=("français", "lingala"),
    children=(Child("Enfant fictif", note="dort dans la chambre du fond"),),
    aggressor=Aggressor("Auteur fictif", vehicle="fourgon blanc"),
    dangers=Dangers(weapons="fusil de chasse", access="digicode inventé 0000"),
)


@asynccontextmanager
async def connected(operator: Operator) -> AsyncIterator[None]:
    """The operator's screen is on for the block."""
    world = operator.world
    token = await world.token(operator.role, operator.name)
    headers = {"Authorization": f"Bearer {token}"}
    async with world.http.get(f"{world.base}/api/v1/stream", headers=headers) as stream:
        await stream.content.readline()
        yield


async def does(operator: Operator, alert: str, act: str, status: int = 200, **body: object) -> Any:
    return await operator.does(alert, act, body, status)


async def states(operator: Operator) -> dict[str, str]:
    found = await operator.call("GET", "presence", None, 200)
    return {one["name"]: one["state"] for one in found["items"]}


async def become(operator: Operator, expected: dict[str, str]) -> None:
    """Wait until this is who is there: screens are noted by the clock, a little after it."""
    async with asyncio.timeout(WITHIN_S):
        while not expected.items() <= (await states(operator)).items():
            operator.world.clock.set_on(0.05)


def doubt(alert: dict[str, Any]) -> str:
    (due,) = [one["due_at"] for one in alert["deadlines"] if one["name"] == "doubt"]
    return due


async def test_an_alert_whose_holder_is_gone_is_everybody_s(world: World) -> None:
    first, second = world.operator("one"), world.operator("two")
    press = await world.phone().press()
    async with connected(first):
        before = await first.answers(press.alert)
        await world.advance(7)
        assert (await second.reads(press.alert))["released_at"] is None
        await second.answers(press.alert, 409)
    await world.advance(12)
    alert = await second.reads(press.alert)
    assert (alert["rings"], alert["answered_by"]) == ("everyone", "one")
    assert alert["released_at"]
    assert "holder_gone" in [entry["kind"] for entry in await second.journal(press.alert)]
    after = await second.answers(press.alert)
    assert (after["answered_by"], after["released_at"]) == ("two", None)
    assert doubt(after) == doubt(before)  # a second operator has no second minute
    await first.answers(press.alert, 409)


async def test_a_program_that_never_listened_is_not_missed(world: World) -> None:
    operator = world.operator("program")
    press = await world.phone().press()
    await operator.answers(press.alert)
    await world.advance(15)
    assert (await operator.reads(press.alert))["released_at"] is None


async def test_what_is_given_back_rings_everyone_and_is_forwarded_all_the_same(
    world: World,
) -> None:
    operator, other = world.operator("one"), world.operator("two")
    press = await world.phone().press()
    await operator.answers(press.alert)
    await does(other, press.alert, "release", 409, reason="pas à moi")
    alert = await does(operator, press.alert, "release", reason="fin de poste")
    assert (alert["rings"], alert["status"]) == ("everyone", "answered")
    await does(operator, press.alert, "release", reason="encore")  # already
    await world.advance(31)
    assert (await operator.reads(press.alert))["verdict"] == "forwarded"
    await world.room.expects("Report")
    # Whoever acts on it has it.
    await does(other, press.alert, "voice", **{"with": "child"})
    assert (await other.reads(press.alert))["answered_by"] == "two"


async def test_an_offer_leaves_it_where_it_is_until_the_other_answers(world: World) -> None:
    one, two, three = (world.operator(name) for name in ("one", "two", "three"))
    press = await world.phone().press()
    await one.answers(press.alert)
    await does(one, press.alert, "offer", 409, to="two")  # not there
    async with connected(two), connected(three):
        await does(three, press.alert, "offer", 409, to="two")  # not three's to offer
        alert = await does(one, press.alert, "offer", to="two", note="elle ne parle que lingala")
        assert (alert["answered_by"], alert["offered_to"]) == ("one", "two")
        await three.answers(press.alert, 409)
        await one.hears(press.alert, "child")  # still one's
        alert = await two.answers(press.alert)
        assert (alert["answered_by"], alert["offered_to"]) == ("two", None)
        await one.answers(press.alert, 409)
        supervisor = world.operator("chief", "supervisor")
        alert = await does(supervisor, press.alert, "offer", to="chief")
        assert alert["answered_by"] == "chief"


async def test_a_shift_ends_and_everything_is_offered(world: World) -> None:
    one, two = world.operator("one"), world.operator("two")
    alerts = []
    for number in (1, 2, 3):
        alerts.append((await world.phone(f"tgd-86-0{number}").press()).alert)
        await one.answers(alerts[-1])
    async with connected(two):
        told = await one.call("POST", "handover", {"to": "two", "note": "relève de 6 h"}, 200)
        assert sorted(told["offered"]) == sorted(alerts)
        for alert in alerts:
            assert (await two.answers(alert))["answered_by"] == "two"
        assert (await states(one))["two"] == "busy"
    assert (await one.call("POST", "handover", {"to": "one", "note": "rien"}, 200))["offered"] == []


async def test_presence_says_who_is_there(world: World) -> None:
    one, two = world.operator("one"), world.operator("two")
    async with connected(one):
        async with connected(two):
            assert await states(one) == {"one": "available", "two": "available"}
            await two.call("POST", "presence", {"state": "away"}, 200)
            assert (await states(one))["two"] == "away"
            await two.call("POST", "presence", {"state": "asleep"}, 422)
        await world.advance(12)
        await become(one, {"two": "away"})
        async with connected(two):  # back after an absence: there to be rung
            await become(one, {"two": "available"})
    await world.advance(12)
    await world.until(lambda: available(world) == 0)


def available(world: World) -> float:
    world.clock.set_on(0.05)  # slower than a screen is noted
    return world.app.metrics.operators_available["first"]._value.get()


async def test_where_nobody_of_the_first_group_is_there_the_second_is_rung_at_once(
    world: World,
) -> None:
    await world.owner(
        "INSERT INTO account (username, password_hash, role, created_at, ring_group, site)"
        " VALUES ('mirror', 'x', 'operator', now(), 'second', 'Site miroir')"
    )
    mirror = world.operator("mirror")
    async with connected(mirror):
        (there,) = (await mirror.call("GET", "presence", None, 200))["items"]
        assert (there["group"], there["site"]) == ("second", "Site miroir")
        press = await world.phone().press()
        await world.advance(1.5)
        await world.until_sql("SELECT rings = 'everyone' FROM alert")
        rang = [e for e in await mirror.journal(press.alert) if e["kind"] == "rang_everyone"]
        assert rang[0]["details"] == {"why": "nobody_there"}


async def holder(world: World, device: str) -> Any:
    return await world.value(
        f"SELECT beneficiary_id FROM assignment WHERE device_id = '{device}'"  # noqa: S608  ours
    )


async def test_alerts_of_linked_persons_name_each_other(world: World) -> None:
    mother, child = await holder(world, "tgd-86-01"), await holder(world, "tgd-86-02")
    await world.owner(
        f"INSERT INTO linked_person VALUES ('{mother}', '{child}'), ('{child}', '{mother}')"  # noqa: S608  ours
    )
    operator = world.operator()
    first = await world.phone("tgd-86-01").press()
    assert (await operator.reads(first.alert))["linked"] == []
    second = await world.phone("tgd-86-02").press()
    assert (await operator.reads(first.alert))["linked"] == [second.alert]
    assert (await operator.reads(second.alert))["linked"] == [first.alert]
    await operator.hears(first.alert, "holder")
    await operator.decides(first.alert, "test")  # touches the other in no way
    alert = await operator.reads(second.alert)
    assert (alert["status"], alert["linked"]) == ("ringing", [])


async def test_the_person_s_file_is_read_during_the_alert_and_leaves_a_trace(
    world: World,
) -> None:
    operator = world.operator("one")
    async with world.database.transaction() as transaction:
        person = await holder(world, "tgd-86-01")
        await persons.put(transaction, world.app.sealer, person, FILE, Clock())
    press = await world.phone().press()
    told = (await operator.call("GET", f"alerts/{press.alert}/person", None, 200))["file"]
    assert told["aggressor"]["vehicle"] == "fourgon blanc"
    assert told["children"][0]["note"] == "dort dans la chambre du fond"
    entries = await operator.journal(press.alert)
    assert [entry["actor"] for entry in entries if entry["kind"] == "file_read"] == ["one"]
    assert "fictif" not in str(entries)
    other = await world.phone("tgd-86-02").press()
    assert await operator.call("GET", f"alerts/{other.alert}/person", None, 200) == {
        "file": None,
        "unknown": "no_file",
    }
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "no_danger")
    closed = await operator.call("GET", f"alerts/{press.alert}/person", None, 200)
    assert closed == {"file": None, "unknown": "alert_closed"}
    await world.operator("auditor", "auditor").call(
        "GET", f"alerts/{other.alert}/person", None, 403
    )
