"""``tgd forget run``: what is due is erased now, by the same table and keys as the server's look.

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
from tgd.cli.counts import counted
from tgd.cli.sealing import NoKeyStore
from tgd.clock import Clock
from tgd.config import Config
from tgd.keys import KeyStore
from tgd.metrics import Metrics
from tgd.platform.erasing import Tell
from tgd.platform.flow.forget import Forget, Forgotten, NotForgotten
from tgd.platform.terms import table
from tgd.seal import Sealer
from tgd.store import command, forget
from tgd.store.db import Database, identity

_WORDS = {"position": "positions", "press": "presses", "message": "messages", "note": "notes"}


async def forget_run(config: Config, *, dry_run: bool = False) -> None:
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
            with _bars(due) as (bars, alerts, terms):
                if dry_run:
                    done = await work.try_out(_teller(bars, terms))
                else:
                    done = await _look(work, bars, alerts, terms)
        finally:
            await asyncio.to_thread(store.close)
            await database.close()
    _say(done, dry_run=dry_run)


async def _look(work: Forget, bars: Progress, alerts: TaskID, terms: TaskID) -> Forgotten:
    try:
        return await work.look(
            lambda done: bars.update(alerts, completed=done), _teller(bars, terms)
        )
    except NotForgotten as failure:
        bars.stop()
        _say(failure.done)
        raise


def _teller(bars: Progress, terms: TaskID) -> Tell:
    return lambda done, of: bars.update(terms, completed=done, total=of)


def _say(done: Forgotten, *, dry_run: bool = False) -> None:
    things: Counter[str] = done.things
    if not done.alerts and not done.keys and not done.terms.counts:
        say("nothing is due: nothing would be erased" if dry_run else "nothing was due")
        return
    what = "would be erased" if dry_run else "erased"
    if done.alerts or done.keys:
        counts = ", ".join(f"{things[kind]} {words}" for kind, words in _WORDS.items())
        say(f"{what} of {counted(done.alerts, 'alert')}: {counts}")
    for code, went in done.terms.counts.items():
        counts = ", ".join(f"{number} {words}" for words, number in sorted(went.items()))
        say(f"{what} by term, {code} ({table().kept[code].said['term']}): {counts}")
    if not dry_run:
        say(f"erased from the key store: {counted(done.keys, 'key')}")
    else:
        say("nothing has been changed")


@contextmanager
def _bars(due: int) -> Iterator[tuple[Progress, TaskID, TaskID]]:
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
        yield bars, bars.add_task("alerts", total=due), bars.add_task("terms", total=None)
