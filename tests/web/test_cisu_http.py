"""The control rooms' way back over HTTP: 202 when committed, 401, 403, 422 with their RS-ERROR."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from web.served import NOW, ROOM_ADDRESS, ROOM_TOKEN, Api

from tgd.platform.channels import cisu_wire

PLATFORM = "fr.tgd.plateforme"
TOKEN = {"Authorization": f"Bearer {ROOM_TOKEN}"}


def reference(message: str, step: str = "CONSULTE", sender: str = ROOM_ADDRESS) -> dict:
    letter = cisu_wire.Letter(
        distribution_id=f"{sender}_{uuid4()}",
        sender=sender,
        recipient=PLATFORM,
        sent_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        kind="Ack",
        exercise=False,
    )
    return cisu_wire.wrap(letter, {"reference": {"distributionID": message, "step": step}})


async def post(api: Api, envelope: dict | bytes, headers: dict = TOKEN) -> tuple[int, dict]:
    raw = envelope if isinstance(envelope, bytes) else json.dumps(envelope).encode()
    status, answer = await api.bare("POST", "cisu/inbound", data=raw, headers=headers)
    return status, answer


def error_of(answer: dict) -> dict:
    message = answer["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
    return message["error"]


async def dispatched(api: Api) -> tuple[str, str]:
    """An alert with the police, and the id of the message to the room."""
    alert = (await api.press())["alert"]
    await api.act(alert, "decision", {"verdict": "police"})
    [row] = await api.rows("SELECT id FROM envelope")
    return alert, f"{PLATFORM}_{row['id']}"


async def test_what_a_room_says_is_committed_before_202(api: Api):
    alert, message = await dispatched(api)
    envelope = reference(message)
    assert await post(api, envelope) == (202, b"")
    [dispatch] = (await api.alert(alert))["dispatches"]
    assert (dispatch["state"], dispatch["acknowledged_by"]) == ("seen", ROOM_ADDRESS)
    assert (await post(api, envelope))[0] == 202


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {ROOM_TOKEN}"])
async def test_without_the_room_s_token_it_is_401(api: Api, header: str | None):
    alert, message = await dispatched(api)
    envelope = reference(message)
    status, answer = await post(api, envelope, {"Authorization": header} if header else {})
    assert status == 401
    assert answer["distributionKind"] == "Error"
    assert error_of(answer)["referencedDistributionID"] == envelope["distributionID"]
    assert (await api.alert(alert))["dispatches"][0]["acknowledged_at"] is None
    status, problem = await post(api, b"{}", {"Authorization": header} if header else {})
    assert (status, problem["code"]) == (401, "not_a_room")


async def test_an_operator_s_token_is_no_room_s(api: Api):
    headers = {"Authorization": f"Bearer {await api.token()}"}
    assert (await post(api, reference("x"), headers))[0] == 401


async def test_another_sender_than_the_token_s_room_is_403(api: Api):
    alert, message = await dispatched(api)
    status, answer = await post(api, reference(message, sender="fr.police.cic17"))
    assert status == 403
    assert error_of(answer)["errorCode"] == {
        "statusCode": 200,
        "statusString": "SENDER_INCONSISTENCY",
    }
    to = answer["descriptor"]["explicitAddress"]["explicitAddressValue"]
    assert to == ROOM_ADDRESS
    assert (await api.alert(alert))["dispatches"][0]["acknowledged_at"] is None


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", 102),
        (b"\xff", 102),
        (b"[" * 20_000, 102),
        (b"[]", 300),
        (b'{"distributionID":"' + b"x" * 60_000 + b'"}', 300),
        (json.dumps(reference("fr.tgd.plateforme_unknown")).encode(), 300),
        (json.dumps(reference(f"{PLATFORM}_{uuid4()}")).encode(), 300),
        (json.dumps(reference("x", step="RIEN")).encode(), 300),
    ],
)
async def test_what_cannot_be_used_is_422_with_its_code(api: Api, raw: bytes, code: int):
    status, answer = await post(api, raw)
    assert (status, error_of(answer)["errorCode"]["statusCode"]) == (422, code)


async def test_an_envelope_over_64_kib_is_413(api: Api):
    status, problem = await post(api, b" " * 65_537)
    assert (status, problem["code"]) == (413, "too_large")
