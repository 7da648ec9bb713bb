"""The phones' page as a program meets it: what it takes, what it refuses, what it tells."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession
from catalogues import TGD, families
from handheld import held
from world import World, worlds

from tgd.demo.phones import Event, Phones, PhonesFailed, name
from tgd.demo.phones_page import HOST, PhonesPage
from tgd.demo.phones_seen import Seen, apart

ONE = "tgd-86-01"
STATIC = files("tgd.demo").joinpath("static")
HOME = (46.5814, 0.3392)  # of the first phone's holder, as the demo's places say


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database, tmp_path) as world:
        world.room.forgives()
        yield world


@pytest.fixture
async def page(world: World, tmp_path: Path) -> AsyncIterator[PhonesPage]:
    async with held(world, tmp_path) as page:
        yield page


@pytest.fixture
async def http(page: PhonesPage) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://{HOST}:{page.port}") as http:
        yield http


class Told:
    """What the stream tells, as it comes."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._lines = response.content

    async def next(self, kind: str, /, **wanted: object) -> Any:
        """The next such event whose fields, or one of whose phones' fields, are these."""
        async with asyncio.timeout(120):
            while True:
                event, told = await self._one()
                found = told if isinstance(told, list) else [told]
                for one in found if event == kind else ():
                    if wanted.items() <= one.items():
                        return one

    async def _one(self) -> tuple[str, Any]:
        event = ""
        while True:
            name, _, said = (await self._lines.readline()).decode().rstrip("\n").partition(": ")
            if name == "event":
                event = said
            elif name == "data":
                return event, json.loads(said)


@asynccontextmanager
async def listening(http: ClientSession) -> AsyncIterator[Told]:
    async with http.get("/phones/events") as response:
        assert response.content_type == "text/event-stream"
        yield Told(response)


async def does(http: ClientSession, action: str, phone: str = ONE, **fields: object) -> int:
    order = {"phone": phone, "action": action, **fields}
    async with http.post("/phones/orders", json=order) as response:
        return response.status


async def test_a_press_is_receipted_and_each_step_is_told(world: World, http: ClientSession):
    async with listening(http) as told:
        at_first = await told.next("all")
        assert [one["phone"] for one in at_first["phones"]] == [name(n) for n in range(1, 9)]
        assert at_first["phones"][7]["reception"] == "off"  # its holder refused to be located
        assert await does(http, "network", on=False) == 204
        await told.next("fact", kind="network", on=False)
        assert await does(http, "press") == 204
        await told.next("fact", kind="pressed", phone=ONE)
        await told.next("fact", kind="unsent", attempt=2)
        assert await world.operator().list() == []
        assert await does(http, "network", on=True) == 204
        await told.next("fact", kind="receipt", phone=ONE, code="ok")
        assert (await told.next("phones", phone=ONE, waiting=[]))["receipt"]
    [alert] = await world.operator().list()
    assert alert["device"] == ONE
    async with listening(http) as told:  # whoever comes later is told what has happened
        kinds = [fact["kind"] for fact in (await told.next("all"))["facts"]]
        assert kinds.index("pressed") < kinds.index("unsent") < kinds.index("receipt")


async def test_a_state_is_told_at_the_gesture_and_kept_nowhere(world: World, http: ClientSession):
    async with listening(http) as told:
        assert await does(http, "glance") == 204
        assert await told.next("glanced") == {"phone": ONE, "state": None}
        await does(http, "press")
        await told.next("fact", kind="receipt")
        [alert] = await world.operator().list()
        await world.operator().answers(alert["id"])
        stirred = await told.next("fact", kind="state")
        assert set(stirred) == {"phone", "at", "kind"}
        async with asyncio.timeout(120):
            while (shown := await glanced(http, told)) != "answered":
                assert shown == "received"
    async with http.get("/phones/events") as response:
        everything = await response.content.readuntil(b"\n\n")
    assert b"answered" not in everything
    assert b"glanced" not in everything


async def glanced(http: ClientSession, told: Told) -> str | None:
    await does(http, "glance")
    return (await told.next("glanced"))["state"]


async def test_where_the_page_puts_her_is_where_the_phone_says_it_is(
    world: World, http: ClientSession
):
    there = (46.6, 0.4)
    assert await does(http, "put", lat=there[0], lon=there[1]) == 204
    assert await does(http, "receiver", reception="open", mock=True) == 204
    async with listening(http) as told:
        await does(http, "press")
        await told.next("fact", kind="receipt")
        await does(http, "go", lat=46.7, lon=0.4, pace="drive")
        moving = await told.next("phones", phone=ONE, towards=[46.7, 0.4])
        assert moving["lat"] >= there[0]
        await told.next("phones", phone=ONE, towards=[46.7, 0.4])
        await does(http, "stop")
        stands = await told.next("phones", phone=ONE, towards=None)
    [alert] = await world.operator().list()
    said = alert["position"]
    assert apart((said["lat"], said["lon"]), (stands["lat"], stands["lon"])) < 500
    assert "mocked" in "".join([*said["doubts"], *alert["doubts"]])


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"phone": "tgd-86-99", "action": "press"}, 404),
        ({"phone": ONE, "action": "fly"}, 422),
        ({"phone": ONE, "action": "press", "trigger": "shake"}, 422),
        ({"phone": ONE, "action": "battery", "level": 101, "plugged": False}, 422),
        ({"phone": ONE, "action": "put", "lat": 0, "lon": 0}, 422),
        ({"phone": ONE, "action": "put", "lat": "46.5", "lon": 0.3}, 422),
        ({"phone": ONE, "action": "go", "lat": 46.5, "lon": 0.3, "pace": "fly"}, 422),
        ({"phone": ["tgd-86-01"], "action": "press"}, 422),
        ([], 422),
    ],
)
async def test_what_is_no_order_is_refused(http: ClientSession, order: object, status: int):
    async with http.post("/phones/orders", json=order) as response:
        assert response.status == status
    assert await does(http, "glance") == 204  # and nothing has been harmed


async def test_only_a_page_of_its_own_on_the_loopback_may_ask(
    page: PhonesPage, http: ClientSession
):
    order = {"phone": ONE, "action": "press"}
    foreign = {"Host": f"demo.example.org:{page.port}"}
    async with http.get("/phones", headers=foreign) as response:
        assert response.status == 421
    async with http.post("/phones/orders", json=order, headers=foreign) as response:
        assert response.status == 421
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    async with http.post("/phones/orders", json=order, headers=elsewhere) as response:
        assert response.status == 403
    async with http.post("/phones/orders", data=json.dumps(order)) as response:
        assert response.status == 415
    assert {address[0] for address in page._runner.addresses} == {"127.0.0.1"}


async def test_every_answer_carries_the_strict_policy(http: ClientSession):
    links = re.findall(r'(?:src|href)="(/[^"]+)"', STATIC.joinpath("phones.html").read_text())
    assert len(links) == 3
    for path in ("/phones", "/phones/ground", "/phones/events", *links):
        async with http.get(path) as response:
            assert response.status == 200, path
            policy = response.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
            assert "unsafe" not in policy
            assert response.headers["Cache-Control"] == "no-store"


def test_no_page_holds_a_style_or_a_script_of_its_own():
    page = STATIC.joinpath("phones.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script[^>]*>[^<]", page)
    scripts = [item.read_text() for item in STATIC.iterdir() if item.name.endswith(".js")]
    assert not any(
        re.search(r"innerHTML|eval\(|https?://(?!www\.w3\.org/2000/svg)", s) for s in scripts
    )


def test_the_discreet_states_have_words():
    said = families(TGD / "demo", "phones", "fr")["state"]
    assert set(said) == {*("received", "answered", "police_told", "police_acknowledged", "closed")}


async def test_without_the_demo_s_phones_there_is_no_page(tmp_path: Path):
    page = PhonesPage(Phones(("--broker", "mqtt://127.0.0.1:9"), tmp_path / "phones.log"))
    with pytest.raises(PhonesFailed, match="not started"):
        await page.start()
    with pytest.raises(ConnectionRefusedError), socket.socket() as probe:
        probe.connect((HOST, page.port or 9))
    await page.stop()


async def test_a_server_leads_there_only_where_the_demo_has_said_so(world: World):
    for path in ("/phones", "/salle"):
        async with world.http.get(f"{world.base}{path}", allow_redirects=False) as response:
            assert response.status == 404
    await world.stop_server()
    there = "http://127.0.0.1:8087/phones"
    world.config = replace(world.config, demo_pages=(there,))
    await world.start_server()
    async with world.http.get(f"{world.base}/phones", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (307, there)
    async with world.http.get(f"{world.base}/salle", allow_redirects=False) as response:
        assert response.status == 404


def test_she_goes_straight_at_her_pace_and_stands_at_the_end():
    seen = Seen(ONE, *HOME)
    north = (HOME[0] + 100 / 111_195, HOME[1])
    seen.go(north, "walk", 1000.0)
    seen.follow(1036.0)  # 36 s at 5 km/h are 50 m
    assert apart((seen.lat, seen.lon), HOME) == pytest.approx(50, abs=0.1)
    seen.follow(2000.0)
    assert (seen.lat, seen.lon) == pytest.approx(north)
    assert seen.towards is None


def test_a_press_waits_until_its_own_receipt():
    seen = Seen(ONE, *HOME)
    for press in ("a", "b"):
        seen.hear(Event(ONE, 1.0, "pressed", {"press": press, "seq": 1, "trigger": "button"}))
    seen.hear(Event(ONE, 31.0, "dial_112", {"press": "a", "after_s": 30}))
    told = {"code": "ok", "attempt": 1, "latency_s": 0.02}
    seen.hear(Event(ONE, 32.0, "receipt", {"press": "b", **told}))
    assert (seen.waiting, seen.dialled, seen.stirred) == (["a"], True, 1)
    seen.hear(Event(ONE, 33.0, "receipt", {"press": "a", **told}))
    assert (seen.waiting, seen.dialled, seen.stirred) == ([], False, 2)
