"""What every test may ask for: a real database of its own, a real broker, and honest reporting.

The session's PostgreSQL is the embedded one, or the one whose programs ``TEST_POSTGRES_BIN`` names.
A test's database is a clone of a template that was migrated once. An ERROR in the log fails the
test unless it is marked ``expects_errors``. What this machine lacks is named in the last lines with
the tests that did not run for it; with ``CI=true`` that is a failure.
"""

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import hypothesis  # noqa: F401  now: its plugin would import it at the very end, where 3.11 may fail
import pytest

from tgd.demo.broker import Broker, find_mosquitto, find_rights_plugin, start_broker
from tgd.demo.postgres import EmbeddedPostgres

TEMPLATE = "template_migrated"


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


# What a test may need of the machine: by marker, or by the fixture of that name.
NEEDS = {
    "mosquitto": lambda: find_mosquitto() is not None,
    "rights_plugin": lambda: find_mosquitto() is not None and find_rights_plugin() is not None,
    "mosquitto_pub": lambda: shutil.which("mosquitto_pub") is not None,
    "chromium": lambda: chromium() is not None,
}
LACKS = "is missing here"


def pytest_configure(config: pytest.Config) -> None:
    for what in NEEDS:
        config.addinivalue_line("markers", f"needs_{what}: skipped, and said so, without it")
    config.addinivalue_line("markers", "expects_errors: this test provokes errors in the log")


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


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    other = os.environ.get("TEST_POSTGRES_BIN")
    server = EmbeddedPostgres(
        tmp_path_factory.mktemp("postgres"), bin_dir=Path(other) if other else None
    )
    server.start()
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


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The session's Mosquitto, with the project's settings."""
    broker = start_broker(0, tmp_path_factory.mktemp("mosquitto"), kind="mosquitto")
    yield broker
    broker.stop()


class cloned:  # noqa: N801  used as a context manager, like those of contextlib
    """A database cloned from ``template`` for the length of a ``with``; yields its address."""

    count = 0

    def __init__(self, postgres: EmbeddedPostgres, template: str) -> None:
        cloned.count += 1
        self.name = f"test_{os.getpid()}_{cloned.count}"
        self.postgres = postgres
        self.template = template

    async def __aenter__(self) -> str:
        await execute(self.postgres.url, f"CREATE DATABASE {self.name} TEMPLATE {self.template}")
        return database_url(self.postgres, self.name)

    async def __aexit__(self, *_failure: object) -> None:
        await execute(self.postgres.url, f"DROP DATABASE {self.name} WITH (FORCE)")


def database_url(postgres: EmbeddedPostgres, name: str) -> str:
    return postgres.url.rpartition("/")[0] + "/" + name


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
