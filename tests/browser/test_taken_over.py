"""An alert taken from whoever has it: she hears by whom, also while she looks at another."""

from collections.abc import AsyncIterator

import pytest
from browser.pages import PASSWORD, USER, log_in, opened
from playwright.async_api import Browser, Locator, Page, expect
from web.served import Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium
CHIEF, OTHER = "superviseur-1", "operateur-2"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        for name in (USER, OTHER):
            await started.account(name, PASSWORD)
        await started.account(CHIEF, PASSWORD, role="supervisor")
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


def of(page: Page, device: str) -> Locator:
    return page.locator("#queue button", has_text=device)


async def test_whoever_had_it_hears_who_has_taken_it(page: Page, api: Api):
    await log_in(page)
    alert = (await api.press("tgd-86-01"))["alert"]
    await page.locator("#answer").click()
    await expect(page.locator("#a-facts")).to_contain_text(f"prise par {USER}")
    await api.press("tgd-86-02")
    await of(page, "tgd-86-02").click()
    await api.act(alert, "offer", {"to": CHIEF}, name=CHIEF, role="supervisor")
    await expect(of(page, "tgd-86-01")).to_contain_text("Du nouveau")
    await of(page, "tgd-86-01").press("Enter")  # a hand at rest would be for 86-02
    await expect(page.locator("#fresh-list")).to_contain_text(f"{CHIEF} a repris l'alerte")


async def test_what_she_has_offered_herself_is_no_news(page: Page, api: Api, browser: Browser):
    await log_in(page)
    alert = (await api.press("tgd-86-01"))["alert"]
    await page.locator("#answer").click()
    await expect(page.locator("#a-facts")).to_contain_text(f"prise par {USER}")
    async with opened(browser, api.base) as other:
        await log_in(other, OTHER)
        await expect(page.locator("#desk-people")).to_contain_text(OTHER)
        await api.act(alert, "offer", {"to": OTHER}, name=USER)
        await expect(other.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
        await expect(page.locator("#desk-people")).to_contain_text(USER)
        await other.locator("#answer").click()
        await expect(page.locator("#a-facts")).to_contain_text(f"prise par {OTHER}")
        await expect(page.locator("#fresh")).to_be_hidden()
