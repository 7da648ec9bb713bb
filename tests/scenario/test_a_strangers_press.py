"""A press by a client that nobody here wrote ends in the control room."""

import asyncio
import json
from pathlib import Path

import pytest
from world import BY_HAND, World, worlds

PRESS = {
    "_type": "press",
    "id": "0d0a54a5-9a2c-4c1e-a5ce-6f2f7a5b1c2d",
    "seq": 41,
    "attempt": 1,
    "trigger": "button",
    "loc": {"lat": 46.5802, "lon": 0.3404, "acc": 18, "pm": "G"},
    "batt": 63,
    "bs": 1,
    "conn": "m",
    "net": {"op": "20801"},
}


async def publish(world: World, message: bytes, *, protocol: str) -> None:
    arguments = ["-p", str(world.broker.port), "-V", protocol, "-q", "1"]
    arguments += ["-t", "tgd/v1/tgd-86-03/up/press", "-m", message]
    process = await asyncio.create_subprocess_exec("mosquitto_pub", *arguments)
    assert await process.wait() == 0


@pytest.mark.needs_mosquitto
@pytest.mark.needs_mosquitto_pub
@pytest.mark.parametrize("protocol", ["311", "5"])
async def test_mosquitto_pub_by_the_book_ends_in_the_control_room(
    database: str, tmp_path: Path, protocol: str
) -> None:
    async with worlds(database, tmp_path, behaviour=BY_HAND, broker="mosquitto") as world:
        at = world.clock.now().timestamp()
        told = {**PRESS, "tst": at - 2, "created_at": at, "loc": {**PRESS["loc"], "tst": at - 2}}
        await publish(world, json.dumps(told).encode(), protocol=protocol)
        phone = world.phone("tgd-86-03")
        await world.until(phone.receipts)
        receipt = phone.receipts()[0]
        assert (receipt["id"], receipt["code"]) == (PRESS["id"], "ok")
        await world.advance(20.1)  # nobody answers
        report = await world.room.expects("Report", alert=receipt["alert"])
        assert report.case.location.geometry.point.coord.lat == pytest.approx(46.5802, abs=1e-3)
        await world.room.says(report, "CONSULTE")
        (dispatch,) = (await world.operator().reads(receipt["alert"]))["dispatches"]
        assert dispatch["acknowledged_at"]
