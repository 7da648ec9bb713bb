"""What was being sent when the server died is sent again, under the same id.

The first messages of a decision are under way with its commit: leased, kept, with a deadline.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from world import BY_HAND, World

from tgd.platform.writing import ABOUT, LEASE, Written
from tgd.store import outbox

_UNDER_WAY = """
SELECT e.state, e.attempts, e.lease_until, e.created_at, e.content, a.key,
       d.state AS room, d.attempts AS tries,
       ARRAY(SELECT l.name FROM deadline l WHERE l.dispatch_id = d.id ORDER BY l.name) AS running
FROM envelope e JOIN alert a ON a.id = e.alert_id JOIN dispatch d ON d.id = e.dispatch_id
"""


class Hanging:
    """A line on which nothing ever arrives."""

    async def send(self, url: str, token: str | None, body: bytes, timeout_s: float) -> None:
        _ = (url, token, body, timeout_s)
        await asyncio.Event().wait()


@pytest.mark.settings(behaviour=BY_HAND, options={"channel": Hanging()})
async def test_a_report_claimed_by_a_server_that_died_goes_out_in_seconds(world: World) -> None:
    press = await world.phone().press()
    await world.operator().decides(press.alert, "police")
    await world.until_sql("SELECT state = 'sending' FROM envelope")
    await world.stop_server()
    world.options = {}
    await world.start_server()
    await world.advance(8.5)  # the line's five seconds and three more
    report = await world.room.expects("Report", alert=press.alert)
    envelope = await world.value("SELECT id FROM envelope")
    assert report.distribution_id.endswith(str(envelope))


async def _dies(_written: Sequence[Written]) -> None:
    """Stand for a server that dies between its commit and the sending."""


async def _under_way(world: World) -> asyncpg.Record:
    async with world.database.connection() as connection:
        found = await connection.fetch(_UNDER_WAY)
    assert len(found) == 1
    return found[0]


@pytest.mark.settings(behaviour=BY_HAND)
async def test_what_a_decision_sends_is_under_way_with_its_commit(world: World) -> None:
    press = await world.phone().press()
    world.app.triage._send = _dies
    await world.operator().decides(press.alert, "police")
    row = await _under_way(world)
    assert (row["state"], row["attempts"], row["room"], row["tries"]) == (
        "sending",
        1,
        "sending",
        1,
    )
    assert row["running"] == ["acknowledged", "received"]
    assert row["lease_until"] == row["created_at"] + LEASE + timedelta(seconds=5)  # the line's own
    assert world.room.told == []

    await world.advance(8.5)  # nobody sends it before that, and then somebody does
    report = await world.room.expects("Report", alert=press.alert, text="danger retenu")
    kept = world.sealer.unwrap(row["key"]).open(row["content"], ABOUT)
    assert world.room.room(report.room).cases[report.case.case_id].raw == kept
    assert await world.value("SELECT attempts FROM envelope") == 2


@pytest.mark.expects_errors
@pytest.mark.settings(behaviour=BY_HAND)
async def test_what_cannot_be_written_with_the_decision_is_claimed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    press = await world.phone().press()

    def breaks(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(world.app.writing, "_first", breaks)
    await world.operator().decides(press.alert, "police")
    await world.room.expects("Report", alert=press.alert, text="danger retenu")
    assert await world.value("SELECT attempts FROM envelope") == 1


@pytest.mark.expects_errors
@pytest.mark.settings(behaviour=BY_HAND)
async def test_what_cannot_be_read_keeps_no_verdict_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    press = await world.phone().press()

    async def breaks(connection: asyncpg.Connection, _alert: UUID) -> None:
        await connection.execute("SELECT 1 / 0")  # the transaction is lost with it

    monkeypatch.setattr(outbox, "background", breaks)
    alert = await world.operator().decides(press.alert, "police", note="des coups")
    assert alert["status"] == "police"
    await world.room.expects("Report", alert=press.alert, text="des coups")
    assert await world.value("SELECT count(*) FROM note") == 1


@pytest.mark.settings(behaviour=BY_HAND)
async def test_what_the_operator_writes_with_the_verdict_is_in_the_report(world: World) -> None:
    press = await world.phone().press()
    await world.operator().decides(press.alert, "police", note="des coups derrière une porte")
    await world.room.expects("Report", alert=press.alert, text="des coups derrière une porte")


_SAME = """
SELECT e.purpose, e.round, e.line, e.state, e.attempts, e.lease_until - e.created_at AS lease,
       e.content IS NOT NULL AS kept, d.state AS room, d.attempts AS tries,
       ARRAY(SELECT l.name || ' ' || (l.due_at - a.police_at) FROM deadline l
             WHERE l.dispatch_id = d.id ORDER BY l.name) AS running
FROM envelope e JOIN alert a ON a.id = e.alert_id JOIN dispatch d ON d.id = e.dispatch_id
WHERE a.id = $1
"""


@pytest.mark.settings(behaviour=BY_HAND, options={"channel": Hanging()})
async def test_a_claim_does_what_a_decision_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock stands still: what differs is not the time."""
    found = []
    for first in (True, False):
        if not first:
            monkeypatch.setattr(world.app.writing, "first", lambda *_: [])
        press = await world.phone("tgd-86-01" if first else "tgd-86-02").press()
        await world.operator().decides(press.alert, "police")
        await world.until_sql("SELECT bool_and(content IS NOT NULL) FROM envelope")
        async with world.database.connection() as connection:
            found.append(dict(await connection.fetchrow(_SAME, UUID(press.alert))))
    assert found[0] == found[1]


async def test_a_verdict_that_is_refused_sends_nothing(world: World) -> None:
    press = await world.phone().press()
    operator = world.operator()
    await operator.decides(press.alert, "police")
    await world.room.expects("Report", alert=press.alert)
    world.room.forgives()
    await world.operator("op-2").decides(press.alert, "police", 409)
    assert await world.value("SELECT count(*) FROM envelope WHERE purpose = 'report'") == 1
