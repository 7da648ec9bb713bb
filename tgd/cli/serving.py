"""``tgd serve``: the server's life, from waiting for the database to an orderly stop.

Serves every arrow by starting them. A database that is not there yet is waited for (machines start
in any order); one whose schema is older than this program is not served. A signal stops everything
in order within ten seconds, a second one at once: whatever was under way is a committed row, and
the next start takes it up. A part that keeps failing ends the process with exit code 70, so that
whoever watches it starts it anew.
"""

import asyncio
import errno
import gc
import logging
import os
import signal
from collections.abc import Coroutine
from typing import Any

import uvloop

from tgd import log
from tgd.app import App
from tgd.config import Config
from tgd.errors import TgdError
from tgd.store import command, migrate
from tgd.store.db import OUTAGE

DATABASE_S = 60.0
STOP_S = 10.0
COLLECT_AT = (10_000, 20, 20)
"""New objects, then rounds, before the collector looks at the young, the older, everything."""
FATAL = 70  # sysexits.h: EX_SOFTWARE

_LOOK_AGAIN_S = 0.5
_SAY_AGAIN_S = 10.0
_NO_ADDRESS = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})
_log = logging.getLogger(__name__)


class CannotServe(TgdError):
    """The server cannot start; the message is one line."""


def run(config: Config) -> int:
    """Serve until a signal or a fatal failure; return the exit code."""
    log.setup(config.log_format, config.log_level)
    return uvloop.run(_serve(config))


async def _serve(config: Config) -> int:
    stop = _signals()
    if not await _unless(stop, _database_ready(config.database_url)):
        return 0
    app = App(config)
    try:
        if not await _unless(stop, _start(app, config)):
            return 0
        _settled()
        return 0 if not await _unless(stop, app.failed.wait()) else FATAL
    finally:
        await _stop(app)


async def _start(app: App, config: Config) -> None:
    try:
        await app.start()
    except OSError as error:
        if error.errno in _NO_ADDRESS:
            why = os.strerror(error.errno or 0)
            raise CannotServe(f"cannot listen on {config.http_listen}: {why}") from error
        with command.explained(config.database_url):
            raise


def _settled() -> None:
    """Take what is there for good out of the collector's rounds.

    A full one over all of it stops everything for some fifty milliseconds, every few seconds of
    load, and finds nothing. Thresholds: over what comes and goes, fewer and larger rounds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AT)


async def _stop(app: App) -> None:
    try:
        async with asyncio.timeout(STOP_S):
            await app.stop()
        _log.info("stopped")
    except TimeoutError:
        _log.error("not everything stopped within %.0f s: leaving it behind", STOP_S)


async def _database_ready(url: str) -> None:
    """Return when the database answers with a schema that this program can work with."""
    loop = asyncio.get_running_loop()
    end, say_at = loop.time() + DATABASE_S, 0.0
    while True:
        try:
            missing = await _missing(url)
        except command.DatabaseFailed as failure:
            if not isinstance(failure.__cause__, OUTAGE) or loop.time() > end:
                raise
            if loop.time() >= say_at:
                _log.warning("waiting for the database: %s", failure)
                say_at = loop.time() + _SAY_AGAIN_S
            await asyncio.sleep(_LOOK_AGAIN_S)
        else:
            if missing:
                raise CannotServe(command.MIGRATE)
            return


async def _missing(url: str) -> bool:
    """Say whether a migration is missing that this program needs (post ones come after it)."""
    with command.explained(url):
        return any(migration.phase == "pre" for migration in await migrate.missing(url))


def _signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; the second one ends the process at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def asked(which: signal.Signals) -> None:
        _log.info("%s: stopping", which.name)
        stop.set()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(one)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, asked, one)
    return stop


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, Any]) -> bool:
    """Await ``work`` and return True; False if ``stop`` came first, ``work`` being broken off."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            return False
        doing.result()
        return True
    finally:
        for task in (doing, stopping):
            task.cancel()
        await asyncio.wait({doing, stopping})
