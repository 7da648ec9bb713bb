import asyncio
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from cisu_messages import NOW

from tgd.errors import Invalid, Rejected, Temporary
from tgd.platform.channels import cisu
from tgd.platform.channels.cisu_https import CisuHttps
from tgd.platform.channels.https_address import check_url

TOKEN = "rooms-secret-0001"
BODY = b'{"distributionID":"fr.tgd.plateforme_1"}'


class Room:
    """A control room's server that answers as its list says, then 202 for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.seen = []
        self.connections = set()
        self.url = ""

    async def take(self, request):
        self.connections.add(request.transport.get_extra_info("peername"))
        self.seen.append((request.headers.get("Authorization"), await request.read()))
        answer = self.answers.pop(0) if self.answers else 202
        if callable(answer):
            return await answer(request)
        return web.Response(status=answer)


@asynccontextmanager
async def room(*answers):
    it = Room(*answers)
    app = web.Application()
    app.router.add_post("/cisu", it.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    it.url = f"http://{host}:{port}/cisu"
    try:
        yield it
    finally:
        await runner.cleanup()


@pytest.fixture
async def channel():
    async with CisuHttps() as it:
        yield it


async def reset(request):
    request.transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
    )
    request.transport.abort()
    return web.Response()


async def never(_request):
    await asyncio.Event().wait()


async def endless_202(request):
    answer = web.StreamResponse(status=202)
    await answer.prepare(request)
    await answer.write(b"first bytes")
    await asyncio.Event().wait()
    return answer


def later(status, after):
    async def answer(_request):
        return web.Response(status=status, headers={"Retry-After": after})

    return answer


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_delivered_with_the_lines_token(channel, status):
    async with room(status) as it:
        await channel.send(it.url, TOKEN, BODY, 5)
        await channel.send(it.url, None, BODY, 5)
    assert it.seen == [(f"Bearer {TOKEN}", BODY), (None, BODY)]


@pytest.mark.parametrize("trouble", [503, 500, 429, 408, 425, reset, later(503, "0")])
async def test_passing_trouble_is_repeated_with_the_same_bytes(channel, trouble):
    async with room(trouble, trouble) as it:
        await channel.send(it.url, TOKEN, BODY, 10)
    assert [body for _token, body in it.seen] == [BODY] * 3


async def test_lasting_trouble_is_temporary(channel):
    async with room(*[503] * 9) as it:
        with pytest.raises(Temporary, match="HTTP 503") as error:
            await channel.send(it.url, TOKEN, BODY, 10)
    assert len(it.seen) == 3
    assert error.value.delay_s is None


@pytest.mark.parametrize("trouble", [reset])
async def test_a_line_that_always_breaks_is_temporary(channel, trouble):
    async with room(*[trouble] * 9) as it:
        with pytest.raises(Temporary, match="connection: "):
            await channel.send(it.url, TOKEN, BODY, 10)
    assert len(it.seen) == 3


async def test_a_closed_port_is_temporary(channel):
    async with room() as it:
        pass
    with pytest.raises(Temporary, match="connection: ClientConnectorError"):
        await channel.send(it.url, TOKEN, BODY, 10)


@pytest.mark.parametrize(
    "after",
    ["40", format_datetime(datetime.now(UTC) + timedelta(days=2), usegmt=True)],
    ids=["seconds", "date"],
)
async def test_a_room_that_asks_for_long_is_not_pressed_within_the_attempt(channel, after):
    async with room(later(503, after)) as it:
        with pytest.raises(Temporary) as error:
            await channel.send(it.url, TOKEN, BODY, 10)
    assert len(it.seen) == 1
    assert 20 < error.value.delay_s <= 60


async def test_a_short_wait_that_does_not_fit_into_the_attempt_is_handed_back(channel):
    async with room(later(429, "2")) as it:
        with pytest.raises(Temporary, match="HTTP 429") as error:
            await channel.send(it.url, TOKEN, BODY, 1.9)
    assert len(it.seen) == 1
    assert error.value.delay_s == 2


@pytest.mark.parametrize("after", ["soon", "-1", "", "9" * 40])
async def test_a_wait_that_cannot_be_read_is_none(channel, after):
    async with room(later(503, after)) as it:
        await channel.send(it.url, TOKEN, BODY, 10)
    assert len(it.seen) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_a_no_is_rejected_at_once(channel, status):
    async with room(status) as it:
        with pytest.raises(Rejected, match=f"^HTTP {status}$"):
            await channel.send(it.url, TOKEN, BODY, 5)
    assert len(it.seen) == 1


async def test_a_rejection_names_the_rooms_code_and_none_of_its_text(channel):
    error = cisu.rs_error(
        cisu.BadEnvelope(300, "INVALID_MESSAGE", "46.57983 0.33817"),
        sender_id="fr.police.cic86",
        recipient="fr.tgd.plateforme",
        distribution_id="fr.police.cic86_1",
        sent_at=NOW,
        expires_at=NOW,
    )

    async def answer(_request):
        return web.Response(status=422, body=cisu.encode(error))

    async with room(answer) as it:
        with pytest.raises(Rejected, match=r"^HTTP 422 INVALID_MESSAGE$"):
            await channel.send(it.url, TOKEN, BODY, 5)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(channel, status):
    async with room() as elsewhere:

        async def redirect(_request):
            return web.Response(status=status, headers={"Location": elsewhere.url})

        async with room(redirect) as it:
            with pytest.raises(Rejected, match=f"HTTP {status}"):
                await channel.send(it.url, TOKEN, BODY, 5)
    assert elsewhere.seen == []


async def test_a_slow_room_is_temporary_when_its_time_is_over(channel):
    tries = within_s = 0
    async with room(*[never] * 9) as it:
        while not it.seen:  # it is not the machine that is to be too slow
            tries, within_s = tries + 1, 0.3 * 2**tries
            with pytest.raises(Temporary, match="no answer within"):
                await channel.send(it.url, TOKEN, BODY, within_s)
    assert len(it.seen) == 1


async def test_the_status_alone_delivers_even_if_the_rest_never_comes(channel):
    async with room(endless_202) as it:
        await channel.send(it.url, TOKEN, BODY, 5)
        await channel.send(it.url, TOKEN, BODY, 5)
    assert len(it.seen) == 2


async def test_connections_are_kept(channel):
    async with room() as it:
        for _ in range(5):
            await channel.send(it.url, TOKEN, BODY, 5)
    assert len(it.connections) == 1


async def test_a_storm_goes_out_at_once(channel):
    async with room() as it:
        together = asyncio.Barrier(200)

        async def wait_for_all(_request):
            await together.wait()  # passes only if all 200 are in flight together
            return web.Response(status=202)

        it.answers = [wait_for_all] * 200
        await asyncio.gather(*(channel.send(it.url, TOKEN, BODY, 20) for _ in range(200)))
    assert len(it.seen) == 200


async def test_a_closed_channel_opens_again(channel):
    async with room() as it:
        await channel.send(it.url, TOKEN, BODY, 5)
        await channel.close()
        await channel.send(it.url, TOKEN, BODY, 5)
    assert len(it.seen) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/cisu",
        "http://localhost/cisu",
        "http://[::1]:9000/cisu",
        "https://salle.example/cisu",
    ],
)
def test_https_anywhere_and_http_on_loopback(url):
    assert str(check_url(url)) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://salle.example/cisu",
        "http://10.0.0.1/cisu",
        "http://127.0.0.1.example/cisu",
        "http://localhost.example/",
        "https://user:password@salle.example/",
        "ftp://salle.example/",
        "https:///cisu",
        "https://salle.example:99999/",
        "https://[::1",
        "/cisu",
        "",
    ],
)
async def test_other_addresses_are_refused_before_anything_is_sent(channel, url):
    with pytest.raises(Invalid) as error:
        check_url(url)
    assert error.value.field == "url"
    with pytest.raises(Invalid):
        await channel.send(url, TOKEN, BODY, 5)


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "é"])
async def test_a_token_that_would_break_the_header_is_refused(channel, token):
    with pytest.raises(Invalid, match="token"):
        await channel.send("http://127.0.0.1:9/", token, BODY, 5)
