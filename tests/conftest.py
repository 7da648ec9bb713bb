"""What every test may ask for: a real database of its own, a real broker, and honest reporting.

The session's PostgreSQL is the embedded one, or the one whose programs ``TEST_POSTGRES_BIN`` names.
A test's database is a clone of a template that was migrated once. It does not wait for the disk,
for no test outlives the machine; what asks whether it does has the fixture ``durable``, or a server
of its own. An ERROR in the log fails the test unless it is marked ``expects_errors``. What this
machine lacks is named in the last lines with the tests that did not run for it; with ``CI=true``
that is a failure.
"""

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import argon2
import asyncpg
import chromium
import hypothesis  # now: its plugin would import it at the very end, where 3.11 may fail
import pytest
import rabbit
import tenacity
from commands import free_port

from tgd.demo.broker import Broker, find_mosquitto, find_rights_plugin, start_broker
from tgd.demo.postgres import EmbeddedPostgres

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("patient", hypothesis.settings(deadline=None))
hypothesis.settings.load_profile("patient")
HERE = Path(__file__).parent
TEMPLATE = "template_migrated"
DISK = ("fsync", "full_page_writes")
"""PostgreSQL's settings by which it waits for the disk, or spares it nothing."""
CHEAP_LOGINS = """
SELECT set_config('scram_iterations', '1', false) FROM pg_settings WHERE name = 'scram_iterations'
"""
"""From PostgreSQL 16 on; a world has ten connections, and each would reckon 4096 hashes twice."""


# What a test may need of the machine: by marker, or by the fixture of that name.
NEEDS = {
    "mosquitto": lambda: find_mosquitto() is not None,
    "rights_plugin": lambda: find_mosquitto() is not None and find_rights_plugin() is not None,
    "mosquitto_pub": lambda: shutil.which("mosquitto_pub") is not None,
    "chromium": lambda: chromium.found() is not None,
    "rabbitmq": rabbit.found,
}
LACKS = "is missing here"
SHORTER = ("browser", "flow", "contract", "store", "web", "migration", "unit")
"""The folders after the stories, which take longest, from that whose files take long."""


def pytest_configure(config: pytest.Config) -> None:
    # Else the file with the fewest tests, a story of minutes, comes last, and on one processor.
    config.option.loadscopereorder = False
    for what in NEEDS:
        config.addinivalue_line("markers", f"needs_{what}: skipped, and said so, without it")
    config.addinivalue_line("markers", "expects_errors: this test provokes errors in the log")


def pytest_xdist_auto_num_workers() -> int | None:
    """Half as many workers again as processors: a test waits for a third of its time."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # xdist itself reads it
    processors = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    return ((processors or 1) * 3 + 1) // 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files are dealt out to processors, deal the longest first: the short ones even out."""
    if hasattr(config, "workerinput"):
        rank = {HERE / folder: place for place, folder in enumerate(SHORTER, 1)}
        items.sort(key=lambda item: rank.get(item.path.parent, 0))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for what, present in NEEDS.items():
        asked = item.get_closest_marker(f"needs_{what}") or what in getattr(
            item, "fixturenames", ()
        )
        if asked and not present():
            pytest.skip(f"{what} {LACKS}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    lacking = any(reason.endswith(LACKS) for reason in skipped(session.config))
    if lacking and exitstatus == pytest.ExitCode.OK and os.environ.get("CI") == "true":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Name in the very last lines what did not run, and for want of what."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for reason, tests in skipped(config).items():
        reporter.section(f"{reason}: {len(tests)} did not run", yellow=True)
        for test in tests:
            reporter.write_line(f"  {test}")


def skipped(config: pytest.Config) -> dict[str, list[str]]:
    """The tests that did not run, by the reason given."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reasons: dict[str, list[str]] = {}
    for report in reporter.stats.get("skipped", []) if reporter else []:
        if isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            reasons.setdefault(reason, []).append(report.nodeid)
    return reasons


@pytest.fixture(autouse=True)
def _no_errors_logged(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    yield
    if request.node.get_closest_marker("expects_errors"):
        return
    records = [r for when in ("setup", "call") for r in caplog.get_records(when)]
    errors = [r.getMessage() for r in records if r.levelno >= logging.ERROR]
    assert not errors, f"errors in the log: {errors}"


@pytest.fixture(scope="session", autouse=True)
def _state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever keeps state by default keeps it here, never in somebody's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STATE_DIRECTORY", raising=False)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _whatever_works_has_time() -> Iterator[None]:
    """On a busy machine what is well, too, takes its time, and whoever gives it up says an error:
    a server's thirty parts, which share eight seconds to stop in; a database that is to be
    connected to; a segment of keys that is to be written before a press is sealed."""
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("app.STOP_S", "store.db.CONNECT_S", "store.db.COMMAND_S", "keys._WAIT_S"):
            patch.setattr(f"tgd.{limit}", 300.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_port_is_chosen_twice() -> Iterator[None]:
    """Between the choice and the listening another worker's broker could have taken it."""
    with pytest.MonkeyPatch.context() as patch:
        for service in ("broker", "postgres"):
            patch.setattr(f"tgd.demo.{service}._free_port", free_port)
        yield


class _QuickHasher(argon2.PasswordHasher):
    """In the tests' own process; ``test_cli`` says what an account's password costs."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_little() -> Iterator[None]:
    """Five of them in a test of two operators would be a second of a processor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argon2, "PasswordHasher", _QuickHasher)
        yield


@pytest.fixture(scope="session", autouse=True)
def _a_repetition_comes_soon() -> Iterator[None]:
    """Within one attempt a room is asked again after a tenth of what is waited in earnest: while
    a room is away the world's time would pass at half a second of the machine's for each second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tgd.platform.channels.cisu_https._jitter", tenacity.wait_random(0.005, 0.04))
        yield


@pytest.fixture(scope="session", autouse=True)
def _types_are_asked_once() -> Iterator[None]:
    """The driver asks each connection what our types are: 11 ms of a processor, twenty times a
    world. Every clone of the template has the same ones under the same numbers."""
    asked = asyncpg.Connection._introspect_types
    known: dict[frozenset[int], list[asyncpg.Record]] = {}
    answered = SimpleNamespace(name="by another connection")

    async def once(
        connection: asyncpg.Connection, types: Collection[int], limit_s: float | None
    ) -> tuple[list[asyncpg.Record], object]:
        if connection._params.database not in cloned.alike:
            return await asked(connection, types, limit_s)
        which = frozenset(types)
        if which not in known:
            known[which], _ = await asked(connection, types, limit_s)
        return known[which], answered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncpg.Connection, "_introspect_types", once)
        yield


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    other = os.environ.get("TEST_POSTGRES_BIN")
    server = EmbeddedPostgres(
        tmp_path_factory.mktemp("postgres"),
        bin_dir=Path(other) if other else None,
        without=DISK,
    )
    server.start()
    password = f"ALTER ROLE postgres PASSWORD '{server.password}'"
    asyncio.run(execute(server.socket_url, CHEAP_LOGINS, password))
    asyncio.run(waits_for_disk(server, "off"))
    yield server
    server.remove()


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """The name of the migrated database that each test's is cloned from."""
    from tgd.store.migrate import migrate  # noqa: PLC0415  most tests do without the store

    async def build() -> None:
        await execute(postgres.url, f"CREATE DATABASE {TEMPLATE}")
        await migrate(database_url(postgres, TEMPLATE))

    asyncio.run(build())
    return TEMPLATE


@pytest.fixture
async def database(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """The address of a migrated, empty database of this test's own."""
    async with cloned(postgres, template) as url:
        yield url


@pytest.fixture
async def empty_database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of a database in which nothing has been migrated."""
    async with cloned(postgres, "template0") as url:
        yield url


@pytest.fixture
async def durable(postgres: EmbeddedPostgres) -> AsyncIterator[None]:
    """The session's PostgreSQL waits for the disk during this test, as it must where it serves."""
    await waits_for_disk(postgres, "on")
    yield
    await waits_for_disk(postgres, "off")


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The session's Mosquitto, with the project's settings."""
    broker = start_broker(0, tmp_path_factory.mktemp("mosquitto"), kind="mosquitto")
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbit.Rabbit]:
    """The session's RabbitMQ. What a test breaks of it, it mends."""
    server = rabbit.Rabbit(tmp_path_factory.mktemp("rabbitmq"))
    yield server
    server.stop()


class cloned:  # noqa: N801  used as a context manager, like those of contextlib
    """A database cloned from ``template`` for the length of a ``with``; yields its address."""

    count = 0
    alike: ClassVar[set[str]] = set()
    """The names of those that were cloned from the migrated template."""

    def __init__(self, postgres: EmbeddedPostgres, template: str) -> None:
        cloned.count += 1
        self.name = f"test_{os.getpid()}_{cloned.count}"
        if template == TEMPLATE:
            cloned.alike.add(self.name)
        self.postgres = postgres
        self.template = template

    async def __aenter__(self) -> str:
        # By files: without fsync a quarter of the other way's time, which logs every page.
        made = f"CREATE DATABASE {self.name} TEMPLATE {self.template} STRATEGY file_copy"
        await execute(self.postgres.socket_url, made)
        return database_url(self.postgres, self.name)

    async def __aexit__(self, *_failure: object) -> None:
        await execute(self.postgres.socket_url, f"DROP DATABASE {self.name} WITH (FORCE)")


def database_url(postgres: EmbeddedPostgres, name: str) -> str:
    return postgres.url.rpartition("/")[0] + "/" + name


async def waits_for_disk(postgres: EmbeddedPostgres, how: str) -> None:
    """Have it wait for the disk, or not; return once whoever connects finds it so."""
    url = postgres.socket_url
    told = (f"ALTER SYSTEM SET {name} = {how}" for name in DISK)
    await execute(url, *told, "SELECT pg_reload_conf()")
    for name in DISK:
        while await execute(url, f"SHOW {name}") != how:  # noqa: ASYNC110  another process
            await asyncio.sleep(0.002)


async def execute(url: str, *statements: str) -> object:
    """Execute them, each by itself, on one connection; return the last one's value."""
    said = None
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            said = await connection.fetchval(statement)
    finally:
        await connection.close()
    return said
