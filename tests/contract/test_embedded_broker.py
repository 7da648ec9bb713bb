"""The embedded broker is closed as Mosquitto is: the server keeps its rights by the register."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from enrolled import SERVER, Office, fleet, offices

from firmware_sim import Kind, Recorder
from tgd.cli.doctor_credentials import examine_credentials
from tgd.devices.mqtt import State
from tgd.devices.rights_file import RightsFile, digest, read
from tgd.errors import Rejected, Temporary

ONE, OTHER = "tgd-86-01", "tgd-86-02"


@pytest.fixture
async def office(database: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with offices(database, tmp_path, kind="amqtt") as made:
        yield made


async def test_an_enrolled_phone_presses_over_tls_and_believes_its_receipt(office: Office) -> None:
    recorder = Recorder()
    async with fleet(await office.enrol(ONE), recorder=recorder) as phones:
        await phones.connected(within_s=60)
        receipt = await (await phones[ONE].press()).receipted(within_s=60)
    assert receipt["alert"]
    assert Kind.FORGED not in {event.kind for event in recorder.events}
    assert set(read(office.rights)["Client"]) == {SERVER[0], ONE}
    assert SERVER[1] not in office.rights.read_text()
    assert office.rights.stat().st_mode & 0o777 == 0o600


async def test_what_differs_from_the_register_is_mended_at_the_start_and_told(
    office: Office,
) -> None:
    await office.enrol(ONE)
    await office.settled()
    await office.stop()
    right = read(office.rights)
    changed = json.loads(office.rights.read_text())
    changed["Client"]["stranger"] = {"password": digest("x"), "clientid": "", "roles": []}
    changed["Client"][ONE]["disabled"] = True
    changed["Role"][f"phone-{ONE}"]["acls"].append(
        {"acltype": "subscribePattern", "topic": "#", "priority": 0, "allow": True}
    )
    office.rights.write_text(json.dumps(changed))
    [finding] = [f async for f in examine_credentials(office.config) if "rights in" in f.what]
    assert finding.said.startswith("3 differences")
    await office.start()
    mended = read(office.rights)
    mended["Client"][ONE].pop("disabled")  # said in so many words now
    assert mended == right
    told = "SELECT details FROM journal WHERE kind = 'broker_mended' ORDER BY no DESC LIMIT 1"
    assert await office.value(told) == {"extra": 1, "disabled": 1, "rights": 1}


async def test_a_file_that_is_lost_is_there_again_after_one_start(office: Office) -> None:
    given = await office.enrol(ONE)
    await office.settled()
    await office.stop()
    office.rights.unlink()
    await office.start()
    async with fleet(given) as phones:
        await phones.connected(within_s=60)
        await (await phones[ONE].press()).receipted(within_s=60)


async def test_a_compromised_phone_is_mute_and_the_others_are_not(office: Office) -> None:
    one, other = await office.enrol(ONE), await office.enrol(OTHER, keep=office.folder / "o.json")
    await office.settled()
    async with fleet(one, other) as phones:
        await phones.connected(within_s=60)
        assert await office.compromise(ONE)
        await office.settled()
        await phones[ONE].press()
        await (await phones[OTHER].press()).receipted(within_s=60)
    assert await office.value("SELECT array_agg(DISTINCT device) FROM alert") == [OTHER]
    assert office.app.press_link.state is State.LISTENING


async def test_an_order_that_means_nothing_changes_nothing(tmp_path: Path) -> None:
    file = RightsFile((tmp_path / "rights.json").as_uri(), lambda: None)
    for order in ({"command": "createGod"}, {"command": "deleteClient", "username": "nobody"}):
        with pytest.raises(Rejected, match=r"rights\.json: "):
            await file.order([order])
    assert not (tmp_path / "rights.json").exists()
    away = RightsFile((tmp_path / "away" / "rights.json").as_uri(), lambda: None)
    with pytest.raises(Temporary, match="cannot be written"):
        await away.order([{"command": "createRole", "rolename": "r", "acls": []}])
