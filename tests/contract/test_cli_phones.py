"""Enrolment as an administrator meets it: an authority, a broker's first state, a phone's code."""

import json
import stat
from pathlib import Path

import asyncpg
import pytest
from commands import Run, on
from pypdf import PdfReader

from firmware_sim import Provision
from tgd.demo.broker import find_mosquitto

ONE = "tgd-86-01"
CONTROL = "mqtts://tgd-control:the-control-s@127.0.0.1:8883"


@pytest.fixture
def tgd(database: str, tmp_path: Path) -> Run:
    run = on(database)

    async def configured(*words: str, **more: str):
        own = {"TGD_CA_DIR": str(tmp_path / "ca"), "TGD_MQTT_CONTROL_URL": CONTROL}
        return await run(*words, **own | more)

    return configured


async def enrolled(tgd: Run, folder: Path, act: str = "enrol", name: str = "one") -> Provision:
    file = folder / f"{name}.json"
    words = ("phones", act, ONE, "--broker", "mqtts://broker.example.org:8883")
    done = await tgd(*words, "--json", str(file))
    assert (done.code, done.out) == (0, ""), done.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    given = Provision.read(file)
    assert given.password not in done.err
    return given


async def test_from_an_authority_to_a_phone_and_back(tgd: Run, database: str, tmp_path: Path):
    assert (await tgd("seed")).code == 0
    refused = await tgd("phones", "enrol", ONE)
    assert "tgd authority init" in refused.refusal
    assert (await tgd("authority", "init")).code == 0
    assert "authority already" in (await tgd("authority", "init")).refusal

    first = await enrolled(tgd, tmp_path)
    assert first.brokers == ("mqtts://broker.example.org:8883",)
    assert first.tls().cert_store_stats()["x509_ca"] == 1
    assert "rotate" in (await tgd("phones", "enrol", ONE)).refusal
    second = await enrolled(tgd, tmp_path, "rotate", "two")
    assert {first.password, first.mac_key}.isdisjoint({second.password, second.mac_key})

    assert "not attested as returned" in (await tgd("phones", "end", ONE)).refusal
    await execute(database, "UPDATE assignment SET ended_at = now(), returned_at = now()")
    listed = await tgd("phones", "list")
    assert [line.split()[1] for line in listed.out.splitlines()] == ["ended"] + ["never"] * 7
    assert (await tgd("phones", "end", ONE)).code == 0
    assert "rotate" not in (await tgd("phones", "rotate", ONE)).refusal

    kinds = await execute(database, "SELECT kind FROM journal ORDER BY no")
    assert [row["kind"] for row in kinds][1:] == ["phone_enrolled", "phone_rotated", "phone_ended"]


async def test_the_code_and_the_leaflet(tgd: Run, tmp_path: Path):
    await tgd("seed")
    await tgd("authority", "init")
    shown = await tgd("phones", "enrol", ONE)
    assert len(shown.out.splitlines()) > 40
    files = {name: tmp_path / f"code.{name}" for name in ("svg", "png")}
    leaflet = tmp_path / "leaflet.pdf"
    words = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    done = await tgd("phones", "rotate", ONE, *words, "--leaflet", str(leaflet))
    assert (done.code, done.out) == (0, "")
    assert files["svg"].read_bytes().startswith(b"<?xml")
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    (page,) = PdfReader(leaflet).pages
    text = page.extract_text()
    assert "tous les 15 jours" in text
    assert "112" in text
    assert ONE not in text
    again = await tgd("phones", "rotate", ONE, "--svg", str(files["svg"]))
    assert "cannot write" in again.refusal


async def test_what_a_broker_begins_with(tgd: Run, tmp_path: Path):
    await tgd("authority", "init")
    made = await tgd("authority", "broker", "broker.example.org", "--out", str(tmp_path / "tls"))
    assert made.code == 0, made.err
    assert {file.name for file in (tmp_path / "tls").iterdir()} == {
        "ca.pem",
        "server.key",
        "server.pem",
    }
    assert (await tgd("authority", "server", "--out", str(tmp_path / "us.pem"))).code == 0
    state = tmp_path / "dynamic-security.json"
    assert (await tgd("broker", "init", str(state))).code == 0
    assert "the-control-s" not in state.read_text()
    (only,) = json.loads(state.read_text())["clients"]
    assert only["username"] == "tgd-control"
    assert find_mosquitto() is None or state.stat().st_size


async def execute(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()
