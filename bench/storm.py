"""Figure 4, many deadlines in one instant: from the moment they pass to the last POST at the room.

Alerts are opened, then their deadline ``answer`` is set, by SQL, to one same moment a little ahead.
Beside it the same bytes go to the same room by the server's own https line, as many at once.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.envelope import Envelopes
from bench.figures import Comparison, Figure, Spread, Target
from bench.phones import Phones
from bench.world import LONGEST_DEADLINES, Machine, World, device

NAME = "storm"
DEADLINES = 500
LAST_POST_S = 0.5
AHEAD = timedelta(seconds=1.5)
PATIENCE_S = 30.0
ANSWERING_ROOM = {"integre_s": None, "consulte_s": None, "engaged_s": None, "on_scene_s": None}
METHOD = (
    f"{DEADLINES} open alerts whose deadline answer (forwarded: press, not answered) passes at the "
    "same moment; each POST's time counts from that moment to its arrival at the room. Repeated, "
    "each time on new alerts. Floor: as many POSTs of the same bytes to the same room by the "
    "server's own https line, all at once. The room answers 202; a second series has a room that "
    "also sends RECU for each, which the server has to take meanwhile."
)


async def measure(machine: Machine, *, quick: bool, tick: Any) -> Figure:
    """Measure it; ``tick(done, of)`` tells how far we are."""
    rounds = 2 if quick else 7
    ours: list[list[float]] = []
    floors: list[list[float]] = []
    answering: list[list[float]] = []
    async with (
        machine.world(settings=LONGEST_DEADLINES) as world,
        Phones(world.broker.url) as phones,
        Envelopes(world) as envelopes,
    ):
        await _round(world, phones, DEADLINES * 2 * rounds, 20)
        await envelopes.learn()
        for number in range(rounds):
            ours.append(await _round(world, phones, DEADLINES * number, DEADLINES))
            floors.append(await envelopes.post_all(DEADLINES))
            tick(number + 1, 2 * rounds)
        await world.order_room(automatic=True, recu_s=0.0, **ANSWERING_ROOM)
        for number in range(rounds, 2 * rounds):
            answering.append(await _round(world, phones, DEADLINES * number, DEADLINES))
            await asyncio.sleep(1.0)
            tick(number + 1, 2 * rounds)
    return _figure(ours, floors, answering)


async def _round(world: World, phones: Phones, first: int, n: int) -> list[float]:
    """Open alerts, let their deadlines pass at once; return each POST's seconds after that."""
    devices = [device(k) for k in range(first, first + n)]
    alerts = await phones.press_all(devices)
    await asyncio.sleep(0.5)
    await world.arrivals()
    due = datetime.now(UTC) + AHEAD
    sql = "UPDATE deadline SET due_at = $1 WHERE name = 'answer' AND alert_id = ANY ($2::uuid[])"
    await world.fetch(sql, due, alerts)
    await asyncio.sleep(AHEAD.total_seconds())
    return await _arrived(world, due.timestamp(), len(alerts))


async def _arrived(world: World, since: float, n: int) -> list[float]:
    """Wait for ``n`` different messages at the room; return their seconds after ``since``."""
    first: dict[str, float] = {}
    end = time.monotonic() + PATIENCE_S
    while len(first) < n:
        assert time.monotonic() < end, f"only {len(first)} of {n} alerts have reached the room"
        await asyncio.sleep(0.1)
        for item in await world.arrivals():
            first.setdefault(item["case_id"], item["wall"] - since)
    return sorted(first.values())


def _figure(ours: list[list[float]], floors: list[list[float]], more: list[list[float]]) -> Figure:
    last = Spread.of([one[-1] for one in ours])
    floor_last = Spread.of([one[-1] for one in floors])
    busy_last = Spread.of([one[-1] for one in more])
    posts = Comparison(
        "deadline passed → POST at the room, every POST",
        [one for times in ours for one in times],
        [one for times in floors for one in times],
        f"{DEADLINES} POSTs of the same bytes, all at once",
        {"with a room that sends RECU": [one for times in more for one in times]},
    )
    lasts = Comparison(
        f"deadline passed → the last of {DEADLINES} POSTs",
        *([one[-1] for one in ours], [one[-1] for one in floors]),
        "the last of as many POSTs",
        {"with a room that sends RECU": [one[-1] for one in more]},
    )
    return Figure(
        *(NAME, f"{DEADLINES} deadlines in one instant", METHOD),
        comparisons=[lasts, posts],
        facts=[
            ("last POST, median and worst round", _both(last)),
            ("floor's last POST, median and worst round", _both(floor_last)),
            ("last POST with a room that sends RECU", _both(busy_last)),
            ("first POST, median round", f"{Spread.of([o[0] for o in ours]).median * 1e3:.0f} ms"),
        ],
        targets=[Target("last POST, median round", last.median, LAST_POST_S, "s")],
    )


def _both(spread: Spread) -> str:
    return f"{spread.median:.3f} s, {spread.worst:.3f} s"
