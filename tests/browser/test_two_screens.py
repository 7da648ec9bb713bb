"""The second monitor: it follows the first window, and says plainly when that is gone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser.furnished import furnish, put_file
from browser.pages import act, faultless, log_in, opened
from playwright.async_api import Browser, Page, expect
from world import PLACE, World, worlds

FIRST = "SELECT id FROM alert WHERE device = 'tgd-86-01'"
pytestmark = pytest.mark.needs_chromium


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database, tmp_path) as world:
        await furnish(world)
        await put_file(world)
        world.room.forgives()
        yield world


@pytest.fixture
async def page(browser: Browser, world: World) -> AsyncIterator[Page]:
    async with opened(browser, world.base) as page:
        await log_in(page)
        yield page


async def opened_by_key(page: Page) -> tuple[Page, list[str]]:
    """The second window, and what it asks the server for from then on."""
    await expect(page.locator("#link")).to_have_text("En ligne")  # it listens to keys by then
    async with page.expect_popup() as found:
        await page.keyboard.press("x")
    second = await found.value
    asked: list[str] = []
    second.on("request", lambda request: asked.append(request.url))
    await second.wait_for_load_state()
    return second, asked


async def test_it_shows_map_and_file_of_the_alert_chosen_in_the_first(
    page: Page, world: World, shots
):
    second, asked = await opened_by_key(page)
    await expect(second.locator("#nothing-said")).to_have_text("Aucune alerte ouverte.")
    await world.phone("tgd-86-01").press(loc=PLACE | {"vel": 5.0, "cog": 40.0})
    await expect(second.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    await world.phone("tgd-86-02").press(loc=PLACE)
    await expect(second.locator("#queue button")).to_have_count(2)
    await expect(second.locator("#map canvas")).to_have_count(1)
    await expect(second.locator("#a-deadlines")).to_contain_text("Répondre, sinon police")
    # As far as the first one's rights go.
    await expect(second.locator("#person-file")).to_be_empty()
    await act(page, "answer").click()
    await expect(second.locator("#dangers-list")).to_contain_text("fusil de chasse")
    await expect(second.locator("#a-position .address")).to_contain_text("rue de l'Exemple")
    await shots("1-second", second)
    assert await second.locator("[data-act], form").count() == 0  # nothing can be decided there
    await second.locator("#queue button", has_text="86-02").click()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-02")
    await expect(second.locator("#a-who")).to_have_text("Bénéficiaire 86-02")
    await expect(second.locator("#dangers")).to_be_hidden()
    await second.keyboard.press("j")
    await expect(second.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    read = [url for url in asked if "/api/" in url and "/zones/" not in url]
    assert read == []
    facts = await world.operator().journal(await world.value(FIRST))
    assert [fact["kind"] for fact in facts].count("file_read") == 1


async def test_it_says_when_the_first_is_gone_and_follows_it_again(page: Page, world: World, shots):
    second, _ = await opened_by_key(page)
    await world.phone("tgd-86-01").press(loc=PLACE)
    await expect(second.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    await page.goto("about:blank")
    await expect(second.locator("#lost")).to_contain_text("La première fenêtre ne répond plus")
    await expect(second).to_have_title("CONNEXION PERDUE")
    await shots("1-alone", second)
    await faultless(second)
    await page.go_back()
    await expect(second.locator("#lost")).to_be_hidden()
    await expect(second.locator("#link")).to_have_text("Suit la première fenêtre")
    await page.route("**/api/v1/**", lambda route: route.abort())  # the first one is blind
    await expect(second.locator("#lost")).to_contain_text("Connexion perdue")
    await page.unroute_all(behavior="wait")
    await expect(second.locator("#lost")).to_be_hidden()
    await page.locator("#logout").click()
    await expect(second.locator("#lost")).to_contain_text("La session a pris fin")
    await expect(second.locator("#console")).to_be_hidden()


async def test_alone_it_says_what_to_open_and_axe_finds_nothing(page: Page, world: World):
    second, _ = await opened_by_key(page)
    await world.phone("tgd-86-01").press(loc=PLACE)
    await act(page, "answer").click()
    await expect(second.locator("#dangers")).to_be_visible()
    await expect(second.locator("#map canvas")).to_have_count(1)
    await faultless(second)
    await page.close()
    await expect(second.locator("#lost")).to_contain_text("ne répond plus")
    await second.reload()
    await expect(second.locator("#lost")).to_contain_text("Aucune console ouverte")
