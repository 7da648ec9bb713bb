"""The pages for afterwards in a real browser: logged into, read in both languages, printed."""

from collections.abc import AsyncIterator

import pytest
from browser.pages import PASSWORD, USER, opened
from playwright.async_api import Browser, Page, expect
from web.served import PLACE, Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD, "supervisor")
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def log_in_here(page: Page) -> None:
    await expect(page.locator("#login [name=username]")).to_be_focused()
    await page.keyboard.type(USER)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")


async def closed(api: Api) -> str:
    alert = (await api.press(loc=PLACE, batt=17))["alert"]
    await api.act(alert, "answer")
    await api.act(alert, "voice", {"with": "holder"})
    await api.act(alert, "notes", {"text": "Elle chuchote : « il est derrière la porte »."})
    await api.act(alert, "decision", {"verdict": "police"})
    told = {"room": "cic86", "call_taker": "Brigadier A", "reference": "2030-77"}
    await api.act(alert, "voice-handoff", told)
    status, said = await api.act(alert, "close", {"outcome": "intervention"})
    assert status == 200, said
    return alert


async def test_the_report_is_read_in_both_languages_and_printed(
    api: Api, page: Page, shots, tmp_path
):
    alert = await closed(api)
    await page.goto(f"/console/report/{alert}")
    await expect(page.locator("#report")).to_be_hidden()
    await shots("1-login")
    await log_in_here(page)
    await expect(page.locator("#report h1")).to_have_text("Compte rendu d'alerte")
    await expect(page.locator("#legs tbody tr")).to_have_count(6)
    await expect(page.locator("#legs")).to_contain_text("tenu")
    await expect(page.locator("#notes")).to_contain_text("« il est derrière la porte »")
    await expect(page.locator("#dispatches")).to_contain_text("Brigadier A — 2030-77")
    await expect(page.locator("#journal")).to_contain_text("voix entendue : la titulaire")
    assert "46,5" not in await page.locator("body").inner_text()
    await page.screenshot(path=tmp_path / "2-report.png", full_page=True)
    await page.locator("#language").click()
    await expect(page.locator("#report h1")).to_have_text("Report of an alert")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.screenshot(path=tmp_path / "3-english.png", full_page=True)
    await page.locator("#language").click()
    await expect(page.locator("#report h1")).to_have_text("Compte rendu d'alerte")
    await page.emulate_media(media="print")
    await expect(page.locator(".bar")).to_be_hidden()
    await page.pdf(path=tmp_path / "4-printed.pdf", format="A4")
    await page.emulate_media(media="screen")
    async with page.expect_download() as download:
        await page.locator("#pdf").click()
    file = await (await download.value).path()
    assert file.read_bytes().startswith(b"%PDF-")
    assert (await download.value).suggested_filename.startswith("alerte-")


async def test_the_report_of_another_s_alert_is_not_shown(api: Api, page: Page):
    await api.account("paul", PASSWORD, "operator")
    alert = await closed(api)
    await page.goto(f"/console/report/{alert}")
    await expect(page.locator("#login")).to_be_visible()
    await page.locator("[name=username]").fill("paul")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#wrong")).to_contain_text("Pas de telle alerte")
    await expect(page.locator("#report")).to_be_hidden()
    await page.locator("#leave").click()
    await expect(page.locator("#login")).to_be_visible()
