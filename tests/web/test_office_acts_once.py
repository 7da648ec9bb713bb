"""The office's acts are done once under a key; what a phone comes in with is shown once; terms that
end are taken note of; a case is exported and verified by its own script."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from web.served import SECRET, Api, serving
from web.test_register_api import MATCH, freed, heard, held, office, ok
from world import ManualClock

from tgd.clock import Clock
from tgd.devices.authority import Authority
from tgd.justice.flow.ending import Ending
from tgd.metrics import Metrics
from tgd.seal import Sealer
from tgd.signing import PUBLIC

KEY = {"headers": {"Idempotency-Key": "0b6f7a52-93bd-4a3f-8a55-5d3c0ef1f6b1"}}
HER = {"name": "Zoé Fictive"}


@pytest.fixture
async def prepared(database: str, tmp_path: Path) -> AsyncIterator[Api]:
    """A server that can certify phones and sign archives."""
    folder = tmp_path / "ca"
    Authority.create(folder, Sealer(SECRET), Clock().now())
    more = {"ca_dir": folder, "journal_dir": tmp_path / "journal"}
    brokers = {"phone_mqtt_url": "mqtts://broker.example.org"}
    async with serving(database, ManualClock(), **more, **brokers) as api:
        yield api


async def count(api: Api, kind: str) -> int:
    return len(await api.rows("SELECT FROM journal WHERE kind = $1", kind))


# ── Once ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("assignments/{one}/renew", {"reason": "le danger demeure"}, "renewed"),
        ("assignments/{one}/consents", {"consents": {"audio": True}}, "consented"),
        ("assignments/{one}/basis", {"legal_basis": "1"}, "grounded"),
        ("assignments/{one}/revoke", {"reason": "danger_over"}, "assignment_ended"),
        ("devices/tgd-86-01/state", {"state": "lost"}, "device_lost"),
        ("devices/tgd-86-01/compromised", {}, "device_compromised"),
        ("beneficiaries/{who}/conflicts", {"kind": "site", "value": "x"}, "conflict_locked"),
        ("beneficiaries/{who}/file", {"listen": "none", "file": HER}, "file_mended"),
        ("requests", {"beneficiary": HER}, "requested"),
        ("devices", {"id": "tgd-86-09"}, "device_added"),
    ],
)
async def test_an_act_under_one_key_is_done_once(api: Api, path: str, body: dict, kind: str):
    who = (await ok(api, "GET", "devices/tgd-86-01"))["holder"]["id"]
    path = path.format(one=await held(api), who=who)
    sent = [office(api, "POST", path, body, **KEY) for _ in range(3)]
    answers = await asyncio.gather(*sent)
    answers.append(await office(api, "POST", path, body, **KEY))
    assert {status for status, _ in answers} <= {200, 201}
    assert len({repr(said) for _, said in answers}) == 1
    assert await count(api, kind) == 1


async def test_one_phone_is_given_once_and_one_place_on_the_list(api: Api):
    await freed(api)
    sent = [office(api, "POST", "assignments", {"beneficiary": HER}, **KEY) for _ in range(3)]
    given = await asyncio.gather(*sent)
    assert {status for status, _ in given} == {201}
    assert len({said["id"] for _, said in given}) == 1
    assert (await count(api, "assigned")) == 1
    other = {"headers": {"Idempotency-Key": "another"}}
    body = {"beneficiary": {"name": "Yvonne Fictive"}}
    waits = [await office(api, "POST", "assignments", body, **other) for _ in range(2)]
    assert {(status, said["code"]) for status, said in waits} == {(409, "no_phone_free")}
    assert waits[0][1]["request"]["id"] == waits[1][1]["request"]["id"]
    assert await count(api, "request_waits") == 1


async def test_what_was_refused_is_tried_anew_and_keys_are_each_person_s_own(api: Api):
    one = await held(api)
    path = f"assignments/{one}/handover-test"
    for _ in range(2):
        status, said = await office(api, "POST", path, MATCH, **KEY)
        assert (status, said["missing"]) == (409, ["press_heard"])
    assert await count(api, "handover_test") == 1
    status, _ = await office(api, "POST", f"assignments/{one}/return", {}, **KEY)
    assert status == 200, "a key is for one act: under this one there is nothing left to do"
    assert await count(api, "returned") == 0
    refused = {"headers": {"Idempotency-Key": "again"}}
    path = f"assignments/{one}/return"
    assert (await office(api, "POST", path, {}, **refused))[0] == 409
    await ok(api, "POST", f"assignments/{one}/revoke", {"reason": "her_wish"})
    assert (await office(api, "POST", path, {}, **refused))[0] == 200
    assert await count(api, "returned") == 1
    who = {"name": "parquet-2", **refused}
    assert (await office(api, "POST", path, {}, **who))[0] == 409, "another person's act"


# ── Shown once ──────────────────────────────────────────────────────────────────────────


async def test_a_phone_s_code_is_shown_once_and_kept_nowhere(prepared: Api):
    path = "devices/tgd-86-01/enrol"
    given = await ok(prepared, "POST", path, {}, **KEY)
    assert given["brokers"] == ["mqtts://broker.example.org:8883"]
    assert {len(row) for row in given["code"]} == {len(given["code"])}
    assert set("".join(given["code"])) == {"0", "1"}
    status, said = await office(prepared, "POST", path, {}, **KEY)
    assert (status, said["code"]) == (409, "shown_already")
    status, said = await office(prepared, "POST", path, {})
    assert (status, said["code"]) == (409, "enrolled")
    one = await ok(prepared, "GET", "devices/tgd-86-01")
    assert (one["credential"]["state"], "code" in one) == ("active", False)
    status, said = await office(prepared, "POST", path, {"renew": True})
    assert (status, said["code"]) == (409, "not_at_hand"), "one person mutes nobody"
    renewed = await ok(prepared, "POST", path, {"renew": True, "at_hand": True})
    assert renewed["serial"] != given["serial"]
    assert renewed["code"] != given["code"]
    await ok(prepared, "POST", "devices/tgd-86-01/state", {"state": "lost"})
    status, said = await office(prepared, "POST", path, {"renew": True, "at_hand": True})
    assert (status, said["code"]) == (409, "device_state"), "a lost phone still raises alerts"
    rows = await prepared.rows("SELECT actor, kind, details FROM journal WHERE kind ~ '^phone_'")
    assert [(row["actor"], row["kind"]) for row in rows] == [
        ("parquet-1", "phone_enrolled"),
        ("parquet-1", "phone_rotated"),
    ]


async def test_no_code_for_whose_it_is_not_nor_without_an_authority(api: Api):
    assert (await office(api, "POST", "devices/x/enrol", {}))[0] == 404
    status, said = await office(api, "POST", "devices/tgd-86-01/enrol", {})
    assert (status, said["code"]) == (409, "no_authority")
    for role in ("operator", "association", "auditor"):
        status, _ = await api.call("POST", "devices/tgd-86-01/enrol", role=role, json={})
        assert status == 403
    status, leaflet = await office(api, "GET", "leaflet.pdf")
    assert (status, leaflet[:5]) == (200, b"%PDF-")


async def test_a_phone_is_entered_once(api: Api):
    phone = {"id": "tgd-86-09", "imei": "490154203237518", "state": "reserve", "new": True}
    assert (await ok(api, "POST", "devices", phone))["state"] == "reserve"
    status, said = await office(api, "POST", "devices", phone)
    assert (status, said["code"]) == (409, "device_known")


# ── Taken note of ───────────────────────────────────────────────────────────────────────


async def unseen(api: Api) -> dict[str, float]:
    metrics = Metrics()
    await Ending(api.database, api.clock, metrics).count()
    return {days: one._value.get() for days, one in metrics.terms_unseen.items()}


async def test_each_step_of_a_term_s_end_is_taken_note_of(api: Api):
    one = await held(api)
    path, day = f"assignments/{one}", 24 * 3600
    assert (await ok(api, "GET", path))["ending"] is None
    assert set((await unseen(api)).values()) == {0}
    status, said = await office(api, "POST", f"{path}/ending", {})
    assert (status, said["code"]) == (409, "nothing_ends")
    for passed, days in ((125, 60), (28, 30), (22, 7), (10, 0)):
        api.clock.set_on(passed * day)
        assert (await ok(api, "GET", path))["ending"]["days"] == days
        assert (await unseen(api))[str(days)] == 8
        status, said = await office(api, "POST", f"{path}/ending", {"days": (days + 7) % 14})
        assert status in {409, 422}
        seen = (await ok(api, "POST", f"{path}/ending", {"days": days}))["ending"]
        assert (seen["days"], seen["seen_by"]) == (days, "parquet-1")
        assert (await ok(api, "GET", "devices/tgd-86-01"))["ending"] == seen
        assert (await unseen(api))[str(days)] == 7
        await ok(api, "POST", f"{path}/ending", {"days": days}, name="parquet-2")
        assert (await ok(api, "GET", path))["ending"]["seen_by"] == "parquet-1"
    await ok(api, "POST", f"{path}/renew")
    assert (await ok(api, "GET", path))["ending"] is None
    rows = await api.rows("SELECT details FROM journal WHERE kind = 'ending_seen' ORDER BY no")
    assert {row["details"]["days"] for row in rows} == {60, 30, 7, 0}


# ── A case leaves ───────────────────────────────────────────────────────────────────────


async def closed(api: Api) -> str:
    await heard(api)
    [row] = await api.rows("SELECT id FROM alert ORDER BY opened_at DESC LIMIT 1")
    return str(row["id"])


async def test_a_case_is_exported_on_record_and_verifies_by_itself(prepared: Api, tmp_path: Path):
    alert = await closed(prepared)
    [case] = (await ok(prepared, "GET", f"assignments/{await held(prepared)}/cases"))["items"]
    assert (case["alert"], case["verdict"]) == (alert, "test")
    path = f"alerts/{alert}/export"
    for body, field in (({}, "ground"), ({"ground": "procedure"}, "reference")):
        status, said = await office(prepared, "POST", path, body)
        assert (status, said["field"]) == (422, field)
    body = {"ground": "procedure", "reference": "PV 30/118"}
    status, packed = await office(prepared, "POST", path, body)
    assert status == 200
    archive = tmp_path / "case.zip"
    archive.write_bytes(packed)
    script = Path(__file__).parents[2] / "tgd" / "cli" / "verify_case.py"
    key = tmp_path / "journal" / PUBLIC
    words = [sys.executable, "-I", str(script), str(archive), str(key)]
    done = await asyncio.to_thread(
        subprocess.run, words, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = await prepared.rows("SELECT actor, details FROM journal WHERE kind = 'case_exported'")
    assert [(row["actor"], row["details"]) for row in rows] == [
        ("parquet-1", {"ground": "procedure"})
    ]


async def test_no_case_that_goes_on_or_is_another_s(prepared: Api):
    alert = (await prepared.press())["alert"]
    body = {"ground": "exercise"}
    status, said = await office(prepared, "POST", f"alerts/{alert}/export", body)
    assert (status, said["code"]) == (409, "not_closed")
    unknown = (await prepared.press("unknown-1"))["alert"]
    assert (await office(prepared, "POST", f"alerts/{unknown}/export", body))[0] == 404
    for role in ("operator", "supervisor", "association", "auditor", "admin"):
        status, _ = await prepared.call("POST", f"alerts/{alert}/export", role=role, json=body)
        assert status == 403
    assert await count(prepared, "case_exported") == 0


async def test_whom_her_file_locks_out_takes_no_case(prepared: Api):
    alert = await closed(prepared)
    who = (await ok(prepared, "GET", "devices/tgd-86-01"))["holder"]["id"]
    lock = {"kind": "account", "value": "parquet-1"}
    one = await held(prepared)
    await ok(prepared, "POST", f"beneficiaries/{who}/conflicts", lock)
    body = {"ground": "exercise"}
    assert (await office(prepared, "POST", f"alerts/{alert}/export", body))[0] == 404
    assert (await office(prepared, "GET", f"assignments/{one}/cases"))[0] == 404
    prepared.clock.set_on(timedelta(seconds=1).total_seconds())
    other = await prepared.call(
        "POST", f"alerts/{alert}/export", role="prosecutor", name="parquet-2", json=body
    )
    assert other[0] == 200
