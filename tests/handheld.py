"""The demo's phones and their page beside a world: real phones in a process of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from world import World

from tgd.demo.phones import COUNT, Phones
from tgd.demo.phones_page import PhonesPage


@asynccontextmanager
async def held(world: World, folder: Path, **links: str) -> AsyncIterator[PhonesPage]:
    phones = Phones(("--phones", "8", "--broker", world.broker.url), folder / "phones.log")
    page = PhonesPage(phones, links=links)
    await phones.start()
    try:
        await world.until(lambda: len(phones.connected) == COUNT or phones.failed)
        await page.start()
        yield page
    finally:
        await page.stop()
        await phones.stop()
    assert phones.failed == "they have ended"  # by our wish, and not by an order that they refused
