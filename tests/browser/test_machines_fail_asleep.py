"""Machines fail: asleep, frozen, crashed, set. What a page shows is not taken for what is so."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from browser.machines import (
    ANSWERED,
    POLICE,
    TEST,
    held,
    ready_to_close,
    taken,
    twice,
    verdicts,
)
from browser.pages import PASSWORD, USER, act, log_in, opened
from playwright.async_api import Browser, Page, expect
from web.served import PLACE, Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium
SET_BY = "window.setBy = 0; const real = Date.now; Date.now = () => real.call(Date) + window.setBy;"
"""A wall clock that the test sets; what the browser counts by itself goes on."""


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD)
        await started.account("superviseur-1", PASSWORD, role="supervisor")
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def test_a_laptop_wakes_and_its_armed_button_is_no_longer_armed(page: Page, api: Api):
    await page.add_init_script(SET_BY)
    await ready_to_close(page, api)
    await act(page, "verdict", "test").click()
    await expect(act(page, "verdict", "test")).to_have_text("Confirmer ?")
    # Ten minutes later: the wall clock has gone on, the browser's timers have not.
    await page.evaluate("window.setBy = 600e3")
    await act(page, "verdict", "test").click()
    await expect(act(page, "verdict", "test")).to_have_text("Confirmer ?")
    assert await verdicts(api) == []
    await act(page, "verdict", "test").click()
    await expect(page.locator("#a-status")).to_have_text(TEST)


async def test_a_woken_page_cannot_close_what_went_on_without_it(page: Page, api: Api):
    """The network is not back yet when the operator decides, and then it is, for the act alone."""
    alert = await ready_to_close(page, api)
    await page.route("**/alerts?*", lambda route: route.abort())
    await page.route(
        "**/decision",
        lambda route: route.continue_(  # as it would be, had it waited or slept for a minute
            headers={**route.request.headers, "tgd-read-at": "2020-01-01T00:00:00Z"}
        ),
    )
    await twice(page, "test")
    await expect(page.locator("#refused")).to_contain_text("n'était plus à jour")
    assert await verdicts(api) == []
    await act(page, "police").click()  # never too late
    await expect(page.locator("#a-status")).to_have_text(POLICE)
    assert (await api.alert(alert))["verdict"] == "police"


@pytest.mark.parametrize("hours", [1, -1])
async def test_the_clock_is_set_while_the_page_is_open(page: Page, api: Api, hours: int):
    await page.add_init_script(SET_BY)
    await taken(page, api)
    await page.route("**/alerts?*", lambda route: route.abort())  # it is not read meanwhile
    await page.evaluate(f"window.setBy = {hours * 3600e3}")
    await expect(page.locator("#lost")).to_be_visible()
    await act(page, "voice", "holder").click()  # the acts go through
    await expect(act(page, "verdict", "test")).to_be_enabled()
    await page.unroute_all(behavior="wait")
    await expect(page.locator("#lost")).to_be_hidden()
    left = page.locator("#a-deadlines li", has_text="Décider").locator(".big")
    await expect(left).to_have_text(re.compile(r"^\d{1,2}\ss$"))
    await twice(page, "test")
    await expect(page.locator("#a-status")).to_have_text(TEST)


async def test_the_renderer_crashes_in_the_middle_of_a_decision(page: Page, api: Api):
    alert = await ready_to_close(page, api)
    await act(page, "verdict", "test").click()
    devtools = await page.context.new_cdp_session(page)
    crashing = asyncio.ensure_future(devtools.send("Page.crash"))  # which answers nothing
    await page.wait_for_event("crash")
    crashing.cancel()
    assert (await api.alert(alert))["status"] == "answered"
    again = await page.context.new_page()
    await again.goto("/console")
    await expect(again.locator("#a-status")).to_have_text(ANSWERED)
    await twice(again, "test")
    await expect(again.locator("#a-status")).to_have_text(TEST)
    assert await verdicts(api) == ["test"]


async def test_a_frozen_page_shows_what_happened_meanwhile_before_it_acts(page: Page, api: Api):
    alert = await ready_to_close(page, api)
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    await api.press(loc=PLACE)
    await devtools.send("Page.setWebLifecycleState", {"state": "active"})
    await expect(page.locator("#fresh-list")).to_contain_text("Nouvel appui")
    await expect(act(page, "verdict", "test")).to_be_disabled()  # she was not heard since
    assert (await api.alert(alert))["verdict"] is None


async def test_the_page_is_reloaded_in_the_middle_of_a_decision(page: Page, api: Api):
    await ready_to_close(page, api)
    await page.locator("#word").fill("un mot")
    await page.locator("#note").fill("une note")
    await act(page, "verdict", "test").click()
    await page.reload()
    await expect(page.locator("#a-status")).to_have_text(ANSWERED)
    await expect(act(page, "verdict", "test")).to_have_text("Essai")  # not armed
    await expect(page.locator("#word")).to_have_value("")  # nor kept by the browser
    await expect(page.locator("#note")).to_have_value("")
    assert await verdicts(api) == []
    await twice(page, "test")
    await expect(page.locator("#a-status")).to_have_text(TEST)


async def test_the_tab_is_closed_as_the_police_are_sent(page: Page, api: Api):
    """What was clicked leaves, though nobody waits for the answer."""
    await log_in(page)
    alert = (await api.press())["alert"]
    await expect(page.locator("#a-status")).to_have_text("SONNE")
    second = await page.context.new_page()
    async with page.expect_request("**/decision"):
        await page.evaluate(
            "document.querySelector('#police').click(); location.href = 'about:blank'"
        )
    await second.goto("/console")
    await expect(second.locator("#a-status")).to_have_text(POLICE)
    assert (await api.alert(alert))["verdict"] == "police"
    assert await verdicts(api) == ["police"]


async def test_a_page_brought_back_by_the_browser_begins_anew(page: Page, api: Api):
    await taken(page, api)
    async with page.expect_navigation():
        await page.evaluate(
            "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
        )
    await expect(page.locator("#a-status")).to_have_text(ANSWERED)


async def test_older_reading_arrives_after_the_act(page: Page, api: Api):
    """What was read before the act and comes after its answer does not undo it on the screen."""
    await log_in(page)
    await api.press()
    await expect(page.locator("#a-status")).to_have_text("SONNE")
    async with held(page, "**/alerts?*", answered=True) as asked:
        await asked.wait()
        await act(page, "police").click()
        await expect(page.locator("#a-status")).to_have_text(POLICE)
        await page.evaluate(
            "window.steps = []; new MutationObserver(() => window.steps.push("
            "document.querySelector('#a-status').textContent)).observe("
            "document.querySelector('#a-status'), { childList: true })"
        )
    async with page.expect_response("**/alerts?*"):
        pass
    assert await page.evaluate("window.steps") == []
    await expect(page.locator("#a-status")).to_have_text(POLICE)
