"""Helpers of the benchmark that run beside it: one module each, in a process of its own.

They say one line when they are ready and are killed at the end of the block. What must outlive
nothing and hold data (database, broker, server, room) is started by ``world`` instead.
"""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path

READY_S = 60.0
ROOT = Path(__file__).parents[1]


@contextlib.asynccontextmanager
async def beside(
    module: str, *arguments: str, ready: Callable[[str], object] = lambda _line: None
) -> AsyncIterator[Process]:
    """Run ``python -m module`` for the length of the block, which begins when it is ready.

    ``ready`` is given the line by which it says so.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments), cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    try:
        ready(await said(process))
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def said(process: Process, within_s: float = READY_S) -> str:
    """Return the next line that the process says; raise if it has ended instead."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), within_s)
    if not line:
        raise RuntimeError("a helper of the benchmark has ended: see above")
    return line.decode().strip()


def tell(process: Process, line: str) -> None:
    """Write one line to the process."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
