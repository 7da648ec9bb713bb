"""The demo's phones in a real browser: pressed, read, put out of reach and moved by a person."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser.pages import opened
from handheld import held
from playwright.async_api import Browser, Locator, Page, expect
from world import World, worlds

from tgd.demo.phones_page import PhonesPage

pytestmark = pytest.mark.needs_chromium


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database, tmp_path) as world:
        world.room.forgives()
        yield world


@pytest.fixture
async def served(world: World, tmp_path: Path) -> AsyncIterator[PhonesPage]:
    async with held(world, tmp_path, console=f"{world.base}/console") as page:
        yield page


@pytest.fixture
async def page(browser: Browser, served: PhonesPage) -> AsyncIterator[Page]:
    async with opened(browser, served.url) as page:
        await page.goto(served.url)
        await expect(page.locator(".card")).to_have_count(8)
        yield page


def card(page: Page, number: int) -> Locator:
    return page.locator(f".card[data-phone=tgd-86-0{number}]")


async def test_a_press_by_mouse_and_one_by_keyboard_become_alerts(world: World, page: Page, shots):
    await shots("1-at-first")
    await card(page, 1).locator(".press").click()
    await expect(card(page, 1).locator(".last")).to_contain_text("Accusé de réception à ")
    await expect(page.locator("#facts .receipt")).to_contain_text("(envoi n° 1)")
    await card(page, 2).locator(".press").focus()
    await page.keyboard.press("Space")
    await expect(card(page, 2).locator(".last")).to_contain_text("Accusé de réception à ")
    await expect(card(page, 3).locator(".last")).to_have_text("Aucun appui")
    alerts = await world.operator().list()
    assert {alert["device"] for alert in alerts} == {"tgd-86-01", "tgd-86-02"}
    await shots("2-pressed")


async def test_out_of_reach_the_phone_repeats_until_it_is_back(world: World, page: Page, shots):
    phone = card(page, 3)
    await phone.locator(".choose").click()
    await phone.locator(".network").click()
    await expect(phone.locator(".network")).to_have_attribute("aria-checked", "false")
    await phone.locator(".press").click()
    await expect(phone.locator(".last")).to_contain_text("Appui gardé, pas de réseau")
    await expect(page.locator("#facts .unsent")).not_to_have_count(1)  # it has tried again
    assert await world.operator().list() == []
    await shots("1-kept")
    await phone.locator(".network").click()
    await expect(phone.locator(".last")).to_contain_text("Accusé de réception à ")
    [alert] = await world.operator().list()
    assert alert["device"] == "tgd-86-03"


@pytest.mark.parametrize("by", ["pointer", "key"])
async def test_the_state_shows_at_her_discreet_gesture_only(
    world: World, page: Page, shots, by: str
):
    phone, operator = card(page, 4), world.operator()
    await phone.locator(".press").click()
    await expect(phone.locator(".last")).to_contain_text("Accusé de réception à ")
    [alert] = await operator.list()
    await operator.answers(alert["id"])
    await phone.locator(".choose").click()
    await expect(page.locator("#facts .state").first).to_contain_text("Frémit")
    await expect(phone.locator(".screen")).to_be_empty()
    assert "écoute" not in await page.content()

    await phone.locator(".side").hover()
    await phone.locator(".side").focus()
    await (page.mouse.down() if by == "pointer" else page.keyboard.down("Space"))
    await expect(phone.locator(".screen")).to_have_text("Un opérateur vous écoute")
    await shots("1-read")
    await operator.decides(alert["id"], "police")
    await expect(phone.locator(".screen")).to_have_text(re.compile("Police prévenue|répondu"))
    await (page.mouse.up() if by == "pointer" else page.keyboard.up("Space"))
    await expect(phone.locator(".screen")).to_be_empty()


async def test_a_vibration_is_a_small_motion_and_none_for_who_wants_none(page: Page):
    note = "document.addEventListener('animationstart', (event) => {"
    await page.evaluate(f"() => {{ {note} document.body.dataset.moved = event.animationName }}) }}")
    for number, wanted, moved in ((5, "no-preference", "stirs"), (6, "reduce", "still")):
        await page.emulate_media(reduced_motion=wanted)
        await card(page, number).locator(".press").click()
        await expect(page.locator("body")).to_have_attribute("data-moved", moved)
        await expect(page.locator(".stirs")).to_have_count(0)  # it is over
    await expect(page.locator("#news")).to_have_text("86-06 : bref frémissement")


async def test_both_languages_are_one_click_away(page: Page, shots):
    await expect(page.locator("h1")).to_have_text("Téléphones simulés")
    await expect(card(page, 1).locator(".last")).to_have_text("Aucun appui")
    await page.locator("#language").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("h1")).to_have_text("Simulated phones")
    await expect(card(page, 1).locator(".last")).to_have_text("Not pressed")
    await expect(page).to_have_title("Simulated phones")
    await shots("1-english")
    await page.reload()
    await expect(page.locator("h1")).to_have_text("Simulated phones")
    await page.locator("#language").click()
    await expect(page.locator("h1")).to_have_text("Téléphones simulés")


async def test_a_phone_is_put_driven_and_stopped_on_the_plan(page: Page, shots):
    pin = page.locator(".pin[data-phone=tgd-86-06]")
    await card(page, 6).locator(".press").click()  # in an alert it says where it is
    await pin.hover()
    before = await pin.bounding_box()
    await page.mouse.down()
    await page.mouse.move(before["x"] + 60, before["y"] + 40, steps=4)
    await page.mouse.up()
    await expect(page.locator("#chosen")).to_contain_text("86-06")
    await expect(page.locator("#where")).to_contain_text("immobile")
    after = await pin.bounding_box()
    assert after["x"] > before["x"] + 30
    await pin.focus()
    await page.keyboard.press("ArrowUp")
    await page.locator("[name=way][value=drive]").check()
    await page.locator("#nearer").click()
    await pin.focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#where")).to_contain_text("en voiture, encore")
    await expect(page.locator("#where")).to_contain_text("position envoyée : satellites")
    await shots("1-driven")
    await pin.focus()
    await page.keyboard.press("Escape")
    await expect(page.locator("#where")).to_contain_text("immobile")


async def test_battery_and_reception_are_set_and_an_empty_one_is_off(page: Page, shots):
    await card(page, 7).locator(".choose").click()
    await page.locator("#reception").select_option("cell")
    await page.locator("#mock").check()
    await page.locator("#level").focus()
    await page.keyboard.press("Home")
    phone = card(page, 7)
    await expect(phone.locator(".last")).to_have_text("Éteint, batterie vide")
    await expect(phone.locator(".press")).to_be_disabled()
    await shots("1-off")
    await page.keyboard.press("PageUp")
    await expect(phone.locator(".press")).to_be_enabled()
    await expect(phone.locator(".charge")).to_have_text("10\u00a0%")
    await phone.locator(".press").click()
    await expect(phone.locator(".last")).to_contain_text("Accusé de réception à ")


async def test_the_phones_gone_is_said_plainly(served: PhonesPage, page: Page, shots):
    await expect(page.locator("#lost")).to_be_hidden()
    await served._runner.cleanup()
    await expect(page.locator("#lost")).to_contain_text("ne répond plus")
    await shots("1-lost")
