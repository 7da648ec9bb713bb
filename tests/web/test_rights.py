"""The table of rights, tried cell by cell: every role on every route, every field of every answer.

The table is ``tgd/web/rights.toml``; ``docs/rights.md`` is written from it. Here a server with
something of everything is asked by everybody.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from web.served import PLACE, Api

from tgd.web.rights import EVERYBODY, ROLES, Rights, document, table

ROOT = Path(__file__).parents[2]
PASSWORD = "un mot de passe"
NOT_ALLOWED = (401, 403)
FILE = {
    "name": "Bénéficiaire 86-01",
    "description": "manteau rouge",
    "children": [{"name": "Enfant 1", "note": "dort au fond"}],
    "aggressor": {"name": "Auteur 86-01", "vehicle": "grise", "description": "grand"},
    "dangers": {"weapons": "fusil", "access": "par la cour"},
}


def leaves(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of everything in an answer, as the table writes them."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, (*at, name))
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for one in value:
            yield from leaves(one, at)
    else:
        yield at


def granted(path: tuple[str, ...], paths: set[tuple[str, ...]]) -> bool:
    """Whether a path is granted by itself, is the place of something granted, or is in a whole."""
    return any(
        path == one
        or one[: len(path)] == path
        or (one[-1] == "**" and path[: len(one) - 1] == one[:-1])
        for one in paths
    )


# ── The table itself ────────────────────────────────────────────────────────────────────


def test_the_document_is_the_table() -> None:
    assert (ROOT / "docs" / "rights.md").read_text(encoding="utf-8") == document(table())


async def test_every_route_has_its_row_and_no_other(api: Api) -> None:
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in api.application.router.routes()
        if route.method != "HEAD"
    }
    assert served == set(table().routes)


def test_every_thing_that_a_route_answers_has_fields() -> None:
    things = {row.of for row in table().rows}
    answered = {g.shows.removesuffix("[]") for g in table().routes.values() if g.shows}
    assert answered | {"list", "problem"} == things


def test_no_field_is_granted_to_a_role_that_no_route_answers() -> None:
    for row in table().rows:
        routes = [
            g for g in table().routes.values() if (g.shows or "").removesuffix("[]") == row.of
        ]
        may = {role for grant in routes for role in grant.whose}
        assert row.of in {"list", "problem"} or row.roles <= may, row


def test_what_stands_in_no_row_is_denied() -> None:
    made = Rights(
        '[routes]\n"GET /a" = { admin = "all", shows = "thing" }\n'
        '[[fields]]\nof = "thing"\nnames = ["a", "b.{c,d}", "e.**"]\nfor = ["admin"]\nwhy = ""\n'
    )
    view = made.view("thing", "admin")
    value = {"a": 1, "b": {"c": 2, "d": [3], "x": 4}, "e": {"f": [{"g": 5}]}, "y": 6}
    assert view.of(value) == {"a": 1, "b": {"c": 2, "d": [3]}, "e": {"f": [{"g": 5}]}}
    assert view.of({"a": {"hidden": 1}, "b": "a text where parts are due"}) == {"b": None}
    assert view.of({"a": [{"hidden": 1}]}) == {}
    assert made.view("thing", "operator").of(value) == {}
    assert made.view(None, "admin").of(value) == {}
    assert made.grant("GET", "/b").roles == frozenset()
    with pytest.raises(ValueError, match="unknown roles"):
        Rights('fields = []\n[routes]\n"GET /a" = { king = "all" }\n')


# ── Every role on every route ───────────────────────────────────────────────────────────


@pytest.fixture
async def furnished(api: Api) -> tuple[Api, dict[str, str]]:
    """A server with something of everything; and the ids that stand in addresses."""
    [held] = await api.rows(
        "SELECT id, beneficiary_id FROM assignment WHERE device_id = 'tgd-86-01'"
    )
    body = {"beneficiary": {"id": str(held["beneficiary_id"]), **FILE}, "source": "police"}
    status, asked = await api.call("POST", "requests", role="admin", name="a", json=body)
    assert status == 201, asked
    alert = (await api.press(loc=PLACE | {"tst": api.clock.now().timestamp()}))["alert"]
    person = str(held["beneficiary_id"])
    lock = {"kind": "account", "value": "operateur-9"}
    await api.call("POST", f"beneficiaries/{person}/conflicts", role="admin", name="a", json=lock)
    soon = {"beneficiary": person, "kind": "leave", "at": "2030-02-01T08:00:00Z"}
    status, leave = await api.call("POST", "releases", role="admin", name="a", json=soon)
    assert status == 201, leave
    ground = {"legal_basis": "1", "order": {"reference": "ORD-86-1", "issued_at": "2030-01-02"}}
    path = f"assignments/{held['id']}/basis"
    assert (await api.call("POST", path, role="admin", name="a", json=ground))[0] == 200
    ids = {
        "alerts": alert,
        "assignments": str(held["id"]),
        "beneficiaries": person,
        "devices": "tgd-86-01",
        "requests": asked["id"],
        "releases": leave["id"],
        "tribunals": "poitiers",
        "recontacts": str(uuid4()),
        "sessions": str(uuid4()),
    }
    return api, ids


def address(path: str, ids: dict[str, str]) -> str:
    """A route's path with what its blanks are."""
    path = re.sub(r"/(\w+)/\{id\}", lambda found: f"/{found[1]}/{ids.get(found[1], 'x')}", path)
    blanks = {"no": "1", "version": "x", "name": "x", "dispatch": str(uuid4())}
    return re.sub(r"\{(\w+)\}", lambda found: blanks.get(found[1], found[0]), path)


async def headers_of(api: Api, role: str) -> dict[str, str]:
    """How somebody of that role calls: by session where they have a tribunal."""
    if role not in {"prosecutor", "association"}:
        return {"Authorization": f"Bearer {await api.token(role, f'{role}-1')}"}
    return await session(api, f"{role}-86", role, "poitiers")


async def session(api: Api, username: str, role: str, tribunal: str) -> dict[str, str]:
    await api.account(username, PASSWORD, role, tribunal_id=tribunal)
    return await again(api, username)


@pytest.mark.parametrize("role", [*ROLES, None])
async def test_a_role_does_what_the_table_says_and_sees_what_it_grants(furnished, role: str | None):
    api, ids = furnished
    headers = {} if role is None else await headers_of(api, role)
    shown: dict[str, set[tuple[str, ...]]] = {}
    for does, grant in table().routes.items():
        method, path = does.split()
        if path.endswith("/stream") or EVERYBODY in grant.whose:
            continue
        if method == "DELETE" and path.endswith("/session"):
            continue  # it would end the test's own
        more = {"json": {}} if method == "POST" else {}
        status, found = await api.bare(method, address(path, ids), headers=headers, **more)
        if role not in grant.whose:
            assert status in NOT_ALLOWED, (does, status, found)
            continue
        assert status not in NOT_ALLOWED or found["code"] in {"csrf", "session_needed"}, (
            does,
            found,
        )
        assert status < 500, (does, found)
        if status >= 400 or grant.shows is None:
            continue
        paths = set(table().paths(grant.shows, role))
        for leaf in leaves(found):
            assert granted(leaf, paths), (does, leaf)
        shown[grant.shows] = shown.get(grant.shows, set()) | set(leaves(found))
    for thing, name in SEEN.get(role or "", ()):
        assert any(name in leaf for leaf in shown[thing]), (thing, name)
    for thing, name in HIDDEN.get(role or "", ()):
        assert not any(name in leaf for leaf in shown.get(thing, ())), (thing, name)


SEEN = {
    "operator": (("person", "aggressor"), ("person", "dangers"), ("alert[]", "position")),
    "supervisor": (("person", "aggressor"), ("whereabouts", "trail")),
    "prosecutor": (("assignment", "order"), ("assignment", "conflicts"), ("device", "initials")),
    "admin": (("device", "holder"), ("assignment", "beneficiary")),
    "auditor": (("entry[]", "hash"),),
}
"""That the test above sees something: what must have been in an answer."""
HIDDEN = {
    "admin": (("assignment", "order"), ("assignment", "conflicts"), ("device", "initials")),
    "operator": (("report", "lat"),),
    "prosecutor": (("report", "lat"), ("report", "position")),
}


async def test_another_tribunal_s_is_not_there(furnished):
    api, ids = furnished
    await api.rows("INSERT INTO tribunal (id, name) VALUES ('niort', 'Tribunal fictif')")
    headers = {
        role: await session(api, f"{role}-79", role, "niort")
        for role in ("prosecutor", "association")
    }
    tried = 0
    for does, grant in table().routes.items():
        method, path = does.split()
        for role, own in headers.items():
            if grant.whose.get(role) not in {"tribunal", "followed"}:
                continue
            more = {"json": WITH.get(path.rpartition("/")[2], {})} if method == "POST" else {}
            status, found = await api.bare(method, address(path, ids), headers=own, **more)
            tried += 1
            if "{id}" in path:
                assert status in {404, 422} if method == "POST" else status == 404, (does, found)
            elif method == "GET" and grant.shows and grant.shows.endswith("[]"):
                assert status == 200, (does, found)
                assert "tgd-86" not in repr(found), does
                assert "86-01" not in repr(found), does
    assert tried > 40


WITH = {
    "hold": {"hold": True, "reference": "n° 1"},
    "eight-days": {"authorised_by": "magistrat-1"},
    "state": {"state": "lost"},
    "loan": {"to": None},
    "shorten": {"ends_at": "2030-02-01", "reason": "x"},
    "consents": {"consents": {"audio": True}},
    "basis": {"legal_basis": "1"},
    "refuse": {"reason": "no_consent"},
    "evaluated": {"outcome": "no_danger"},
    "conflicts": {"kind": "account", "value": "x"},
}
"""What makes an act complete, so that nothing but the tribunal stands against it."""


async def test_every_reading_of_a_person_s_file_is_in_the_journal(furnished):
    api, ids = furnished
    for name in ("operateur-1", "operateur-2"):
        status, found = await api.call("GET", f"alerts/{ids['alerts']}/person", name=name)
        assert (status, found["file"]["name"]) == (200, FILE["name"])
    rows = await api.rows("SELECT actor, alert_id, details FROM journal WHERE kind = 'file_read'")
    assert [row["actor"] for row in rows] == ["operateur-1", "operateur-2"]
    assert FILE["name"] not in repr(rows)


async def test_what_a_control_room_is_sent_has_no_field_that_nobody_is_granted(furnished):
    """The police are told by the dispatch: never why she was given the phone."""
    api, ids = furnished
    await api.act(ids["alerts"], "answer")
    assert (await api.act(ids["alerts"], "decision", {"verdict": "police"}))[0] == 200
    nobody = {name for row in table().rows if not row.roles for name in row.names}
    assert nobody == {"file.evaluation"}
    _, person = await api.call("GET", f"alerts/{ids['alerts']}/person")
    assert "evaluation" not in person["file"]


# ── In time: an association's staff ─────────────────────────────────────────────────────


async def followed_by(api: Api, headers: dict[str, str]) -> set[str]:
    status, found = await api.bare("GET", "recontacts", headers=headers)
    assert status == 200, found
    return {item["device"] for item in found["items"]}


@pytest.fixture
async def owed(furnished) -> tuple[Api, dict[str, str]]:
    """An alert that is closed, so that a call back is owed."""
    api, ids = furnished
    await api.act(ids["alerts"], "voice", {"with": "holder"})
    alert = await api.alert(ids["alerts"])
    verdict = {"verdict": "no_danger", "seen": alert["last_press"]}
    assert (await api.act(ids["alerts"], "decision", verdict))[0] == 200
    return api, ids


DAY = 24 * 3600


@pytest.mark.parametrize(
    "how", ["term", "convention", "clearance", "person", "account", "another convention"]
)
async def test_a_member_sees_her_people_until_it_ends(owed, how: str):
    api, ids = owed
    chief = await headers_of(api, "prosecutor")
    term = {"association": "Association 1", "ends_at": "2030-01-20T00:00:00Z"}
    status, convention = await api.bare("POST", "conventions", headers=chief, json=term)
    assert status == 201, convention
    member = await session(api, "asso-1", "association", "poitiers")
    await session(api, "asso-2", "association", "poitiers")

    async def act(path: str, **body: object) -> dict[str, Any]:
        status, found = await api.bare("POST", path, headers=chief, json=body)
        assert status == 200, (path, found)
        return found

    of_it = f"conventions/{convention['id']}"
    assert await followed_by(api, member) == set()
    [cleared] = (await act(f"{of_it}/clear", username="asso-1"))["clearances"]
    assert await followed_by(api, member) == set(), "cleared, and nobody entrusted to her"
    hers = {"beneficiary": ids["beneficiaries"]}
    await act(f"clearances/{cleared['id']}/entrust", **hers)
    assert await followed_by(api, member) == {"tgd-86-01"}

    if how == "term":
        api.clock.set_on(5 * DAY)
        member = await again(api, "asso-1")
    elif how == "convention":
        await act(f"{of_it}/end")
    elif how == "clearance":
        await act(f"clearances/{cleared['id']}/end")
    elif how == "person":
        await act(f"clearances/{cleared['id']}/entrust", **hers, ended=True)
    elif how == "account":
        await api.rows("UPDATE account SET role = 'auditor' WHERE username = 'asso-1'")
        assert (await api.bare("GET", "recontacts", headers=member))[0] == 403
        return
    else:
        found = await api.bare("POST", "conventions", headers=chief, json=term)
        await act(f"conventions/{found[1]['id']}/clear", username="asso-2")
        other = await again(api, "asso-2")
        assert await followed_by(api, other) == set()
        return
    assert await followed_by(api, member) == set()


async def again(api: Api, username: str) -> dict[str, str]:
    login = {"username": username, "password": PASSWORD}
    async with api.http.post("/api/v1/session", json=login) as answered:
        assert answered.status == 200
        found = await answered.json()
        cookie = answered.cookies["tgd_session"].value
    api.http.cookie_jar.clear()
    return {"Cookie": f"tgd_session={cookie}", "X-CSRF-Token": found["csrf"]}


async def test_only_the_prosecutor_of_the_tribunal_clears(owed):
    api, _ = owed
    chief = await headers_of(api, "prosecutor")
    await api.rows("INSERT INTO tribunal (id, name) VALUES ('niort', 'Tribunal fictif')")
    other = await session(api, "parquet-79", "prosecutor", "niort")
    await session(api, "asso-1", "association", "poitiers")
    term = {"association": "Association 1", "ends_at": "2031-01-01T00:00:00Z"}
    for role in ("admin", "supervisor", "operator", "association"):
        status, _ = await api.call("POST", "conventions", role=role, name="x", json=term)
        assert status == 403
    _, made = await api.bare("POST", "conventions", headers=chief, json=term)
    path = f"conventions/{made['id']}"
    assert (await api.bare("POST", f"{path}/clear", headers=other, json={"username": "asso-1"}))[
        0
    ] == 404
    assert (await api.bare("POST", f"{path}/end", headers=other))[0] == 404
    status, found = await api.bare(
        "POST", f"{path}/clear", headers=chief, json={"username": "parquet-79"}
    )
    assert (status, found["field"]) == (422, "username")
    _, found = await api.bare("POST", f"{path}/clear", headers=chief, json={"username": "asso-1"})
    [cleared] = found["clearances"]
    hers = {"beneficiary": str(uuid4())}
    entrust = f"clearances/{cleared['id']}/entrust"
    assert (await api.bare("POST", entrust, headers=chief, json=hers))[0] == 404
    assert (await api.bare("POST", entrust, headers=other, json=hers))[0] == 404
    assert (await api.bare("GET", "conventions", headers=other))[1]["items"] == []
    kinds = await api.rows(
        "SELECT kind, actor FROM journal WHERE kind IN ('convention_made', 'member_cleared')"
    )
    assert {(row["kind"], row["actor"]) for row in kinds} == {
        ("convention_made", "prosecutor-86"),
        ("member_cleared", "prosecutor-86"),
    }


async def test_nobody_asks_for_person_after_person(furnished):
    api, ids = furnished
    [most] = [g.per_minute for does, g in table().routes.items() if does.endswith("/person")]
    path = f"alerts/{ids['alerts']}/person"
    for _ in range(most or 0):
        assert (await api.call("GET", path))[0] == 200
    status, problem = await api.call("GET", path)
    assert (status, problem["code"]) == (429, "too_many_requests")
    assert (await api.call("GET", path, name="op-2"))[0] == 200
    api.clock.set_on(1)
    assert (await api.call("GET", path))[0] == 200
    assert (await api.act(ids["alerts"], "answer"))[0] == 200, "an act is never slowed down"


def test_no_press_and_no_act_is_slowed_down() -> None:
    slowed = {does for does, grant in table().routes.items() if grant.per_minute}
    assert {does for does in slowed if does.startswith("POST")} == {
        "POST /api/v1/alerts/{id}/export",
        "POST /api/v1/beneficiaries/search",
        "POST /api/v1/break-glass",
        "POST /api/v1/lockouts/lift",
    }
