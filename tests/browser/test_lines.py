"""A supervisor has a line tried, and whoever has the room on the telephone records the name."""

from collections.abc import AsyncIterator

import pytest
from browser.pages import PASSWORD, flawless, log_in, opened
from playwright.async_api import Browser, Page, expect
from web.served import Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium
CHIEF = "superviseur-1"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(CHIEF, PASSWORD, role="supervisor")
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        await log_in(page, CHIEF)
        yield page


async def test_from_never_tried_to_live(api: Api, page: Page, shots) -> None:
    lines = page.locator("#lines")
    await lines.locator("summary").click()
    await expect(lines).to_contain_text("CIC de la Vienne, ligne 1")
    await expect(lines).to_contain_text("jamais éprouvée")
    await lines.get_by_role("button", name="Éprouver la ligne").click()
    await expect(lines).to_contain_text("en attente d'un nom")
    await api.rows("UPDATE exercise SET state = 'seen'")  # the room's machine has said so
    await page.reload()
    await lines.locator("summary").click()
    await lines.locator("input").fill("Brigadier de permanence")
    await shots("lignes")
    await flawless(page)
    await page.keyboard.press("Enter")
    await expect(lines.locator("small").first).to_contain_text("éprouvée ·")
    await expect(lines).not_to_contain_text("jamais")
    await api.rows("UPDATE room_line SET up = false, failures = 2")
    await page.reload()
    await expect(page.locator("#lines-alarm")).to_contain_text("AUCUNE LIGNE VERS CIC")
    await expect(page.locator("#lines-alarm")).to_contain_text("+33549000017")
