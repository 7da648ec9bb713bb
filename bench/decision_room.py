"""Figure 2, decision → control room, beside two commits, a NOTIFY and a POST.

One decision at a time on its own alert, from sending ``POST …/decision`` until the envelope's
arrival at the room's process, which notes it before anything else. The part after the decision's
commit is told apart by the commit's own time stamp, on both sides.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from bench.commits import DecisionCommits, PressCommits, Sizes, connect, counts, difference
from bench.envelope import Envelopes
from bench.figures import Comparison, Figure, Target
from bench.phones import Phones
from bench.world import LONGEST_DEADLINES, ROOM, Machine, World, device

NAME = "decision"
WARM_UP, BLOCK = 40, 20
PAUSE_S = 0.02
MEDIAN_AT_MOST, P99_AT_MOST = 1.5, 2.5
METHOD = (
    "One decision at a time, each on its own alert: from sending POST /alerts/…/decision "
    "(verdict police, bearer token) to the envelope's arrival at the control room's process. "
    "Floor, by the same libraries: a commit of the rows that a decision leaves with a NOTIFY, "
    "heard by a listening connection; a second commit of the rows that a claim leaves; a POST of "
    "the same bytes to the same room. Decisions and floors alternate in blocks of 20, with a pause "
    "of 10 to 30 ms before each. The room answers 202 and nothing more. It is chosen by the zone "
    "set in force (the synthetic territory) out of the press's position; what that costs over a "
    "whole country is the figure where."
)


@dataclass(slots=True)
class _Times:
    """Samples in seconds; ``sent`` keeps when each began until its arrival is known."""

    ours: list[float] = field(default_factory=list)
    after_commit: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    sent: dict[str, float] = field(default_factory=dict)


async def measure(machine: Machine, *, quick: bool, tick: Any) -> Figure:
    """Measure it; ``tick(done, of)`` tells how far we are."""
    blocks = 5 if quick else 25
    n = WARM_UP + blocks * BLOCK
    async with (
        machine.world(settings=LONGEST_DEADLINES) as world,
        machine.database() as scratch,
        Phones(world.broker.url) as phones,
        Envelopes(world) as envelopes,
    ):
        alerts = await phones.press_all([device(i) for i in range(n + 1)])
        before = await counts(world.database_url)
        await _decide(world, alerts.pop(), _Times())
        await asyncio.sleep(0.5)
        leaves = difference(before, await counts(world.database_url))
        await envelopes.learn()
        async with _floor(scratch, world, envelopes, n + 1) as floor:
            await floor.same_rows(scratch, leaves)
            ours, floors = _Times(), _Times()
            await _block(world, alerts[:WARM_UP], floor, _Times(), _Times())
            for block in range(blocks):
                begin = WARM_UP + block * BLOCK
                await _block(world, alerts[begin : begin + BLOCK], floor, ours, floors)
                tick(block + 1, blocks)
            await _after_commit(world, ours, floors, scratch)
        await _by_zone(world)
    return _figure(ours, floors, leaves, len(envelopes.body))


async def _block(
    world: World, alerts: list[str], floor: "_Floor", ours: _Times, floors: _Times
) -> None:
    for alert in alerts:
        await _pause()
        await _decide(world, alert, ours)
    for _ in alerts:
        await _pause()
        await floor.once(floors)
    await asyncio.sleep(0.1)


async def _decide(world: World, alert: str, times: _Times) -> None:
    """Send one verdict and note when, under the alert's id."""
    url = f"{world.url}/api/v1/alerts/{alert}/decision"
    headers = {"Authorization": f"Bearer {world.token}"}
    begin = times.sent[alert] = time.monotonic()
    async with world.http.post(url, json={"verdict": "police"}, headers=headers) as answer:
        answer.raise_for_status()
        await answer.read()
    times.answered.append(time.monotonic() - begin)


async def _after_commit(world: World, ours: _Times, floors: _Times, scratch: str) -> None:
    """Join the room's arrivals with what was sent, on both sides."""
    await asyncio.sleep(0.5)
    arrived = {item["distribution_id"].rpartition("_")[2]: item for item in await world.arrivals()}
    rows = await world.fetch(
        "SELECT e.id, e.alert_id, pg_xact_commit_timestamp(j.xmin) AS at "
        "FROM envelope e JOIN journal j USING (alert_id) WHERE j.kind = 'verdict'"
    )
    async with connect(scratch) as connection:
        floor_rows = await connection.fetch(
            "SELECT e.id, e.alert_id, pg_xact_commit_timestamp(j.xmin) AS at "
            "FROM envelope e JOIN journal j USING (alert_id) WHERE j.kind = 'verdict'"
        )
    for times, found in ((ours, rows), (floors, floor_rows)):
        for row in found:
            sent = times.sent.get(str(row["alert_id"]))
            if sent is not None:
                item = arrived[str(row["id"])]
                committed: datetime = row["at"]
                times.ours.append(item["monotonic"] - sent)
                times.after_commit.append(item["wall"] - committed.timestamp())
        assert len(times.ours) == len(times.sent), "an envelope never arrived"


async def _by_zone(world: World) -> None:
    """See that every room was chosen by where she is, and none because nothing was known."""
    rows = await world.fetch(
        "SELECT details ->> 'why' AS why, count(*) AS n FROM journal "
        "WHERE kind = 'dispatched' GROUP BY 1"
    )
    found = {row["why"]: row["n"] for row in rows}
    assert set(found) == {"zone"}, f"rooms were chosen by {found}"


class _Floor:
    """The floor's chain: commit and NOTIFY, heard; commit; POST."""

    def __init__(self, commits: DecisionCommits, alerts: list[UUID], envelopes: Envelopes) -> None:
        self._commits = commits
        self._alerts = alerts
        self._envelopes = envelopes

    async def once(self, times: _Times) -> None:
        """Go through it once; the arrival is looked up later."""
        alert, dispatch, envelope = self._alerts.pop(), uuid4(), uuid4()
        begin = times.sent[str(alert)] = time.monotonic()
        await self._commits.decide(alert, dispatch, envelope, ROOM)
        await self._commits.claim(alert, dispatch, envelope, self._envelopes.body)
        await self._envelopes.post(envelope)
        times.answered.append(time.monotonic() - begin)

    async def same_rows(self, scratch: str, ours: dict[str, int]) -> None:
        """See that the floor leaves as many rows as a decision up to its sending does.

        A decision also notes, after its sending, that it was sent, and takes back the state for
        the phone once that is published; neither is between the decision and the room.
        """
        before = await counts(scratch)
        await self.once(_Times())
        floor = difference(before, await counts(scratch))
        floor["journal"] += 1
        floor.pop("downlink")
        assert floor == ours, f"the floor writes {floor}, a decision {ours}"


@contextlib.asynccontextmanager
async def _floor(scratch: str, world: World, envelopes: Envelopes, n: int) -> AsyncIterator[_Floor]:
    await PressCommits.prepare(scratch)
    async with connect(scratch) as writer, connect(scratch) as ear, connect(scratch) as claimer:
        assignment = (await world.fetch("SELECT id FROM assignment LIMIT 1"))[0]["id"]
        presses = PressCommits(writer, await Sizes.of(world.database_url), assignment)
        alerts = [uuid4() for _ in range(n)]
        for alert in alerts:
            await presses.press(alert)
        commits = DecisionCommits(writer, ear, claimer)
        await commits.listen()
        yield _Floor(commits, alerts, envelopes)


async def _pause() -> None:
    await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))


def _figure(ours: _Times, floors: _Times, same: dict[str, int], size: int) -> Figure:
    whole = Comparison(
        "decision sent → at the room",
        ours.ours,
        floors.ours,
        "two commits, a NOTIFY and a POST",
        {"the operator's own answer (200)": ours.answered},
    )
    after = Comparison(
        "decision committed → at the room",
        ours.after_commit,
        floors.after_commit,
        "a NOTIFY, a commit and a POST",
    )
    rows = ", ".join(f"{n:+} {table}" for table, n in same.items())
    return Figure(
        *(NAME, "Decision → control room", METHOD),
        comparisons=[whole, after],
        facts=[("rows of one decision and its sending", rows), ("envelope", f"{size} bytes")],
        targets=[
            Target("median over its floor's", whole.ratio.median, MEDIAN_AT_MOST, "×"),
            Target("p99 over its floor's", whole.ratio.p99, P99_AT_MOST, "×"),
        ],
    )
