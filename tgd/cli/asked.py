"""What every command begins and ends with: its settings, and its work run to the end."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

from tgd.config import Config


def settings(*need: str) -> Config:
    """Return the configuration, of which the command needs these settings."""
    return Config.load(os.environ, need=need)


def finish(work: Coroutine[Any, Any, None]) -> None:
    """Do the command's work."""
    asyncio.run(work)
