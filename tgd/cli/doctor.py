"""``tgd doctor``: is everything there that a press needs on its way to a control room?

Serves every arrow before it is needed; a system that is so rarely used for real fails silently
unless somebody looks. One line for each thing, worst news included, and nothing is changed: no
press is sent, no room is written to. The checks of the key store, of the broker, of the rooms'
lines and of the addresses stand in modules of their own.
"""

from collections.abc import AsyncIterator, Mapping

import typer

from tgd.cli.counts import counted
from tgd.cli.doctor_addresses import examine_addresses
from tgd.cli.doctor_agencies import examine_agencies
from tgd.cli.doctor_broker import examine_brokers
from tgd.cli.doctor_credentials import examine_credentials
from tgd.cli.doctor_keys import compare, examine_keys
from tgd.cli.doctor_rooms import examine_rooms
from tgd.cli.doctor_signing import examine_signing
from tgd.cli.doctor_zones import examine_zones
from tgd.cli.findings import FAILED, OK, WARNING, Finding, verdict
from tgd.config import Config, ConfigError
from tgd.store import checks, migrate
from tgd.store.command import MIGRATE, DatabaseFailed, explained

LEAST_MAJOR = 15
CLOCK_WARNING_S, CLOCK_FAILED_S = 0.5, 2.0

_COLOURS = {OK: "green", WARNING: "yellow", FAILED: "red"}
_KEPT = ("fsync", "synchronous_commit", "full_page_writes")
# In each of these the commit is on the database's own disk before it is answered.
_DURABLE = frozenset({"on", "local", "remote_write", "remote_apply"})


async def examine(environ: Mapping[str, str]) -> int:
    """Print a line for each finding; return 1 if anything failed, else 0."""
    failed = 0
    async for finding in _findings(environ):
        failed += finding.state == FAILED
        typer.secho(f"{finding.state:<8} ", nl=False, fg=_COLOURS[finding.state])
        typer.echo(f"{finding.what}: {finding.said}")
    return 1 if failed else 0


async def _findings(environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    config, finding = _configuration(environ)
    yield finding
    if config is None:
        return
    for finding in examine_keys(config.key_dir):
        yield finding
    yield examine_signing(config.signing_dir)
    if config.database_url:
        async for finding in _database(config):
            yield finding
    async for finding in examine_brokers(config):
        yield finding
    async for finding in examine_agencies(config):
        yield finding


def _configuration(environ: Mapping[str, str]) -> tuple[Config | None, Finding]:
    """Return the configuration, as much of it as there is."""
    try:
        return Config.load(environ), Finding(OK, "configuration", "every setting can be used")
    except ConfigError as error:
        said = Finding(FAILED, "configuration", str(error))
    try:
        return Config.load(environ, need=()), said
    except ConfigError:
        return None, said


async def _database(config: Config) -> AsyncIterator[Finding]:
    try:
        server = await checks.server(config.database_url)
    except DatabaseFailed as error:
        yield Finding(FAILED, "PostgreSQL", str(error))
        return
    yield verdict(
        server.major >= LEAST_MAJOR,
        "PostgreSQL",
        f"version {server.version}",
        f"version {server.version}: {LEAST_MAJOR} or later is needed",
    )
    yield _durability(server)
    yield _clock(server.ahead_s)
    try:
        finding = await _schema(config.database_url)
        yield finding
        if finding.state == FAILED:
            return
        yield await _role(config.database_url)
        yield await _register(config.database_url)
        if config.key_dir is not None:
            yield compare(config.key_dir, await checks.keys(config.database_url))
        async for finding in examine_credentials(config):
            yield finding
        async for finding in examine_rooms(config):
            yield finding
        async for finding in examine_zones(config):
            yield finding
        async for finding in examine_addresses(config):
            yield finding
    except DatabaseFailed as error:
        yield Finding(FAILED, "schema", str(error))


def _durability(server: checks.Server) -> Finding:
    values = {name: getattr(server, name) for name in _KEPT}
    off = [
        f"{name} is {value}"
        for name, value in values.items()
        if value not in (_DURABLE if name == "synchronous_commit" else {"on"})
    ]
    return verdict(
        not off,
        "durability",
        f"{', '.join(_KEPT)} are on",
        f"{', '.join(off)}: a receipted press could be lost",
    )


def _clock(ahead_s: float) -> Finding:
    said = f"the database's is {abs(ahead_s):.3f} s {'ahead of' if ahead_s > 0 else 'behind'} ours"
    if abs(ahead_s) > CLOCK_FAILED_S:
        return Finding(FAILED, "clock", f"{said}: deadlines and evidence need one time")
    return Finding(WARNING if abs(ahead_s) > CLOCK_WARNING_S else OK, "clock", said)


async def _schema(url: str) -> Finding:
    with explained(url):
        missing = await migrate.missing(url)
    if any(one.phase == "pre" for one in missing):
        return Finding(
            FAILED, "schema", f"{MIGRATE} ({counted(len(missing), 'migration')} missing)"
        )
    if missing:
        return Finding(
            OK, "schema", f"complete; {counted(len(missing), 'post migration')} left for later"
        )
    return Finding(OK, "schema", "complete")


async def _role(url: str) -> Finding:
    role = await checks.role(url)
    if not role.usable:
        why = "we may not take it" if role.exists else "it does not exist"
        return Finding(FAILED, "role tgd_app", f"{why}: {MIGRATE}")
    return verdict(
        not role.excess,
        "role tgd_app",
        "usable; it cannot alter the journal or delete a press",
        f"it has {', '.join(role.excess)}: revoke that",
    )


async def _register(url: str) -> Finding:
    found = await checks.register(url)
    if not found.phones:
        why = "no phone: every press will be that of an unknown phone"
        return Finding(WARNING, "register", why)
    said = f"{counted(found.phones, 'phone')}, {found.assigned} assigned, {found.lost} lost"
    return Finding(OK, "register", said)
