"""Breaking the glass: a file outside of one's rights, with a reason, for a while, never unseen."""

from uuid import UUID

import pytest
from test_kept_from_readers import HERS, closed, lock, person
from test_rights import FILE, session
from web.served import Api

REASON = "la bénéficiaire ne répond plus, sa mère appelle"


@pytest.fixture
async def filed(api: Api) -> tuple[Api, str, str]:
    """A closed alert of somebody whose file is kept; the alert and the person."""
    who = await person(api)
    body = {"beneficiary": {"id": who, **FILE}, "source": "police"}
    await api.call("POST", "requests", role="admin", name="admin-1", json=body)
    alert = (await api.press(HERS))["alert"]
    await closed(api, alert)
    return api, alert, who


async def opens(api: Api, path: str, **who: object) -> tuple[int, dict]:
    return await api.call("POST", f"{path}/break-glass", json={"reason": REASON}, **who)


async def two_tribunals(api: Api) -> tuple[dict, dict]:
    """The sessions of a prosecutor elsewhere, and of the one whose person it is."""
    async with api.database.connection() as connection:
        await connection.execute("SET ROLE NONE")
        await connection.execute("INSERT INTO tribunal (id, name) VALUES ('niort', 'Niort')")
        await connection.execute("SET ROLE tgd_app")
    away = await session(api, "parquet-79", "prosecutor", "niort")
    home = await session(api, "parquet-86", "prosecutor", "poitiers")
    return away, home


async def test_a_supervisor_reads_the_file_of_a_closed_alert_for_half_an_hour(filed) -> None:
    api, alert, who = filed
    path, one = f"alerts/{alert}", {"role": "supervisor", "name": "sup-1"}
    assert (await api.call("GET", f"{path}/person", **one))[1]["unknown"] == "alert_closed"
    status, told = await opens(api, path, **one)
    assert (status, list(told)) == (200, ["until"])
    _, read = await api.call("GET", f"{path}/person", **one)
    assert read["file"]["name"] == FILE["name"]
    assert "evaluation" not in read["file"]
    other = {"role": "supervisor", "name": "sup-2"}
    assert (await api.call("GET", f"{path}/person", **other))[1]["unknown"] == "alert_closed"
    api.clock.set_on(1801)
    assert (await api.call("GET", f"{path}/person", **one))[1]["unknown"] == "alert_closed"
    rows = await api.rows(
        "SELECT actor, details FROM journal WHERE kind = 'glass_broken' AND alert_id = $1",
        UUID(alert),
    )
    assert [(row["actor"], row["details"]["role"]) for row in rows] == [("sup-1", "supervisor")]
    assert b'tgd_break_glass_total{role="supervisor"} 1.0' in api.metrics.render()
    assert who not in str(told)


async def test_a_prosecutor_reads_another_tribunal_s_person(filed) -> None:
    api, _, who = filed
    away, home = await two_tribunals(api)
    path = f"beneficiaries/{who}"
    assert (await api.bare("GET", f"{path}/file", headers=away))[0] == 404
    body = {"reason": REASON}
    assert (await api.bare("POST", f"{path}/break-glass", json=body, headers=away))[0] == 200
    status, read = await api.bare("GET", f"{path}/file", headers=away)
    assert (status, read["file"]["name"]) == (200, FILE["name"])
    mended = {"listen": "none"}
    assert (await api.bare("POST", f"{path}/file", json=mended, headers=away))[0] == 404
    _, told = await api.bare("GET", "break-glass", headers=home)
    [one] = told["items"]
    assert (one["by"], one["role"], one["reason"]) == ("parquet-79", "prosecutor", REASON)
    assert one["beneficiary"]["id"] == who
    assert (await api.bare("GET", "break-glass", headers=away))[1]["items"] == []
    _, told = await api.call("GET", "break-glass", role="auditor", name="aud-1")
    assert len(told["items"]) == 1
    api.clock.set_on(1801)
    assert (await api.bare("GET", f"{path}/file", headers=away))[0] in {401, 404}


async def test_who_is_looked_for_everywhere_is_opened_with_the_reason(filed) -> None:
    api, _, who = filed
    away, home = await two_tribunals(api)
    asked = {"name": FILE["name"]}
    found = await api.bare("POST", "beneficiaries/search", json=asked, headers=away)
    assert found[1]["items"] == []
    assert (await api.bare("POST", "break-glass", json=asked, headers=away))[0] == 422
    assert await api.rows("SELECT FROM break_glass") == []
    body = {**asked, "reason": REASON}
    _, told = await api.bare("POST", "break-glass", json=body, headers=away)
    assert [one["id"] for one in told["items"]] == [who]
    _, read = await api.bare("GET", f"beneficiaries/{who}/file", headers=away)
    assert (read["file"]["name"], read["open_until"] is None) == (FILE["name"], False)
    _, read = await api.bare("GET", f"beneficiaries/{who}/file", headers=home)
    assert read["open_until"] is None
    _, told = await api.bare("GET", "break-glass", headers=home)
    assert [(one["by"], one["reason"]) for one in told["items"]] == [("parquet-79", REASON)]
    nobody = {"name": "Personne De Ce Nom", "reason": REASON}
    assert (await api.bare("POST", "break-glass", json=nobody, headers=away))[1]["items"] == []
    await lock(api, "account", "parquet-79")
    assert (await api.bare("POST", "break-glass", json=body, headers=away))[1]["items"] == []
    assert len(await api.rows("SELECT FROM break_glass")) == 1


async def test_a_reason_is_given_and_is_nowhere_in_clear(filed) -> None:
    api, alert, _ = filed
    one = {"role": "supervisor", "name": "sup-1"}
    for body in ({}, {"reason": "  "}):
        status, problem = await api.call("POST", f"alerts/{alert}/break-glass", json=body, **one)
        assert (status, problem["field"]) == (422, "reason")
    assert (await opens(api, f"alerts/{alert}", **one))[0] == 200
    found = await api.rows("SELECT reason FROM break_glass")
    assert len(found) == 1
    assert REASON.encode() not in found[0]["reason"]
    rows = await api.rows("SELECT details::text AS said FROM journal")
    assert not any("mère" in row["said"] for row in rows)


async def test_it_opens_nothing_for_whom_a_conflict_locks_out(filed) -> None:
    api, alert, _ = filed
    one = {"role": "supervisor", "name": "sup-1"}
    assert (await opens(api, f"alerts/{alert}", **one))[0] == 200
    await lock(api, "account", "sup-1")
    api.clock.set_on(61)
    assert (await api.call("GET", f"alerts/{alert}/person", **one))[0] == 404
    assert (await opens(api, f"alerts/{alert}", **one))[0] == 404
    assert len(await api.rows("SELECT FROM break_glass")) == 1
    assert b'tgd_lookups_total{kind="locked"} 1.0' in api.metrics.render()


async def test_many_files_read_without_an_alert_are_an_alarm(api: Api) -> None:
    people = [str(row["id"]) for row in await api.rows("SELECT id FROM beneficiary ORDER BY id")]
    async with api.database.connection() as connection:
        await connection.execute("SET ROLE NONE")
        made = await connection.fetch(
            "INSERT INTO beneficiary (label) SELECT 'Bénéficiaire 86-' || n "
            "FROM generate_series(20, 25) AS n RETURNING id"
        )
        await connection.execute("SET ROLE tgd_app")
    headers = await session(api, "parquet-86", "prosecutor", "poitiers")
    pressed = await person(api)
    await api.press(HERS)  # hers is read for her alert: that is what it is for
    people = [one for one in people if one != pressed]
    for one in [*people[:7], pressed]:
        assert (await api.bare("GET", f"beneficiaries/{one}/file", headers=headers))[0] == 200
    for row in made[:3]:
        path = f"beneficiaries/{row['id']}/break-glass"
        assert (await api.bare("POST", path, json={"reason": REASON}, headers=headers))[0] == 200
    assert b'tgd_lookups_total{kind="many"} 0.0' in api.metrics.render()
    path = f"beneficiaries/{made[3]['id']}/break-glass"
    assert (await api.bare("POST", path, json={"reason": REASON}, headers=headers))[0] == 200
    assert b'tgd_lookups_total{kind="many"} 1.0' in api.metrics.render()
    [row] = await api.rows("SELECT actor, details FROM journal WHERE kind = 'many_files_read'")
    assert (row["actor"], row["details"]) == ("parquet-86", {"files": 11})
