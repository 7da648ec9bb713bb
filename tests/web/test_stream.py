"""The stream: hints, and an end when the credentials end."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from web.served import NOW, Api, until

from tgd.store import accounts

HINT = b"event: alerts\ndata: {}\n\n"
STILL = b"event: here\ndata: {}\n\n"


@asynccontextmanager
async def listening(api: Api, **more):
    headers = {"Authorization": f"Bearer {await api.token()}"} | more.pop("headers", {})
    async with api.http.get("/api/v1/stream", headers=headers, **more) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        yield response.content
        response.close()


async def heard(content, what: bytes) -> None:
    async with asyncio.timeout(120):
        assert await content.readuntil(b"\n\n") == what


async def test_a_console_is_hinted_at_once_and_at_every_change(api: Api):
    async with listening(api) as content:
        await heard(content, b"retry: 1000\n\n")
        await heard(content, HINT)
        await until(lambda: len(api.delivered) == 1)
        assert b"tgd_stream_clients 1.0" in api.metrics.render()
        alert = (await api.press())["alert"]
        await heard(content, HINT)
        await api.act(alert, "answer")
        await heard(content, HINT)
        for _ in range(100):
            api.hub.hint()  # faster than it is read: one hint, or a second for the latest
        api.clock.set_on(0)
        await heard(content, HINT)
    api.hub.hint()
    await until(lambda: api.hub.listening == 0)
    assert b"tgd_stream_clients 0.0" in api.metrics.render()


async def test_silence_is_kept_alive(api: Api):
    async with listening(api) as content:
        await heard(content, b"retry: 1000\n\n")
        await heard(content, HINT)
        for _ in range(3):
            await after_five_seconds(api, content)


async def after_five_seconds(api: Api, content) -> None:
    """Advance until the stream, which may just be about to wait, has noticed."""
    reading = asyncio.create_task(heard(content, STILL))
    while not reading.done():
        api.clock.set_on(5)
        await asyncio.wait([reading], timeout=0.1)
    await reading


async def ended(api: Api, content) -> None:
    reading = asyncio.create_task(content.read())
    async with asyncio.timeout(120):
        while not reading.done():
            api.clock.set_on(5)
            await asyncio.wait([reading], timeout=0.1)
    await reading


@pytest.mark.parametrize("how", ["revoked", "logged out", "expired"])
async def test_it_ends_with_the_credentials(api: Api, how: str):
    await api.account("operateur-1", "un mot de passe")
    body = {"username": "operateur-1", "password": "un mot de passe"}
    _, session = await api.bare("POST", "session", json=body)
    headers = {"Authorization": f"Bearer {await api.token()}"} if how == "revoked" else {}
    async with api.http.get("/api/v1/stream", headers=headers) as response:
        assert response.status == 200
        await heard(response.content, b"retry: 1000\n\n")
        if how == "revoked":
            async with api.database.connection() as connection:
                await accounts.revoke_tokens(connection, role="operator", name="op-1", now=NOW)
        elif how == "logged out":
            await api.bare("DELETE", "session", headers={"X-CSRF-Token": session["csrf"]})
        else:
            api.clock.set_on(12 * 3600)
        await ended(api, response.content)
    await until(lambda: api.hub.listening == 0)


async def test_it_ends_when_the_server_goes(api: Api):
    async with listening(api) as content:
        await heard(content, b"retry: 1000\n\n")
        stopping = asyncio.create_task(api.server.stop())
        async with asyncio.timeout(120):
            await content.read()
        await stopping
        await api.serve(0)


async def test_a_console_that_reads_nothing_holds_up_nobody(api: Api):
    async with listening(api) as deaf, listening(api) as content:
        await heard(content, b"retry: 1000\n\n")
        await heard(content, HINT)
        for _ in range(20):
            await api.press()
            await heard(content, HINT)
        assert deaf is not content


async def test_a_page_that_does_nothing_more_is_not_there_though_its_stream_stands(api: Api):
    """A machine that sleeps, a page that hangs: what is written to it goes without an error."""
    await api.account("operateur-1", "un mot de passe")
    body = {"username": "operateur-1", "password": "un mot de passe"}
    _, session = await api.bare("POST", "session", json=body)

    def by_name(found) -> dict[str, str]:
        return {one["name"]: one["state"] for one in found["items"]}

    async def states() -> dict[str, str]:
        return by_name((await api.call("GET", "presence"))[1])

    async with api.http.get("/api/v1/stream") as response:
        await heard(response.content, b"retry: 1000\n\n")
        await heard(response.content, HINT)
        for _ in range(4):
            await after_five_seconds(api, response.content)
            await api.bare("GET", "presence")  # what the page does when it is asked
            assert (await states())["operateur-1"] == "available"
        for _ in range(3):
            await after_five_seconds(api, response.content)
        assert (await states())["operateur-1"] == "away"
        csrf = {"X-CSRF-Token": session["csrf"]}
        await api.bare("POST", "presence", json={"state": "away"}, headers=csrf)
        assert (await states())["operateur-1"] == "away"  # back, and not to be rung
        await api.bare("GET", "presence")
        wanted = await api.bare("POST", "presence", json={"state": "available"}, headers=csrf)
        assert by_name(wanted[1])["operateur-1"] == "available"  # its own answer says so
        assert (await states())["operateur-1"] == "available"
