"""What is counted once a minute while the server runs, whether or not the database answers.

Serves the gauges that alarms look at and that no act of anybody changes: only time does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NoReturn

from tgd.clock import Clock
from tgd.store.db import OUTAGE

EVERY = timedelta(minutes=1)
_log = logging.getLogger(__name__)


async def every_minute(clock: Clock, what: str, count: Callable[[], Awaitable[None]]) -> NoReturn:
    """Count, for ever; ``what`` is said to wait while the database is away."""
    never = asyncio.Event()
    while True:
        try:
            await count()
        except OUTAGE as error:
            _log.warning("%s wait for the database: %s", what, type(error).__name__)
        await clock.wait(never, clock.now() + EVERY)
