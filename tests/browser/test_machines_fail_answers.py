"""Machines fail: the server has done it and its answer is lost. Nothing is done twice for it."""

from collections.abc import AsyncIterator

import pytest
from browser.pages import PASSWORD, USER, act, log_in, opened
from browser.wire import Wire, wired
from playwright.async_api import Browser, Page, expect
from web.served import Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD)
        yield started


@pytest.fixture
async def wire(api: Api) -> AsyncIterator[Wire]:
    async with wired(api.server.port) as line:
        yield line


@pytest.fixture
async def page(browser: Browser, wire: Wire) -> AsyncIterator[Page]:
    async with opened(browser, wire.base) as page:
        yield page


async def facts(api: Api, kind: str) -> int:
    return len(await api.rows("SELECT FROM journal WHERE kind = $1", kind))


async def test_the_browser_itself_sends_a_silence_again(page: Page, api: Api, wire: Wire):
    await log_in(page)
    alert = (await api.press())["alert"]
    await act(page, "answer").click()
    await expect(page.locator("#a-status")).to_have_text("PRISE EN CHARGE")
    wire.lose = b"/voice"
    await act(page, "voice", "nobody").click()
    await wire.lost.wait()
    await expect(page.locator("#a-facts")).to_contain_text("Entendu : personne")
    sent = [line for line in wire.requests if b"/voice" in line]
    assert len(sent) == 2  # by Chromium, which had one click
    assert await facts(api, "voice") == 1
    assert (await api.alert(alert))["verdict"] is None
