"""What a login tells by its time: how long each refusal takes, for accounts that are and are not.

Run alone: ``python -m bench.logins``. One server in this process, one embedded PostgreSQL. The
tests say that the same work is done; this shows the distribution that comes of it. Tries are mixed,
so that what else the machine does falls upon all alike, and none is slowed down for its failures.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from web.served import Api, serving
from world import ManualClock

from tgd.demo.postgres import EmbeddedPostgres
from tgd.store import accounts
from tgd.store.migrate import migrate

TRIES = 100
PASSWORD, WRONG = "un mot de passe", "un autre, faux"
KINDS = {"an account": "operateur-1", "an ended account": "operateur-2", "no account": "nobody"}


async def measured(api: Api, clock: ManualClock) -> dict[str, list[float]]:
    """Return how long each try took, in milliseconds."""
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    plan = [kind for kind in KINDS for _ in range(TRIES)]
    random.shuffle(plan)
    for n, kind in enumerate(plan):
        clock.set_on(25 * 3600)  # no failure counts any more
        headers = {"X-Forwarded-For": f"2001:db8:{n:x}::1"}
        said = {"username": KINDS[kind], "password": WRONG}
        since = time.perf_counter()
        async with api.http.post("/api/v1/session", json=said, headers=headers) as answered:
            await answered.read()
        took[kind].append((time.perf_counter() - since) * 1000)
        assert answered.status == 401
    return took


async def run(folder: Path) -> None:
    """Measure and print."""
    server = EmbeddedPostgres(folder / "postgres")
    await asyncio.to_thread(server.start)
    clock = ManualClock()
    try:
        await migrate(server.url)
        async with serving(server.url, clock) as api:
            for name in ("operateur-1", "operateur-2"):
                await api.account(name, PASSWORD)
            async with api.database.connection() as connection:
                await accounts.disable(connection, "operateur-2", clock.now())
            took = await measured(api, clock)
    finally:
        await asyncio.to_thread(server.remove)
    print(f"{'ms, of ' + str(TRIES):<20} {'p10':>7} {'median':>7} {'p90':>7} {'worst':>7}")
    for kind, values in took.items():
        tenths = statistics.quantiles(values, n=10)
        figures = (tenths[0], statistics.median(values), tenths[-1], max(values))
        print(f"{kind:<20} " + " ".join(f"{one:7.1f}" for one in figures))
    everything = [value for values in took.values() for value in values]
    spread = statistics.stdev(everything)
    middles = [statistics.median(values) for values in took.values()]
    apart = max(middles) - min(middles)
    print(f"medians differ by {apart:.2f} ms; one try varies by {spread:.2f} ms")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o711)
        asyncio.run(run(Path(temporary)))
