"""Whoever is locked out of a person's file learns nothing of her: no alert, no hint, no count."""

import asyncio
import json
import random
from typing import Any
from uuid import UUID, uuid4

import pytest
from test_rights import FILE, address, again, session
from test_stream import HINT, heard, listening
from web.served import PLACE, Api, until

from tgd.store import conflicts
from tgd.web.rights import table

HERS, OTHERS = "tgd-86-01", "tgd-86-02"
READERS = {
    "operator": "op-9",
    "supervisor": "sup-9",
    "auditor": "aud-9",
    "admin": "adm-9",
    "prosecutor": "parquet-9",
    "association": "asso-9",
}


async def person(api: Api, device: str = HERS) -> str:
    [held] = await api.rows(
        "SELECT beneficiary_id AS who FROM assignment WHERE device_id = $1", device
    )
    return str(held["who"])


async def lock(
    api: Api, kind: str, value: str, device: str = HERS, *, lifted: bool = False
) -> None:
    body = {"kind": kind, "value": value, "lifted": lifted}
    path = f"beneficiaries/{await person(api, device)}/conflicts"
    status, found = await api.call("POST", path, role="admin", name="admin-1", json=body)
    assert status == 200, found


async def to_police(api: Api, alert: str) -> None:
    await api.act(alert, "decision", {"verdict": "police"})
    handed = {"room": "cic86", "call_taker": "Chef de salle", "reference": "2030-1"}
    await api.act(alert, "voice-handoff", handed)


async def closed(api: Api, alert: str) -> None:
    await to_police(api, alert)
    status, found = await api.act(alert, "close", {"outcome": "safe"})
    assert status == 200, found


@pytest.fixture
async def hidden(api: Api) -> tuple[Api, str, str]:
    """Two open alerts, the first one's holder kept from every reader named nine."""
    alert = (await api.press(HERS, loc=PLACE))["alert"]
    other = (await api.press(OTHERS))["alert"]
    for name in READERS.values():
        await lock(api, "account", name)
    api.clock.set_on(120)
    return api, alert, other


# ── Whatever has an address ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize("ended", [False, True])
async def test_what_is_hers_answers_as_what_never_was(
    hidden: tuple[Api, str, str], role: str, ended: bool
) -> None:
    api, alert, _ = hidden
    if ended:
        await closed(api, alert)
    her, name = await person(api), READERS[role]
    if role in {"prosecutor", "association"}:
        headers = await session(api, name, role, "poitiers")
    else:
        headers = {"Authorization": f"Bearer {await api.token(role, name)}"}
    [held] = await api.rows("SELECT id FROM assignment WHERE device_id = $1", HERS)
    call = await api.rows("SELECT id FROM recontact")
    ids = {
        "alerts": alert,
        "assignments": str(held["id"]),
        "beneficiaries": her,
        "devices": HERS,
        "recontacts": str(call[0]["id"]) if call else str(uuid4()),
        "requests": str(uuid4()),
        "releases": str(uuid4()),
    }
    never = {name: "tgd-86-99" if name == "devices" else str(uuid4()) for name in ids}
    tried = 0
    for does, grant in table().routes.items():
        method, path = does.split()
        things = path.removeprefix("/api/v1/").partition("/{id}")[0]
        if role not in grant.whose or "{id}" not in path or things not in conflicts.THINGS:
            continue
        for body in ({}, BODY):
            more = {"json": body} if method == "POST" else {}
            found = await api.bare(method, address(path, ids), headers=headers, **more)
            absent = await api.bare(method, address(path, never), headers=headers, **more)
            assert found == absent, does
            assert found[0] in {404, 409, 422, 429}, (does, found)
            tried += found[0] == 404
    assert tried or role == "association"


BODY: dict[str, Any] = {
    "with": "holder",
    "reason": "test",
    "mode": "duplex",
    "verdict": "police",
    "text": "note",
    "outcome": "safe",
    "room": "cic86",
    "call_taker": "chef",
    "reference": "1",
    "to": "op-1",
    "hold": True,
    "authorised_by": "parquet-1",
    "kind": "account",
    "value": "op-8",
}


async def test_nothing_was_done_and_the_look_is_on_the_record(hidden) -> None:
    api, alert, _ = hidden
    before = await api.alert(alert)
    for _ in range(3):
        assert (await api.act(alert, "decision", {"verdict": "police"}, name="op-9"))[0] == 404
        assert (await api.call("GET", f"alerts/{alert}/person", name="op-9"))[0] == 404
    assert (await api.alert(alert))["status"] == before["status"] == "ringing"
    rows = await api.rows(
        "SELECT actor, alert_id, details FROM journal WHERE kind = 'locked_lookup'"
    )
    assert [(row["actor"], row["alert_id"]) for row in rows] == [("op-9", None)]
    assert rows[0]["details"] == {"beneficiary": await person(api), "of": "alerts"}
    assert b'tgd_lookups_total{kind="locked"} 1.0' in api.metrics.render()
    api.clock.set_on(601)
    await api.call("GET", f"alerts/{alert}/person", name="op-9")
    assert b'tgd_lookups_total{kind="locked"} 2.0' in api.metrics.render()


async def test_a_page_that_has_just_lost_an_alert_is_no_look(api: Api) -> None:
    alert = (await api.press(HERS))["alert"]
    assert (await api.call("GET", f"alerts/{alert}", name="op-9"))[0] == 200
    await lock(api, "account", "op-9")
    assert (await api.call("GET", f"alerts/{alert}/whereabouts", name="op-9"))[0] == 404
    assert b'tgd_lookups_total{kind="locked"} 0.0' in api.metrics.render()


# ── Lists and counts ────────────────────────────────────────────────────────────────────


async def everything(api: Api, role: str, name: str, marks: tuple[str, ...]) -> str:
    """All that the lists tell a reader."""
    if role in {"prosecutor", "association"}:
        headers = await session(api, name, role, "poitiers")
    else:
        headers = {"Authorization": f"Bearer {await api.token(role, name)}"}
    found = []
    for does, grant in table().routes.items():
        method, path = does.split()
        if method != "GET" or "{" in path or role not in grant.whose or path.endswith("/stream"):
            continue
        for query in ("", "?status=open", "?status=closed", "?status=open&since=", "?status=done"):
            status, told = await api.bare(method, path + query, headers=headers)
            if status == 200:
                found.append(f"{does} {json.dumps(told, default=repr)}")
    return "\n".join(one for one in found if any(mark in one for mark in marks))


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize("ended", [False, True])
async def test_no_list_names_her(hidden, role: str, ended: bool) -> None:
    api, alert, _ = hidden
    body = {"beneficiary": {"id": await person(api), **FILE}, "source": "police"}
    await api.call("POST", "requests", role="admin", name="admin-1", json=body)
    soon = {"beneficiary": await person(api), "kind": "leave", "at": "2030-02-01T08:00:00Z"}
    await api.call("POST", "releases", role="admin", name="admin-1", json=soon)
    await api.act(alert, "answer")
    await api.call("POST", "presence", json={"state": "available"})
    if ended:
        await closed(api, alert)
    marks = (alert, await person(api), HERS)
    assert await everything(api, role, READERS[role], marks) == ""
    if role != "association":
        assert await everything(api, role, f"{role}-8", marks) != "" or role == "auditor"


async def test_nor_is_she_counted(hidden) -> None:
    api, alert, other = hidden

    async def figures(name: str) -> tuple[int, int, int]:
        _, told = await api.call("GET", "statistics", role="supervisor", name=name)
        return told["counts"]["alerts"], told["counts"]["open"], told["phones"]["assigned"]

    assert await figures("sup-1") == (2, 2, 8)
    assert await figures("sup-9") == (1, 1, 7)
    await closed(api, alert)
    await closed(api, other)
    _, questions = await api.call("GET", "holds", role="supervisor", name="sup-9")
    assert [one["alert"] for one in questions["items"]] == [other]
    _, calls = await api.call("GET", "recontacts", role="supervisor", name="sup-9")
    assert {one["alert"] for one in calls["items"]} == {other}
    _, page = await api.call("GET", "alerts?limit=1", name="op-9")
    assert ([one["id"] for one in page["items"]], page["next"]) == ([other], None)


async def test_whoever_has_it_in_charge_is_not_busy(hidden) -> None:
    api, alert, _ = hidden
    await api.call("POST", "presence", json={"state": "available"})
    await api.act(alert, "answer")

    async def told(name: str) -> tuple[str, list[str]]:
        _, found = await api.call("GET", "presence", name=name)
        [one] = [one for one in found["items"] if one["name"] == "op-1"]
        return one["state"], one["holds"]

    assert await told("op-2") == ("busy", [alert])
    assert await told("op-9") == ("available", [])


async def test_it_is_offered_to_nobody_from_whom_it_is_kept(hidden) -> None:
    api, alert, other = hidden
    for name in ("op-9", "op-2"):
        await api.call("POST", "presence", json={"state": "available"}, name=name)
    await api.act(alert, "answer")
    await api.act(other, "answer")
    status, problem = await api.act(alert, "offer", {"to": "op-9"})
    assert (status, problem["code"]) == (409, "not_there")
    assert (await api.act(other, "offer", {"to": "op-9"}))[0] == 200
    shift = {"to": "op-9", "note": "fin de service"}
    status, problem = await api.call("POST", "handover", json=shift)
    assert (status, problem["code"]) == (409, "not_there")
    assert (await api.act(alert, "offer", {"to": "op-2"}))[0] == 200


# ── By site, by role, by whom she is linked to ──────────────────────────────────────────


async def test_a_site_and_a_role_are_locked_as_an_account_is(api: Api) -> None:
    alert = (await api.press(HERS))["alert"]
    for name, site in (("operateur-1", "Poitiers"), ("operateur-2", "Niort")):
        await api.account(name, "un mot de passe")
        async with api.database.connection() as connection:
            await connection.execute("SET ROLE NONE")
            await connection.execute("UPDATE account SET site = $2 WHERE username = $1", name, site)
            await connection.execute("SET ROLE tgd_app")
    one, two = [await again(api, name) for name in ("operateur-1", "operateur-2")]
    await lock(api, "site", "poitiers")
    assert (await api.bare("GET", f"alerts/{alert}", headers=one))[0] == 404
    assert (await api.bare("GET", f"alerts/{alert}", headers=two))[0] == 200
    await lock(api, "role", "supervisor")
    assert (await api.call("GET", f"alerts/{alert}", role="supervisor", name="sup-1"))[0] == 404
    await lock(api, "site", "poitiers", lifted=True)
    assert (await api.bare("GET", f"alerts/{alert}", headers=one))[0] == 200


async def linked(api: Api) -> None:
    async with api.database.connection() as connection:
        await connection.execute(
            "INSERT INTO linked_person VALUES ($1, $2), ($2, $1)",
            *[UUID(await person(api, device)) for device in (HERS, OTHERS)],
        )


async def test_a_child_s_alert_is_kept_from_whom_the_mother_s_is(api: Api) -> None:
    await linked(api)
    child = (await api.press(OTHERS))["alert"]
    await lock(api, "account", "op-9")
    assert (await api.call("GET", f"alerts/{child}", name="op-9"))[0] == 404


async def test_an_alert_names_none_that_its_reader_may_not_know_of(api: Api) -> None:
    """The phone was another's before: of her first alert the locked reader hears nothing."""
    her = UUID(await person(api))
    first = (await api.press(HERS))["alert"]
    await closed(api, first)
    async with api.database.connection() as connection:
        await connection.execute("SET ROLE NONE")
        [new] = await connection.fetch(
            "INSERT INTO beneficiary (label) VALUES ('Bénéficiaire 86-11') RETURNING id"
        )
        now = api.clock.now()
        await connection.execute(
            "UPDATE assignment SET ended_at = $2, returned_at = $2 WHERE device_id = $1", HERS, now
        )
        await connection.execute(
            "INSERT INTO assignment (device_id, beneficiary_id, starts_at, ends_at, "
            "handed_over_at) SELECT $1, $2, at, at + interval '90 days', at + interval '1 day' "
            "FROM (SELECT $3::timestamptz) AS n (at)",
            *(HERS, new["id"], now),
        )
        await connection.execute(
            "INSERT INTO conflict (id, beneficiary_id, kind, value, recorded_at, recorded_by) "
            "VALUES (gen_random_uuid(), $1, 'account', 'op-9', $2, 'admin-1')",
            her,
            now,
        )
        await connection.execute("SET ROLE tgd_app")
    del api.tokens["phone", HERS]  # it has ended with the return
    second = (await api.press(HERS))["alert"]
    for since in ("", "&since="):
        told = {}
        for name in ("op-1", "op-9"):
            _, found = await api.call("GET", f"alerts?status=open{since}", name=name)
            [told[name]] = [one for one in found["items"] if one["id"] == second]
        assert (told["op-1"]["follows"], told["op-9"]["follows"]) == (first, None)
        assert told["op-1"]["former_beneficiary"] is not None
        assert told["op-9"]["former_beneficiary"] is None
        assert "before_handover" not in told["op-9"]["doubts"]
    _, one = await api.call("GET", f"alerts/{second}", name="op-9")
    assert (one["follows"], one["former_beneficiary"]) == (None, None)
    path = f"alerts/{second}/report"
    _, known = await api.call("GET", path, role="supervisor", name="sup-1")
    assert known["follows_case"] is not None


# ── The board and the hints ─────────────────────────────────────────────────────────────


class Reading:
    """What a console keeps of its readings."""

    def __init__(self, api: Api, name: str) -> None:
        self.api, self.name, self.since, self.open = api, name, "", set()

    async def read(self) -> dict:
        path = f"alerts?status=open&since={self.since}"
        status, told = await self.api.call("GET", path, name=self.name)
        assert status == 200
        self.since = told["since"]
        if told["all"]:
            self.open = set()
        self.open = (self.open - set(told["gone"])) | {one["id"] for one in told["items"]}
        return told


async def test_a_console_hears_nothing_of_what_is_kept_from_it(api: Api) -> None:
    await lock(api, "account", "op-9")
    locked, free = Reading(api, "op-9"), Reading(api, "op-1")
    await locked.read()
    await free.read()
    alert = (await api.press(HERS))["alert"]
    told = await locked.read()
    assert (told["items"], told["gone"], told["all"]) == ([], [], False)
    assert [one["id"] for one in (await free.read())["items"]] == [alert]
    await api.act(alert, "answer")
    other = (await api.press(OTHERS))["alert"]
    assert [one["id"] for one in (await locked.read())["items"]] == [other]
    await closed(api, alert)
    told = await locked.read()
    assert (told["items"], told["gone"], told["all"]) == ([], [], False)
    await free.read()
    assert (free.open, locked.open) == ({other}, {other})


async def test_a_lock_takes_effect_during_an_alert_and_so_does_its_lifting(api: Api) -> None:
    alert, other = [(await api.press(device))["alert"] for device in (HERS, OTHERS)]
    console = Reading(api, "op-9")
    await console.read()
    assert console.open == {alert, other}
    await lock(api, "account", "op-9")
    await console.read()
    assert console.open == {other}
    await lock(api, "account", "op-9", lifted=True)
    await console.read()
    assert console.open == {alert, other}
    await lock(api, "account", "op-9")
    await closed(api, alert)  # between two readings
    await console.read()
    assert console.open == {other}


async def test_a_lock_of_another_s_alert_tells_a_console_nothing_anew(api: Api) -> None:
    await api.press(OTHERS)
    console = Reading(api, "op-9")
    await console.read()
    await lock(api, "account", "op-9")
    told = await console.read()
    assert (told["all"], told["items"], told["gone"]) == (False, [], [])


async def test_readings_are_numbered_and_not_changes(api: Api) -> None:
    """Whether anything has happened shows in no number either."""

    async def step() -> int:
        before = int(console.since.partition(".")[2])
        api.hub.hint()
        await console.read()
        return int(console.since.partition(".")[2]) - before

    await lock(api, "account", "op-9")
    console = Reading(api, "op-9")
    await console.read()
    quiet = await step()
    await api.press(HERS)
    assert quiet == await step() == 1


async def test_a_hint_that_is_about_what_is_kept_from_him_is_not_given(api: Api) -> None:
    await lock(api, "account", "op-9")
    token = await api.token(name="op-9")
    async with listening(api, headers={"Authorization": f"Bearer {token}"}) as content:
        await heard(content, b"retry: 1000\n\n")
        await heard(content, HINT)
        async with listening(api) as free:
            await heard(free, b"retry: 1000\n\n")
            await heard(free, HINT)
            alert = (await api.press(HERS))["alert"]
            await heard(free, HINT)
            await api.act(alert, "answer")
            await heard(free, HINT)
        given = len(api.delivered)
        other = (await api.press(OTHERS))["alert"]
        await heard(content, HINT)  # the next one that he is given is about this
        await until(lambda: len(api.delivered) == given + 1)
        await api.act(alert, "notes", {"text": "elle parle"})
        await api.act(other, "answer")
        await heard(content, HINT)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(content.readuntil(b"\n\n"), 0.5)


async def test_a_lock_that_comes_while_nothing_is_open_gives_nothing_away_later(api: Api) -> None:
    async with listening(api) as content:
        await heard(content, b"retry: 1000\n\n")
        await heard(content, HINT)
        await lock(api, "account", "op-1")
        await heard(content, HINT)  # of the register's act: no alert is concerned
        given = len(api.delivered)
        alert = (await api.press(HERS))["alert"]
        await api.act(alert, "answer", name="op-2")
        await api.press(OTHERS)
        await heard(content, HINT)
        await until(lambda: len(api.delivered) == given + 1)


async def test_who_is_let_in_again_is_hinted_again(api: Api) -> None:
    await lock(api, "account", "op-9")
    token = await api.token(name="op-9")
    async with listening(api, headers={"Authorization": f"Bearer {token}"}) as content:
        await heard(content, b"retry: 1000\n\n")
        await heard(content, HINT)
        await api.press(HERS)
        await lock(api, "account", "op-9", lifted=True)
        await heard(content, HINT)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_a_console_has_what_its_reader_may_know(api: Api, seed: int) -> None:
    """Chance: presses, acts, closings, locks that come and go, between readings that come late."""
    chance = random.Random(seed)
    devices = ["tgd-86-01", "tgd-86-02", "tgd-86-03", "unknown-1"]
    consoles = [Reading(api, name) for name in ("op-1", "op-9")]
    locked: set[str] = set()
    ever: set[str] = set()  # what op-9 may at some time have been told of
    for _ in range(40):
        device = chance.choice(devices)
        act = chance.choice(["press", "press", "act", "close", "lock", "read", "read"])
        alerts = {one["device"]: one["id"] for one in await whole(api, "op-1")}
        if act == "press":
            await api.press(device)
        elif act == "lock" and device in devices[:3]:
            await lock(api, "account", "op-9", device, lifted=device in locked)
            locked ^= {device}
        elif act == "act" and device in alerts:
            await api.act(alerts[device], "notes", {"text": "note"})
            await api.act(alerts[device], "answer")
        elif act == "close" and device in alerts:
            await closed(api, alerts[device])
        elif act == "read":
            console = chance.choice(consoles)
            may = {one["id"] for one in await whole(api, console.name)}
            ever |= may if console.name == "op-9" else set()
            told = await console.read()
            assert console.open == may
            if console.name == "op-9":
                assert {one["id"] for one in told["items"]} | set(told["gone"]) <= ever
    hidden = {one["id"] for one in await whole(api, "op-1") if one["device"] in locked}
    assert hidden.isdisjoint(one["id"] for one in await whole(api, "op-9"))


async def whole(api: Api, name: str) -> list[dict[str, Any]]:
    _, found = await api.call("GET", "alerts?status=open&limit=500", name=name)
    return found["items"]
