"""The whole arrow once, by hand: a press, an answer, a decision, a room, a closing."""

import pytest
from world import BY_HAND, PLACE, World


# A room that confirms before the sending is recorded spares the phone "police_told".
@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_press_ends_acknowledged_by_the_control_room(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    press = await phone.press(loc={**PLACE, "tst": world.clock.now().timestamp()})
    assert press.receipt["code"] == "ok"
    assert press.receipt["listen"] == "mic_only"

    alert = await operator.answers(press.alert)
    assert alert["status"] == "answered"
    assert alert["position"]["r95_m"] > 0
    await operator.hears(press.alert, "holder")
    alert = await operator.decides(press.alert, "police")
    assert alert["status"] == "police"

    report = await world.room.expects("Report", alert=press.alert, text="danger retenu")
    assert report.case.case_id.endswith(alert["case_id"])
    await world.until(lambda: phone.states()[-1:] == ["police_told"])
    for step in ("RECU", "INTEGRE", "CONSULTE"):
        await world.room.says(report, step)
    alert = await operator.closes(press.alert)
    assert alert["status"] == "closed"
    await world.until(lambda: phone.states()[-1:] == ["closed"])
    assert phone.states() == [
        "received", "answered", "police_told", "police_acknowledged", "closed",
    ]  # fmt: skip
