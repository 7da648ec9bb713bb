"""What messages of control rooms cost in processor time: hostile ones to refuse, ours to write.

Run alone: ``python -m bench.messages``. An identifier of 10 kB is to be refused in under 5 ms: the
official pattern for case numbers takes seconds for 36 bad characters, so nothing that long may
reach a pattern. No server and no database: this is the pure part.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from cisu_messages import NOW, report

from tgd.platform.channels import cisu, cisu_risks
from tgd.platform.channels.cisu_wire import Letter, wrap
from tgd.platform.persons import Aggressor, Dangers, PersonFile

TRIES, LONG, ASKED_MS = 500, 10_000, 5.0
ROOM, PLATFORM = "fr.police.cic86", "fr.tgd.plateforme"
HOSTILE = {
    "one long word": "a" * LONG,
    "dotted words": "a." * (LONG // 2),
    "a bad end": "a" * (LONG - 1) + "!",
    "bad all along": "!" * LONG,
    "letters of others": "é" * LONG,
}
FILE = PersonFile(
    name="Bénéficiaire 86-01",
    aggressor=Aggressor("Auteur 86-01", description="grand", vehicle="fourgon gris"),
    dangers=Dangers(weapons="fusil de chasse", dog="molosse"),
)


def hostile(case_id: str) -> bytes:
    """Return a patrol's message about a case of this number."""
    event = {"ID": "1", "MAIN_EVENT_ID": case_id}
    body = {"CONTEXT": {"MODE": "ACTUAL", "MSGTYPE": "UPDATE"}, "EVENT": event}
    letter = Letter(f"{ROOM}_1", ROOM, PLATFORM, NOW, NOW, "Update", exercise=False)
    return json.dumps(wrap(letter, {"emsi": body})).encode()


def refused(raw: bytes) -> None:
    """Read a message that is to be refused."""
    try:
        cisu.read(raw)
    except cisu.BadEnvelope:
        return
    raise AssertionError("it was taken")


def written(message: cisu.CaseMessage) -> bytes:
    """Write a message as it goes out."""
    return cisu.encode(cisu.envelope(message))


def spent(act: Callable[[], object]) -> list[float]:
    """Return the processor time of each try in milliseconds."""
    took = []
    for _ in range(TRIES):
        since = time.process_time_ns()
        act()
        took.append((time.process_time_ns() - since) / 1e6)
    return took


def main() -> int:
    """Measure and print; 1 where a hostile identifier takes too long at the median."""
    worst = 0.0
    print(f"{'ms of processor, of ' + str(TRIES):<30} {'median':>8} {'worst':>8}")
    for name, case_id in HOSTILE.items():
        raw = hostile(case_id)
        took = spent(partial(refused, raw))
        worst = max(worst, statistics.median(took))
        print(f"refuse 10 kB, {name:<16} {statistics.median(took):8.3f} {max(took):8.3f}")
    bare = report(callback="0549000000", phone="0700000000")
    told = report(hers=cisu_risks.hers(FILE, NOW.date(), None))
    for name, message in (("without a file", bare), ("with her file", told)):
        took = spent(partial(written, message))
        print(f"write a Report, {name:<14} {statistics.median(took):8.3f} {max(took):8.3f}")
    return int(worst >= ASKED_MS)


if __name__ == "__main__":
    raise SystemExit(main())
