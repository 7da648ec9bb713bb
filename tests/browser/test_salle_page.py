"""The simulated room's page in a real browser: what it says, in both languages, and its buttons."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from browser.pages import opened
from cisu_messages import report
from playwright.async_api import Browser, Page, expect

from tgd.demo.salle import Salle
from tgd.demo.salle_room import Behaviour
from tgd.platform.channels import cisu

LINE = "the-lines-token"


@pytest.fixture
async def salle() -> AsyncIterator[Salle]:
    nobody = "http://127.0.0.1:9/api/v1/cisu/inbound"  # the room's answers wait to be taken
    it = Salle(
        token=LINE, inbound=nobody, inbound_tokens={}, behaviour=Behaviour(silent=True)
    )  # fmt: skip
    it.room()
    await it.start()
    yield it
    await it.stop()


@pytest.fixture
async def page(browser: Browser, salle: Salle) -> AsyncIterator[Page]:
    async with opened(browser, salle.page) as page:
        await page.goto(salle.page)
        yield page


async def test_a_case_is_shown_and_answered_in_both_languages(page: Page, salle: Salle, shots):
    await expect(page).to_have_title("Salle de commandement simulée")
    await expect(page.locator("#link")).to_have_text("À jour.")
    await expect(page.locator("section .orders .quiet")).to_have_text(
        "0 affaire, 0 message, 0 répétition"
    )
    body = cisu.encode(cisu.envelope(report(position=None, exercise=True)))
    async with aiohttp.ClientSession() as session:
        bearer = {"Authorization": f"Bearer {LINE}"}
        for _ in range(3):
            async with session.post(salle.url, data=body, headers=bearer) as taken:
                assert taken.status == 202
    await expect(page.locator(".quiet").first).to_have_text("1 affaire, 1 message, 2 répétitions")
    await expect(page.locator("h3")).to_contain_text("EXERCICE · Affaire ")
    await page.get_by_role("button", name="Recevoir").click()
    await expect(page.locator("article .warning").last).to_have_text(
        "1 réponse pas encore reçue par la plateforme"
    )
    await shots("1-french")
    await page.locator("#language").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page).to_have_title("Simulated control room")
    await expect(page.locator("#link")).to_have_text("Up to date.")
    await expect(page.locator(".quiet").first).to_have_text("1 case, 1 message, 2 repetitions")
    await expect(page.locator("h3")).to_contain_text("EXERCISE · Case ")
    await expect(page.locator("article .state")).to_contain_text("Received")
    await shots("2-english")
    await page.locator("#language").click()
    await expect(page.locator("h1")).to_have_text("Salle de commandement simulée")
