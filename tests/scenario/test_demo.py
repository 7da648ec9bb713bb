"""The demo as a stranger runs it: the whole story by itself, with either broker; and by hand."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from dumps import demo_values, dumped, traces

from tgd.demo.postgres import EmbeddedPostgres

BROKERS = [pytest.param("mosquitto", marks=pytest.mark.needs_rights_plugin), "amqtt"]
STEPS = {
    "an ordinary press": (
        "③",
        r"listens: silence",
        r"DECIDES: police",
        r"ACKNOWLEDGED",
        r"engaged",
    ),
    "no position": ("⑤", r"no position, and said so: .*location_absent", r"reads: «.*Aucune posi"),
    "a silent operator": ("①", r"7 s: rings", r"forwarded by itself: « press, not answered »"),
    "refused, then accepted": ("②", r"REFUSED \(ERREUR\)", r"has the case", r"ACKNOWLEDGED"),
    "the network lost": ("⑥", r"no network", r"receipt: the alert is open", r"ACKNOWLEDGED"),
    "a test": ("④", r"listens: the holder speaks", r"DECIDES: test; the alert is closed"),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demo puts its own; as root, the database's user has to get in as well."""
    made = Path(tempfile.mkdtemp(prefix="tgd-test-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def run(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("TGD_", "DEMO_"))}
    return subprocess.run(
        [sys.executable, "-m", "tgd", "demo"],
        env=plain | {"TMPDIR": str(folder)} | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("broker", BROKERS)
def test_the_story_tells_every_step_and_every_press_ends_well(broker: str, folder: Path) -> None:
    # Twice the time that it needs on a quiet machine and more: how fast it is, is not tested here.
    keep = broker == "amqtt"
    ended = run(folder, DEMO_SECONDS="150", DEMO_BROKER=broker, DEMO_KEEP="1" if keep else "0")
    told = ended.stdout
    assert ended.returncode == 0, told + ended.stderr
    assert ended.stderr == ""
    for scene, (mark, *steps) in STEPS.items():
        lines = "\n".join(line for line in told.splitlines() if f"s  {mark} " in line)
        assert re.search(".*".join(steps), lines, re.DOTALL), f"{scene}: {lines}"
    at_once = [line for line in told.splitlines() if "⑦ 86-0" in line]
    assert sum("button pressed" in line for line in at_once) == 8
    assert sum("receipt: the alert is open" in line for line in at_once) == 8
    assert "✓ 14 presses, 14 receipts, 14 alerts: 9 acknowledged by the control room, 5" in told
    assert "\x1b" not in told, "colours where nobody sees them"
    kept = list(folder.glob("tgd-demo-*"))
    assert len(kept) == keep, "its folder is left, or is not"
    for one in kept:
        says_nothing(one / "postgres")


def says_nothing(database: Path) -> None:
    """What the played story has left in the database says nothing in clear."""
    server = EmbeddedPostgres(database)
    server.start()
    try:
        dump = asyncio.run(dumped(server, server.url))
    finally:
        server.stop()
    assert "tgd-86-01" in dump
    assert traces(dump, demo_values() | {"patrouille sur place"}) == []


def test_too_few_seconds_are_refused_in_one_line(folder: Path) -> None:
    ended = run(folder, DEMO_SECONDS="44")
    assert ended.returncode == 1
    assert "DEMO_SECONDS=44" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not list(folder.iterdir())


def test_by_hand_keys_are_buttons_and_q_ends_everything(folder: Path) -> None:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("TGD_", "DEMO_"))}
    with subprocess.Popen(
        [sys.executable, "-m", "tgd", "demo"],
        env=plain | {"TMPDIR": str(folder), "DEMO_BROKER": "amqtt", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        told = until(demo, "Journaux")
        assert "/console" in told
        assert "/salle" in told
        phones = re.search(r"http://127\.0\.0\.1:\d+/phones", told)[0]
        server = re.search(r"(http://127\.0\.0\.1:\d+)/console", told)[1]
        for address in (phones, f"{server}/phones"):
            with urllib.request.urlopen(address) as page:  # noqa: S310  it is on the loopback
                assert page.url == phones
                assert b"/phones/static/phones.js" in page.read()
        for person in ("operateur-1", "operateur-2", "superviseur"):
            assert re.search(rf"{person} +(\w{{4}}-){{2}}\w{{4}}", told)
        say(demo, "3")
        assert "tgd-86-03" in until(demo, "receipt")
        say(demo, "n3")
        assert "tgd-86-03" in until(demo, "off")
        say(demo, "q")
        assert demo.wait(300) == 0
    assert not list(folder.glob("tgd-demo-*"))


def test_a_signal_during_the_start_leaves_nothing(folder: Path) -> None:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("TGD_", "DEMO_"))}
    with subprocess.Popen(
        [sys.executable, "-m", "tgd", "demo"],
        env=plain | {"TMPDIR": str(folder), "DEMO_BROKER": "amqtt", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        until(demo, "PostgreSQL")
        demo.send_signal(signal.SIGINT)
        assert demo.wait(300) == 0
    assert not list(folder.glob("tgd-demo-*"))
    assert not [line for line in processes() if str(folder) in line]


def say(demo: subprocess.Popen[str], keys: str) -> None:
    demo.stdin.write(keys)
    demo.stdin.flush()


def until(demo: subprocess.Popen[str], word: str) -> str:
    """What it says up to the line with this word."""
    told = ""
    for line in demo.stdout:
        told += line
        if word in line:
            return told
    raise AssertionError(f"it ended without saying {word}: {told}")


def processes() -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has just ended
            continue
    return found
