"""Many dispatches for one room: one call, by urgency, one act; each alert keeps its own task."""

from uuid import uuid4

from web.served import Api

from tgd.platform.persons import Dangers, PersonFile, put

ROOM = "cic86"
PHONES = ("tgd-86-01", "tgd-86-02", "tgd-86-03", "tgd-86-04")


async def told(api: Api, *phones: str) -> dict[str, str]:
    """These phones press and an operator sends the police for each: the alerts."""
    alerts = {}
    for phone in phones:
        alerts[phone] = (await api.press(phone))["alert"]
        status, _ = await api.act(alerts[phone], "decision", {"verdict": "police"})
        assert status == 200
        api.clock.set_on(1)
    return alerts


async def calls(api: Api) -> list[dict]:
    status, found = await api.call("GET", "calls")
    assert status == 200
    return found["items"]


async def test_three_are_calls_of_their_own_and_the_fourth_makes_one(api: Api) -> None:
    await told(api, *PHONES[:3])
    assert await calls(api) == []
    await told(api, PHONES[3])
    [call] = await calls(api)
    assert (call["name"], call["number"]) == ("CIC de la Vienne", "+33549000017")
    assert [case["device"] for case in call["cases"]] == list(PHONES)
    _, board = await api.call("GET", "alerts?status=open")
    assert [len(one["tasks"]) for one in board["items"]] == [1, 1, 1, 1]


async def test_known_dangers_come_first_and_are_all_that_is_told_of_a_file(api: Api) -> None:
    alerts = await told(api, *PHONES)
    [row] = await api.rows(
        "SELECT s.beneficiary_id AS her FROM alert a JOIN assignment s ON s.id = a.assignment_id"
        " WHERE a.device = $1",
        PHONES[2],
    )
    file = PersonFile(name="Bénéficiaire 86-03", dangers=Dangers(weapons="fusil de chasse"))
    async with api.database.transaction() as transaction:
        await put(transaction, api.sealer, row["her"], file, api.clock)
    await api.act(alerts[PHONES[1]], "voice", {"with": "child"})
    [call] = await calls(api)
    assert [case["device"] for case in call["cases"]] == [PHONES[n] for n in (2, 1, 0, 3)]
    assert [(one["danger"], one["heard"]) for one in call["cases"][:2]] == [
        (True, False),
        (False, True),
    ]
    assert "fusil" not in str(call)


async def test_one_act_hands_all_of_them_over(api: Api) -> None:
    alerts = await told(api, *PHONES)
    [call] = await calls(api)
    cases = [
        {"alert": one["alert"], "reference": f"2030/{n}"} for n, one in enumerate(call["cases"])
    ]
    body = {"call_taker": "Brigadier de permanence", "cases": cases}
    key = {"headers": {"Idempotency-Key": "une-fois"}}
    for _ in range(2):  # the browser sends it again by itself
        status, left = await api.call("POST", f"calls/{call['room']}/handoff", json=body, **key)
        assert (status, left["items"]) == (200, [])
    for n, alert in enumerate(alerts.values()):
        shown = await api.alert(alert)
        [dispatch] = shown["dispatches"]
        assert dispatch["acknowledged_by"] == "Brigadier de permanence"
        assert dispatch["reference"] == f"2030/{n}"
        assert shown["tasks"] == []
    kinds = await api.rows("SELECT count(*) AS n FROM journal WHERE kind = 'voice_handoff'")
    assert kinds[0]["n"] == 4


async def test_all_or_none(api: Api) -> None:
    alerts = await told(api, *PHONES)
    one = {"alert": alerts[PHONES[0]], "reference": "1"}
    for cases, status in (
        ([], 422),
        ("x", 422),
        ([3], 422),
        ([{"alert": "x", "reference": "1"}], 422),
        ([one | {"reference": ""}], 422),
        ([one, {"alert": str(uuid4()), "reference": "2"}], 404),
    ):
        body = {"call_taker": "Brigadier", "cases": cases}
        assert (await api.call("POST", f"calls/{ROOM}/handoff", json=body))[0] == status, cases
    assert len((await calls(api))[0]["cases"]) == 4
