"""The short form of ``tests/chaos/run.py``: the server killed thrice under presses."""

from pathlib import Path

import pytest
from chaos.run import campaign

from tgd.demo.broker import start_broker


@pytest.mark.needs_mosquitto
async def test_a_server_killed_under_load_loses_no_press(database: str, tmp_path: Path) -> None:
    broker = start_broker(0, tmp_path / "broker", kind="mosquitto")
    try:
        found = await campaign(
            "server",
            database_url=database,
            broker=broker,
            folder=tmp_path,
            seed=3,
            presses=60,
            kills=3,
            every_s=1.5,
            left=0.0,
            closed=False,
        )
    finally:
        broker.kill()
    assert found.wrong == []
    assert found.figures["receipted"] == 60
