"""A case as one file: made by a command, verified by the script inside it, and by nothing of ours.

And the journal's commands beside it: verify, checkpoint and public key, as an auditor calls them.
"""

import asyncio
import json
import stat
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import Done, on
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from world import PLACE, SECRET, World

from tgd.signing import pem

NOTE = "elle parle bas, il est dans l'escalier"


@dataclass
class Desk:
    """An administrator's terminal beside the running server."""

    world: World
    folder: Path

    async def tgd(self, *words: str) -> Done:
        keys = str(self.world.config.key_dir)
        settings = {"TGD_KEY_DIR": keys, "TGD_SECRET_KEY": SECRET}
        return await on(self.world.url)(*words, **settings)

    async def verifies(self, archive: Path, key: Path | None = None) -> subprocess.CompletedProcess:
        """Run the script that the archive ships, away from our code."""
        script = self.folder / "verify.py"
        if not script.exists():
            with zipfile.ZipFile(archive) as packed:
                script.write_bytes(packed.read("verify.py"))
        words = [sys.executable, "-I", str(script), str(archive), str(key or self.key)]
        run = subprocess.run
        return await asyncio.to_thread(run, words, capture_output=True, text=True, check=False)

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"


@pytest.fixture
async def desk(world: World, tmp_path: Path) -> Desk:
    made = Desk(world, tmp_path)
    made.key.write_text((await made.tgd("journal", "public-key")).out)
    return made


async def told(world: World) -> str:
    """A case that the police have; its alert."""
    pressed = await world.phone().press(loc=PLACE)
    operator = world.operator()
    await operator.hears(pressed.alert, "holder")
    await operator.does(pressed.alert, "notes", {"text": NOTE}, 200)
    await operator.decides(pressed.alert, "police")
    await world.room.expects("Report", alert=pressed.alert)
    world.room.forgives()
    await world.until_sql("SELECT count(*) > 0 FROM journal WHERE kind = 'sent'")
    return pressed.alert


def remade(archive: Path, changes: Mapping[str, bytes | None]) -> Path:
    """A copy in which files are other ones, or not there."""
    target = archive.with_name("remade.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in dict.fromkeys([*old.namelist(), *changes]):
            content = changes[name] if name in changes else old.read(name)
            if content is not None:
                new.writestr(name, content)
    return target


async def test_a_case_leaves_as_a_file_that_anybody_can_verify(world: World, desk: Desk) -> None:
    alert = await told(world)
    case = (await world.operator().reads(alert))["case_id"]
    out = desk.folder / "case.zip"
    words = ("case", "export", case, str(out), "--ground", "prosecutor", "--reference", "PV 30/118")
    done = await desk.tgd(*words)
    assert done.code == 0, done.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    verified = await desk.verifies(out)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout.startswith(f"verified: case {case}, ")
    with zipfile.ZipFile(out) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    said = {
        name: [json.loads(line) for line in files[f"{name}.jsonl"].splitlines()]
        for name in ("journal", "positions", "presses", "notes", "messages")
    }
    last = said["journal"][-1]
    assert (last["kind"], last["details"]) == ("case_exported", '{"ground": "prosecutor"}')
    assert last["actor"].startswith("tgd:")
    assert [one["lat"] for one in said["positions"]] == [PLACE["lat"]]
    assert [one["content"] for one in said["notes"]] == [NOTE]
    assert "createCase" in said["messages"][0]["content"]
    assert json.loads(said["presses"][0]["content"])["loc"] == PLACE
    assert json.loads(files["manifest.json"])["reference"] == "PV 30/118"
    assert "30/118" not in files["journal.jsonl"].decode()
    assert files["report.pdf"].startswith(b"%PDF")
    # Nothing is overwritten, and a case that is not there leaves nothing behind.
    assert "cannot make" in (await desk.tgd(*words)).refusal
    other = desk.folder / "other.zip"
    missing = await desk.tgd("case", "export", "20300115-999999", str(other), "--ground", "access")
    assert missing.code == 1
    assert not other.exists()
    await every_change_is_found(desk, out, files)


async def every_change_is_found(desk: Desk, out: Path, files: Mapping[str, bytes]) -> None:
    lines = files["journal.jsonl"].splitlines(keepends=True)
    forged = Ed25519PrivateKey.generate()
    for changes in (
        *({name: content + b"x"} for name, content in files.items()),
        *({name: None} for name in files if name in {"notes.jsonl", "report.pdf"}),
        {"more.txt": b"more"},
        {"manifest.sig": forged.sign(files["manifest.json"]).hex().encode()},
        {"journal.jsonl": b"".join(lines[:-1])},
    ):
        found = await desk.verifies(remade(out, changes))
        assert found.returncode == 1, changes
        assert found.stderr.startswith("NOT VERIFIED: "), (changes, found.stderr)
    key = desk.folder / "other.pem"
    key.write_text(pem(forged.public_key().public_bytes_raw()))
    assert "not signed by this key" in (await desk.verifies(out, key)).stderr


async def test_an_auditor_verifies_the_journal(world: World, desk: Desk) -> None:
    alert = await told(world)
    kept = desk.folder / "kept.jsonl"
    assert (await desk.tgd("journal", "checkpoint", "--out", str(kept))).code == 0
    printed = await desk.tgd("journal", "checkpoint")
    assert json.loads(printed.out)["statement"].startswith("tgd-journal-seal/1\n")
    words = ("journal", "verify", "--public-key", str(desk.key), "--checkpoints", str(kept))
    done = await desk.tgd(*words)
    assert (done.code, done.out) == (0, ""), done.err
    assert done.err.endswith("the journal verifies\n")
    assert (await desk.tgd("journal", "verify")).code == 0
    since = await desk.tgd("journal", "verify", "--since", "2040-01-01")
    assert "looked at 0 entries" in since.err
    await world.owner(
        "ALTER TABLE journal DISABLE TRIGGER ALL;"
        " UPDATE journal SET actor = 'op-2' WHERE kind = 'note';"
        " ALTER TABLE journal ENABLE TRIGGER ALL"
    )
    number = await world.value("SELECT number FROM journal WHERE kind = 'note'")
    bad = await desk.tgd(*words)
    assert bad.code == 1
    assert bad.out.startswith(f"chain {alert}, entry {number}: actor, details")
    assert f"the first in chain {alert}, entry {number}" in bad.err
    other = desk.folder / "other.pem"
    other.write_text(pem(Ed25519PrivateKey.generate().public_key().public_bytes_raw()))
    untrusted = await desk.tgd("journal", "verify", "--public-key", str(other))
    assert "checkpoint 1" in untrusted.out
