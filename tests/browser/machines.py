"""What the tests of failing machines begin with: an operator's page, and what the server kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from browser.pages import act, confirmed, log_in
from playwright.async_api import Error, Page, Route, expect
from web.served import PLACE, Api

ANSWERED = "PRISE EN CHARGE"
POLICE = "POLICE — police saisie"
TEST = "CLOSE — essai"


async def taken(page: Page, api: Api) -> str:
    """An alert that this operator has answered."""
    await log_in(page)
    alert = (await api.press(loc=PLACE))["alert"]
    await act(page, "answer").click()
    await expect(page.locator("#a-status")).to_have_text(ANSWERED)
    return alert


async def ready_to_close(page: Page, api: Api) -> str:
    """An alert of this operator's whose holder was heard."""
    alert = await taken(page, api)
    await act(page, "voice", "holder").click()
    await expect(act(page, "verdict", "test")).to_be_enabled()
    return alert


async def twice(page: Page, verdict: str) -> None:
    """Click a closing verdict and confirm it."""
    await confirmed(act(page, "verdict", verdict))


async def verdicts(api: Api) -> list[str]:
    """Every verdict that was given, by whomever."""
    found = await api.rows("SELECT details FROM journal WHERE kind = 'verdict' ORDER BY no")
    return [row["details"]["verdict"] for row in found]


async def facts(api: Api, kind: str) -> int:
    """How often this is on the record."""
    return len(await api.rows("SELECT FROM journal WHERE kind = $1", kind))


@asynccontextmanager
async def held(page: Page, address: str, *, answered: bool = False) -> AsyncIterator[asyncio.Event]:
    """Requests to this address wait on the line for the length of the block, or their answers."""
    on_its_way, go = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        answer = await route.fetch() if answered else None
        on_its_way.set()
        await go.wait()
        with suppress(Error):  # the page may have given it up meanwhile
            await (route.fulfill(response=answer) if answer else route.continue_())

    await page.route(address, hold)
    yield on_its_way
    go.set()
    await page.unroute(address)
