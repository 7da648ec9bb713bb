"""States to look at: a full desk, long names, a long day; nothing of it runs out of its place.

The pictures are the point (`tests/browser/shots.py`); what is asserted is what a picture cannot
promise: no text is cut off, no part of the page is wider than its place, and what must stay in
sight does while the rest is scrolled.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from browser.pages import PASSWORD, USER, act, log_in, opened
from playwright.async_api import Browser, Page, expect
from web.served import PLACE, Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium
LONG = "Bénéficiaire 86-01 dont le libellé, dans un autre tribunal, est bien plus long qu'ici"
OVERFLOW = """() => [...document.querySelectorAll('#console *')]
  .filter((one) => one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1
    && getComputedStyle(one).overflowX === 'visible' && getComputedStyle(one).display !== 'inline')
  .map((one) => `${one.tagName}#${one.id}.${one.className}`)"""
IN_SIGHT = ("#a-who", "#a-status", "#a-deadlines", "#answer", "#police", "[data-value=test]")


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD)
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def nothing_overflows(page: Page) -> None:
    assert await page.evaluate(OVERFLOW) == []


async def test_a_full_desk(api: Api, page: Page, shots):
    await api.rows("UPDATE beneficiary SET label = $1 WHERE label LIKE '%01'", LONG)
    await log_in(page)
    await api.press(loc=PLACE)
    await asyncio.gather(*(api.press(f"inconnu-{n:02}") for n in range(22)))  # two of a kind
    await asyncio.gather(*(api.press(f"tgd-86-0{n}", loc=PLACE) for n in range(2, 9)))
    await expect(page.locator("#queue li")).to_have_count(29)
    await expect(page.locator("#a-who")).to_have_text(LONG)
    await nothing_overflows(page)
    await shots("1-thirty")
    await page.locator("#language").click()
    await expect(page.locator("#answer")).to_have_text("Answer")
    await nothing_overflows(page)
    await shots("2-english")


async def test_a_long_day_of_one_alert(api: Api, page: Page, shots):
    await log_in(page)
    alert = (await api.press(loc=PLACE))["alert"]
    await act(page, "answer").click()
    await act(page, "voice", "holder").click()
    for n in range(6):
        await api.press(loc=PLACE | {"lat": 46.58 + n / 1000})
        note = {"text": f"n° {n} : elle parle bas, puis se tait ; bruits de pas, une porte. " * 3}
        await api.act(alert, "notes", note, name=USER)
        await api.act(alert, "voice", {"with": "holder"}, name=USER)
    await act(page, "listen").click()
    await act(page, "listen").click()
    await expect(page.locator("#line")).to_have_class("row open")
    await act(page, "police").click()
    for folded in ("notes", "timeline", "script"):
        await page.locator(f"#{folded} summary").click()
    await expect(page.locator("#timeline-list li")).not_to_have_count(0)
    await shots("1-long")
    await page.locator("#a-report").evaluate("one => one.closest('.rest').scrollTo(0, 1e6)")
    await page.locator("#aside").evaluate("one => one.scrollTo(0, 1e6)")
    for one in IN_SIGHT:
        await expect(page.locator(one)).to_be_in_viewport(ratio=1)
    await nothing_overflows(page)
    await shots("2-scrolled")


async def test_she_hears_the_operator_only_after_a_second_click(api: Api, page: Page, shots):
    await log_in(page)
    alert = (await api.press(loc=PLACE))["alert"]
    await expect(page.locator("#line-said")).to_contain_text("Elle ne vous entend pas")
    await page.keyboard.press("a")
    await expect(page.locator("#guide-do")).to_contain_text("écoute discrète")
    await page.keyboard.press("l")
    await expect(act(page, "listen")).to_have_text("Confirmer ?")
    assert (await api.alert(alert))["listen"] == "mic_only"
    await page.keyboard.press("l")
    await expect(page.locator("#line-said")).to_contain_text("ELLE VOUS ENTEND")
    await expect(page.locator("#guide-do")).to_contain_text("Parlez bas")
    await shots("1-heard")
    await page.keyboard.press("l")  # to be silent again is one act
    await expect(page.locator("#line-said")).to_contain_text("Elle ne vous entend pas")
    await page.keyboard.press("l")
    await page.keyboard.press("l")
    await expect(page.locator("#line-said")).to_contain_text("ELLE VOUS ENTEND")
    await api.press(loc=PLACE)  # something has changed on her side
    await expect(page.locator("#line-said")).to_contain_text("Elle ne vous entend pas")


async def test_after_nobody_the_phone_s_number_is_there_to_call_back(api: Api, page: Page, shots):
    await api.rows("UPDATE device SET number = '+33700000001' WHERE id = 'tgd-86-01'")
    await log_in(page)
    await api.press()
    await act(page, "voice", "nobody").click()
    await expect(page.locator("#guide-call a")).to_have_attribute("href", "tel:+33700000001")
    await shots("1-nobody")
    await act(page, "voice", "nobody").click()
    await expect(page.locator("#a-status")).to_contain_text("transmise à la police")
