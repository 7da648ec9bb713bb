"""Figure 5, a control room that comes back: from its return until everything has reached it.

The room answers 503 while alerts are forwarded to it, and goes on doing so; then it takes messages
again. The server's deadlines are the product's own here: what they do meanwhile (the same room
again, red voice tasks) is part of what has to be caught up with.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from bench.envelope import Envelopes
from bench.figures import Comparison, Figure, Spread, Target
from bench.phones import Phones
from bench.world import Machine, World, device

NAME = "return"
PENDING = 100
AWAY_S, QUICK_AWAY_S = 30.0, 5.0
CAUGHT_UP_S = 2.0
PATIENCE_S = 60.0


async def measure(machine: Machine, *, quick: bool, tick: Any) -> Figure:
    """Measure it; ``tick(done, of)`` tells how far we are."""
    rounds = 1 if quick else 3
    away_s = QUICK_AWAY_S if quick else AWAY_S
    ours: list[list[float]] = []
    floors: list[list[float]] = []
    turned_away = 0
    for number in range(rounds):
        async with (
            machine.world() as world,
            Phones(world.broker.url) as phones,
            Envelopes(world) as envelopes,
        ):
            times = await _round(world, phones, away_s)
            turned_away += times.pop()
            ours.append(times)
            await envelopes.learn()
            floors.append(await envelopes.post_all(PENDING))
            tick(number + 1, rounds)
    return _figure(ours, floors, away_s, turned_away)


async def _round(world: World, phones: Phones, away_s: float) -> list[Any]:
    """Return the seconds from the room's return to each alert's arrival, and the posts refused."""
    await world.order_room(http_status=503)
    alerts = await phones.press_all([device(k) for k in range(PENDING)])
    sql = "UPDATE deadline SET due_at = $1 WHERE name = 'answer' AND alert_id = ANY ($2::uuid[])"
    await world.fetch(sql, datetime.now(UTC), alerts)
    await asyncio.sleep(away_s)
    assert not await world.arrivals(), "a message was taken by a room that was away"
    back = time.time()
    await world.order_room(http_status=None)
    first: dict[str, float] = {}
    end = time.monotonic() + PATIENCE_S
    while len(first) < PENDING or await _waiting(world):
        assert time.monotonic() < end, f"{len(first)} of {PENDING} have reached the room"
        await asyncio.sleep(0.1)
        for item in await world.arrivals():
            first.setdefault(item["distribution_id"], item["wall"] - back)
    async with world.http.get(f"{world.room_url}/salle/rooms") as answer:
        refused = (await answer.json())["rooms"][0]["figures"]["turned_away"]
    return [*sorted(first.values()), refused]


async def _waiting(world: World) -> int:
    """Return how many messages have not been delivered."""
    rows = await world.fetch("SELECT count(*) FROM envelope WHERE state IN ('waiting', 'sending')")
    return int(rows[0][0])


def _figure(
    ours: list[list[float]], floors: list[list[float]], away_s: float, turned_away: int
) -> Figure:
    last = Spread.of([one[-1] for one in ours])
    method = (
        f"{PENDING} alerts are forwarded to a room that answers 503 for {away_s:g} s; from its "
        "return (before the order is given) to each message's arrival, until none is waiting. "
        "The product's own deadlines. Floor: as many POSTs of the same bytes by the server's own "
        "https line, all at once."
    )
    return Figure(
        *(NAME, f"After a room answered 503 for {away_s:g} s", method),
        comparisons=[
            Comparison(
                "room's return → message at the room",
                [one for times in ours for one in times],
                [one for times in floors for one in times],
                f"{PENDING} POSTs of the same bytes, all at once",
            )
        ],
        facts=[
            (
                "everything there, median and worst round",
                f"{last.median:.3f} s, {last.worst:.3f} s",
            ),
            ("messages that arrived, by round", ", ".join(str(len(one)) for one in ours)),
            ("posts turned away meanwhile, all rounds", str(turned_away)),
        ],
        targets=[Target("everything has reached it, worst round", last.worst, CAUGHT_UP_S, "s")],
    )
