"""Figure 2, decision → control room, beside two commits, a NOTIFY and a sending, by each adapter.

One decision at a time on its own alert, from sending ``POST …/decision`` until the envelope's
arrival at the room's process, which notes it before anything else. The part after the decision's
commit is told apart by the commit's own time stamp, on both sides. An adapter is one entry of
``WAYS``: what it needs beside the world, how it sends a copy, and what has arrived.
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
from bench.lines import WAYS, Line, Missing, Way
from bench.phones import Phones
from bench.world import LONGEST_DEADLINES, ROOM, Machine, World, device

NAME = "decision"
WARM_UP, BLOCK = 40, 20
PAUSE_S = 0.02
MEDIAN_AT_MOST, P99_AT_MOST = 1.5, 2.5
METHOD = (
    "One decision at a time, each on its own alert: from sending POST /alerts/…/decision (verdict"
    " police, bearer token) to the envelope's arrival at the control room's process; by amqp to "
    "its arrival at a consumer of the room's queue; and the same from the verdict's own time "
    "stamp, where the leg of the metrics and of the report begins. Floor, by the same libraries: "
    "a commit of the rows that a decision leaves with a NOTIFY, heard by a listening connection; "
    "a second commit of the rows that a claim leaves; a POST (a publish that is confirmed, by "
    "amqp) of the same bytes to the same room. Decisions and floors alternate in blocks of 20, "
    "with a pause of 10 to 30 ms before each. Beside it an act that changes nothing (the same "
    "operator answers the same alert once more): what it costs to be let in, to lock the alert "
    "and to show it. The room answers 202 and nothing more. It is chosen by the zone set in force"
    " (the synthetic territory) out of the press's position; what that costs over a whole country"
    " is the figure where."
)


@dataclass(slots=True)
class _Times:
    """Samples in seconds; ``sent`` keeps when each began until its arrival is known.

    ``leg`` begins at the verdict's own time stamp, as ``tgd_decision_to_sent_seconds`` does: who
    decides is known then, and the alert is held. ``nothing`` are acts that change nothing: what
    asking costs before anything is done.
    """

    ours: list[float] = field(default_factory=list)
    leg: list[float] = field(default_factory=list)
    after_commit: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    nothing: list[float] = field(default_factory=list)
    sent: dict[str, float] = field(default_factory=dict)


async def measure(machine: Machine, *, quick: bool, tick: Any) -> Figure:
    """Measure it; ``tick(done, of)`` tells how far we are."""
    blocks = 5 if quick else 25
    figure = Figure(NAME, "Decision → control room", METHOD)
    for number, (name, way) in enumerate(WAYS.items()):
        try:
            await _by(
                *(machine, figure, name, way, blocks),
                lambda done, before=number: tick(before * blocks + done, len(WAYS) * blocks),
            )
        except Missing as missing:
            figure.notes.append(f"By {name} nothing was measured: {missing}.")
    return figure


async def _by(
    machine: Machine, figure: Figure, name: str, way: Way, blocks: int, tick: Any
) -> None:
    """Measure one adapter, and add it to the figure."""
    n = WARM_UP + blocks * BLOCK
    async with (
        machine.world(settings=LONGEST_DEADLINES) as world,
        machine.database() as scratch,
        Phones(world.broker.url) as phones,
        Envelopes(world) as envelopes,
        way(world, envelopes) as line,
    ):
        alerts = await phones.press_all([device(i) for i in range(n + 1)])
        before = await counts(world.database_url)
        await _decide(world, alerts.pop(), _Times())
        await asyncio.sleep(0.5)
        leaves = difference(before, await counts(world.database_url))
        await envelopes.learn()
        async with _floor(scratch, world, envelopes, line, n + 1) as floor:
            await floor.same_rows(scratch, leaves)
            ours, floors = _Times(), _Times()
            await _block(world, alerts[:WARM_UP], floor, _Times(), _Times())
            for block in range(blocks):
                begin = WARM_UP + block * BLOCK
                await _block(world, alerts[begin : begin + BLOCK], floor, ours, floors)
                tick(block + 1)
            await _after_commit(world, line, ours, floors, scratch)
        await _by_zone(world)
    _add(figure, name, ours, floors)
    rows = ", ".join(f"{n:+} {table}" for table, n in leaves.items())
    figure.facts += [
        (f"{name}: rows of one decision and its sending", rows),
        (f"{name}: envelope", f"{len(envelopes.body)} bytes"),
    ]


async def _block(
    world: World, alerts: list[str], floor: "_Floor", ours: _Times, floors: _Times
) -> None:
    for alert in alerts:
        await _pause()
        await _decide(world, alert, ours)
        await _pause()
        await _nothing(world, alert, ours)
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


async def _nothing(world: World, alert: str, times: _Times) -> None:
    """Answer an alert that one has answered: who calls is found out, the alert locked and read."""
    url = f"{world.url}/api/v1/alerts/{alert}/answer"
    headers = {"Authorization": f"Bearer {world.token}"}
    begin = time.monotonic()
    async with world.http.post(url, json={}, headers=headers) as answer:
        answer.raise_for_status()
        await answer.read()
    times.nothing.append(time.monotonic() - begin)


async def _after_commit(
    world: World, line: Line, ours: _Times, floors: _Times, scratch: str
) -> None:
    """Join the room's arrivals with what was sent, on both sides."""
    await asyncio.sleep(0.5)
    arrived = {item["distribution_id"].rpartition("_")[2]: item for item in await line.arrivals()}
    rows = await world.fetch(
        "SELECT e.id, e.alert_id, pg_xact_commit_timestamp(j.xmin) AS at, j.at AS decided "
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
                if times is ours:
                    times.leg.append(item["wall"] - row["decided"].timestamp())
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
    """The floor's chain: commit and NOTIFY, heard; commit; the sending of a copy."""

    def __init__(
        self, commits: DecisionCommits, alerts: list[UUID], envelopes: Envelopes, line: Line
    ) -> None:
        self._commits = commits
        self._alerts = alerts
        self._envelopes = envelopes
        self._line = line

    async def once(self, times: _Times) -> None:
        """Go through it once; the arrival is looked up later."""
        alert, dispatch, envelope = self._alerts.pop(), uuid4(), uuid4()
        begin = times.sent[str(alert)] = time.monotonic()
        await self._commits.decide(alert, dispatch, envelope, ROOM)
        await self._commits.claim(alert, dispatch, envelope, self._envelopes.body)
        await self._line.send(envelope)
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
async def _floor(
    scratch: str, world: World, envelopes: Envelopes, line: Line, n: int
) -> AsyncIterator[_Floor]:
    await PressCommits.prepare(scratch)
    async with connect(scratch) as writer, connect(scratch) as ear, connect(scratch) as claimer:
        assignment = (await world.fetch("SELECT id FROM assignment LIMIT 1"))[0]["id"]
        presses = PressCommits(writer, await Sizes.of(world.database_url), assignment)
        alerts = [uuid4() for _ in range(n)]
        for alert in alerts:
            await presses.press(alert)
        commits = DecisionCommits(writer, ear, claimer)
        await commits.listen()
        yield _Floor(commits, alerts, envelopes, line)


async def _pause() -> None:
    await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))


def _add(figure: Figure, name: str, ours: _Times, floors: _Times) -> None:
    whole = Comparison(
        f"{name}: decision sent → at the room",
        ours.ours,
        floors.ours,
        "two commits, a NOTIFY and a sending",
        {
            "the operator's own answer (200)": ours.answered,
            "an act that changes nothing, to its answer": ours.nothing,
        },
    )
    leg = Comparison(
        f"{name}: verdict's time stamp → at the room",
        ours.leg,
        floors.ours,
        "two commits, a NOTIFY and a sending",
    )
    after = Comparison(
        f"{name}: decision committed → at the room",
        ours.after_commit,
        floors.after_commit,
        "a NOTIFY, a commit and a sending",
    )
    figure.comparisons += [whole, leg, after]
    figure.targets += [
        Target(f"{name}: median over its floor's", whole.ratio.median, MEDIAN_AT_MOST, "×"),
        Target(f"{name}: p99 over its floor's", whole.ratio.p99, P99_AT_MOST, "×"),
    ]
