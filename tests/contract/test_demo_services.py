"""The embedded services are real: durable, killable, restartable, and never left behind."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from tgd.demo.broker import BrokerFailed, start_broker
from tgd.demo.postgres import EmbeddedPostgres, packaged_bin

STARTS_AND_WAITS = """
import sys, time
from pathlib import Path
from tgd.demo.broker import start_broker
from tgd.demo.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]) / "postgres")
server.start()
broker = start_broker(0, Path(sys.argv[1]) / "broker", kind="amqtt")
print(server.pid, broker.pid, flush=True)
time.sleep(600)
"""


def until(fact: Callable[[], bool], timeout_s: float = 120) -> None:
    end = time.monotonic() + timeout_s
    while not fact():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended and whose parent has not looked yet is not alive.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def cluster(tmp_path: Path):
    other = os.environ.get("TEST_POSTGRES_BIN")
    server = EmbeddedPostgres(tmp_path / "postgres", bin_dir=Path(other) if other else None)
    server.start()
    yield server
    server.remove()


async def test_a_committed_row_survives_a_kill(cluster: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(cluster.url)
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        assert await connection.fetchval("SELECT current_setting($1)", name) == "on"
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (7)")
    url, pid = cluster.url, cluster.pid
    cluster.kill()
    connection.terminate()
    until(lambda: not alive(pid))
    cluster.start()
    assert cluster.url == url
    connection = await asyncpg.connect(cluster.socket_url)
    assert await connection.fetchval("SELECT n FROM kept") == 7
    await connection.close()


async def test_it_is_not_open_without_its_password(cluster: EmbeddedPostgres) -> None:
    host = cluster.url.rpartition("@")[2]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://postgres:wrong@{host}")


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS_AND_WAITS, str(tmp_path)], stdout=subprocess.PIPE
    )
    with parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
        parent.kill()
    until(lambda: not any(alive(pid) for pid in pids))
    EmbeddedPostgres(tmp_path / "postgres").remove()


@pytest.mark.parametrize(
    "kind", [pytest.param("mosquitto", marks=pytest.mark.needs_mosquitto), "amqtt"]
)
def test_a_broker_is_killed_and_started_again(kind: str, tmp_path: Path) -> None:
    broker = start_broker(0, tmp_path, kind=kind)
    pid = broker.pid
    assert broker.kind == kind
    assert answers(broker.port)
    broker.kill()
    until(lambda: not alive(pid))
    assert not answers(broker.port)
    broker.start()
    assert answers(broker.port)
    broker.restart()
    assert answers(broker.port)
    broker.stop()
    assert not answers(broker.port)


@pytest.mark.needs_mosquitto
def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(BrokerFailed, match="in use"):
            start_broker(taken.getsockname()[1], tmp_path, kind="mosquitto")


def test_ctrl_c_at_the_terminal_reaches_none_of_them(cluster: EmbeddedPostgres) -> None:
    assert os.getsid(cluster.pid) != os.getsid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the database as somebody else")
async def test_it_runs_out_of_folders_that_only_root_may_enter(tmp_path: Path) -> None:
    packaged = packaged_bin().parents[1]
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for part in packaged.parent.glob(packaged.name + "*"):
        if part.name in {packaged.name, packaged.name + ".libs"}:
            shutil.copytree(part, private / part.name, symlinks=True)
    programs = private / packaged_bin().relative_to(packaged.parent)
    server = EmbeddedPostgres(private / "postgres", bin_dir=programs)
    server.start()
    try:
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        assert private.stat().st_mode & 0o777 == 0o700
    finally:
        server.remove()
