"""The table of terms is what happens: each column stands in it, and after each term it is true.

A database with one of everything, and a clock that is moved past each term of the table: before it
what is kept is there, after it that is gone, with its keys, and nothing else. The same while the
prosecutor holds an alert of hers; and what an old dump holds opens with no key that is left.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import asyncpg
import pytest
from world import ManualClock

from tgd.keys import KeyStore
from tgd.metrics import Metrics
from tgd.platform.domain.alert import Plan
from tgd.platform.flow.forget import Forget
from tgd.platform.holding import as_text
from tgd.platform.terms import Term, Terms, table
from tgd.platform.verification import verify
from tgd.seal import KeyErased, Sealer
from tgd.signing import Signer
from tgd.store import journal, register
from tgd.store.db import Database, identity
from tgd.web.rights import table as rights_table
from tgd.web.terms import document

ROOT = Path(__file__).parents[2]
T = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLAN = as_text(Plan(7, 20, 30, 60, 10, 60, 180, 1800, 60))
COLUMNS = """
SELECT c.relname || '.' || a.attname AS name, a.atttypid = 'bytea'::regtype AS sealed
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
  AND NOT a.attisdropped
"""

# ── The table ───────────────────────────────────────────────────────────────────────


async def test_every_column_has_a_row_and_every_row_its_columns(database: str) -> None:
    connection = await asyncpg.connect(database)
    found = {row["name"]: row["sealed"] for row in await connection.fetch(COLUMNS)}
    await connection.close()
    said = {name for row in table().kept.values() for name in row.columns}
    said |= {name for row in table().public for name in row.columns}
    exact = {name for name in said if not name.endswith(".*")}
    wide = {name.removesuffix("*") for name in said - exact}
    # What is sealed, and whatever else is bytes, is named by itself: nobody adds one unseen.
    assert {name for name, sealed in found.items() if sealed and name not in exact} == set()
    assert {n for n in found if n not in exact and f"{n.split('.')[0]}." not in wide} == set()
    assert {name for name in exact if name not in found} == set()
    assert {one for one in wide if not any(name.startswith(one) for name in found)} == set()


def test_readers_are_the_rights_own_and_the_document_is_the_table() -> None:
    things = {row.of for row in rights_table().rows}
    assert {one for row in table().kept.values() for one in row.shown} - things == set()
    assert all(row.source for row in table().kept.values())
    written = (ROOT / "docs" / "terms.md").read_text(encoding="utf-8")
    assert written == document(table(), rights_table())


def day(*parts: int) -> datetime:
    year, month, date, hour = (*parts, 0)[:4]
    return datetime(year, month, date, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment", "before", "iso"),
    [
        ("6 months", day(2030, 8, 31), day(2030, 2, 28), "P6M"),
        ("1 year", day(2032, 2, 29), day(2031, 2, 28), "P12M"),
        ("3 days", day(2030, 3, 2), day(2030, 2, 27), "P3D"),
        ("24 hours", day(2030, 3, 2, 9), day(2030, 3, 1, 9), "P1D"),
        ("36 hours", day(2030, 3, 2, 12), day(2030, 3, 1), "PT36H"),
    ],
)
def test_a_term_is_the_calendar_s(text: str, moment: datetime, before: datetime, iso: str) -> None:
    term = Term.read(text)
    assert term.before(moment) == before
    assert term.iso == iso


def test_a_table_that_cannot_be_carried_out_is_refused() -> None:
    text = (ROOT / "tgd/platform/terms.toml").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="'some days' is no term"):
        Terms(text.replace('term = "2 days"', 'term = "some days"'))
    with pytest.raises(ValueError, match="alert may not go before journal_alert"):
        Terms(text.replace('term = "6 months"', 'term = "3 years"'))


# ── One of everything ───────────────────────────────────────────────────────────────

_SAID = """
SELECT count(*) FROM journal WHERE kind <> 'redacted' AND salt IS NOT NULL
  AND at <= '2030-01-15 09:00Z'
"""
LEFT = {
    "position": "SELECT count(*) FROM position",
    "press": "SELECT count(*) FROM press WHERE raw IS NOT NULL OR raw_key IS NOT NULL",
    "message": "SELECT count(*) FROM envelope WHERE content IS NOT NULL",
    "note": "SELECT count(*) FROM note WHERE text IS NOT NULL",
    "recontact": "SELECT count(*) FROM recontact",
    "test_of_nobody": "SELECT count(*) FROM phone_test WHERE beneficiary_id IS NULL",
    "file": """
        SELECT (SELECT count(*) FROM person_file) + (SELECT count(*) FROM known_place)
             + (SELECT count(*) FROM assignment WHERE content IS NOT NULL OR key IS NOT NULL)
             + (SELECT count(*) FROM phone_test WHERE beneficiary_id IS NOT NULL)
             + (SELECT count(*) FROM release) + (SELECT count(*) FROM linked_person)
             + (SELECT count(*) FROM beneficiary WHERE id = $1 AND (label <> '—' OR key IS NOT NULL
                                                                OR all_clear_word IS NOT NULL))
             + (SELECT count(*) FROM entrusted WHERE beneficiary_id = $1)""",
    "refused": "SELECT count(*) FROM beneficiary WHERE id = $2 AND label <> '—'",
    "glass": "SELECT count(*) FROM break_glass",
    "exercise": "SELECT count(*) FROM exercise",
    "heard": "SELECT count(*) FROM heard",
    "conflict_lifted": "SELECT count(*) FROM conflict WHERE lifted_at IS NOT NULL",
    "journal_alert": _SAID + " AND alert_id IS NOT NULL",
    "journal_assignment": _SAID + " AND alert_id IS NULL AND assignment_id IS NOT NULL",
    "journal_system": _SAID + " AND alert_id IS NULL AND assignment_id IS NULL",
    "alert": """
        SELECT (SELECT count(*) FROM alert) + (SELECT count(*) FROM press)
             + (SELECT count(*) FROM dispatch) + (SELECT count(*) FROM task)
             + (SELECT count(*) FROM retention) + (SELECT count(*) FROM note)""",
    "assignment": "SELECT count(*) FROM assignment WHERE beneficiary_id = $1",
    "request": "SELECT count(*) FROM request",
    "person": "SELECT count(*) FROM beneficiary WHERE id IN ($1, $2)",
    "sim": "SELECT count(*) FROM device WHERE sim IS NOT NULL OR key IS NOT NULL",
    "credential": "SELECT count(*) FROM phone_credential WHERE ended_at IS NOT NULL",
    "downlink": "SELECT count(*) FROM downlink",
    "quarantine": "SELECT count(*) FROM quarantine",
    "following": "SELECT (SELECT count(*) FROM clearance) + (SELECT count(*) FROM entrusted)",
    "convention": "SELECT count(*) FROM convention",
    "account": "SELECT (SELECT count(*) FROM account) + (SELECT count(*) FROM recovery_code)",
    "token": "SELECT count(*) FROM token",
    "presence": "SELECT count(*) FROM presence",
    "session": "SELECT count(*) FROM web_session",
    "login": "SELECT count(*) FROM login_delay",
}
"""How much is left of what each row of the table is about; $1 is she, $2 one who was refused."""

AFTER = {"following": ("file",), "assignment": ("alert",), "request": ("assignment",)} | {
    "person": ("request", "assignment", "refused"),
    "account": ("following",),
    "convention": ("following",),
}
"""What goes no sooner than something else."""

OPENED = """
INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen, plan,
                   key, opened_at, forget_at, pressed_at, last_press_id, last_press_at)
VALUES (next_case_id($1), $2, $2, true, $3, 'given', true, 'none', $4::text::jsonb, $5, $1,
        $1 + interval '3 days', $1, gen_random_uuid(), $1) RETURNING id
"""
CLOSED = """
UPDATE alert SET status = 'closed', verdict = 'police', verdict_at = $2, police_at = $2,
                 closed_at = $2, closed_by = 'operateur-1' WHERE id = $1
"""
SECRETS = """
SELECT fix AS sealed, key, 'position' AS about FROM position
UNION ALL SELECT raw, raw_key, 'press' FROM press WHERE raw_key IS NOT NULL
UNION ALL SELECT e.content, a.key, 'envelope' FROM envelope e JOIN alert a ON a.id = e.alert_id
    WHERE e.content IS NOT NULL
UNION ALL SELECT n.text, a.key, 'note ' || a.id FROM note n JOIN alert a ON a.id = n.alert_id
    WHERE n.text IS NOT NULL
UNION ALL SELECT content, key, 'file of ' || beneficiary_id FROM person_file
UNION ALL SELECT p.content, b.key, 'place ' || p.id
    FROM known_place p JOIN beneficiary b ON b.id = p.beneficiary_id
UNION ALL SELECT content, key, 'assignment of ' || id FROM assignment WHERE key IS NOT NULL
UNION ALL SELECT reason, key, 'reason of ' || id FROM break_glass
UNION ALL SELECT call_taker, key, 'call taker of ' || id FROM exercise WHERE key IS NOT NULL
UNION ALL SELECT all_clear_word, word_key, 'all-clear word' FROM beneficiary
    WHERE word_key IS NOT NULL
UNION ALL SELECT sim, key, 'sim of ' || id FROM device WHERE key IS NOT NULL
"""


class Everything:
    """A database with one of everything, all of which began at T, and what erases."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.clock = ManualClock(T)
        self.database = Database(url, size=3)
        self.keys = KeyStore(folder / "keys", self.clock)
        self.sealer = Sealer("7d" * 32, self.keys)
        self.forget = Forget(self.database, self.clock, Metrics(), self.sealer, self.keys)
        self.owner: asyncpg.Connection
        self.she: UUID
        self.refused = uuid4()
        self.alert: UUID

    async def __aenter__(self) -> Self:
        await self.database.open()
        async with self.database.transaction() as connection:
            await asyncio.to_thread(self.keys.open, await identity(connection))
            await register.seed(connection, T)
        self.owner = await asyncpg.connect(self.url)
        await self._furnish()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.owner.close()
        await self.database.close()
        self.keys.close()

    async def left(self) -> dict[str, int]:
        found = {}
        for code, statement in LEFT.items():
            asked = statement.replace("$1", f"'{self.she}'").replace("$2", f"'{self.refused}'")
            found[code] = await self.owner.fetchval(asked)
        return found

    async def secrets(self) -> list[tuple[bytes, bytes, str]]:
        rows = await self.owner.fetch(SECRETS)
        return [(row["sealed"], row["key"], row["about"]) for row in rows]

    def opens(self, secret: tuple[bytes, bytes, str]) -> bool:
        sealed, key, about = secret
        try:
            return self.sealer.unwrap(key).open(sealed, about) == b"plain"
        except KeyErased:
            return False

    async def verifies(self) -> tuple[list[Any], int]:
        async with journal.snapshot(self.database) as connection:
            signer = Signer(self.folder / "signing")
            verdict = await verify(connection, [signer.public_key])
        return verdict.faults, verdict.redacted

    async def _sealed(self, about: str, key: bytes | None = None) -> tuple[bytes, bytes]:
        data_key = self.sealer.unwrap(key) if key else self.sealer.new_key()
        return data_key.seal(b"plain", about), data_key.wrapped

    async def _furnish(self) -> None:
        do, one = self.owner.execute, self.owner.fetchval
        assignment = await one("SELECT id FROM assignment WHERE device_id = 'tgd-86-01'")
        self.she = await one("SELECT beneficiary_id FROM assignment WHERE id = $1", assignment)
        friend = await one("SELECT beneficiary_id FROM assignment WHERE device_id = 'tgd-86-02'")
        await self._alerts(assignment)
        # Her file, and all that hangs on her.
        key = self.sealer.new_key().wrapped
        await do(
            "UPDATE beneficiary SET key = $2, all_clear_word = $3, word_key = $4 WHERE id = $1",
            *(self.she, key, *await self._sealed("all-clear word")),
        )
        sealed, own = await self._sealed(f"file of {self.she}")
        await do("INSERT INTO person_file VALUES ($1, $2, $3, $4)", self.she, sealed, own, T)
        place = uuid4()
        sealed, _ = await self._sealed(f"place {place}", key)
        await do(
            "INSERT INTO known_place VALUES ($1, $2, 'home', $3, $4)", place, self.she, sealed, T
        )
        sealed, own = await self._sealed(f"assignment of {assignment}")
        request = await one(
            "INSERT INTO request (tribunal_id, beneficiary_id, asked_at, status, reason_at,"
            " recorded_by,"
            " decided_at, decided_by) VALUES ('poitiers', $1, $2, 'granted', $2, 'p', $2, 'p')"
            " RETURNING id",
            *(self.she, T),
        )
        await do(
            "UPDATE assignment SET content = $2, key = $3, request_id = $4, ended_at = $5,"
            " returned_at = $5,"
            " ended_by = 'p', returned_by = 'p', end_reason = 'her_wish' WHERE id = $1",
            *(assignment, sealed, own, request, T),
        )
        await do(
            "INSERT INTO journal (at, actor, assignment_id, kind, details)"
            " VALUES ($1, 'parquet', $2, 'renewed', '{\"n\": 1}')",
            *(T, assignment),
        )
        await do(
            "INSERT INTO journal (at, actor, kind, details) VALUES ($1, 'admin', 'login', '{}')", T
        )
        await do("INSERT INTO linked_person VALUES ($1, $2), ($2, $1)", self.she, friend)
        await do(
            "INSERT INTO release (tribunal_id, beneficiary_id, kind, happens_at, recorded_at,"
            " recorded_by,"
            " evaluated_at, evaluated_by, outcome) VALUES ('poitiers', $1, 'leave', $2, $2, 'p',"
            " $2, 'p',"
            " 'no_danger')",
            *(self.she, T),
        )
        await self._locks()
        await self._exercise()
        await self._refuse()
        await self._phones()
        await self._people(friend)

    async def _locks(self) -> None:
        """Who must not know of her, or did once, and who opened her file for a reason."""
        do = self.owner.execute
        opening = uuid4()
        locked = (
            "INSERT INTO conflict (beneficiary_id, kind, value, recorded_at, recorded_by,"
            " lifted_at, lifted_by)"
            " VALUES ($1, 'account', $2, $3, 'p', $4::timestamptz, CASE WHEN $4 IS NOT NULL THEN"
            " 'p' END)"
        )
        await do(locked, self.she, "operateur-1", T, T)
        await do(locked, self.she, "operateur-2", T, None)
        await do(
            "INSERT INTO break_glass (id, beneficiary_id, reader, role, at, until, reason, key)"
            " VALUES ($3, $1, 'superviseur-1', 'supervisor', $2,"
            " $2::timestamptz + interval '30 minutes', $4, $5)",
            *(self.she, T, opening, *await self._sealed(f"reason of {opening}")),
        )

    async def _exercise(self) -> None:
        """A control room whose line was tried, and who of it said so."""
        tried = uuid4()
        await self.owner.execute(
            "INSERT INTO room (id, name, institution, address)"
            " VALUES ('essai', 'Salle', 'PN', 'fr.x')"
        )
        await self.owner.execute(
            "INSERT INTO exercise (id, room_id, line, settings, case_id, state, asked_at, asked_by,"
            " expires_at, next_at, acknowledged_at, recorded_by, call_taker, key)"
            " VALUES ($1, 'essai', 0, '{}', 'EX-1', 'acknowledged', $2, 'superviseur-1', $2, $2,"
            " $2, 'operateur-1', $3, $4)",
            *(tried, T, *await self._sealed(f"call taker of {tried}")),
        )
        # What it has said of her alert, and of none.
        await self.owner.execute(
            "INSERT INTO heard VALUES ('essai', '\\x01', '', $1, $2),"
            " ('essai', '\\x02', '', '{}', $2)",
            *([self.alert], T),
        )

    async def _refuse(self) -> None:
        """One who was refused."""
        do = self.owner.execute
        await do(
            "INSERT INTO beneficiary (id, label, created_at) VALUES ($1, 'Demande', $2)",
            self.refused,
            T,
        )
        await do(
            "INSERT INTO request (tribunal_id, beneficiary_id, asked_at, status, reason_at,"
            " recorded_by,"
            " decided_at, decided_by) VALUES ('poitiers', $1, $2, 'refused', $2, 'p', $2, 'p')",
            *(self.refused, T),
        )

    async def _alerts(self, assignment: UUID) -> None:
        do, one = self.owner.execute, self.owner.fetchval
        await do("INSERT INTO device (id, tribunal_id) VALUES ('spare', 'poitiers')")
        await do("INSERT INTO room VALUES ('cic', 'CIC', 'PN', 'fr.police.cic')")
        for device, whose in (("tgd-86-01", assignment), ("spare", None)):
            key = self.sealer.new_key()
            alert = await one(OPENED, T, device, whose, PLAN, key.wrapped)
            press = await one(
                "INSERT INTO press (device, reply_to, id, pressed_at, received_at, age_s,"
                " trigger, path, doubts,"
                " digest, retained, raw, raw_key, last_seen_at) VALUES ($1, $1,"
                " gen_random_uuid(), $2, $2, 0,"
                " 'button', 'mqtt', '{}', '', false, $3, $4, $2) RETURNING no",
                *(device, T, key.seal(b"plain", "press"), key.wrapped),
            )
            await do("INSERT INTO alert_press VALUES ($1, $2)", press, alert)
            await do(
                "INSERT INTO position (alert_id, press_no, fix, key, fixed_at, received_at)"
                " VALUES ($1, $2, $3, $4, $5, $5)",
                *(alert, press, key.seal(b"plain", "position"), key.wrapped, T),
            )
            await do(
                "INSERT INTO note (alert_id, at, author, text) VALUES ($1, $2, 'operateur-1', $3)",
                *(alert, T, key.seal(b"plain", f"note {alert}")),
            )
            dispatch = uuid4()
            await do(
                "INSERT INTO dispatch (id, alert_id, room_id, line, lead, state, dispatched_at)"
                " VALUES ($1, $2, 'cic', 0, true, 'pending', $3)",
                *(dispatch, alert, T),
            )
            await do(
                "INSERT INTO envelope (id, dispatch_id, alert_id, purpose, round, line, state,"
                " created_at,"
                " expires_at, next_at, content)"
                " VALUES (gen_random_uuid(), $1, $2, 'report', 1, 0, 'expired', $3, $3, $3, $4)",
                *(dispatch, alert, T, key.seal(b"plain", "envelope")),
            )
            await do(
                "INSERT INTO task (id, alert_id, dispatch_id, kind, about, red, raised_at)"
                " VALUES (gen_random_uuid(), $1, $2, 'voice', 'dispatch', true, $3)",
                *(alert, dispatch, T),
            )
            await self._over(alert, device, whose)
            if whose is not None:
                self.alert = alert

    async def _over(self, alert: UUID, device: str, whose: UUID | None) -> None:
        """What is left of an alert once it is closed."""
        do = self.owner.execute
        await do(
            "INSERT INTO journal (at, actor, alert_id, kind, details)"
            " VALUES ($1, 'operateur-1', $2, 'answered', '{\"n\": 1}')",
            *(T, alert),
        )
        await do(CLOSED, alert, T)
        await do("INSERT INTO retention (alert_id, asked_at) VALUES ($1, $2)", alert, T)
        await do("DELETE FROM recontact WHERE alert_id = $1 AND hours = 48", alert)
        await do("UPDATE recontact SET due_at = $2 WHERE alert_id = $1", alert, T)
        await do(
            "INSERT INTO phone_test (kind, alert_id, device_id, assignment_id,"
            " beneficiary_id, press_id,"
            " presses, paths, pressed_at, received_at, answered_at, heard_at, decided_at,"
            " decided_by)"
            " SELECT 'fortnightly', $1, $2, $3, (SELECT beneficiary_id FROM assignment WHERE"
            " id = $3),"
            " gen_random_uuid(), 1, '{mqtt}', $4, $4, $4, $4, $4, 'operateur-1'",
            *(alert, device, whose, T),
        )

    async def _phones(self) -> None:
        do = self.owner.execute
        sealed, own = await self._sealed("sim of lost-1")
        await do(
            "INSERT INTO device (id, tribunal_id, state, state_at, lost_at, sim, key)"
            " VALUES ('lost-1', 'poitiers', 'lost', $1, $1, $2, $3)",
            *(T, sealed, own),
        )
        await do(
            "INSERT INTO phone_credential (id, device_id, serial, state, issued_at, issued_by,"
            " expires_at,"
            " ended_at, ended_by, settled_at) VALUES (gen_random_uuid(), 'lost-1', repeat('a',"
            " 16), 'rotated',"
            " $1::timestamptz - interval '1 day', 'p', $1::timestamptz + interval '2 years', $1,"
            " 'p', $1)",
            T,
        )
        await do(
            "INSERT INTO phone_credential (id, device_id, serial, issued_at, issued_by,"
            " expires_at, password,"
            " mac_key) VALUES (gen_random_uuid(), 'lost-1', repeat('b', 16), $1, 'p',"
            " $1::timestamptz + interval '2 years', '', '')",
            T,
        )
        await do("INSERT INTO downlink (reply_to, message, at) VALUES ('d', '{}', $1)", T)
        await do(
            "INSERT INTO quarantine (received_at, topic, reason, size, digest)"
            " VALUES ($1, 't', 'r', 1, '')",
            T,
        )

    async def _people(self, friend: UUID) -> None:
        do, one = self.owner.execute, self.owner.fetchval
        account = await one(
            "INSERT INTO account (username, password_hash, role, created_at, disabled_at)"
            " VALUES ('association', 'x', 'association', $1, $1) RETURNING id",
            T,
        )
        await do("INSERT INTO recovery_code VALUES ($1, 'code', $2)", account, T)
        await do(
            "INSERT INTO web_session (id, account_id, csrf, created_at, expires_at)"
            " VALUES ('s', $1, 'c', $2, $2)",
            *(account, T),
        )
        convention = await one(
            "INSERT INTO convention (tribunal_id, association, starts_at, ends_at, recorded_at,"
            " recorded_by)"
            " VALUES ('poitiers', 'Association fictive', $1::timestamptz - interval '1 year',"
            " $1, $1, 'p') RETURNING id",
            T,
        )
        clearance = await one(
            "INSERT INTO clearance (convention_id, account_id, cleared_at, cleared_by)"
            " VALUES ($1, $2, $3, 'p') RETURNING id",
            *(convention, account, T - timedelta(days=9)),
        )
        for person in (self.she, friend):
            await do(
                "INSERT INTO entrusted (clearance_id, beneficiary_id, entrusted_at, entrusted_by)"
                " VALUES ($1, $2, $3, 'p')",
                *(clearance, person, T - timedelta(days=9)),
            )
        await do(
            "INSERT INTO token (id, role, name, created_at, revoked_at)"
            " VALUES ('t', 'operator', 'a', $1, $1)",
            T,
        )
        await do(
            "INSERT INTO presence (name, role, since, seen_at) VALUES ('a', 'operator', $1, $1)", T
        )
        await do("INSERT INTO login_delay VALUES ('who', 1, $1)", T)


@pytest.fixture
async def everything(database: str, tmp_path: Path) -> AsyncIterator[Everything]:
    async with Everything(database, tmp_path) as world:
        yield world


def ends() -> dict[str, datetime]:
    """When each row's things are to be gone, by the table."""
    found: dict[str, datetime] = {}
    for code in LEFT:
        begins = T
        if code == "journal_system":  # by the day
            begins = T.replace(hour=0) + timedelta(days=1)
        found[code] = max(
            [table()[code].after(begins), *(found[other] for other in AFTER.get(code, ()))]
        )
    return found


def test_everything_that_has_a_term_is_tried() -> None:
    assert set(LEFT) == {code for code, row in table().kept.items() if row.term is not None}


async def test_after_each_term_exactly_what_the_table_allows_is_left(
    everything: Everything,
) -> None:
    assert {code for code, left in (await everything.left()).items() if not left} == set()
    of_a_dump = await everything.secrets()
    assert len(of_a_dump) == 15
    assert [everything.opens(one) for one in of_a_dump] == [True] * 15
    due = ends()
    for moment in sorted(set(due.values())):
        for now in (moment - 11 * MINUTE, moment):
            everything.clock.set_on((now - everything.clock.now()).total_seconds())
            would = await everything.forget.try_out()
            before = await everything.left()
            did = await everything.forget.look()
            assert (would.alerts, would.things) == (did.alerts, did.things)
            if not did.alerts:  # what stands behind an alert's things is seen once they are gone
                assert would.terms.counts == did.terms.counts
            after = await everything.left()
            over = {code for code, end in due.items() if end <= now}
            assert {code for code, left in after.items() if not left} == over, now
            assert {c for c in LEFT if before[c] != after[c]} <= over | {"following", "alert"}
            # What is there opens, and what is not there opens nowhere.
            assert all(everything.opens(one) for one in await everything.secrets())
    assert [everything.opens(one) for one in of_a_dump] == [False] * 15
    faults, redacted = await everything.verifies()
    assert faults == []
    assert redacted > 4
    assert await everything.owner.fetchval("SELECT count(*) FROM assignment") == 7
    proofs = await everything.owner.fetch(
        "SELECT details FROM journal WHERE kind = 'term_erased' AND details IS NOT NULL"
    )
    assert proofs


async def test_what_is_held_outlasts_every_term_and_goes_when_the_hold_ends(
    everything: Everything,
) -> None:
    await everything.forget.hold(everything.alert, "parquet", "PV fictif 1")
    longest = max(ends().values())
    everything.clock.set_on((longest - everything.clock.now()).total_seconds())
    await everything.forget.look()
    left = await everything.left()
    held = {code for code in LEFT if table().kept[code].hold}
    hers = held - {"test_of_nobody", "refused"}
    assert {code for code, n in left.items() if n} == hers
    everything.clock.set_on(60)
    await everything.forget.hold(everything.alert, "parquet", None)
    await everything.forget.look()
    await everything.forget.look()
    assert {code: n for code, n in (await everything.left()).items() if n} == {}
    assert (await everything.verifies())[0] == []


async def test_a_redacted_entry_cannot_be_made_to_say_anything_again(
    everything: Everything,
) -> None:
    [entry] = await everything.owner.fetch(
        "SELECT * FROM journal WHERE assignment_id IS NOT NULL AND alert_id IS NULL"
    )
    everything.clock.set_on(timedelta(days=200).total_seconds())
    await everything.forget.look()
    assert (await everything.verifies())[0] == []
    await everything.owner.execute("ALTER TABLE journal DISABLE TRIGGER USER")
    put_back = "UPDATE journal SET actor = $2, details = $3, salt = $4 WHERE no = $1"
    said = (entry["no"], "somebody else", entry["details"], entry["salt"])
    await everything.owner.execute(put_back, *said)
    [fault] = (await everything.verifies())[0]
    assert fault.chain == entry["chain"]
    assert fault.number == entry["number"]


async def test_only_the_redactor_may_erase_what_the_server_may_not(everything: Everything) -> None:
    async with everything.database.connection() as connection:
        for name in ("alert", "press", "assignment", "journal", "retention"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"DELETE FROM {name}")  # noqa: S608  names of ours
        async with connection.transaction():
            await connection.execute("SET LOCAL ROLE tgd_redactor")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute("DELETE FROM journal")
