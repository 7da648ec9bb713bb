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


async def test_a_note_begun_stays_with_its_alert_and_another_is_shown_from_its_top(
    api: Api, page: Page
):
    await api.account("operateur-2", PASSWORD)
    await log_in(page)
    await api.press("tgd-86-01", loc=PLACE)
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    await api.press("tgd-86-02", loc=PLACE)
    first, second = (page.locator("#queue button", has_text=f"86-0{n}") for n in (1, 2))
    note, rest = page.locator("#note"), page.locator("#alert .rest")
    await page.keyboard.press("n")
    await page.keyboard.type("elle est dans la cui")
    assert await rest.evaluate("one => one.scrollTop") > 0
    await first.click()  # the one that is looked at
    await expect(note).to_have_value("elle est dans la cui")
    await second.click()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-02")
    await expect(note).to_have_value("")
    assert await rest.evaluate("one => one.scrollTop") == 0
    await note.fill("un homme crie")
    await first.click()
    await expect(note).to_have_value("elle est dans la cui")
    await note.press("Enter")
    await expect(page.locator("#news")).to_have_text("Note enregistrée.")
    await expect(note).to_have_value("")
    await second.click()
    await expect(note).to_have_value("un homme crie")
    # Whoever comes next begins with nothing of it.
    await page.locator("#logout").click()
    await log_in(page, "operateur-2")
    for one in (first, second):
        await one.click()
        await expect(note).to_have_value("")


async def test_escape_leads_out_of_a_field_to_the_keys(api: Api, page: Page):
    await log_in(page)
    await api.press("tgd-86-01", loc=PLACE)
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    await page.keyboard.press("n")
    await page.keyboard.type("elle chuchote")
    await api.press("tgd-86-02", loc=PLACE)
    await expect(page.locator("#queue li")).to_have_count(2)
    await expect(page.locator("#note")).to_be_focused()  # a ring takes nothing from who types
    await page.keyboard.press("Escape")
    await expect(page.locator("#a-who")).to_be_focused()
    await expect(page.locator("#note")).to_have_value("elle chuchote")
    await page.keyboard.press("j")
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-02")
    await page.keyboard.press("a")
    await expect(page.locator("#a-facts")).to_contain_text(f"prise par {USER}")
    await page.keyboard.press("k")
    await expect(page.locator("#note")).to_have_value("elle chuchote")


async def test_what_was_heard_is_one_row_of_buttons(api: Api, page: Page):
    await log_in(page)
    await api.press(loc=PLACE)
    await act(page, "answer").click()
    await act(page, "voice", "nobody").click()
    tops = "() => [...document.querySelectorAll('[data-act=voice]')].map((one) => one.offsetTop)"
    assert len(set(await page.evaluate(tops))) == 1


async def test_no_name_is_broken_at_its_hyphen(api: Api, page: Page):
    await log_in(page)
    alert = (await api.press(loc=PLACE))["alert"]
    await api.act(alert, "decision", {"verdict": "police"}, name=USER)
    name = page.locator("#queue b .whole")
    await expect(page.locator("#queue small")).to_contain_text("prise par operateur-1")
    await expect(name).to_have_text("86-01")
    lines = "one => new Set([...one.getClientRects()].map((line) => line.top)).size"
    for whole in await page.locator("#queue .whole").all():
        assert await whole.evaluate(lines) == 1


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
    card = {"device": "tgd-86-01", "sim": {"msisdn": "+33700000001"}}
    assert (await api.call("POST", "devices", role="admin", name="a", json=card))[0] == 200
    await log_in(page)
    await api.press()
    await act(page, "voice", "nobody").click()
    await expect(page.locator("#guide-call a")).to_have_attribute("href", "tel:+33700000001")
    await shots("1-nobody")
    await act(page, "voice", "nobody").click()
    await expect(page.locator("#a-status")).to_contain_text("transmise à la police")
