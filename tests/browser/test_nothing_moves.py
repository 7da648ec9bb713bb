"""Whatever comes in by itself, no button moves under the hand that is about to press it.

Each event is brought about where it comes from, never by the page; the place of every act is
measured before and after it. The server speaks HTTP only: no deadline passes by itself.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from browser.furnished import FILE, link_holders
from browser.pages import PASSWORD, USER, act, confirmed, log_in, opened
from playwright.async_api import Browser, Page, expect
from web.served import PLACE, Api, serving

from tgd.clock import Clock
from tgd.platform import persons
from tgd.store import places

pytestmark = pytest.mark.needs_chromium
OTHER = "operateur-2"
SIZES = [(1280, 720), (1920, 1080)]
# The page's sound can be stopped as an operating system stops it.
AUDIO = """window.AudioContext = class extends AudioContext {
  constructor() { super(); window.heard = this; } };"""
PLACES = """() => Object.fromEntries(
  [...document.querySelectorAll('#acts button, #acts input, #queue')].map((one) => {
    const { x, y, width, height } = one.getBoundingClientRect();
    return [one.id || one.dataset.value, one.id === 'queue' ? [x, y] : [x, y, width, height]];
  }))"""
# In one step: it asks for five seconds only.
ARMED = f"""() => {{
  document.querySelector('[data-act=verdict][data-value=test]').click();
  return document.querySelectorAll('#acts .armed').length === 1 && ({PLACES})();
}}"""
# Of what can be seen: what a click in its middle would not reach, or what is wider than its place.
OUT_OF_REACH = """() => [...document.querySelectorAll('#acts button')].filter((one) => {
  const { x, y, width, height } = one.getBoundingClientRect();
  return one.checkVisibility({ visibilityProperty: true })
    && (one.scrollWidth > one.clientWidth
      || !one.contains(document.elementFromPoint(x + width / 2, y + height / 2)));
}).map((one) => one.id || one.dataset.value)"""


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD)
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        await page.add_init_script(AUDIO)
        yield page


@asynccontextmanager
async def nothing_moves(page: Page, event: str) -> AsyncIterator[None]:
    """No act has moved at the end of the block, nor the queue; each act can be reached."""
    before = await page.evaluate(PLACES)
    assert before
    yield
    after = await page.evaluate(PLACES)
    moved = {one: (at, after.get(one)) for one, at in before.items() if after.get(one) != at}
    assert moved == {}, event
    assert await page.evaluate(OUT_OF_REACH) == [], event


async def put_file(api: Api, device: str) -> None:
    async with api.database.transaction() as transaction:
        [person] = (await places.holders(transaction, [device])).values()
        await persons.put(transaction, api.sealer, person, FILE, api.clock)


@pytest.fixture(params=[f"{w}x{h}-{lang}" for w, h in SIZES for lang in ("fr", "en")])
async def shown(request: pytest.FixtureRequest, api: Api, page: Page) -> str:
    """The console in this size and language, with one alert of a person who has a file."""
    size, language = request.param.split("-")
    width, height = map(int, size.split("x"))
    await page.set_viewport_size({"width": width, "height": height})
    await put_file(api, "tgd-86-01")
    await log_in(page)
    alert = (await api.press(loc=PLACE))["alert"]
    await expect(page.locator("#a-position")).not_to_be_empty()
    if language == "en":
        await page.locator("#language").click()
        await expect(page.locator("#answer")).to_have_text("Answer")
    return alert


async def test_no_act_moves_by_what_comes_while_it_rings(shown: str, page: Page, api: Api, shots):
    async with nothing_moves(page, "the connection is lost"):
        await page.route("**/api/v1/**", lambda route: route.abort())
        await expect(page.locator("#lost")).to_be_visible()
    await shots("1-lost")
    async with nothing_moves(page, "the connection is back"):
        await page.unroute_all(behavior="wait")
        await expect(page.locator("#lost")).to_be_hidden()
    async with nothing_moves(page, "the sound is blocked"):
        await page.evaluate("heard.suspend()")
        await expect(page.locator("#blocked")).to_be_visible()
    async with nothing_moves(page, "no line leads to the room"):
        await api.rows("UPDATE room_line SET up = false, failures = 2")
        await expect(page.locator("#lines-alarm")).to_be_visible()
    async with nothing_moves(page, "a further press, and what is doubtful about it"):
        await api.press(tst=1.0)
        await expect(page.locator("#fresh")).to_be_visible()
        await expect(page.locator("#a-doubts")).to_be_visible()
    async with nothing_moves(page, "an alert of somebody who belongs to her"):
        await link_holders(api.rows, "tgd-86-01", "tgd-86-02")
        await api.press("tgd-86-02", loc=PLACE)
        await expect(page.locator("#a-linked")).to_be_visible()
    await shots("2-everything")


async def test_no_act_moves_by_what_comes_once_it_is_taken(shown: str, page: Page, api: Api, shots):
    async with nothing_moves(page, "her dangers, and that nobody else is free"):
        await act(page, "answer").click()
        await expect(page.locator("#dangers")).to_be_visible()
        await expect(page.locator("#alarm")).to_be_visible()
    await page.locator("#timeline summary").click()
    await confirmed(act(page, "listen"))
    await expect(page.locator("#line")).to_have_class("row open")
    assert await page.evaluate(OUT_OF_REACH) == []
    await act(page, "voice", "holder").click()
    await expect(act(page, "verdict", "test")).to_be_enabled()
    await shots("1-taken")
    assert await page.evaluate(PLACES) == await page.evaluate(ARMED), "it asks for a second click"
    async with nothing_moves(page, "a further press: she is to be heard again, and hears nothing"):
        await api.press(loc=PLACE)
        await expect(page.locator("#line")).to_have_class("row")
        await expect(page.locator("#fresh")).to_be_visible()
        await expect(act(page, "verdict", "test")).to_be_disabled()
    async with nothing_moves(page, "another's note, and the timeline grows"):
        await api.act(shown, "notes", {"text": "la voisine appelle " * 20}, name=OTHER)
        await expect(page.locator("#timeline-list")).to_contain_text(OTHER)
    async with nothing_moves(page, "the police are told by another"):
        await api.act(shown, "decision", {"verdict": "police"}, name=OTHER)
        await expect(page.locator("#a-status")).to_have_class("told")
        await expect(page.locator("#a-deadlines li")).to_have_count(3)
    async with nothing_moves(page, "a call turns red"):
        await api.rows("UPDATE task SET red = true")
        await expect(page.locator("#a-tasks li.red")).to_be_visible()
    async with nothing_moves(page, "three more for the same room, and a third linked"):
        for n in (3, 4, 5):
            alert = (await api.press(f"tgd-86-0{n}"))["alert"]
            await api.act(alert, "decision", {"verdict": "police"}, name=OTHER)
        await expect(page.locator("#one-call")).to_be_visible()
    await shots("2-police")
    async with nothing_moves(page, "it is closed by another"):
        body = {"room": "cic86", "call_taker": "brigadier", "reference": "1"}
        await api.act(shown, "voice-handoff", body, name=OTHER)
        await api.act(shown, "close", {"outcome": "safe"}, name=OTHER)
        await expect(page.locator("#a-status")).to_have_class("closed")
    await shots("3-closed")


# A hand that is as quick as can be: no time passes in the page until the test lets it.
STILL = """(() => {
  const real = performance.now.bind(performance);
  window.at = null;
  performance.now = () => window.at ?? real();
})()"""


async def two_lines(page: Page, api: Api) -> None:
    """Two alerts that are in hand, and the pointer on the upper one."""
    await page.add_init_script(STILL)
    await log_in(page)
    for n in (1, 2):
        alert = (await api.press(f"tgd-86-0{n}", loc=PLACE))["alert"]
        await api.act(alert, "answer", name=USER)
    await expect(page.locator("#queue .answered")).to_have_count(2)
    await page.locator("#queue button").nth(1).click()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-02")
    await page.locator("#queue button").nth(0).hover()


async def rings_above(page: Page, api: Api) -> None:
    await api.press("tgd-86-03", loc=PLACE)
    await expect(page.locator("#queue button").nth(0)).to_contain_text("86-03")


async def test_a_click_is_for_the_line_that_stood_there_a_moment_ago(page: Page, api: Api):
    await two_lines(page, api)
    await page.evaluate("window.at = performance.now()")
    await rings_above(page, api)
    await page.mouse.down()  # where 86-01 was, and 86-03 is
    await page.mouse.up()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    await page.evaluate("window.at += 401")  # long enough to have seen it
    await page.mouse.down()
    await page.mouse.up()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-03")


async def test_a_hand_that_is_under_way_has_aimed_before(page: Page, api: Api):
    await two_lines(page, api)
    await page.evaluate("window.at = performance.now()")
    box = await page.locator("#queue button").nth(0).bounding_box()
    assert box
    await page.mouse.move(600, 600)
    await page.mouse.move(400, 300, steps=4)  # on its way to 86-01
    await rings_above(page, api)
    await page.mouse.move(box["x"] + 9, box["y"] + 9, steps=4)
    await page.mouse.down()
    await page.mouse.up()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-01")


async def test_who_moves_only_then_has_seen_what_came(page: Page, api: Api):
    await two_lines(page, api)
    await page.evaluate("window.at = performance.now() + 300")  # after the hand came to rest
    await rings_above(page, api)
    await page.locator("#queue button").nth(2).click()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-02")
    await page.locator("#queue button").nth(0).click()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-03")


async def test_the_line_that_is_pressed_is_chosen_though_it_moves_before_it_is_let_go(
    page: Page, api: Api
):
    await two_lines(page, api)
    await page.mouse.down()
    await rings_above(page, api)
    await page.mouse.up()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    # It may be thought better of: let go elsewhere, nothing is chosen.
    await page.locator("#queue button").nth(2).hover()
    await page.mouse.down()
    await page.locator("#desk-title").hover()
    await page.mouse.up()
    await page.locator("#queue button").nth(0).focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-03")


async def test_the_line_that_is_pressed_may_itself_come_to_the_top(page: Page, api: Api):
    await two_lines(page, api)
    await page.locator("#queue button").nth(0).click()
    await page.locator("#queue button").nth(1).hover()
    await page.mouse.down()
    await api.press("tgd-86-02", loc=PLACE)  # who has it is told: it goes before the other
    await expect(page.locator("#queue button").nth(0)).to_contain_text("86-02")
    await page.mouse.up()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-02")


async def test_a_name_has_its_line_for_itself_whatever_comes_next(page: Page, api: Api):
    await log_in(page)
    alert = (await api.press(loc=PLACE))["alert"]
    await api.act(alert, "decision", {"verdict": "police"}, name=USER)
    await expect(page.locator("#queue .then")).to_have_text("→ autre ligne")
    await page.locator("#queue").evaluate("one => { one.style.width = '17rem'; }")  # a scrollbar's
    lines = """one => {
      const text = document.createRange();
      text.selectNodeContents(one);
      return new Set([...text.getClientRects()].map((line) => line.bottom)).size;
    }"""
    assert await page.locator("#queue b").evaluate(lines) == 1
