"""A room's message names the address of its sheet, and what opens there is its case, as of now."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from ground import CORG, CORG_ADDRESS, entry, put_rooms
from world import ADDRESS, BY_HAND, PLACE, ROOM, World

PUBLIC = "https://tgd.example"
pytestmark = pytest.mark.settings(behaviour=BY_HAND, public_url=PUBLIC)


async def opened(world: World, uri: str) -> tuple[int, str]:
    assert uri.startswith(f"{PUBLIC}/fiche/")
    async with world.http.get(world.base + urlsplit(uri).path) as response:
        return response.status, await response.text()


def address_in(told) -> str:
    [attached] = told.case.alert.attachments
    assert any(attached.uri in line for line in told.case.lines)
    return attached.uri


async def test_each_message_names_the_one_address_and_it_opens_the_case_as_of_now(world: World):
    phone = world.phone()
    press = await phone.press(loc=PLACE)
    await world.operator().decides(press.alert, "police")
    report = await world.room.expects("Report", alert=press.alert)
    status, page = await opened(world, address_in(report))
    assert status == 200
    assert "1 appui" in page
    await world.room.says(report, "CONSULTE")
    await phone.press()
    further = await world.room.expects("Update", alert=press.alert)
    assert address_in(further) == address_in(report)
    status, page = await opened(world, address_in(report))
    assert status == 200
    assert "2 appuis" in page
    assert "nouvel appui" in page
    [told] = (await world.operator().reads(press.alert))["dispatches"]
    assert told["acknowledged_at"] is None  # since the further press; opening changes nothing
    await world.room.says(further, "CONSULTE")
    kinds = [one["kind"] for one in await world.operator().journal(press.alert)]
    assert kinds.count("sheet_opened") == 2


async def test_a_neighbour_has_an_address_of_its_own_and_the_minimum_behind_it(world: World):
    first = replace(entry(world, ROOM, ADDRESS), neighbour=CORG)
    await put_rooms(world, first, entry(world, CORG, CORG_ADDRESS))
    press = await world.phone().press(loc=PLACE)
    await world.operator().decides(press.alert, "police")
    report = await world.room.expects("Report", alert=press.alert)
    world.room.forgives()
    await world.advance(61)
    await world.until(lambda: any(t.room == CORG_ADDRESS for t in world.room.told), "no neighbour")
    theirs = next(one for one in world.room.told if one.room == CORG_ADDRESS)
    assert address_in(theirs) != address_in(report)
    _, own_page = await opened(world, address_in(report))
    _, page = await opened(world, address_in(theirs))
    assert "Bénéficiaire 86-01" in own_page
    assert "Bénéficiaire 86-01" not in page
    assert CORG in page  # its name here; an address is nothing for people
    assert CORG_ADDRESS not in page
