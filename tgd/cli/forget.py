"""``tgd forget run``: what is due is erased now, by the same rules and keys as the server's look.

Serves the flow ``forget``, which does this by itself: for an administrator who must not wait for
the server, or whose server is down. Safe beside running servers: each alert is erased once, by
whoever is first, and so is each key. What was erased is said in numbers only. Exit code 1 where
something is still to be erased: the server goes on trying, or this command again.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from tgd import log
from tgd.cli.administration import say
from tgd.cli.sealing import NoKeyStore
from tgd.clock import Clock
from tgd.config import Config
from tgd.keys import KeyStore
from tgd.metrics import Metrics
from tgd.platform.flow.forget import Forget, Forgotten, NotForgotten
from tgd.seal import Sealer
from tgd.store import command, forget
from tgd.store.db import Database, identity

_WORDS = {"position": "positions", "press": "presses", "message": "messages", "note": "notes"}


async def forget_run(config: Config) -> None:
    """Erase what is due; raises ``NotForgotten`` where keys could not be erased."""
    log.setup(config.log_format, "error")
    if config.key_dir is None:
        raise NoKeyStore("no key store: set TGD_KEY_DIR to the directory that the server uses")
    clock = Clock()
    database = Database(config.database_url, size=2, name="tgd command")
    store = KeyStore(config.key_dir, clock)
    with command.explained(config.database_url):
        try:
            await database.open()
            async with database.connection() as connection:
                owner = await identity(connection)
                due = await forget.overdue(connection, clock.now())
            await asyncio.to_thread(store.open, owner)
            sealer = Sealer(config.secret_key, store)
            work = Forget(database, clock, Metrics(), sealer, store)
            with _bar(due) as (bars, bar):
                done = await _look(work, bars, bar)
        finally:
            await asyncio.to_thread(store.close)
            await database.close()
    _say(done)


async def _look(work: Forget, bars: Progress, bar: TaskID) -> Forgotten:
    try:
        return await work.look(lambda alerts: bars.update(bar, completed=alerts))
    except NotForgotten as failure:
        bars.stop()
        _say(failure.done)
        raise


def _say(done: Forgotten) -> None:
    things: Counter[str] = done.things
    if not done.alerts and not done.keys:
        say("nothing was due")
        return
    counts = ", ".join(f"{things[kind]} {words}" for kind, words in _WORDS.items())
    say(f"erased of {done.alerts} alerts: {counts}")
    say(f"erased from the key store: {done.keys} keys")


@contextmanager
def _bar(due: int) -> Iterator[tuple[Progress, TaskID]]:
    """Show progress, on a terminal only."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        yield bars, bars.add_task("alerts", total=due)
