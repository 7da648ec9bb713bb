"""The control rooms' way back over HTTP: 202 when committed, 401, 403, 422 with their RS-ERROR."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from web.served import NOW, ROOM_ADDRESS, ROOM_TOKEN, Api

from tgd.platform.channels import cisu_wire
from tgd.platform.flow.hearing import OF_ONE_ROOM

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


async def test_a_room_that_says_much_at_once_takes_no_connection_from_a_press(api: Api):
    """The alert is locked, so that all that the room says of it waits; the pool has five."""
    alert, message = await dispatched(api)
    connection, looking = [await asyncpg.connect(api.url_of_database) for _ in range(2)]
    locked = connection.transaction()
    await locked.start()
    await connection.execute("SELECT FROM alert WHERE id = $1 FOR UPDATE", UUID(alert))
    saying = [asyncio.create_task(post(api, reference(message))) for _ in range(20)]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    waiting += " AND datname = current_database()"
    while await looking.fetchval(waiting) < OF_ONE_ROOM:  # noqa: ASYNC110  another process's fact
        await asyncio.sleep(0.01)
    assert (await api.press("tgd-86-02"))["code"] == "ok"
    assert not all(one.done() for one in saying)
    await locked.rollback()
    for one in (connection, looking):
        await one.close()
    said = {status for status, _ in await asyncio.gather(*saying)}
    assert said <= {202, 503}, "503: it has waited for the alert too long, and says it again"


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


def cap_ack(message: str, source: str = "operateur op-17", sender: str = ROOM_ADDRESS) -> bytes:
    at = "2026-11-21T22:31:07+01:00"
    return f"""<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
        <identifier>x-{uuid4()}</identifier>
        <sender>{sender}</sender><sent>{at}</sent><status>Actual</status><msgType>Ack</msgType>
        <source>{source}</source><scope>Private</scope>
        <references>{PLATFORM},{message},{at}</references></alert>""".encode()


CAP = TOKEN | {"Content-Type": "application/cap+xml"}


async def test_a_room_that_speaks_cap_acknowledges_by_a_person_and_not_by_a_machine(api: Api):
    alert, message = await dispatched(api)
    assert await post(api, cap_ack(message, source="passerelle"), CAP) == (202, b"")
    [dispatch] = (await api.alert(alert))["dispatches"]
    assert (dispatch["state"], dispatch["acknowledged_by"]) == ("integrated", None)
    assert await post(api, cap_ack(message), CAP) == (202, b"")
    [dispatch] = (await api.alert(alert))["dispatches"]
    assert (dispatch["state"], dispatch["acknowledged_by"]) == ("seen", ROOM_ADDRESS)


async def test_cap_is_refused_as_every_other_answer(api: Api):
    alert, message = await dispatched(api)
    refusals = [
        (cap_ack(message, sender="fr.police.cic17"), CAP, 403, 200),
        (cap_ack(f"{PLATFORM}_{uuid4()}"), CAP, 422, 300),
        (b"<alert", CAP, 422, 102),
        (cap_ack(message), TOKEN, 422, 102),
    ]
    for raw, headers, status, code in refusals:
        got, answer = await post(api, raw, headers)
        assert (got, error_of(answer)["errorCode"]["statusCode"]) == (status, code)
    assert (await post(api, cap_ack(message), CAP | {"Authorization": "Bearer no"}))[0] == 401
    assert (await api.alert(alert))["dispatches"][0]["acknowledged_at"] is None


def patrol(case: str) -> dict:
    envelope = reference("unused")
    message = envelope["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
    del message["reference"]
    envelope["distributionKind"] = message["kind"] = "Update"
    message["emsi"] = {
        "CONTEXT": {"MODE": "ACTUAL", "MSGTYPE": "UPDATE"},
        "EVENT": {"MAIN_EVENT_ID": case, "STATUS": "IPR"},
        "RESOURCE": [{"STATUS": "IN_USE/MOBILE"}],
    }
    return envelope


async def test_a_room_finds_out_nothing_by_trying_case_numbers(api: Api):
    """That there is a case is nobody's business but of those who were told of it."""
    alert = await api.alert((await api.press())["alert"])
    day, number = alert["case_id"].split("-")
    there = await post(api, patrol(f"{PLATFORM}.{alert['case_id']}"))
    not_there = await post(api, patrol(f"{PLATFORM}.{day}-{int(number) + 1:06d}"))
    assert there[0] == not_there[0] == 422
    assert error_of(there[1])["errorCause"] == error_of(not_there[1])["errorCause"]
    assert (await api.alert(alert["id"]))["dispatches"] == []


async def test_an_exercise_s_answer_acknowledges_no_actual_case(api: Api):
    alert, message = await dispatched(api)
    envelope = reference(message) | {"distributionStatus": "Exercise"}
    envelope["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]["status"] = "Exercise"
    status, answer = await post(api, envelope)
    assert (status, error_of(answer)["errorCode"]["statusCode"]) == (422, 300)
    assert (await api.alert(alert))["dispatches"][0]["acknowledged_at"] is None


async def test_an_envelope_over_64_kib_is_413(api: Api):
    status, problem = await post(api, b" " * 65_537)
    assert (status, problem["code"]) == (413, "too_large")
