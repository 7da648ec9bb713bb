"""What a control room sends back: RC-REF, EMSI and RS-ERROR, in every order."""

import aiohttp
import msgspec
import pytest
from world import ADDRESS, BY_HAND, ROOM_TOKEN, World

from tgd.demo.salle_envelope import reply


async def post(world: World, body: bytes, token: str = ROOM_TOKEN) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{world.base}/api/v1/cisu/inbound", data=body, headers=headers) as answer,
    ):
        return answer.status, await answer.read()


async def dispatched(world: World) -> tuple[str, object]:
    press = await world.phone().press()
    await world.operator().decides(press.alert, "police")
    return press.alert, await world.room.expects("Report", alert=press.alert)


async def state(world: World, alert: str) -> str:
    return (await world.operator().reads(alert))["dispatches"][0]["state"]


@pytest.mark.settings(behaviour=BY_HAND)
async def test_steps_only_rise_in_whatever_order_they_come(world: World) -> None:
    alert, report = await dispatched(world)
    for step, stands in (
        ("INTEGRE", "integrated"),
        ("RECU", "integrated"),
        ("CONSULTE", "seen"),
        ("INTEGRE", "seen"),
        ("on_scene", "on_scene"),
        ("engaged", "on_scene"),
        ("CONSULTE", "on_scene"),
        ("closed", "closed"),
    ):
        await world.room.says(report, step)
        assert await state(world, alert) == stands, step
    # The room has closed its event: the alert is the operator's to close.
    assert (await world.operator().reads(alert))["status"] == "police"


@pytest.mark.settings(behaviour=BY_HAND)
async def test_the_same_answer_a_hundred_times_is_the_same_answer(world: World) -> None:
    alert, report = await dispatched(world)
    for _ in range(20):
        await world.room.says(report, "CONSULTE")
    told = await world.operator().journal(alert)
    assert sum(e["kind"] == "acknowledged" for e in told) == 1


@pytest.mark.settings(behaviour=BY_HAND)
async def test_an_rs_error_is_a_refusal(world: World) -> None:
    alert, report = await dispatched(world)
    body = reply(report, "ERREUR", world.clock.now())
    content = body["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
    content.pop("reference")
    body["distributionKind"] = "Error"
    content["error"] = {
        "errorCode": {"statusCode": 300, "statusString": "INVALID_MESSAGE"},
        "errorCause": "createCase",
        "referencedDistributionID": report.distribution_id,
    }
    assert (await post(world, msgspec.json.encode(body)))[0] == 202
    again = await world.room.expects("Report", alert=alert)
    assert again.distribution_id != report.distribution_id


@pytest.mark.settings(behaviour=BY_HAND)
async def test_nobody_else_can_answer_for_a_room(world: World) -> None:
    alert, report = await dispatched(world)
    body = reply(report, "CONSULTE", world.clock.now())
    assert (await post(world, msgspec.json.encode(body), "not-a-token"))[0] == 401
    forged = msgspec.json.encode(body).replace(ADDRESS.encode(), b"fr.police.cic75")
    assert (await post(world, forged))[0] in {403, 422}
    strange = msgspec.json.encode(body).replace(
        report.distribution_id.encode(), b"fr.tgd.plateforme_11111111-1111-1111-1111-111111111111"
    )
    assert (await post(world, strange))[0] == 422
    for broken in (b"", b"{", b"\xff\xfe", b"[" * 8192, b"[]", b'"text"', b"null"):
        assert (await post(world, broken))[0] == 422
    assert (await post(world, b"x" * 70_000))[0] == 413
    assert await state(world, alert) in {"sending", "delivered"}


@pytest.mark.settings(behaviour=BY_HAND)
async def test_what_a_room_says_of_a_closed_alert_is_taken_and_changes_nothing(
    world: World,
) -> None:
    alert, report = await dispatched(world)
    await world.room.says(report, "CONSULTE")
    await world.operator().closes(alert)
    for step in ("engaged", "ERREUR", "RECU"):
        await world.room.says(report, step)
    found = await world.operator().reads(alert)
    assert (found["status"], found["dispatches"][0]["state"]) == ("closed", "seen")
