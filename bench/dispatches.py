"""Figure 6, a thousand dispatches in one instant, to a hundred rooms of which thirty are dead.

Alerts are opened, ten in the ground of each room, then their deadline ``answer`` is set, by SQL,
to one same moment a little ahead. What the dead rooms cost the server meanwhile (connections that
hang, repetitions) is not to be paid by the living ones. Beside it as many POSTs as the living are
owed go to the same receivers, from one process, with nothing before them.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import shapely

from bench.dead_ends import DeadEnds, dead_ends
from bench.envelope import Envelopes
from bench.figures import Comparison, Figure, Spread, Target
from bench.phones import Phones
from bench.world import LONGEST_DEADLINES, SECRET, Machine, World, device
from tgd.geo.zones import Zone
from tgd.seal import Sealer
from tgd.store import rooms, zones
from tgd.store.db import Database

NAME = "dispatches"
ROOMS, DEAD, EACH = 100, 30, 10
DISPATCHES = ROOMS * EACH
LIVING = (ROOMS - DEAD) * EACH
LAST_POST_S = 2.0
AHEAD = timedelta(seconds=2.5)
PATIENCE_S = 60.0
TIMEOUT_S = 5.0
SIDE = 0.01
"""Degrees: a room's ground is a square of about a kilometre, pressed in the middle of."""
_SOUTH, _WEST = 46.40, 0.20
METHOD = (
    f"{DISPATCHES} open alerts, {EACH} in the ground of each of {ROOMS} rooms, whose deadline "
    f"answer passes at the same moment. {DEAD} rooms, every third or so, are dead and have no "
    "other line: a third of these refuse connections, a third accept and say nothing (until the "
    f"line's {TIMEOUT_S:g} s), a third reset. Each POST's time counts from that moment to its "
    f"arrival at one of the living rooms, all {LIVING} of which are waited for. Repeated, on new "
    f"alerts. Floor: {LIVING} POSTs of the same bytes at once from one process to the same "
    "receivers, by the server's own https line."
)


@dataclass(slots=True)
class _Round:
    """Seconds from the moment to each POST at the living rooms, and to the floor's."""

    ours: list[float]
    floor: list[float]


async def measure(machine: Machine, *, quick: bool, tick: Any) -> Figure:
    """Measure it; ``tick(done, of)`` tells how far we are."""
    rounds = 2 if quick else 5
    found: list[_Round] = []
    async with (
        machine.world(settings=LONGEST_DEADLINES) as world,
        Phones(world.broker.url) as phones,
        Envelopes(world) as envelopes,
        dead_ends() as dead,
        _database(world) as database,
    ):
        await _furnish(database, world, dead)
        await _round(world, phones, 0)  # the first of everything, not counted
        await envelopes.learn()
        for number in range(1, rounds + 1):
            await _forget(world)
            ours = await _round(world, phones, number)
            await _forget(world)
            found.append(_Round(ours, await envelopes.post_all(LIVING)))
            tick(number, rounds)
        called = await _called(world)
    return _figure(found, called)


def dead_rooms(dead: DeadEnds) -> dict[int, str]:
    """Return which rooms are dead, by number, and their addresses: scattered, in equal parts."""
    step = ROOMS // DEAD
    return {step * k: dead[k % len(dead)] for k in range(DEAD)}


def point(room: int) -> tuple[float, float]:
    """Return the middle of a room's ground: latitude and longitude in degrees."""
    row, column = divmod(room, 10)
    return round(_SOUTH + (row + 0.5) * SIDE, 5), round(_WEST + (column + 0.5) * SIDE, 5)


def _ground(room: int) -> Zone:
    lat, lon = point(room)
    half = SIDE / 2
    box = shapely.box(lon - half, lat - half, lon + half, lat + half)
    wkb = shapely.to_wkb(box)
    return Zone(f"{room:05}", f"Commune fictive {room:02}", _service(room), "PN", wkb)


def _service(room: int) -> str:
    return f"98{room:04}"


@contextlib.asynccontextmanager
async def _database(world: World) -> AsyncIterator[Database]:
    database = Database(world.database_url, size=1, name="bench")
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def _furnish(database: Database, world: World, dead: DeadEnds) -> None:
    """Put the hundred rooms and their ground in force."""
    sealer, away = Sealer(SECRET), dead_rooms(dead)
    now = datetime.now(UTC)
    told = []
    for number in range(ROOMS):
        name = f"salle-{number:03}"
        token = sealer.seal(world.room_token.encode(), rooms.token_purpose(name, 0))
        url = away.get(number, f"{world.room_url}/cisu")
        line = rooms.LineEntry("https", url, token, TIMEOUT_S)
        services, address = (_service(number),), f"fr.police.salle{number:03}"
        told.append(
            rooms.RoomEntry(
                *(name, f"Salle fictive {number:03}", "PN", address),
                services=services,
                phone="+33549000017",
                lines=(line,),
            )
        )
    async with database.transaction() as transaction:
        await rooms.replace(transaction, told)
        no, _dropped = await zones.add(
            transaction,
            name="cent salles",
            now=now,
            sources=[],
            findings=[],
            zones=[_ground(number) for number in range(ROOMS)],
            services=[
                zones.Service(_service(k), "PN", f"Service fictif {k:03}") for k in range(ROOMS)
            ],
        )
        await zones.activate(transaction, no, now)
    await asyncio.sleep(2)  # the server loads it; what it chose by is looked at in the end


async def _round(world: World, phones: Phones, number: int) -> list[float]:
    """Open alerts, let their deadlines pass at once; return each POST's seconds after that."""
    devices = [device(k) for k in range(DISPATCHES * number, DISPATCHES * (number + 1))]
    where = [point(k % ROOMS) for k in range(DISPATCHES)]
    alerts = await phones.press_all(devices, where)
    await asyncio.sleep(0.5)
    await world.arrivals()
    due = datetime.now(UTC) + AHEAD
    sql = "UPDATE deadline SET due_at = $1 WHERE name = 'answer' AND alert_id = ANY ($2::uuid[])"
    await world.fetch(sql, due, alerts)
    await asyncio.sleep(max(0.0, due.timestamp() - time.time()))
    return await _arrived(world, due.timestamp())


async def _arrived(world: World, since: float) -> list[float]:
    """Wait for all messages that the living are owed; return their seconds after ``since``."""
    first: dict[str, float] = {}
    end = time.monotonic() + PATIENCE_S
    while len(first) < LIVING:
        assert time.monotonic() < end, f"only {len(first)} of {LIVING} have reached their rooms"
        await asyncio.sleep(0.2)
        for item in await world.arrivals():
            first.setdefault(item["case_id"], item["wall"] - since)
    assert len(first) == LIVING, f"{len(first)} cases for {LIVING} alerts"
    return sorted(first.values())


async def _forget(world: World) -> None:
    """Let the next round begin with none of this one's under way."""
    await asyncio.sleep(1)  # what has arrived is recorded
    await world.fetch(
        "UPDATE envelope SET state = 'expired', lease_until = NULL "
        "WHERE state IN ('waiting', 'sending')"
    )
    await asyncio.sleep(TIMEOUT_S + 0.5)


async def _called(world: World) -> str:
    """See that each alert went to the one room whose ground it is in, and that a person calls."""
    rows = await world.fetch(
        "SELECT count(*) AS told, count(*) FILTER (WHERE EXISTS (SELECT FROM task t "
        "WHERE t.dispatch_id = d.id AND t.done_at IS NULL)) AS called, "
        "count(DISTINCT d.alert_id) AS alerts, count(DISTINCT d.room_id) AS rooms FROM dispatch d"
    )
    told, called, alerts, there = rows[0]
    assert (told, there) == (alerts, ROOMS), f"{told} dispatches of {alerts} alerts, {there} rooms"
    assert called == told, f"{told - called} dispatches are nobody's to call"
    return f"{called} of {told}"


def _figure(found: list[_Round], called: str) -> Figure:
    last = Spread.of([one.ours[-1] for one in found])
    floor = Spread.of([one.floor[-1] for one in found])
    posts = Comparison(
        "deadline passed → POST at a living room, every POST",
        [time for one in found for time in one.ours],
        [time for one in found for time in one.floor],
        f"{LIVING} POSTs of the same bytes, all at once",
    )
    lasts = Comparison(
        f"deadline passed → the last of {LIVING} POSTs",
        *([one.ours[-1] for one in found], [one.floor[-1] for one in found]),
        "the last of as many POSTs",
    )
    return Figure(
        *(NAME, f"{DISPATCHES} dispatches at once, {DEAD} of {ROOMS} rooms dead", METHOD),
        comparisons=[lasts, posts],
        facts=[
            ("last POST, median and worst round", f"{last.median:.3f} s, {last.worst:.3f} s"),
            ("floor's, median and worst round", f"{floor.median:.3f} s, {floor.worst:.3f} s"),
            ("dispatches with a call for a person", called),
        ],
        targets=[Target("the living all have theirs, worst round", last.worst, LAST_POST_S, "s")],
    )
