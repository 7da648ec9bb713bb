"""What may be said of an address, the grid that hides the point, and an addok server that fails."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import assume, given
from hypothesis import strategies as st

from tgd.config import Config
from tgd.errors import Temporary
from tgd.geo.locate import metres
from tgd.geo.position import Fix
from tgd.platform import address
from tgd.platform.address import REACHES_M, Addok, Ban, Near, addresses, told
from tgd.store.addresses import AddressRow, bands, cell, edge_m
from tgd.store.db import Database

LAT, LON = 46.580123, 0.340456
SECRETS = ("46.58", "0.34", "lat=", "Inventée")
latitudes, longitudes = st.floats(-85, 85), st.floats(-179, 179)

# ── What may be said ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("distance_m", "r95_m", "near"),
    [
        (12.0, 10.0, False),  # at the door, by a disc that does not cover the neighbours
        (12.0, 12.0, False),
        (12.0, 13.0, True),  # the disc covers it, and whatever else is as near
        (0.0, 10.0, True),
        (29.9, 10.0, False),
        (30.1, 10.0, True),  # in a field beside it: she is not at that address
        (800.0, 10.0, True),
        (800.0, 5_000.0, True),
    ],
)
def test_an_address_is_hers_only_where_disc_and_distance_are_small(
    distance_m: float, r95_m: float, near: bool
) -> None:
    said = told(Near("12 Rue Inventée, 86000 Ville", distance_m), r95_m)
    assert said == {
        "label": "12 Rue Inventée, 86000 Ville",
        "distance_m": round(distance_m),
        "near": near,
    }


@given(st.floats(0, 5_000), st.floats(0, 5_000), st.floats(0, 5_000))
def test_a_larger_radius_never_says_more(distance_m: float, r95_m: float, more: float) -> None:
    near = Near("x", distance_m)
    assert told(near, r95_m)["near"] <= told(near, r95_m + more)["near"]


def test_an_address_is_not_in_a_repr() -> None:
    assert "Inventée" not in repr(Near("12 Rue Inventée", 3.0))


# ── The grid ────────────────────────────────────────────────────────────────────────────


def beside(lat: float, lon: float, bearing: float, metres_away: float) -> tuple[float, float]:
    far = math.degrees(metres_away / 6_371_009)
    east = far * math.sin(math.radians(bearing)) / math.cos(math.radians(lat))
    return lat + far * math.cos(math.radians(bearing)), lon + east


@given(latitudes, longitudes, st.floats(0, 360), st.floats(0, 1), st.sampled_from([130, 400, 2000]))
def test_every_point_within_reach_lies_in_the_bands(
    lat: float, lon: float, bearing: float, part: float, reach_m: float
) -> None:
    other = beside(lat, lon, bearing, reach_m * part)
    assume(metres(Fix(lat, lon), Fix(*other)) <= reach_m)
    asked = bands(cell(lat, lon), reach_m)
    assert sum(low <= cell(*other) <= high for low, high in asked) == 1


@given(latitudes, longitudes, st.floats(0, 360), st.floats(0, 0.99))
def test_what_is_nearer_than_the_edge_is_in_the_cell(
    lat: float, lon: float, bearing: float, part: float
) -> None:
    other = beside(lat, lon, bearing, edge_m(lat, lon) * part)
    assert cell(*other) == cell(lat, lon)


def test_the_bands_grow_around_the_cell() -> None:
    own = cell(LAT, LON)
    assert bands(own, 0) == [(own, own)]
    widths = [sum(high - low + 1 for low, high in bands(own, reach)) for reach in REACHES_M]
    assert widths == sorted(widths)
    assert widths[:2] == [1, 9]


@given(
    st.lists(st.tuples(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02)), min_size=1, max_size=20),
    st.floats(-60, 60),
)
def test_the_nearest_on_the_plane_is_the_nearest_on_the_sphere(
    offsets: list[tuple[float, float]], lat: float
) -> None:
    rows = [AddressRow(lat + north, 2.0 + east, f"{n}") for n, (north, east) in enumerate(offsets)]
    found = address._nearest(rows, lat, 2.0)
    least = min(metres(Fix(row.lat, row.lon), Fix(lat, 2.0)) for row in rows)
    assert found is not None
    assert found.distance_m <= least * 1.001 + 0.001


def test_of_nothing_there_is_no_nearest() -> None:
    assert address._nearest([], LAT, LON) is None


# ── Which source ────────────────────────────────────────────────────────────────────────


async def test_addok_is_asked_only_where_it_is_configured() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    assert isinstance(addresses(Config(), database), Ban)
    own = addresses(Config(addok_url="https://addok.example.org"), database)
    assert isinstance(own, Addok)
    await own.close()


async def test_a_database_that_is_away_is_temporary() -> None:
    with pytest.raises(Temporary) as failure:
        await Ban(Database("postgresql://nobody@127.0.0.1:1/none")).near(LAT, LON)
    assert not any(secret in str(failure.value) for secret in SECRETS)


# ── Addok ───────────────────────────────────────────────────────────────────────────────

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """An address server of our own, as far as this test needs one; yields its address."""
    application = web.Application()
    application.router.add_get("/geo/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/geo/"
    finally:
        await runner.cleanup()


def feature(lat: float, lon: float, label: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {"label": label, "score": 0.99, "type": "housenumber", "distance": 1},
    }


def answering(*features: dict[str, Any]) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"type": "FeatureCollection", "features": list(features)})

    return answer


async def ask(answer: Answer, *, answer_s: float = 5.0) -> Near | None:
    async with server(answer) as url:
        addok = Addok(url, answer_s=answer_s)
        try:
            return await addok.near(LAT, LON)
        finally:
            await addok.close()


async def test_the_server_is_asked_for_the_point_and_its_answer_measured_by_us() -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, dict(request.query)))
        return web.json_response({"features": [feature(LAT + 0.001, LON, "8 Rue Inventée")]})

    near = await ask(answer)
    assert asked == [("/geo/reverse/", {"lat": "46.580123", "lon": "0.340456"})]
    assert near is not None
    assert near.label == "8 Rue Inventée"
    assert near.distance_m == pytest.approx(111.2, abs=0.5)


async def test_the_nearest_of_several_is_taken() -> None:
    features = [feature(LAT + 0.01, LON, "far"), feature(LAT, LON + 0.001, "near")]
    near = await ask(answering(*features))
    assert near is not None
    assert near.label == "near"


@pytest.mark.parametrize(
    "features",
    [
        [],
        [feature(LAT + 0.1, LON, "11 km away")],
        [feature(LAT, LON, " ")],
        [feature(LAT, LON, "a\x00b")],
    ],
)
async def test_what_says_nothing_is_no_address(features: list[dict[str, Any]]) -> None:
    assert await ask(answering(*features)) is None


def saying(text: str, status: int = 200, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (saying("oops", 500), "HTTP 500"),
        (saying("no such thing", 404), "HTTP 404"),
        (saying("", 302, Location="http://127.0.0.1:1/elsewhere"), "HTTP 302"),
        (saying("<html>"), "DecodeError"),
        (saying("[]"), "ValidationError"),
        (saying('{"features":[{"properties":{"label":"8 Rue Inventée"}}]}'), "ValidationError"),
        (saying("x" * 100_000), "too long"),
    ],
)
async def test_a_server_that_does_not_answer_properly_is_temporary(
    answer: Answer, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="tgd")
    with pytest.raises(Temporary, match=said) as failure:
        await ask(answer)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__ or failure.value.__context__ is None
    assert not any(secret in str(failure.value) + caplog.text for secret in SECRETS)


async def test_a_server_that_hangs_is_left() -> None:
    async def answer(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Temporary, match="TimeoutError"):
        await ask(answer, answer_s=0.05)


async def test_a_server_that_is_away_is_temporary() -> None:
    addok = Addok("http://127.0.0.1:1", answer_s=5.0)
    with pytest.raises(Temporary, match="ClientConnectorError") as failure:
        await addok.near(LAT, LON)
    await addok.close()
    await addok.close()
    assert not any(secret in str(failure.value) for secret in SECRETS)
