"""What the figures were measured on; without it no number means anything."""

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tgd.demo.broker import find_mosquitto

_SYNCS = 200


def describe(folder: Path, postgres: str) -> dict[str, str]:
    """Return the machine and the versions, as a reader needs them; ``folder`` is on the disk."""
    load = os.getloadavg()[0]
    cores = os.cpu_count() or 1
    quiet = "quiet" if load < 0.25 * cores else "NOT quiet: figures and floors suffer alike"
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": f"{_processor()}, {cores} cores",
        "load before": f"{load:.2f} ({quiet})",
        "system": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_version()}, asyncpg {version('asyncpg')}, "
        f"aiohttp {version('aiohttp')}, paho-mqtt {version('paho-mqtt')}, "
        f"uvloop {version('uvloop')}",
        "PostgreSQL": postgres,
        "Mosquitto": _mosquitto(),
        "commit": _commit(),
        "fdatasync of 8 KiB": f"{_sync(folder) * 1e3:.3f} ms (median)",
        "command": " ".join(["python -m bench", *sys.argv[1:]]),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or "unknown"
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()


def _mosquitto() -> str:
    program = find_mosquitto()
    if program is None:
        return "not installed"
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    return said.splitlines()[0] if said else "unknown"


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        said = ""
    return said.strip() or "unknown"


def _sync(folder: Path) -> float:
    """Return the median seconds of writing 8 KiB and waiting until the disk has them."""
    path, times = folder / "sync", []
    with path.open("wb") as file:
        for _ in range(_SYNCS):
            begin = time.perf_counter()
            file.write(b"\0" * 8192)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    path.unlink()
    return sorted(times)[_SYNCS // 2]
