"""The server as whoever runs the machine meets it: starting, waiting, stopping, refusing."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from commands import KEY, NOWHERE, environment, eventually, free_port

from tgd.demo.postgres import EmbeddedPostgres
from tgd.store.migrate import migrate


class Server:
    """``tgd serve`` in a process of its own, with what it has said so far."""

    def __init__(self, log: Path, **settings: str) -> None:
        self.log = log
        given = {"TGD_SECRET_KEY": KEY, "TGD_MQTT_URL": NOWHERE, "TGD_HTTP_LISTEN": "127.0.0.1:0"}
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tgd", "serve"],
                env=environment(**given | settings),
                stderr=file,
                stdout=subprocess.DEVNULL,
            )

    async def says(self, pattern: str) -> re.Match[str]:
        await eventually(lambda: re.search(pattern, self.log.read_text()) is not None)
        found = re.search(pattern, self.log.read_text())
        assert found is not None
        return found

    async def ended(self) -> int:
        await eventually(lambda: self.process.poll() is not None)
        return self.process.returncode


@pytest.fixture
def serve(database: str, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**settings: str) -> Server:
        given = {"TGD_DATABASE_URL": database} | settings
        servers.append(Server(tmp_path / f"server-{len(servers)}.log", **given))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.wait()


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
async def test_the_server_serves_until_it_is_told_to_stop(
    serve: Callable[..., Server], which: signal.Signals
) -> None:
    server = serve()
    where = (await server.says(r"serving on (http://127\.0\.0\.1:\d+)"))[1]
    async with aiohttp.ClientSession() as session, session.get(f"{where}/livez") as answer:
        assert answer.status == 200
    server.process.send_signal(which)
    assert await server.ended() == 0
    assert "Traceback" not in server.log.read_text()


async def test_the_server_refuses_an_older_schema(
    empty_database: str, serve: Callable[..., Server]
) -> None:
    server = serve(TGD_DATABASE_URL=empty_database)
    assert await server.ended() == 1
    assert server.log.read_text().endswith("older than this program: run `tgd migrate`\n")


async def test_the_server_works_with_a_newer_schema(
    database: str, serve: Callable[..., Server]
) -> None:
    owner = await asyncpg.connect(database)
    await owner.execute("INSERT INTO schema_migration (number, name) VALUES (9999, 'tomorrow')")
    await owner.close()
    await serve().says("serving on http://")


async def test_a_port_that_is_taken_is_one_line(serve: Callable[..., Server]) -> None:
    port = (await serve().says(r"serving on http://127\.0\.0\.1:(\d+)"))[1]
    second = serve(TGD_HTTP_LISTEN=f"127.0.0.1:{port}", TGD_INSTANCE="second")
    assert await second.ended() == 1
    last = second.log.read_text().splitlines()[-1]
    assert last == f"tgd: cannot listen on 127.0.0.1:{port}: Address already in use"


async def test_the_server_waits_for_its_database(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    cluster = EmbeddedPostgres(tmp_path / "late", port=free_port())
    cluster.start()
    try:
        await migrate(cluster.url)
        url = cluster.url
        cluster.stop()
        server = serve(TGD_DATABASE_URL=url)
        await server.says("waiting for the database: no database at")
        cluster.start()
        await server.says("serving on http://")
    finally:
        cluster.remove()


async def test_a_server_that_waits_can_be_stopped(serve: Callable[..., Server]) -> None:
    server = serve(TGD_DATABASE_URL="postgresql://u:p@127.0.0.1:1/tgd")
    await server.says("waiting for the database")
    server.process.send_signal(signal.SIGTERM)
    assert await server.ended() == 0
