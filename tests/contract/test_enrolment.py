"""Who comes in at a real Mosquitto with TLS is whom the register names, and nobody else."""

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from commands import command
from enrolled import SERVER, Office, Stranger, fleet, offices
from world import ManualClock

from firmware_sim import Kind, Recorder, read_all
from tgd.app import App
from tgd.devices.broker_control import Control
from tgd.devices.enrolment import Enrolment
from tgd.errors import Refused
from tgd.justice import credentials
from tgd.metrics import Metrics
from tgd.seal import Sealer
from tgd.store import accounts
from tgd.store.db import Database

pytestmark = pytest.mark.needs_rights_plugin
TOLD = "SELECT EXISTS (SELECT FROM journal WHERE kind = 'broker_unsettled')"
ONE, OTHER = "tgd-86-01", "tgd-86-02"


@pytest.fixture
async def office(database: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with offices(database, tmp_path) as made:
        yield made


async def test_an_enrolled_phone_presses_and_believes_its_receipt(office: Office) -> None:
    recorder = Recorder()
    async with fleet(await office.enrol(ONE), recorder=recorder) as phones:
        await phones.connected(within_s=60)
        press = await phones[ONE].press()
        receipt = await press.receipted(within_s=60)
    assert receipt["alert"]
    assert Kind.FORGED not in {event.kind for event in recorder.events}
    assert await office.value("SELECT device FROM alert") == ONE


async def test_the_simulator_comes_in_with_what_a_phone_was_given(
    office: Office, tmp_path: Path
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    for device in (ONE, OTHER):
        await office.enrol(device, keep=folder / f"{device}.json")
    await office.settled()
    words = ("-m", "firmware_sim", "--enrolled", str(folder), "--press-rate", "20", "--quiet")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words), stdout=subprocess.DEVNULL
    )
    async with asyncio.timeout(120):
        assert await process.wait() == 0
    assert await office.value("SELECT count(DISTINCT device) FROM alert") == 2


def test_what_is_no_enrolment_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no phone's enrolment \(\*\.json\)"):
        read_all(tmp_path)
    (tmp_path / "x.json").write_text('{"password": "secret"}')
    with pytest.raises(ValueError, match=r"x\.json is no phone's enrolment: KeyError\Z"):
        read_all(tmp_path)


async def test_what_is_another_s_is_refused(office: Office) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    async with Stranger(office, given) as held:
        assert await held.fact("connect") == "Success"
        assert await held.publishes(f"tgd/v1/{ONE}/up/heartbeat") == "Success"
        for topic in (f"tgd/v1/{OTHER}/up/press", f"tgd/v1/{ONE}/down", f"tgd/v1/{ONE}/up/other"):
            assert await held.publishes(topic) == "Not authorized"
        assert await held.publishes("$CONTROL/dynamic-security/v1") == "Not authorized"
        assert await held.subscribes(f"tgd/v1/{ONE}/down") == "Granted QoS 1"
        for topic in (f"tgd/v1/{OTHER}/down", "tgd/v1/+/down", "#", f"tgd/v1/{ONE}/up/press"):
            assert await held.subscribes(topic) == "Not authorized"
    assert await office.value("SELECT count(*) FROM press") == 0


@pytest.mark.parametrize(
    "other", [{"password": "guessed"}, {"client_id": OTHER}, {"username": OTHER}, {"username": ""}]
)
async def test_nobody_comes_in_as_another(office: Office, other: dict[str, str]) -> None:
    given = await office.enrol(ONE)
    await office.enrol(OTHER)
    await office.settled()
    async with Stranger(office, given, **other) as held:
        assert await held.fact("connect") == "Not authorized"


async def test_without_a_certificate_of_ours_nobody_is_even_heard(office: Office) -> None:
    context = ssl.create_default_context(cafile=str(office.config.mqtt_ca))
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await says_something(office.broker.port, context)


async def says_something(port: int, context: ssl.SSLContext) -> None:
    """Connect and wait for an answer: in TLS 1.3 a refusal comes only then."""
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    try:
        writer.write(b"\x10\x00")
        await writer.drain()
        assert await reader.read(1)
    finally:
        writer.transport.abort()


async def test_a_compromised_phone_is_cut_off_and_stays_out(office: Office) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    async with Stranger(office, given) as held:
        assert await held.fact("connect") == "Success"
        assert await office.compromise(ONE)
        assert await held.fact("gone") == "Administrative action"
    await office.settled()
    async with Stranger(office, given) as again:
        assert await again.fact("connect") == "Not authorized"


async def test_a_returned_phone_cannot_come_back(office: Office) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    async with Stranger(office, given) as held:
        assert await held.fact("connect") == "Success"
        await office.execute(
            "UPDATE assignment SET ended_at = now(), returned_at = now() WHERE device_id = $1", ONE
        )
        assert await held.fact("gone") == "Administrative action"
    await office.settled()
    async with Stranger(office, given) as again:
        assert await again.fact("connect") == "Not authorized"
    state = "SELECT state, password, mac_key FROM phone_credential WHERE device_id = $1"
    async with office.database.connection() as connection:
        assert tuple(await connection.fetchrow(state, ONE)) == ("ended", None, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE assignment SET ended_at = now() WHERE device_id = $1",
        "UPDATE assignment SET ends_at = starts_at + interval '1 microsecond' WHERE device_id = $1",
        "UPDATE device SET lost_at = now() WHERE id = $1",
    ],
    ids=["revoked", "expired", "lost"],
)
async def test_a_phone_that_is_still_out_still_raises_alerts(
    office: Office, statement: str
) -> None:
    given = await office.enrol(ONE)
    async with fleet(given) as phones:
        await phones.connected(within_s=60)
        await office.execute(statement, ONE)
        await office.settled()
        receipt = await (await phones[ONE].press()).receipted(within_s=60)
    assert receipt["alert"]
    doubts = await office.value("SELECT doubts FROM press")
    assert {"assignment_ended", "device_lost"} & set(doubts)


async def test_after_the_broker_lost_its_state_one_start_restores_it(office: Office) -> None:
    given = [await office.enrol(device) for device in (ONE, OTHER)]
    await office.settled()
    before = json.loads(office.rights.read_text())
    await office.stop()
    office.broker.stop()
    office.rights.unlink()
    office.broker.start()
    assert {one["username"] for one in json.loads(office.rights.read_text())["clients"]} == {
        "tgd-control"
    }
    await office.start()
    after = json.loads(office.rights.read_text())
    assert names(after) == names(before)
    assert after["roles"] == before["roles"]
    async with fleet(*given) as phones:
        await phones.connected(within_s=60)
        for phone in phones:
            await (await phone.press()).receipted(within_s=60)
    told = "SELECT count(*) FROM journal WHERE kind = 'broker_mended'"
    assert await office.value(told) >= 1


def names(state: dict[str, list[dict[str, str]]]) -> set[str]:
    return {one["username"] for one in state["clients"]}


async def test_a_compromised_phone_does_not_wait_for_all_the_others(office: Office) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    async with Stranger(office, given) as held:
        assert await held.fact("connect") == "Success"
        async with office.database.transaction() as transaction:
            for number in range(300):
                device = f"many-{number}"
                await transaction.execute(
                    "INSERT INTO device (id, tribunal_id) VALUES ($1, 'poitiers')", device
                )
                await credentials.enrol(
                    transaction,
                    office.sealer,
                    office.authority,
                    device=device,
                    by="test",
                    now=datetime.now(UTC),
                )
        await office.until(lambda: "many-1" in office.rights.read_text())
        await office.compromise(ONE)
        await held.fact("gone")
        open_ = "SELECT count(*) FROM phone_credential WHERE settled_at IS NULL"
        assert await office.value(open_) >= 300
    await office.settled()


async def test_drift_is_mended_and_told(office: Office) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    everything = {"acltype": "subscribePattern", "topic": "#", "allow": True, "priority": 0}
    async with office.control() as control:
        await control.order(
            [
                {"command": "createClient", "username": "intruder", "password": "x"},
                {"command": "addRoleACL", "rolename": f"phone-{ONE}", **everything},
                {"command": "disableClient", "username": ONE},
                {"command": "createGroup", "groupname": "friends"},
                {
                    "command": "setDefaultACLAccess",
                    "acls": [{"acltype": "subscribe", "allow": True}],
                },
            ]
        )
        await office.settled()
        found = await control.found()
    assert set(found.clients) == {"tgd-control", SERVER[0], ONE}
    assert not found.groups
    assert not found.defaults["subscribe"]
    drift = {kind: child._value.get() for kind, child in office.app.metrics.broker_drift.items()}
    assert (drift["extra"], drift["disabled"], drift["rights"]) == (2, 1, 2)
    async with Stranger(office, given) as held:
        assert await held.fact("connect") == "Success"
        assert await held.subscribes("#") == "Not authorized"


async def test_another_password_at_the_broker_is_known_by_the_serial(office: Office) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    changed = {"command": "setClientPassword", "username": ONE, "password": "another"}
    renamed = {"command": "modifyClient", "username": ONE, "textdescription": "old"}
    async with office.control() as control:
        await control.order([changed, renamed])
    await office.settled()
    async with Stranger(office, given) as held:
        assert await held.fact("connect") == "Success"


async def test_a_rotated_credential_ends_the_former_at_once(office: Office) -> None:
    former = await office.enrol(ONE)
    await office.settled()
    async with Stranger(office, former) as held:
        assert await held.fact("connect") == "Success"
        given = await office.rotate(ONE)
        assert await held.fact("gone") == "Administrative action"
    await office.settled()
    async with Stranger(office, former) as again:
        assert await again.fact("connect") == "Not authorized"
    async with fleet(given) as phones:
        await phones.connected(within_s=60)
        await (await phones[ONE].press()).receipted(within_s=60)


async def test_a_phone_is_enrolled_once_and_can_be_anew_after_its_return(office: Office) -> None:
    await office.enrol(ONE)
    with pytest.raises(Refused):
        await office.enrol(ONE)
    await office.execute(
        "UPDATE assignment SET ended_at = now(), returned_at = now() WHERE device_id = $1", ONE
    )
    given = await office.enrol(ONE)
    await office.settled()
    async with Stranger(office, given) as held:
        assert await held.fact("connect") == "Success"


async def test_what_ends_at_the_broker_ends_by_https_as_well(office: Office) -> None:
    left = "SELECT name FROM token WHERE role = 'phone' AND revoked_at IS NULL"
    async with office.database.transaction() as transaction:
        for device in (ONE, OTHER):
            await accounts.add_token(transaction, role="phone", name=device, now=datetime.now(UTC))
    await office.compromise(ONE)
    assert await office.value(left) == OTHER
    await office.execute(
        "UPDATE assignment SET ended_at = now(), returned_at = now() WHERE device_id = $1", OTHER
    )
    assert await office.value(left) is None


async def test_what_has_ended_does_not_come_back_even_by_hand(office: Office) -> None:
    await office.enrol(ONE)
    await office.compromise(ONE)
    with pytest.raises(Exception, match="does not come back"):
        await office.execute(
            "UPDATE phone_credential SET state = 'active', ended_at = NULL, ended_by = NULL,"
            " password = 'x', mac_key = 'x'"
        )


@pytest.mark.expects_errors
async def test_presses_go_on_while_the_rights_cannot_be_settled(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    async with fleet(given) as phones, office.control() as control:
        await phones.connected(within_s=60)
        # The control locked out of its own office: nothing can be compared any more.
        own = {"acltype": "publishClientSend", "topic": "$CONTROL/dynamic-security/v1/#"}
        order = {"command": "removeRoleACL", "rolename": "tgd-control", **own}
        locking = asyncio.create_task(control.order([order]))
        await office.until(lambda: "refuses to publish on $CONTROL" in caplog.text)
        receipt = await (await phones[ONE].press()).receipted(within_s=60)
        locking.cancel()
        await asyncio.wait({locking})
    assert receipt["alert"]


@pytest.mark.expects_errors
async def test_a_broker_that_cannot_be_settled_for_a_minute_is_an_alarm(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock, metrics, store = ManualClock(), Metrics(), Database(database, size=2)
    control = Control("test", "mqtt://user:secret@127.0.0.1:9", None, lambda: None)
    enrolment = Enrolment(store, clock, Sealer("5e" * 32), metrics, [control], None)
    await store.open()
    task = asyncio.create_task(enrolment.run())
    try:
        async with asyncio.timeout(120), store.connection() as connection:
            while not await connection.fetchval(TOLD):
                clock.set_on(31)
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.wait({task})
        await store.close()
    assert metrics.broker_rights_settled._value.get() == 0
    assert sum("for a minute" in said for said in caplog.messages) == 1
    assert "secret" not in caplog.text


@pytest.mark.expects_errors
async def test_a_server_with_another_secret_shuts_nobody_out(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    await office.stop()
    config = office.config
    office.config = replace(config, secret_key="00" * 32)
    office.app = App(office.config)
    await office.app.start()
    await office.until(lambda: "do not open: TGD_SECRET_KEY?" in caplog.text)
    async with Stranger(office, given) as held:
        assert await held.fact("connect") == "Success"
    await office.app.stop()
    office.config = config
    await office.start()


async def test_a_register_that_knows_no_phone_shuts_nobody_out(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    await owner(office, "TRUNCATE phone_credential")
    office.app.enrolment.heard.set()
    await office.until(lambda: "the register has no phone" in caplog.text)
    async with Stranger(office, given) as held:
        assert await held.fact("connect") == "Success"


async def owner(office: Office, statement: str) -> None:
    connection = await asyncpg.connect(office.config.database_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_no_secret_of_a_phone_is_in_clear_in_the_database_or_the_log(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    row = await office.value("SELECT c::text FROM phone_credential c")
    for secret in (given.password, given.mac_key):
        assert secret not in row
        assert secret.encode().hex() not in row
        assert secret not in caplog.text
        assert secret not in repr(given)
    assert datetime.now(UTC) > await office.value("SELECT issued_at FROM phone_credential")


@pytest.mark.usefixtures("durable")
async def test_the_doctor_says_whether_the_broker_says_what_the_register_says(
    office: Office,
) -> None:
    await office.enrol(ONE)
    await office.settled()
    settings = {
        "TGD_DATABASE_URL": office.config.database_url,
        "TGD_SECRET_KEY": office.config.secret_key,
        "TGD_MQTT_URL": office.config.mqtt_url,
        "TGD_MQTT_CONTROL_URL": office.config.mqtt_control_url,
        "TGD_MQTT_CA": str(office.config.mqtt_ca),
        "TGD_MQTT_CERT": str(office.config.mqtt_cert),
        "TGD_CA_DIR": str(office.config.ca_dir),
        "TGD_KEY_DIR": str(office.config.key_dir),
    }
    well = await command("doctor", **settings)
    assert (well.code, well.err) == (0, "")
    assert "as the register says, 3 users" in well.out
    assert "1 phone enrolled, 7 never were" in well.out
    assert "took a message to a phone" in well.out
    assert "refuses clients without a password" in well.out
    await office.stop()
    async with office.control() as control:
        await control.order([{"command": "createClient", "username": "intruder", "password": "x"}])
    ill = await command("doctor", **settings)
    assert "1 difference; a server mends that" in ill.out
    wrong = await command("doctor", **settings | {"TGD_MQTT_CONTROL_URL": office.broker.url})
    assert wrong.code == 1
    await office.start()
