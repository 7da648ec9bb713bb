"""Four dispatches for one room in a minute: one card, one call, one act, by keyboard alone."""

from collections.abc import AsyncIterator

import pytest
from browser.pages import PASSWORD, USER, flawless, log_in, opened
from playwright.async_api import Browser, Page, expect
from web.served import Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium
PHONES = ("tgd-86-01", "tgd-86-02", "tgd-86-03", "tgd-86-04")


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD)
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        await log_in(page)
        yield page


async def told(api: Api, *phones: str) -> None:
    for phone in phones:
        alert = (await api.press(phone))["alert"]
        await api.act(alert, "decision", {"verdict": "police"})


async def test_one_card_one_call_one_act(api: Api, page: Page, shots) -> None:
    await told(api, *PHONES[:3])
    await expect(page.locator("#queue button")).to_have_count(3)
    await expect(page.locator("#one-call")).to_be_hidden()
    await told(api, PHONES[3])
    card = page.locator("#one-call")
    await expect(card.locator("h2")).to_have_text(
        "Un seul appel à CIC de la Vienne\u00a0: 4 affaires"
    )
    await expect(card.locator("#one-call-number")).to_have_attribute("href", "tel:+33549000017")
    await expect(card.locator("li")).to_have_count(4)
    await expect(page.locator("#a-tasks")).to_contain_text("Ligne jamais éprouvée")
    await shots("un-seul-appel")
    await flawless(page)
    async with page.expect_popup() as found:
        await page.keyboard.press("x")
    second = await found.value
    read = second.locator("#one-call")
    await expect(read.locator("h2")).to_have_text(
        "Un seul appel à CIC de la Vienne\u00a0: 4 affaires"
    )
    await expect(read.locator("#one-call-number")).to_have_text("+33549000017")
    await expect(read.locator("li")).to_have_count(4)
    await expect(read.locator("input")).to_have_count(0)  # it is recorded in the first window
    await shots("deuxieme-ecran", second)
    await flawless(second)
    chosen = read.locator("li button").last
    await chosen.click()
    await expect(page.locator("#a-who")).to_have_text((await chosen.inner_text())[3:])
    await page.bring_to_front()
    await page.keyboard.press("u")
    await expect(card.locator("li input").first).to_be_focused()
    for number in range(4):
        await page.keyboard.type(f"2030/{number}")
        await page.keyboard.press("Tab")
        if number < 3:
            await page.keyboard.press("Tab")  # past the next case's own button
    await page.keyboard.type("Brigadier de permanence")
    await page.keyboard.press("Enter")
    await expect(card).to_be_hidden()
    await expect(read).to_be_hidden()
    kept = await api.rows("SELECT count(*) AS n FROM dispatch WHERE acknowledged_at IS NOT NULL")
    assert kept[0]["n"] == 4
    await expect(page.locator("#refused")).to_be_hidden()


async def test_what_is_typed_stays_while_another_case_comes(api: Api, page: Page) -> None:
    await told(api, *PHONES)
    field = page.locator("#one-call li input").first
    await field.fill("2030/118")
    await told(api, "tgd-86-05")
    await expect(page.locator("#one-call li")).to_have_count(5)
    await expect(field).to_have_value("2030/118")
    await expect(field).to_be_focused()
