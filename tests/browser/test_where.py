"""Where the phone is, as an operator sees it: sure of what, how old, beside what, for how long.

The whole server with broker, phones and a room that a test conducts; the clock is ours, so that
nothing ages but where a test says so. Every place, address and territory is invented.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser.furnished import DOOR, furnish
from browser.pages import log_in, opened
from playwright.async_api import Browser, Page, expect
from world import PLACE, World, worlds

pytestmark = pytest.mark.needs_chromium

CELL = {"lat": 46.62, "lon": 0.36, "acc": 2500.0, "pm": "C"}


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database, tmp_path) as world:
        await furnish(world)
        world.room.forgives()  # what the rooms are told is another test's matter
        yield world


@pytest.fixture
async def page(browser: Browser, world: World) -> AsyncIterator[Page]:
    async with opened(browser, world.base) as page:
        await log_in(page)
        yield page


async def test_a_position_is_told_with_what_is_known_of_it(world: World, page: Page, shots):
    await world.phone().press(loc=PLACE | {"vel": 5.0, "cog": 40.0})
    said = page.locator("#a-position")
    await expect(said).to_contain_text("Téléphone dans un rayon de 20 m (sûr à 95 %)")
    await expect(said).to_contain_text("relevé il y a 0 s (10:00:00), par satellites")
    await expect(said).to_contain_text("↗ se déplace vers le nord-est, 5 km/h")
    await expect(said).to_contain_text(DOOR.label)
    await expect(said).to_contain_text("46,58020 ; 0,34040")
    await expect(page.locator("#w-doubts")).to_be_hidden()
    known = page.locator("#w-places-list li")
    await expect(known).to_have_count(2)
    await expect(known.first).to_contain_text("à 78 m")
    await expect(known.first).to_contain_text("Accès : portail bleu")
    await expect(known.last).to_have_class("his")
    await expect(known.last).to_contain_text("ADRESSE DE L'AUTEUR")
    await expect(page.locator("#w-others summary")).to_contain_text("hors du cercle (1)")
    await expect(page.locator("#w-rooms-list")).to_contain_text("CIC de la Vienne — compétente ici")
    await expect(page.locator("#w-rooms-list .big")).to_have_text("100 %")
    await expect(page.locator("#w-live summary")).to_contain_text("jusqu'à 12:00:00")
    for drawn in ("disc", "here", "travel", "place.his", "bar", "north"):
        await expect(page.locator(f"#plan .{drawn}")).to_have_count(1)
    await shots("1-french")
    await page.locator("#language").click()
    await expect(said).to_contain_text("Phone within 20 m (95 % sure)")
    await expect(page.locator("#w-rooms-list")).to_contain_text("competent here")
    await expect(known.last).to_contain_text("AGGRESSOR'S ADDRESS")
    await shots("2-english")


async def test_a_wide_old_position_says_its_doubts_and_both_rooms(world: World, page: Page, shots):
    await world.phone().press(loc=CELL)
    await expect(page.locator("#where")).to_have_class(re.compile("wide"))
    await expect(page.locator("#w-doubts")).to_contain_text("Position très large")
    await expect(page.locator("#w-rooms-list li")).to_have_count(2)
    await expect(page.locator("#plan .travel")).to_have_count(0)
    said = page.locator("#a-position .within")
    first = await said.inner_text()
    await world.operator().answers((await world.operator().list())[0]["id"])
    world.clock.set_on(90)
    await expect(page.locator("#a-position .age")).to_contain_text("il y a 1 min 30 s")
    await expect(page.locator("#where")).to_have_class(re.compile("old"))
    await expect(page.locator("#w-doubts")).to_contain_text("plus d'une minute")
    await expect(said).not_to_have_text(first)
    await shots("1-old")


async def test_a_live_position_moves_what_is_shown(world: World, page: Page, shots):
    phone = world.phone()
    await phone.press(loc=PLACE)
    await expect(page.locator("#a-position")).to_contain_text("46,58020")
    await page.locator("#w-trail summary").click()
    await expect(page.locator("#w-trail li")).to_have_count(1)
    for n in range(1, 4):
        world.clock.set_on(10)
        phone.position(lat=PLACE["lat"] - n * 0.0012, vel=48.0, cog=180.0)
        await expect(page.locator("#w-trail li")).to_have_count(n + 1)
    await expect(page.locator("#a-position")).to_contain_text("46,57660")
    await expect(page.locator("#a-position")).to_contain_text("↓ se déplace vers le sud, 48 km/h")
    await expect(page.locator("#plan .fix")).to_have_count(4)
    await expect(page.locator("#w-trail")).to_have_attribute("open", "")
    await shots("1-moving")


async def test_without_consent_the_declared_places_stand_instead(world: World, page: Page, shots):
    await world.phone("tgd-86-08").press(loc=PLACE)
    await expect(page.locator("#a-position")).to_contain_text("Position inconnue")
    await expect(page.locator("#a-position")).to_contain_text("n'a pas consenti")
    await expect(page.locator("#w-plan")).to_be_hidden()
    await expect(page.locator("#w-live")).to_be_hidden()
    await expect(page.locator("#w-places-title")).to_have_text("Lieux déclarés")
    await expect(page.locator("#w-places-list li")).to_have_count(3)
    await expect(page.locator("#w-rooms-list")).to_contain_text("compétente pour un lieu déclaré")
    assert "46,58" not in await page.locator("#alert").inner_text()
    await shots("1-refused")


async def test_none_yet_is_said_with_the_reason(world: World, page: Page):
    await world.phone("tgd-86-02").press()
    await expect(page.locator("#a-position")).to_contain_text("Elle lui est demandée.")
    await expect(page.locator("#w-places-list")).to_contain_text("Aucun lieu déclaré.")
    await expect(page.locator("#w-rooms-list")).to_contain_text("par défaut : ni position")


async def test_a_withdrawal_takes_two_steps_and_the_holder_s_voice(world: World, page: Page, shots):
    press = await world.phone().press(loc=PLACE)
    await expect(page.locator("#w-verify")).to_be_hidden()
    await world.owner(
        "INSERT INTO consent (assignment_id, kind, given, at, recorded_by) "
        "SELECT id, 'location', false, now(), 'test' FROM assignment WHERE device_id = 'tgd-86-01'"
    )
    await expect(page.get_by_text("Consentement retiré : à vérifier.")).to_be_visible()
    await expect(page.locator("#a-position")).to_contain_text("46,58020")  # until it is verified
    await shots("1-to-verify")
    await page.locator("#w-verify-do").click()
    await expect(page.locator("#withdraw-reason")).to_be_focused()
    await expect(page.locator("#withdraw-warning")).to_contain_text("effacées tout de suite")
    await expect(page.locator("#withdraw-do")).to_be_disabled()
    await expect(page.locator("#withdraw-not")).not_to_be_empty()
    await page.keyboard.press("Escape")
    await expect(page.locator("#withdraw-form")).to_be_hidden()
    await page.locator("[data-act=voice][data-value=holder]").click()
    await page.locator("#withdraw").click()
    await expect(page.locator("#withdraw-do")).to_be_enabled()
    await shots("2-warning")
    await page.locator("#withdraw-do").click()  # a reason is asked for
    await expect(page.locator("#withdraw-form")).to_be_visible()
    await page.keyboard.type("elle l'a demandé seule, voix calme")
    await page.locator("#withdraw-do").click()
    await expect(page.locator("#a-position")).to_contain_text("a retiré son consentement")
    await expect(page.locator("#w-live")).to_be_hidden()
    await expect(page.locator("#w-verify")).to_be_hidden()
    await shots("3-withdrawn")
    assert await world.value("SELECT count(*) FROM position") == 0
    kinds = [entry["kind"] for entry in await world.operator().journal(press.alert)]
    assert "consent_withdrawn" in kinds


async def test_the_keyboard_suffices(world: World, page: Page):
    press = await world.phone().press(loc=PLACE)
    await expect(page.locator("#w-live")).to_be_visible()
    await page.locator("#answer").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#a-facts")).to_contain_text("prise par operateur-1")
    await tab_to(page, "#w-trail summary")
    await page.keyboard.press("Enter")
    await expect(page.locator("#w-trail li")).to_be_visible()
    await tab_to(page, "#w-live summary")
    await page.keyboard.press("Enter")
    await tab_to(page, "#follow-form [name=reason]")
    await page.keyboard.type("la patrouille la cherche")
    world.clock.set_on(3)
    await page.keyboard.press("Enter")
    await expect(page.locator("#news")).to_have_text("Le suivi est prolongé.")
    await expect(page.locator("#w-live summary")).to_contain_text("jusqu'à 12:00:03")
    await tab_to(page, "#withdraw")
    await page.keyboard.press("Enter")
    await expect(page.locator("#withdraw-reason")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#withdraw")).to_be_focused()
    kinds = [entry["kind"] for entry in await world.operator().journal(press.alert)]
    assert "follow_extended" in kinds


async def tab_to(page: Page, selector: str) -> None:
    wanted = page.locator(selector)
    for _ in range(40):
        if await wanted.evaluate("one => one === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    pytest.fail(f"the Tab key does not lead to {selector}")


async def test_another_alert_shows_nothing_of_the_former(world: World, page: Page):
    await world.phone().press(loc=PLACE)
    await expect(page.locator("#w-places-list li")).to_have_count(2)
    await page.locator("#w-trail summary").click()
    await world.phone("tgd-86-02").press(loc=CELL)
    await page.locator("#queue button", has_text="86-02").click()
    await expect(page.locator("#a-position")).to_contain_text("46,62000")
    await expect(page.locator("#w-places-list")).not_to_contain_text("Domicile fictif")
    assert not await page.locator("#w-trail").get_attribute("open")


async def test_a_position_that_is_not_read_again_is_shown_as_stale(world: World, page: Page, shots):
    await world.phone().press(loc=PLACE)
    await expect(page.locator("#a-position")).to_contain_text("46,58020")
    await page.route("**/whereabouts", lambda route: route.abort())
    await expect(page.locator("#w-unread")).to_contain_text("Position non relue depuis")
    await expect(page.locator("#lost")).to_be_hidden()  # the alerts are still read
    await shots("1-unread")
    await page.unroute_all(behavior="wait")
    await expect(page.locator("#w-unread")).to_be_hidden()


async def test_what_is_copied_is_not_taken_away_by_the_second(world: World, page: Page):
    await world.phone().press(loc=PLACE)
    await expect(page.locator("#a-position")).to_contain_text("rue de l'Exemple")  # all is read
    await page.locator("#a-position .degrees b").click()
    chosen = "getSelection().toString()"
    assert await page.evaluate(chosen) == "46,58020 ; 0,34040"
    world.clock.set_on(3)
    await expect(page.locator("#a-position .age")).to_contain_text("il y a 3 s")
    assert await page.evaluate(chosen) == "46,58020 ; 0,34040"
