"""Machines fail: the server has done it and its answer is lost. Nothing is done twice for it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from browser.machines import POLICE, TEST, facts, ready_to_close, taken, twice, verdicts
from browser.pages import PASSWORD, USER, act, opened
from browser.wire import Wire, wired
from playwright.async_api import Browser, Page, Route, expect
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


async def loses(page: Page, wire: Wire, what: bytes) -> None:
    """Have the answer to this act be lost on a connection that has been of use before.

    Only there the browser sends it again by itself. Of one host it holds six at most, and the
    stream has one: with five more no act needs a new one, however much is being read just then.
    """
    wire.slow_s = 0.3  # or one connection would do for all
    await page.evaluate("Promise.all([1, 2, 3, 4, 5].map((n) => fetch(`/livez?${n}`)))")
    wire.slow_s = 0.0
    wire.lose = what


def sent(wire: Wire, what: bytes) -> int:
    return sum(what in line for line in wire.requests)


async def test_the_browser_itself_sends_a_silence_again(page: Page, api: Api, wire: Wire):
    alert = await taken(page, api)
    await loses(page, wire, b"/voice")
    async with page.expect_response("**/voice"):
        await act(page, "voice", "nobody").click()
    assert wire.lost.is_set()
    assert sent(wire, b"/voice") == 2  # by Chromium, which had one click
    assert await facts(api, "voice") == 1
    assert (await api.alert(alert))["verdict"] is None  # the call-back is still to be made


async def test_the_browser_itself_asks_for_a_minute_again(page: Page, api: Api, wire: Wire):
    await ready_to_close(page, api)
    await loses(page, wire, b"/extend")
    async with page.expect_response("**/extend"):
        await act(page, "extend").click()
    assert wire.lost.is_set()
    assert sent(wire, b"/extend") == 2
    assert await facts(api, "extended") == 1
    await expect(page.locator("#refused")).to_be_hidden()


@pytest.mark.parametrize("what", ["answer", "note", "police", "test"])
async def test_any_act_whose_answer_is_lost_is_done_once(
    page: Page, api: Api, wire: Wire, what: str
):
    alert = await ready_to_close(page, api)
    if what == "answer":
        await page.locator("#passing summary").click()
        await page.locator("#release-form [name=reason]").fill("un instant")
        await page.keyboard.press("Enter")
        await expect(act(page, "answer")).to_be_enabled()
    lost = {"answer": b"/answer", "note": b"/notes"}.get(what, b"/decision")
    await loses(page, wire, lost)
    address = f"{alert}{lost.decode()}"
    async with page.expect_response(
        lambda one: one.request.method == "POST" and one.url.endswith(address)
    ):
        if what == "note":
            await page.locator("#note").fill("elle chuchote")
            await page.keyboard.press("Enter")
        elif what == "test":
            await twice(page, "test")
        else:
            await act(page, what).click()
    assert wire.lost.is_set()
    kind = {"answer": "taken_over", "note": "note"}.get(what, "verdict")
    assert await facts(api, kind) == 1
    await expect(page.locator("#refused")).to_be_hidden()


async def test_told_that_it_may_not_be_recorded_the_operator_clicks_again(page: Page, api: Api):
    alert = await taken(page, api)

    async def lose(route: Route) -> None:
        await route.fetch()  # the server has done it
        await route.abort()

    await page.route("**/alerts?*", lambda route: route.abort())  # nor can it be read
    await page.route("**/voice", lose)
    await act(page, "voice", "nobody").click()
    await expect(page.locator("#refused")).to_contain_text("peut-être pas enregistrée")
    await page.unroute("**/voice")
    async with page.expect_response("**/voice"):
        await act(page, "voice", "nobody").click()
    assert await facts(api, "voice") == 1
    assert (await api.alert(alert))["verdict"] is None


async def test_once_it_was_read_again_a_second_silence_is_a_second_silence(page: Page, api: Api):
    alert = await taken(page, api)

    lost = asyncio.Event()

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()
        lost.set()

    await page.route("**/voice", lose)
    await act(page, "voice", "nobody").click()
    await expect(page.locator("#a-facts")).to_contain_text("Entendu : aucune voix")  # it was read
    await lost.wait()  # the reading may be quicker
    await page.unroute("**/voice")
    async with page.expect_response("**/alerts?*"):
        pass
    async with page.expect_request("**/alerts?*"):
        pass  # once the next reading begins, that one has been taken in
    async with page.expect_response("**/voice"):
        await act(page, "voice", "nobody").click()  # after the call-back
    assert await facts(api, "voice") == 2
    assert (await api.alert(alert))["verdict"] == "forwarded"


async def test_the_server_restarts_while_the_verdict_is_on_its_way(
    page: Page, api: Api, wire: Wire
):
    await ready_to_close(page, api)
    port = api.server.port
    await api.server.stop()
    await act(page, "police").click()
    await expect(page.locator("#refused")).to_contain_text("peut-être pas enregistrée")
    assert await verdicts(api) == []
    await api.serve(port)
    await expect(page.locator("#lost")).to_be_hidden()
    await act(page, "police").click()
    await expect(page.locator("#a-status")).to_have_text(POLICE)
    assert await verdicts(api) == ["police"]
    assert len(await api.rows("SELECT FROM dispatch")) == 1


async def test_the_database_is_away_during_the_act(page: Page, api: Api):
    alert = await ready_to_close(page, api)
    await page.locator("#word").fill("un mot")
    await api.database.close()
    await twice(page, "test")
    await expect(page.locator("#refused")).to_contain_text("base de données")
    await expect(page.locator("#word")).to_have_value("un mot")
    await api.database.open()
    await expect(page.locator("#lost")).to_be_hidden()
    assert (await api.alert(alert))["verdict"] is None
    assert await verdicts(api) == []
    await twice(page, "test")
    await expect(page.locator("#a-status")).to_have_text(TEST)
    assert await verdicts(api) == ["test"]
