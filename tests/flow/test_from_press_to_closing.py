"""The whole arrow once, by hand: a press, an answer, a decision, a room, a closing."""

from world import PLACE, World


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
    await world.until_sql("SELECT acknowledged_at IS NOT NULL FROM dispatch")
    alert = await operator.closes(press.alert)
    assert alert["status"] == "closed"
    await world.until(lambda: phone.states()[-1:] == ["closed"])
    assert phone.states() == [
        "received", "answered", "police_told", "police_acknowledged", "closed",
    ]  # fmt: skip
