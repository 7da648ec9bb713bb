"""Machines fail: hands, keyboards, small screens, browsers that keep nothing or make no sound."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from browser.machines import POLICE, TEST, facts, ready_to_close, taken, twice, verdicts
from browser.pages import PASSWORD, USER, act, log_in, opened
from browser.wire import wired
from playwright.async_api import Browser, Page, Route, expect
from web.served import Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium
FULL = """Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError') };"""
BLOCKED = """Object.defineProperty(window, 'localStorage', {
  get() { throw new DOMException('', 'SecurityError') } });"""
NO_AUDIO = """window.AudioContext = class { constructor() {
  throw new DOMException('', 'NotSupportedError') } };"""


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD)
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def struck(page: Page, key: str, code: str, *, shift: bool = False) -> None:
    """A key as another keyboard has it: what it writes, and where it lies."""
    await page.evaluate(
        "([key, code, shiftKey]) => document.body.dispatchEvent(new KeyboardEvent("
        "'keydown', { key, code, shiftKey, bubbles: true, cancelable: true }))",
        [key, code, shift],
    )


async def test_a_double_click_on_nobody_is_one_silence(page: Page, api: Api):
    alert = await taken(page, api)
    await act(page, "voice", "nobody").dblclick()
    await expect(page.locator("#a-facts")).to_contain_text("Entendu : aucune voix")
    assert await facts(api, "voice") == 1
    assert (await api.alert(alert))["verdict"] is None


async def test_a_double_click_gives_one_minute(page: Page, api: Api):
    await ready_to_close(page, api)
    async with page.expect_response("**/extend"):
        await act(page, "extend").dblclick()
    await twice(page, "test")
    await expect(page.locator("#a-status")).to_have_text(TEST)
    assert await facts(api, "extended") == 1


async def test_a_key_that_bounces_is_one_silence(page: Page, api: Api):
    alert = await taken(page, api)
    async with page.expect_response("**/voice"):
        await page.evaluate(  # while the first is still on its way
            "for (let n = 0; n < 3; n += 1) document.body.dispatchEvent(new KeyboardEvent("
            "'keydown', { key: \"'\", code: 'Digit4', bubbles: true }))"
        )
    await expect(page.locator("#a-facts")).to_contain_text("Entendu : aucune voix")
    assert await facts(api, "voice") == 1
    assert (await api.alert(alert))["verdict"] is None


async def test_a_french_keyboard_has_its_digits_behind_the_shift_key(page: Page, api: Api):
    await taken(page, api)
    await struck(page, "&", "Digit1")
    await expect(page.locator("#a-facts")).to_contain_text("bénéficiaire entendue")
    await struck(page, "Dead", "BracketLeft")  # a dead key, and one that composes: nothing
    await struck(page, "Process", "KeyE")
    await struck(page, "é", "Digit2")
    await expect(act(page, "voice", "child")).to_have_attribute("aria-pressed", "true")
    assert await verdicts(api) == []


async def test_caps_lock_is_on(page: Page, api: Api):
    await log_in(page)
    await api.press()
    await expect(page.locator("#a-status")).to_have_text("SONNE")
    await struck(page, "P", "KeyP")  # no shift: no police
    await struck(page, "A", "KeyA")
    await expect(page.locator("#a-status")).to_have_text("PRISE EN CHARGE")
    assert await verdicts(api) == []
    await struck(page, "p", "KeyP", shift=True)  # caps lock turns the shift key round
    await expect(page.locator("#a-status")).to_have_text(POLICE)
    assert await verdicts(api) == ["police"]


@pytest.mark.parametrize("storage", [FULL, BLOCKED], ids=["full", "blocked"])
async def test_the_browser_keeps_nothing(page: Page, api: Api, storage: str):
    await page.add_init_script(storage)
    await ready_to_close(page, api)
    await page.locator("#language").click()
    await expect(act(page, "verdict", "test")).to_have_text("Test")
    await page.locator("#language").click()
    await twice(page, "test")
    await expect(page.locator("#a-status")).to_have_text(TEST)


async def test_there_is_no_sound_on_this_machine_and_it_says_so(page: Page, api: Api):
    await page.add_init_script(NO_AUDIO)
    await log_in(page)
    await api.press()
    await expect(page.locator("#blocked")).to_be_visible()
    await page.locator("#sound-test").click()
    await expect(page.locator("#hear")).to_be_visible()
    await act(page, "police").click()
    await expect(page.locator("#a-status")).to_have_text(POLICE)


@pytest.mark.parametrize("size", [(640, 360), (400, 700)], ids=["zoom-200", "narrow"])
async def test_every_act_is_within_reach(page: Page, api: Api, size: tuple[int, int]):
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await ready_to_close(page, api)
    wide = await page.evaluate(
        "[...document.querySelectorAll('body *')].filter((one) => one.checkVisibility() && "
        "!one.closest('.unseen') && one.getBoundingClientRect().right > innerWidth + 1)"
        ".map((one) => one.outerHTML.slice(0, 60))"
    )
    assert wide == [], "nobody scrolls sideways for an act"
    queue, alert, desk = [
        await page.locator(one).evaluate("one => one.getBoundingClientRect().toJSON()")
        for one in ("#queue", "#alert", "#desk")
    ]
    assert queue["bottom"] <= alert["top"] < alert["bottom"] <= desk["top"], "nothing lies over"
    hidden = await page.locator("#alert").evaluate("one => one.scrollHeight - one.clientHeight")
    assert hidden <= 0, "the alert is shown whole: the page scrolls"
    await act(page, "extend").click(trial=True)
    await act(page, "police").click(trial=True)
    await twice(page, "test")
    await expect(page.locator("#a-status")).to_have_text(TEST)


async def test_no_browser_keeps_the_word_or_what_is_typed(page: Page, api: Api):
    await taken(page, api)
    kept = await page.evaluate(
        "[...document.querySelectorAll('#console input, #console select')]"
        ".filter((one) => one.autocomplete !== 'off').map((one) => one.outerHTML)"
    )
    assert kept == []


async def test_a_new_version_is_installed_while_the_page_is_open(page: Page, api: Api):
    await ready_to_close(page, api)
    await expect(page.locator("#outdated")).to_be_hidden()

    async def newer(route: Route) -> None:
        answer = await route.fetch()
        headers = {**answer.headers, "tgd-version": "a-newer-one"}
        await route.fulfill(response=answer, headers=headers)

    await page.route("**/static/**", lambda route: route.fulfill(status=404))  # gone with the old
    await page.route("**/api/v1/alerts**", newer)
    await expect(page.locator("#outdated")).to_contain_text("rechargez-la")
    await twice(page, "test")  # and it goes on working until then
    await expect(page.locator("#a-status")).to_have_text(TEST)
    assert await verdicts(api) == ["test"]
    await page.unroute_all(behavior="ignoreErrors")  # a reading may be on its way


async def test_every_piece_takes_its_time_on_the_line(browser: Browser, api: Api):
    async with wired(api.server.port) as wire, opened(browser, wire.base) as page:
        await ready_to_close(page, api)
        wire.slow_s = 3.5  # longer than a reading waits at first
        await expect(page.locator("#lost")).to_be_visible()  # old, and said to be
        async with page.expect_request_finished(lambda one: "/alerts?" in one.url, timeout=60_000):
            pass
        await twice(page, "test")
        await expect(page.locator("#a-status")).to_have_text(TEST, timeout=60_000)
    assert await verdicts(api) == ["test"]


async def test_a_proxy_keeps_the_stream_to_itself(page: Page, api: Api):
    gone = asyncio.Event()

    async def keep(route: Route) -> None:
        await gone.wait()

    await page.route("**/stream", keep)
    await log_in(page)
    await api.press()
    await expect(page.locator("#a-status")).to_have_text("SONNE")
    await expect(page.locator("#lost")).to_be_hidden()
    await act(page, "police").click()
    await expect(page.locator("#a-status")).to_have_text(POLICE)
    gone.set()
    assert await verdicts(api) == ["police"]
