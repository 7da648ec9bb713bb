"""What was being sent when the server died is sent again, under the same id."""

import asyncio

import pytest
from world import BY_HAND, World


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
