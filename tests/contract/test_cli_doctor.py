"""What the doctor says of a machine that is well, and of each thing that is not."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from commands import KEY, ROOMS, Done, Run, command, eventually, free_port, listening, on
from rabbit import PASSWORD, Rabbit

from tgd.cli import doctor_keys
from tgd.demo.broker import Broker, find_mosquitto
from tgd.keys import KeyStore
from tgd.seal import Sealer
from tgd.store.migrate import migrations

pytestmark = pytest.mark.usefixtures("durable")
PRESS = """
INSERT INTO press (device, reply_to, id, pressed_at, received_at, age_s, trigger, path, doubts,
                   digest, retained, last_seen_at, raw, raw_key)
VALUES ('x', 'x', $1, now(), now(), 0, 'button', 'mqtt', '{}', '', false, now(), 'sealed', $2)
"""


@pytest.fixture
def tgd(database: str) -> Run:
    return on(database)


def lines(done: Done) -> dict[str, list[str]]:
    """What the doctor found, by state; broken lines fail."""
    found: dict[str, list[str]] = {"ok": [], "warning": [], "failed": []}
    for line in done.out.splitlines():
        state, _, rest = line.partition(" ")
        found[state].append(rest.strip())
    return found


async def test_the_doctor_is_content(tgd: Run, mosquitto: Broker, tmp_path: Path) -> None:
    await tgd("seed")
    file = tmp_path / "rooms.toml"
    file.write_text(ROOMS.format(port=mosquitto.port))
    await tgd("rooms", "import", str(file))
    done = await tgd("doctor", TGD_MQTT_URL=mosquitto.url)
    found = lines(done)
    assert (done.code, done.err, found["failed"]) == (0, "", [])
    assert any(line.startswith("room cic, line 0") for line in found["ok"])
    assert any("MQTT 5 and 3.1.1" in line for line in found["ok"])
    assert any("took a message to a phone" in line for line in found["ok"])
    # The project's broker in its test settings takes anybody: that is said.
    assert any("we connect without a password" in line for line in found["warning"])
    assert any("nothing is sent by voice" in line for line in found["warning"])


async def test_the_doctor_says_what_is_missing(tgd: Run) -> None:
    done = await tgd("doctor")
    found = lines(done)
    assert done.code == 1
    assert [line.partition(": ")[0] for line in found["failed"]] == ["broker 127.0.0.1:1"]
    assert any(line.startswith("rooms: there is none") for line in found["warning"])
    assert any(line.startswith("register: no phone") for line in found["warning"])


async def test_the_doctor_goes_on_where_a_setting_is_missing(empty_database: str) -> None:
    done = await command("doctor", TGD_DATABASE_URL=empty_database)
    assert done.code == 1
    failed = lines(done)["failed"]
    assert failed[0].startswith("configuration: TGD_MQTT_URL is not set")
    assert failed[1].startswith("schema: ")
    assert failed[1].endswith(f"({len(migrations())} migrations missing)")  # as many as are applied


async def test_the_doctor_finds_a_wrong_key_and_a_dead_line(tgd: Run, tmp_path: Path) -> None:
    file = tmp_path / "rooms.toml"
    file.write_text(ROOMS.format(port=1))
    await tgd("rooms", "import", str(file))
    dead = lines(await tgd("doctor"))["failed"]
    assert "room cic, line 0: 127.0.0.1:1 cannot be reached: Connection refused" in dead
    other = lines(await tgd("doctor", TGD_SECRET_KEY="00" * 32))["failed"]
    assert any("does not open with this TGD_SECRET_KEY" in line for line in other)


async def test_the_doctor_logs_in_to_each_line_by_rabbitmq(
    tgd: Run, rabbitmq: Rabbit, tmp_path: Path
) -> None:
    file = tmp_path / "rooms.toml"
    lines_of = "".join(
        f'[[room.line]]\nadapter = "amqp"\nurl = "{url}"\n{more}\n'
        for url, more in (
            (f"amqps://localhost:{rabbitmq.tls_port}", _files(rabbitmq, "fr.tgd.plateforme")),
            (f"amqp://127.0.0.1:{rabbitmq.port}", 'token = "a-wrong-one"'),
            (f"amqp://127.0.0.1:{rabbitmq.port}/bare", f'token = "{PASSWORD}"'),
        )
    )
    room = '[[room]]\nid = "cic"\nname = "CIC"\ninstitution = "PN"\naddress = "{}"\n'
    file.write_text(room.format("fr.police.cic86") + lines_of)
    await tgd("rooms", "import", str(file))
    found = lines(await tgd("doctor"))
    tls, plain = f"localhost:{rabbitmq.tls_port}", f"127.0.0.1:{rabbitmq.port}"
    well = "lets us in; the room's queue and ours are there"
    ends = "; its certificate ends on "
    assert any(line.startswith(f"room cic, line 0: {tls} {well}{ends}") for line in found["ok"])
    assert f"room cic, line 2: {plain} {well}" in found["ok"]
    why = "the broker refuses our user, password or certificate"
    assert f"room cic, line 1: {plain}: {why}" in found["failed"]
    file.write_text(room.format("fr.police.nowhere") + lines_of)
    await tgd("rooms", "import", str(file))
    why = "the queue or the exchange is not there"
    assert f"room cic, line 0: {tls}: {why}" in lines(await tgd("doctor"))["failed"]


def _files(server: Rabbit, user: str) -> str:
    at = server.folder
    return f'ca = "{at}/ca.pem"\ncertificate = "{at}/{user}.pem"\nkey = "{at}/{user}.key"'


async def test_the_doctor_finds_rights_that_are_too_wide(tgd: Run, database: str) -> None:
    owner = await asyncpg.connect(database)
    await owner.execute("GRANT UPDATE ON journal TO tgd_app")
    await owner.close()
    failed = lines(await tgd("doctor"))["failed"]
    assert "role tgd_app: it has UPDATE on journal: revoke that" in failed


async def test_the_doctor_looks_at_the_key_store(tgd: Run, tmp_path: Path) -> None:
    there = tmp_path / "keys"
    at = {"TGD_KEY_DIR": str(there)}
    assert (
        f"key store: {there} is made at the first start" in lines(await tgd("doctor", **at))["ok"]
    )
    store = KeyStore(there)
    store.open()
    store.close()
    assert f"key store: {there} holds 1 segment" in lines(await tgd("doctor", **at))["ok"]
    there.chmod(0o755)
    warned = lines(await tgd("doctor", **at))["warning"]
    assert f"key store: {there} is open to other users: chmod 700" in warned
    (tmp_path / "file").touch()
    wrong = lines(await tgd("doctor", TGD_KEY_DIR=str(tmp_path / "file")))["failed"]
    assert any("TGD_KEY_DIR must be the full path of a directory" in line for line in wrong)


async def test_the_doctor_finds_keys_that_are_elsewhere(
    tgd: Run, database: str, tmp_path: Path
) -> None:
    store = KeyStore(tmp_path / "keys")
    store.open()
    keys = [Sealer(KEY, store).new_key().wrapped for _ in range(3)]
    store.close()
    owner = await asyncpg.connect(database)
    for key in keys:
        await owner.execute(PRESS, uuid4(), key)
    latest = "key store, latest 3 presses: "
    here = {"TGD_KEY_DIR": str(tmp_path / "keys")}
    found = lines(await tgd("doctor", **here))
    assert latest + "their keys are all here" in found["ok"]
    other = {"TGD_KEY_DIR": str(tmp_path / "other")}
    failed = lines(await tgd("doctor", **other))["failed"]
    assert latest + "the key store's directory is not there" in failed
    (tmp_path / "other").mkdir()
    failed = lines(await tgd("doctor", **other))["failed"]
    assert any(line.startswith(latest + "3 of their keys are not here") for line in failed)
    await owner.execute(PRESS, uuid4(), Sealer(KEY).new_key().wrapped)
    await owner.close()
    warned = lines(await tgd("doctor", **here))["warning"]
    assert any("latest 4 presses: 1 are sealed without it" in line for line in warned)


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        (
            "1 0 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / {at} rw,x shared:1 - btrfs /dev/b rw\n",
            "btrfs",
        ),
        ("2 1 0:2 / {at}/keys rw - zfs pool rw\n1 0 0:1 / / rw - ext4 /dev/a rw\n", "ext4"),
        ("1 0 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / /sp\\040ace rw - xfs /dev/b rw\n", "ext4"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(
    mounts: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(mounts.replace("{at}", str(tmp_path)))
    monkeypatch.setattr(doctor_keys, "_MOUNTS", table)
    assert doctor_keys._file_system(tmp_path) == kind


@pytest.fixture
def closed_broker(tmp_path: Path) -> Iterator[int]:
    """A Mosquitto with passwords and the access list of deploy/; yields its port."""
    program, port = find_mosquitto(), free_port()
    passwords = tmp_path / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", passwords, "tgd-server", "invented"],
        check=True,
        capture_output=True,
    )
    example = Path(__file__).parents[2] / "deploy/mosquitto/listeners.d/acl.example"
    rights = tmp_path / "rights"
    rights.write_text(example.read_text())
    for file in (passwords, rights):
        file.chmod(0o600)
    conf = tmp_path / "closed.conf"
    conf.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        f"acl_file {rights}\n" + ("user root\n" if os.geteuid() == 0 else "")
    )
    broker = subprocess.Popen([program or "", "-c", conf], stderr=subprocess.DEVNULL)
    yield port
    broker.kill()
    broker.wait()


@pytest.mark.needs_mosquitto
async def test_the_doctor_sees_that_a_broker_is_closed(tgd: Run, closed_broker: int) -> None:
    where = f"127.0.0.1:{closed_broker}"
    await eventually(lambda: listening(closed_broker))
    found = lines(await tgd("doctor", TGD_MQTT_URL=f"mqtt://tgd-server:invented@{where}"))
    assert any("refuses clients without a password" in line for line in found["ok"])
    assert found["failed"] == []
    wrong = lines(await tgd("doctor", TGD_MQTT_URL=f"mqtt://tgd-server:wrong@{where}"))
    assert wrong["failed"] == [f"broker {where}: no connection: refused: Not authorized"]


@pytest.mark.needs_mosquitto
async def test_the_doctor_sees_that_a_broker_takes_anybody(tgd: Run, mosquitto: Broker) -> None:
    with_password = mosquitto.url.replace("://", "://tgd-server:invented@")
    found = lines(await tgd("doctor", TGD_MQTT_URL=with_password))
    assert any("reads what phones are told" in line for line in found["warning"])
