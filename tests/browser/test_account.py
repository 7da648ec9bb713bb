"""One's own account in a real browser; and the way in by an agency, there and back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser.pages import PASSWORD, USER, flawless, opened
from issuing import Issuer, issuing
from playwright.async_api import Browser, Page, expect
from web.served import Api, serving
from web.test_oidc import World

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium
NEW = "un tout autre mot de passe"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD, "supervisor")
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def log_in(page: Page, password: str = PASSWORD) -> None:
    await page.locator("[name=username]").fill(USER)
    await page.locator("[name=password]").first.fill(password)
    await page.keyboard.press("Enter")


async def test_its_owner_changes_the_password_and_ends_other_sessions(
    api: Api, page: Page, tmp_path: Path
):
    for _ in range(2):
        login = {"username": USER, "password": PASSWORD}
        assert (await api.bare("POST", "session", json=login))[0] == 200
        api.http.cookie_jar.clear()
    await page.goto("/account")
    await log_in(page)
    await expect(page.locator("#sessions li")).to_have_count(3)
    await expect(page.locator("#sessions li").first).to_contain_text("Ce navigateur")
    await flawless(page)
    await page.screenshot(path=tmp_path / "1-account.png", full_page=True)
    await page.locator("#sessions button").first.click()
    await expect(page.locator("#sessions li")).to_have_count(2)
    await expect(page.locator("#said")).to_have_text("1 autre session fermée.")

    async def change(present: str, new: str, again: str) -> None:
        for name, value in (("password", present), ("new", new), ("again", again)):
            await page.locator(f"#change [name={name}]").fill(value)
        await page.locator("#change button").click()

    await change(PASSWORD, NEW, NEW + "x")
    await expect(page.locator("#wrong")).to_contain_text("ne sont pas les mêmes")
    await change("un faux mot", NEW, NEW)
    await expect(page.locator("#wrong")).to_have_text("Le mot de passe actuel est faux.")
    await change(PASSWORD, NEW, NEW)
    await expect(page.locator("#said")).to_contain_text("Le mot de passe est changé. 1 autre")
    await expect(page.locator("#wrong")).to_be_hidden()
    await expect(page.locator("#sessions li")).to_have_count(1)
    await expect(page.locator("#change [name=new]")).to_have_value("")
    await page.locator("#language").click()
    await expect(page.locator("#sessions li")).to_contain_text("This browser")
    await flawless(page)
    await page.locator("#leave").click()
    await expect(page.locator("#login")).to_be_visible()
    await log_in(page, NEW)
    await expect(page.locator("#sessions li")).to_have_count(1)


async def test_the_name_leads_to_the_account_and_the_console_stays(page: Page):
    await page.goto("/console")
    await log_in(page)
    async with page.context.expect_page() as opening:
        await page.locator("#who").click()
    other = await opening.value
    await expect(other.locator("#sessions li")).to_have_count(1)
    await expect(page.locator("#console")).to_be_visible()
    await other.close()


@pytest.fixture
async def issuer(api: Api, tmp_path: Path) -> AsyncIterator[Issuer]:
    async with issuing(api.clock) as made:
        await World(api, made, tmp_path).configure()
        yield made


@pytest.mark.parametrize("path", ["/console", "/console/recontacts"])
async def test_a_person_comes_in_by_their_agency_and_leaves_it_as_well(
    issuer: Issuer, page: Page, path: str, tmp_path: Path
):
    await page.goto(path)
    await expect(page.locator("a.agency")).to_have_text("Ministère <1>")
    await flawless(page)
    await page.screenshot(path=tmp_path / "1-login.png", full_page=True)
    issuer.person["groups"] = []
    await page.locator("a.agency").click()
    told = page.locator("#login-error, #wrong").first
    await expect(told).to_contain_text("La connexion par votre organisme n'a pas abouti")
    assert page.url.endswith(path), "the code of the refusal is gone from the address"
    issuer.person["groups"] = ["tgd-operateurs"]
    await page.locator("a.agency").click()
    await expect(page.locator("#who")).to_have_text("agent-1")
    assert page.url.endswith(path)
    await page.goto("/account")
    await expect(page.locator("#elsewhere")).to_be_visible()
    await expect(page.locator("#change")).to_be_hidden()
    await flawless(page)
    await page.goto(path)
    await page.locator("#leave, #logout").first.click()
    await page.wait_for_url(f"{issuer.url}/end**")
    await page.goto(path)
    await expect(page.locator("a.agency")).to_be_visible()
