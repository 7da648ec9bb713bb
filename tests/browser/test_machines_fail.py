"""Ways for an operator's machine to fail: none loses a decision, none makes it twice."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from browser.machines import ready_to_close, verdicts
from browser.pages import PASSWORD, USER, act, confirmed, log_in, opened
from playwright.async_api import Browser, Page, Route, expect
from web.served import PLACE, Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium
DECISION = re.compile(r"/decision$")
WRONG_CLOCK = "const real = Date.now; Date.now = () => real.call(Date) + 3 * 3600e3;"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD)
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def test_a_double_click_closes_nothing(page: Page, api: Api):
    await ready_to_close(page, api)
    await act(page, "verdict", "test").dblclick()
    await expect(act(page, "verdict", "test")).to_have_text("Confirmer ?")
    assert await verdicts(api) == []
    await act(page, "verdict", "test").click()
    await expect(page.locator("#a-status")).to_have_text("CLOSE — essai")


async def test_a_key_that_is_held_closes_nothing(page: Page, api: Api):
    await ready_to_close(page, api)
    for key in ("Enter", "e"):
        await act(page, "verdict", "test").focus()
        for _ in range(4):
            await page.keyboard.down(key)
        await page.keyboard.up(key)
        await expect(act(page, "verdict", "test")).to_have_text("Confirmer ?")
        await page.locator("#language").click()  # disarms
        await page.locator("#language").click()
        await expect(act(page, "verdict", "test")).to_have_text("Essai")
    assert await verdicts(api) == []


async def test_a_double_click_sends_the_police_once(page: Page, api: Api):
    await log_in(page)
    await api.press()
    await act(page, "police").dblclick()
    await expect(page.locator("#a-status")).to_have_text("POLICE — police saisie")
    assert await verdicts(api) == ["police"]
    assert len(await api.rows("SELECT FROM dispatch")) == 1


async def test_the_answer_was_lost_and_the_act_is_repeated(page: Page, api: Api):
    await log_in(page)
    await api.press()
    await expect(page.locator("#a-status")).to_have_text("SONNE")

    async def lose(route: Route) -> None:
        await route.fetch()  # the server has done it
        await route.abort()

    await page.route("**/alerts?*", lambda route: route.abort())  # nor is it read
    await page.route(DECISION, lose)
    await act(page, "police").click()
    await expect(page.locator("#refused")).to_contain_text("peut-être pas enregistrée")
    await page.unroute(DECISION)
    await act(page, "police").click()
    await expect(page.locator("#a-status")).to_have_text("POLICE — police saisie")
    assert await verdicts(api) == ["police"]


async def test_the_network_is_cut_and_comes_back(page: Page, api: Api):
    alert = await ready_to_close(page, api)
    await page.context.set_offline(True)
    await expect(page.locator("#lost")).to_be_visible()
    await act(page, "police").click()
    await expect(page.locator("#refused")).to_contain_text("téléphonez")
    assert (await api.alert(alert))["verdict"] is None
    await page.context.set_offline(False)
    await expect(page.locator("#lost")).to_be_hidden()
    await act(page, "police").click()
    await expect(page.locator("#a-status")).to_have_text("POLICE — police saisie")
    assert await verdicts(api) == ["police"]


async def test_a_press_comes_while_the_verdict_is_on_its_way(page: Page, api: Api):
    alert = await ready_to_close(page, api)
    held, on_its_way = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        on_its_way.set()
        await held.wait()
        await route.continue_()

    await page.route(DECISION, hold)
    await confirmed(act(page, "verdict", "no_danger"))
    await on_its_way.wait()
    await api.press(loc=PLACE)
    held.set()
    await expect(page.locator("#refused")).to_contain_text("Refusé")
    await expect(page.locator("#fresh-list")).to_contain_text("Nouvel appui")
    assert (await api.alert(alert))["status"] == "answered"
    assert await verdicts(api) == []


async def test_a_stale_page_posts_and_is_refused(page: Page, api: Api):
    alert = await ready_to_close(page, api)
    await page.route("**/alerts?*", lambda route: route.abort())  # the screen has frozen
    await expect(page.locator("#lost")).to_be_visible()  # and no reading is under way any more
    await api.press(loc=PLACE)
    await confirmed(act(page, "verdict", "no_danger"))
    await expect(page.locator("#refused")).to_contain_text("Refusé")
    assert (await api.alert(alert))["verdict"] is None


async def test_two_tabs_are_one_operator(page: Page, api: Api):
    await ready_to_close(page, api)
    second = await page.context.new_page()
    await second.goto("/console")
    await expect(second.locator("#a-status")).to_have_text("PRISE EN CHARGE")
    await act(second, "police").click()
    await expect(page.locator("#a-status")).to_have_text("POLICE — police saisie")
    await expect(act(page, "police")).to_be_disabled()
    await second.close()
    assert await verdicts(api) == ["police"]


async def test_the_tab_is_closed_and_opened_again(page: Page, api: Api):
    await ready_to_close(page, api)
    await page.goto("about:blank")
    await page.go_back()
    await expect(page.locator("#a-status")).to_have_text("PRISE EN CHARGE")
    await expect(page.locator("#blocked")).to_be_visible()
    await confirmed(act(page, "verdict", "test"))
    await expect(page.locator("#a-status")).to_have_text("CLOSE — essai")


async def test_the_machine_s_clock_is_wrong(page: Page, api: Api):
    await page.add_init_script(WRONG_CLOCK)
    await log_in(page)
    await api.press(loc=PLACE)
    await expect(page.locator("#a-deadlines")).to_contain_text("Répondre, sinon police")
    left = page.locator("#a-deadlines li", has_text="sinon police").locator(".big")
    await expect(left).to_have_text(re.compile(r"^1?\d\ss$"))
    await expect(page.locator("#lost")).to_be_hidden()


async def test_the_stream_is_cut_and_the_page_reads_all_the_same(page: Page, api: Api):
    await page.route("**/stream", lambda route: route.abort())
    await log_in(page)
    await api.press(loc=PLACE)
    await expect(page.locator("#a-status")).to_have_text("SONNE")
