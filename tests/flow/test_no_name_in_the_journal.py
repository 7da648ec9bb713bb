"""No name, no word and no note in the journal: whatever people, rooms and phones write.

Everything that takes a text of somebody's own is given one with a name in it. The journal keeps
accounts, codes, numbers, ids and times, and nothing else: so it may outlive what is erased, and an
auditor may read it.
"""

import json
import re
from uuid import UUID

import msgspec
import pytest
from world import BY_HAND, ROOM_TOKEN, World

from tgd.demo.salle_envelope import Envelope, reply
from tgd.ledger import Seal
from tgd.platform import persons
from tgd.platform.persons import Aggressor, Dangers, PersonFile
from tgd.platform.verification import verify
from tgd.signing import PUBLIC, checkpoints, kept, public_key
from tgd.store import journal as store
from tgd.store.db import identity

NAME = "Zéphyrine Mirabelle-Essai"
SAID = f"vue avec {NAME}, 12 rue Inventée, 06 00 00 00 00"
TRACES = ("zéphyrine", "mirabelle", "inventée", "06 00", "zephyrine", "z\\u00e9phyrine")
DETAIL = re.compile(r"[A-Za-z0-9_.:+-]{1,80}")
OF_OURS = {"error"}
"""Texts that the program itself words: why a room could not be reached."""


def texts(value: object, name: str = "") -> list[tuple[str, str]]:
    match value:
        case str():
            return [(name, value)]
        case dict():
            return [found for key, one in value.items() for found in texts(one, str(key))]
        case list():
            return [found for one in value for found in texts(one, name)]
    return []


async def nothing_of_anybody(world: World) -> None:
    entries = await world.rows("SELECT * FROM journal ORDER BY no")
    whole = json.dumps([repr(tuple(entry)) for entry in entries], ensure_ascii=False).lower()
    assert [trace for trace in TRACES if trace in whole] == []
    for entry in entries:
        assert DETAIL.fullmatch(entry["actor"]), entry
        assert re.fullmatch(r"[a-z_]{1,40}", entry["kind"]), entry
        for name, text in texts(entry["details"]):
            assert name in OF_OURS or DETAIL.fullmatch(text), entry


async def says(world: World, body: bytes) -> int:
    headers = {"Authorization": f"Bearer {ROOM_TOKEN}"}
    url = f"{world.base}/api/v1/cisu/inbound"
    async with world.http.post(url, data=body, headers=headers) as answer:
        return answer.status


def refusal(told: Envelope, world: World) -> bytes:
    body = reply(told, "ERREUR", world.clock.now())
    message = body["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
    message.pop("reference")
    body["distributionKind"] = "Error"
    message["error"] = {
        "errorCode": {"statusCode": 300, "statusString": "ZEPHYRINE_MIRABELLE"},
        "errorCause": SAID,
        "referencedDistributionID": told.distribution_id,
        "sourceMessage": {"who": NAME},
    }
    return msgspec.json.encode(body)


async def furnish(world: World) -> None:
    file = PersonFile(
        name=NAME,
        description=SAID,
        contact=SAID,
        aggressor=Aggressor(name=NAME, description=SAID),
        dangers=Dangers(other=SAID),
    )
    async with world.database.transaction() as transaction:
        held = "SELECT beneficiary_id FROM assignment WHERE device_id = 'tgd-86-01'"
        beneficiary = await transaction.fetchval(held)
        await persons.put(transaction, world.app.sealer, beneficiary, file, world.app.clock)


@pytest.mark.settings(behaviour=BY_HAND)
async def test_whatever_is_written(world: World) -> None:
    await furnish(world)
    operator, supervisor = world.operator(), world.operator("superviseur-1", "supervisor")
    pressed = await world.phone().press(note=SAID, trigger=NAME[:32])
    alert = pressed.alert
    await operator.answers(alert)
    assert (await operator.call("GET", f"alerts/{alert}/person", None, 200))["file"]["name"] == NAME
    await operator.hears(alert, "holder")
    await operator.does(alert, "notes", {"text": SAID}, 200)
    await operator.does(alert, "extend", {"reason": SAID}, 200)
    await operator.does(alert, "follow", {"reason": SAID}, 200)
    await operator.does(alert, "withdraw-location", {"reason": SAID}, 200)
    await operator.decides(alert, "police", note=SAID)
    told = await world.room.expects("Report", alert=alert)
    assert await says(world, refusal(told, world)) == 202
    world.room.forgives()
    handed = {"room": "cic86", "call_taker": NAME, "reference": SAID}
    await operator.does(alert, "voice-handoff", handed, 200)
    await supervisor.does(alert, "eight-days", {"authorised_by": NAME}, 200)
    await world.app.forget.hold(UUID(alert), "parquet-1", f"PV {NAME}")
    await operator.does(alert, "close", {"outcome": f"confiée à {NAME}", "note": SAID}, 200)
    calls = await operator.call("GET", "recontacts", None, 200)
    for call in calls["items"]:
        await operator.call("POST", f"recontacts/{call['id']}/done", {"note": SAID}, 200)
    await supervisor.call("GET", f"alerts/{alert}/report", None, 200)
    kinds = {entry["kind"] for entry in await operator.journal(alert)}
    assert kinds >= {
        *("press", "answered", "voice", "note", "extended", "follow_extended", "verdict", "held"),
        *("consent_withdrawn", "dispatched", "sent", "room_refused", "voice_handoff", "closed"),
        *("file_read", "report_read", "eight_days", "recontacted"),
    }
    await nothing_of_anybody(world)


async def test_it_verifies_and_is_sealed_when_the_server_stops(world: World) -> None:
    pressed = await world.phone().press()
    await world.operator().hears(pressed.alert, "holder")
    await world.operator().decides(pressed.alert, "test")
    await world.stop_server()
    folder = world.config.signing_dir
    assert folder is not None
    async with store.snapshot(world.database) as connection:
        copies = kept(checkpoints(folder, await identity(connection)))
        verdict = await verify(connection, [public_key(folder / PUBLIC)], copies)
    assert verdict.faults == []
    assert await world.value("SELECT bool_and(number = sealed) FROM journal_head")
    assert verdict.sealed_until is not None
    assert Seal.read(verdict.sealed_until.statement).no == copies[-1].no
    await world.start_server()
