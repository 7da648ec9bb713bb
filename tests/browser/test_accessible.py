"""The console for everybody who works at it: axe finds nothing in any state, in either language.

axe-core comes in a package; nothing is fetched. Its rules are those of WCAG 2.2 at level AA, and
its own best practices.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser.furnished import furnish, link, put_file
from browser.pages import act, faultless, log_in, opened
from playwright.async_api import Browser, Page, expect
from world import PLACE, World, worlds

pytestmark = pytest.mark.needs_chromium


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database, tmp_path) as world:
        await furnish(world)
        await put_file(world)
        await link(world, "tgd-86-01", "tgd-86-02")
        world.room.forgives()
        yield world


@pytest.fixture
async def page(browser: Browser, world: World) -> AsyncIterator[Page]:
    async with opened(browser, world.base) as page:
        yield page


async def test_axe_finds_nothing_before_and_while_it_is_quiet(page: Page, world: World):
    await page.goto("/console")
    await expect(page.locator("[name=username]")).to_be_focused()
    await faultless(page)
    await log_in(page)
    await expect(page.locator("#nothing-said")).not_to_be_empty()
    await faultless(page)
    await page.locator("#help").click()
    await expect(page.locator("#keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.locator("#sound-test").click()
    await page.locator("#hear-no").click()
    await page.locator("#state").click()
    await faultless(page)
    await page.locator("#state").evaluate("(one) => { one.click(); one.click(); }")
    await expect(page.locator("#alarm")).to_be_visible()
    await faultless(page)


async def test_axe_finds_nothing_from_the_ring_to_the_police(page: Page, world: World, shots):
    await log_in(page)
    await world.phone("tgd-86-01").press(loc=PLACE | {"vel": 5.0, "cog": 40.0})
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    await world.phone("tgd-86-02").press()
    await world.phone("nobody-1").press()
    await expect(page.locator("#queue li")).to_have_count(3)
    await faultless(page)
    await act(page, "answer").click()
    await expect(page.locator("#dangers")).to_be_visible()
    await act(page, "voice", "holder").click()
    await expect(act(page, "verdict", "test")).to_be_enabled()
    await world.phone("tgd-86-01").press(loc=PLACE)
    await expect(page.locator("#fresh")).to_be_visible()
    await act(page, "voice", "holder").click()
    await expect(act(page, "verdict", "test")).to_be_enabled()
    for folded in ("passing", "notes", "timeline", "w-others", "w-trail", "w-live", "handover"):
        one = page.locator(f"#{folded}")
        if await one.is_visible():
            await one.locator("summary").click()
    await page.locator("#map-show").click()
    await expect(page.locator("#map canvas")).to_have_count(1)
    await page.locator("#guide-language").click()
    await faultless(page)
    await act(page, "verdict", "test").click()
    await faultless(page)
    await act(page, "police").click()
    await expect(page.locator("#a-tasks li a").first).to_be_visible()
    await page.locator("#script summary").click()
    await shots("1-police")
    await faultless(page)
    await page.locator("#close-form button").click()
    await expect(page.locator("#a-status")).to_have_class("closed")
    await faultless(page)


async def test_axe_finds_nothing_when_the_server_is_lost(page: Page, world: World):
    await log_in(page)
    await world.phone("tgd-86-01").press(loc=PLACE)
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    await page.route("**/api/v1/**", lambda route: route.abort())
    await expect(page.locator("#lost")).to_be_visible()
    await act(page, "answer").click()
    await expect(page.locator("#refused")).to_be_visible()
    await faultless(page)
