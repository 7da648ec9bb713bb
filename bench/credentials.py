"""What credentials cost: a MAC per receipt, a phone cut off, a broker restored.

Run alone: ``python -m bench.credentials``. One real Mosquitto with TLS and the dynamic security
plugin, one embedded PostgreSQL, one server, all on this machine.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from enrolled import Office, Stranger, offices

from tgd.demo.postgres import EmbeddedPostgres
from tgd.devices import mac
from tgd.justice import credentials
from tgd.store.migrate import migrate

PHONES, CUTS, MACS = 100, 20, 100_000
RECEIPT = (
    b'{"_type":"receipt","id":"0b54aa96-6d5f-4bd0-a2b4-6d6a1b0f1a3c","code":"ok",'
    b'"alert":"0b54aa96-6d5f-4bd0-a2b4-6d6a1b0f1a3d","at":1795332662.123,"listen":"mic_only"}'
)


def macs() -> None:
    """Time one signature."""
    key, topic = bytes(32), "tgd/v1/tgd-86-01/down"
    since = time.perf_counter()
    for _ in range(MACS):
        mac.signed(key, topic, RECEIPT)
    print(f"MAC of one receipt: {(time.perf_counter() - since) / MACS * 1e6:.2f} µs")


async def cut_off(office: Office) -> None:
    """Time from the commit of `compromise` to the broker's end of the phone's connection."""
    took = []
    for _ in range(CUTS):
        given = await office.enrol("tgd-86-01")
        await office.settled()
        async with Stranger(office, given) as phone:
            assert await phone.fact("connect") == "Success"
            await office.compromise("tgd-86-01")
            since = time.perf_counter()
            await phone.fact("gone")
            took.append((time.perf_counter() - since) * 1000)
    took.sort()
    print(
        f"compromised to cut off: median {statistics.median(took):.1f} ms, worst {took[-1]:.1f} ms"
    )


async def restored(office: Office) -> None:
    """Time from the server's start to a broker that says all of it again."""
    async with office.database.transaction() as transaction:
        for number in range(PHONES):
            device = f"bench-{number:04}"
            await transaction.execute(
                "INSERT INTO device (id, tribunal_id) VALUES ($1, 'poitiers')", device
            )
            await credentials.enrol(
                transaction,
                office.sealer,
                office.authority,
                device=device,
                by="bench",
                now=datetime.now(UTC),
            )
    since = time.perf_counter()
    await office.settled()
    print(f"{PHONES} phones enrolled at the broker: {time.perf_counter() - since:.2f} s")
    await office.stop()
    office.broker.stop()
    office.rights.unlink()
    office.broker.start()
    since = time.perf_counter()
    await office.start()
    print(f"{PHONES} phones restored by one start: {time.perf_counter() - since:.2f} s")


async def run(folder: Path) -> None:
    """Run all of it."""
    macs()
    server = EmbeddedPostgres(folder / "postgres")
    await asyncio.to_thread(server.start)
    try:
        await migrate(server.url)
        async with offices(server.url, folder / "office") as office:
            await cut_off(office)
            await restored(office)
    finally:
        await asyncio.to_thread(server.remove)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)
        (folder / "office").mkdir()
        asyncio.run(run(folder))
