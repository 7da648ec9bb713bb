"""Machines fail: the session ends, or another begins beside it. Nobody acts in another's name."""

from collections.abc import AsyncIterator

import pytest
from browser.machines import ANSWERED, POLICE, TEST, facts, held, ready_to_close, twice, verdicts
from browser.pages import PASSWORD, USER, act, log_in, opened
from playwright.async_api import Browser, Page, expect
from web.served import Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium
OTHER, CHIEF = "operateur-2", "superviseur-1"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD)
        await started.account(OTHER, PASSWORD)
        await started.account(CHIEF, PASSWORD, role="supervisor")
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def back_in(page: Page, user: str = USER) -> None:
    """Log in again where the session has ended."""
    await page.locator("[name=username]").fill(user)
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#who")).to_have_text(user)


async def unread(page: Page) -> None:
    """Nothing is read any more: what comes next is the first to meet what has changed."""
    await page.route(
        "**/api/v1/**",
        lambda route: (
            route.abort()
            if route.request.method == "GET" and "/session" not in route.request.url
            else route.continue_()
        ),
    )
    for under_way in await page.requests():  # a reading that left before may meet it yet
        await under_way.response()


async def test_the_session_ends_in_the_middle_of_a_decision(page: Page, api: Api):
    alert = await ready_to_close(page, api)
    await page.locator("#word").fill("un mot")
    await page.locator("#note").fill("elle chuchote")
    await unread(page)
    await api.rows("DELETE FROM web_session")
    await twice(page, "test")
    await expect(page.locator("#login-error")).to_contain_text("N'A PAS été enregistré")
    assert await verdicts(api) == []
    await page.unroute_all(behavior="wait")
    await back_in(page)
    await expect(page.locator("#a-status")).to_have_text(ANSWERED)
    await expect(page.locator("#word")).to_have_value("un mot")
    await expect(page.locator("#note")).to_have_value("elle chuchote")
    await twice(page, "test")
    await expect(page.locator("#a-status")).to_have_text(TEST)
    assert (await api.alert(alert))["verdict"] == "test"
    assert await verdicts(api) == ["test"]


async def test_another_person_who_logs_in_finds_nothing_typed(page: Page, api: Api):
    await ready_to_close(page, api)
    await page.locator("#word").fill("un mot")
    await page.locator("#note").fill("elle chuchote")
    await api.rows("UPDATE account SET disabled_at = now() WHERE username = $1", USER)
    await expect(page.locator("#login-error")).to_have_text(
        "La session a pris fin : reconnectez-vous."
    )
    await back_in(page, OTHER)
    await expect(page.locator("#a-status")).to_have_text(ANSWERED)
    await expect(page.locator("#word")).to_have_value("")
    await expect(page.locator("#note")).to_have_value("")


async def test_a_second_tab_logs_in_as_somebody_else(page: Page, api: Api):
    """The cookie is the browser's: the first tab would act under the second's name."""
    await ready_to_close(page, api)
    await unread(page)
    second = await page.context.new_page()
    await second.goto("/console")
    await expect(second.locator("#who")).to_have_text(USER)
    await second.locator("#logout").click()
    await back_in(second, CHIEF)
    await twice(page, "test")
    await expect(page.locator("#login-error")).to_contain_text("Quelqu'un d'autre")
    await expect(page.locator("#login-error")).to_contain_text("N'A PAS été enregistré")
    assert await verdicts(api) == []
    await second.close()


async def test_a_first_tab_notices_by_reading_that_another_is_logged_in(page: Page, api: Api):
    await log_in(page)
    second = await page.context.new_page()
    await second.goto("/console")
    await unread(page)  # what meets the login half-way hears only that its session has ended
    await second.evaluate(  # a session over the other, without an end in between
        "([username, password]) => fetch('/api/v1/session', { method: 'POST', "
        "body: JSON.stringify({ username, password }) })",
        [OTHER, PASSWORD],
    )
    await page.unroute_all(behavior="wait")
    await expect(page.locator("#login-error")).to_contain_text("Quelqu'un d'autre")
    await expect(page.locator("#console")).to_be_hidden()
    await second.close()


async def test_the_token_is_stale_after_a_login_in_another_tab(page: Page, api: Api):
    await ready_to_close(page, api)
    await unread(page)
    second = await page.context.new_page()
    await second.goto("/console")
    await second.locator("#logout").click()
    await back_in(second)
    await twice(page, "test")
    await expect(page.locator("#a-status")).to_have_text(TEST)
    assert await verdicts(api) == ["test"]
    await second.close()


async def test_two_windows_decide_at_the_same_moment(page: Page, api: Api):
    alert = await ready_to_close(page, api)
    second = await page.context.new_page()
    await second.goto("/console")
    await expect(act(second, "police")).to_be_enabled()
    async with held(page, "**/decision") as one, held(second, "**/decision") as other:
        await act(page, "police").click()
        await act(second, "police").click()
        await one.wait()
        await other.wait()
    for window in (page, second):
        await expect(window.locator("#a-status")).to_have_text(POLICE)
        await expect(window.locator("#refused")).to_be_hidden()
    assert await verdicts(api) == ["police"]
    assert len(await api.rows("SELECT FROM dispatch WHERE alert_id = $1::uuid", alert)) == 1
    await second.close()


async def test_another_takes_over_in_the_moment_of_the_click(page: Page, api: Api):
    alert = await ready_to_close(page, api)
    async with held(page, "**/decision") as on_its_way:
        await twice(page, "test")
        await on_its_way.wait()
        chief = {"role": "supervisor", "name": CHIEF}
        assert (await api.act(alert, "offer", {"to": CHIEF}, **chief))[0] == 200
    await expect(page.locator("#refused")).to_contain_text(f"prise en charge par {CHIEF}")
    assert await verdicts(api) == []
    assert (await api.alert(alert))["answered_by"] == CHIEF


async def test_the_silence_forwards_while_the_verdict_is_on_its_way(page: Page, api: Api):
    """The police have it before the verdict comes: they are told of it, and nothing is recalled."""
    alert = await ready_to_close(page, api)
    async with held(page, "**/decision") as on_its_way:
        await twice(page, "test")
        await on_its_way.wait()
        for _ in range(2):
            await api.act(alert, "voice", {"with": "nobody"}, role="supervisor", name=CHIEF)
        assert (await api.alert(alert))["verdict"] == "forwarded"
    await expect(page.locator("#a-status")).to_contain_text("POLICE — essai")
    after = await api.alert(alert)
    assert (after["status"], after["verdict"]) == ("police", "test")
    assert await facts(api, "forwarded") == 1
    assert len(await api.rows("SELECT FROM dispatch")) == 1
    purposes = await api.rows("SELECT purpose FROM envelope ORDER BY purpose")
    assert [row["purpose"] for row in purposes] == ["report", "verdict"]
