"""A room's sheet by its address: bound to one dispatch, mortal, quiet, and no acknowledgement."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from web.served import ROOM, SECRET, Api, serving
from world import ManualClock

from tgd.platform.channels.sheet_link import LIFE, Links
from tgd.seal import Sealer

PUBLIC = "https://tgd.example"
LINKS = Links(Sealer(SECRET), PUBLIC)
PLACE = {"lat": 46.58, "lon": 0.34, "acc": 12.0, "pm": "G"}


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, ManualClock(), public_url=PUBLIC) as started:
        yield started


async def dispatched(api: Api, **press) -> tuple[str, dict, str]:
    """An alert with the police, its dispatch, and the address's path."""
    alert = (await api.press(**press))["alert"]
    await api.act(alert, "decision", {"verdict": "police"})
    [dispatch] = (await api.alert(alert))["dispatches"]
    return alert, dispatch, "/fiche/" + LINKS.token(UUID(dispatch["id"]))


async def opened(api: Api, path: str, **more) -> tuple[int, bytes, dict]:
    async with api.http.request(more.pop("method", "GET"), path, **more) as response:
        return response.status, await response.read(), dict(response.headers)


async def openings(api: Api) -> list[dict]:
    rows = await api.rows("SELECT actor, details FROM journal WHERE kind = 'sheet_opened'")
    return [dict(row) for row in rows]


async def test_the_room_sees_the_sheet_and_that_acknowledges_nothing(api: Api):
    alert, dispatch, path = await dispatched(api, loc=PLACE)
    status, page, headers = await opened(api, path)
    assert status == 200
    text = page.decode()
    assert "46.58000, 0.34000" in text
    assert "NE JAMAIS APPELER" in text
    assert "+33549000000" in text
    assert "<script" not in text
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in headers["X-Robots-Tag"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    [told] = (await api.alert(alert))["dispatches"]
    assert told["sheet_opened_at"] is not None
    assert (told["state"], told["acknowledged_at"]) == (dispatch["state"], None)
    [entry] = await openings(api)
    assert entry["actor"] == "sheet"
    assert entry["details"] == {"room": ROOM, "dispatch": dispatch["id"], "form": "page"}


async def test_it_opens_again_and_as_a_file(api: Api):
    _, _, path = await dispatched(api)
    assert (await opened(api, path))[0] == (await opened(api, path))[0] == 200
    status, file, headers = await opened(api, path + ".pdf")
    assert (status, headers["Content-Type"], file[:5]) == (200, "application/pdf", b"%PDF-")
    assert [entry["details"]["form"] for entry in await openings(api)] == ["page", "page", "pdf"]


async def test_whatever_is_wrong_answers_the_same(api: Api):
    alert, dispatch, path = await dispatched(api)
    right = path.removeprefix("/fiche/")
    first, last = ("B" if right[n] == "A" else "A" for n in (0, -1))
    stranger = LINKS.token(uuid4())
    other = Links(Sealer("7f" * 32), PUBLIC).token(UUID(dispatch["id"]))
    wrong = [first + right[1:], right[:-1] + last, right[:-1], "x", "%00", stranger, other]
    answers = [await opened(api, f"/fiche/{one}") for one in wrong]
    await api.call(
        "POST", f"alerts/{alert}/dispatches/{dispatch['id']}/sheet/revoke", role="supervisor"
    )
    answers += [await opened(api, path), await opened(api, path + ".pdf")]
    assert {status for status, _, _ in answers} == {404}
    assert len({page for _, page, _ in answers}) == 1
    assert len({headers["Content-Security-Policy"] for _, _, headers in answers}) == 1
    text = answers[0][1].decode()
    assert "plus disponible" in text
    assert "+33549000000" in text
    assert 'lang="fr"' in text
    assert await openings(api) == []


@pytest.mark.parametrize("ends", ["closed", "withdrawn", "expired"])
async def test_it_dies_with_the_alert_with_the_dispatch_and_in_time(api: Api, ends: str):
    alert, dispatch, path = await dispatched(api)
    assert (await opened(api, path))[0] == 200
    if ends == "expired":
        api.clock.set_on(LIFE / timedelta(seconds=1))
    elif ends == "withdrawn":
        await api.rows("UPDATE dispatch SET withdrawn_at = now() RETURNING id")
    else:
        said = {"room": ROOM, "call_taker": "brigadier-1", "reference": "R-1"}
        await api.act(alert, "voice-handoff", said)
        status, _ = await api.act(alert, "close", {"outcome": "safe"})
        assert status == 200
    assert (await opened(api, path))[0] == 404
    if ends == "closed":
        shown = await api.call("GET", f"alerts/{alert}/dispatches/{dispatch['id']}/sheet")
        assert shown[0] == 404


async def test_looking_ahead_leaves_no_trace(api: Api):
    alert, _, path = await dispatched(api)
    for header in ({"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}):
        assert (await opened(api, path, headers=header))[:2] == (503, b"")  # thrown away
    assert (await opened(api, path, method="HEAD"))[0] == 405
    assert await openings(api) == []
    [told] = (await api.alert(alert))["dispatches"]
    assert told["sheet_opened_at"] is None


async def test_guessing_is_slowed_down_and_shuts_nobody_out(api: Api):
    _, _, path = await dispatched(api)
    tried = [await opened(api, f"/fiche/{n:064}") for n in range(25)]
    statuses = [status for status, _, _ in tried]
    assert statuses == [404] * 20 + [429] * 5
    assert int(tried[-1][2]["Retry-After"]) > 0
    assert (await opened(api, path))[0] == 200
    api.clock.set_on(60)
    assert (await opened(api, "/fiche/wrong"))[0] == 404


async def test_one_address_is_not_opened_without_end(api: Api):
    _, _, path = await dispatched(api)
    statuses = [(await opened(api, path))[0] for _ in range(35)]
    assert statuses == [200] * 30 + [429] * 5
    assert len(await openings(api)) == 30


async def test_an_address_stands_in_no_log_and_no_metric(
    api: Api, caplog: pytest.LogCaptureFixture
):
    _, _, path = await dispatched(api)
    token = path.removeprefix("/fiche/")
    wrong = LINKS.token(uuid4())
    assert (await opened(api, path))[0] == 200
    await api.rows("UPDATE room SET address = 'no address at all'")
    status, body, _ = await opened(api, path)
    assert status == 503
    assert b"+33549000000" in body
    _, dead, _ = await opened(api, f"/fiche/{wrong}")
    _, beyond, _ = await opened(api, f"{path}/further")
    _, metrics, _ = await opened(api, "/metrics")
    told = b"".join((body, dead, beyond, metrics)).decode() + caplog.text
    assert token not in told
    assert wrong not in told
    assert 'tgd_sheets_total{outcome="refused"} 1.0' in told


async def test_operators_see_the_very_sheet_and_supervisors_end_its_address(api: Api):
    alert, dispatch, path = await dispatched(api, loc=PLACE)
    own = f"alerts/{alert}/dispatches/{dispatch['id']}/sheet"
    _, page, _ = await opened(api, path)
    status, shown = await api.call("GET", own)
    assert status == 200
    assert _content(shown) == _content(page)
    status, file = await api.call("GET", f"{own}.pdf")
    assert (status, file[:5]) == (200, b"%PDF-")
    assert len(await openings(api)) == 1
    assert (await api.call("POST", f"{own}/revoke"))[0] == 403
    for _ in range(2):
        status, said = await api.call("POST", f"{own}/revoke", role="supervisor", name="sup-1")
        assert (status, said) == (200, {"revoked": dispatch["id"]})
    rows = await api.rows("SELECT actor FROM journal WHERE kind = 'sheet_revoked'")
    assert [row["actor"] for row in rows] == ["sup-1"]
    assert (await opened(api, path))[0] == 404
    assert (await api.call("GET", own))[0] == 200
    assert (await api.bare("GET", own))[0] == 401


async def test_a_dispatch_of_another_alert_is_not_there(api: Api):
    alert, _, _ = await dispatched(api)
    other, theirs, _ = await dispatched(api, device="tgd-86-02")
    assert other != alert
    for one in (theirs["id"], str(uuid4()), "x"):
        own = f"alerts/{alert}/dispatches/{one}/sheet"
        assert (await api.call("GET", own))[0] == 404
        assert (await api.call("POST", f"{own}/revoke", role="supervisor"))[0] == 404


def test_without_a_public_address_there_is_no_link():
    now = ManualClock().now()
    row = {"id": uuid4(), "dispatched_at": now, "withdrawn_at": None, "sheet_revoked_at": None}
    assert Links(Sealer(SECRET), None).of(row, now) is None
    made = LINKS.of(row, now)
    assert made == f"{PUBLIC}/fiche/{LINKS.token(row['id'])}"
    assert LINKS.dispatch(made.rpartition("/")[2]) == row["id"]
    assert LINKS.of(row | {"sheet_revoked_at": now}, now) is None
    assert LINKS.of(row, now + LIFE) is None


def _content(page: bytes) -> str:
    """What a sheet says, without the address of its file."""
    return re.sub(r'href="[^"]*"', "", page.decode())
