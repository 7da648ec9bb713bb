"""Terms, keys and questions as rows: none is forgotten, none counted twice."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from tgd.platform.domain.alert import Plan
from tgd.platform.holding import as_text
from tgd.store import forget, register
from tgd.store.db import Connection, Database

NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAN = as_text(Plan(7, 20, 30, 60, 10, 60, 180, 1800, 60))
OPENED = """
INSERT INTO alert (case_id, device, reply_to, known, consent, located, listen, plan, key, opened_at,
                   forget_at, pressed_at, last_press_id, last_press_at)
VALUES (next_case_id($1), $2, $2, true, 'given', true, 'none', $3::text::jsonb, $4, $1, $5, $1,
        gen_random_uuid(), $1) RETURNING id
"""


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    opened = Database(database, size=4)
    await opened.open()
    async with opened.transaction() as connection:
        await register.seed(connection, NOW)
    yield opened
    await opened.close()


async def an_alert(
    connection: Connection, device: str, forget_at: datetime | None, key: bytes | None = None
) -> UUID:
    found: UUID = await connection.fetchval(OPENED, NOW, device, PLAN, key, forget_at)
    return found


async def closed(connection: Connection, alert_id: UUID) -> None:
    await connection.execute(
        "UPDATE alert SET status = 'closed', verdict = 'police', verdict_at = $2, police_at = $2,"
        " closed_at = $2, closed_by = 'op' WHERE id = $1",
        *(alert_id, NOW),
    )
    await connection.execute(
        "INSERT INTO retention (alert_id, asked_at) VALUES ($1, $2)", alert_id, NOW
    )


async def an_exercise(connection: Connection) -> None:
    await connection.execute(
        "INSERT INTO room (id, name, institution, address) VALUES ('r', 'r', 'PN', 'fr.r')"
    )
    await connection.execute(
        "INSERT INTO exercise (id, room_id, line, settings, case_id, asked_at, asked_by,"
        " expires_at, next_at, key)"
        " VALUES (gen_random_uuid(), 'r', 0, '{}', 'EX', $1, 's', $1, $1, 'exercise')",
        NOW,
    )


async def test_every_column_that_names_a_key_is_known(store: Database) -> None:
    """A table to come whose keys are not ``named`` would be swept out of the key store."""
    async with store.transaction() as connection:
        columns = await connection.fetch(
            "SELECT c.relname AS table, a.attname AS column FROM pg_attribute a"
            " JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
            " AND a.atttypid = 'bytea'::regtype AND NOT a.attisdropped"
            " AND (a.attname = 'key' OR a.attname LIKE '%\\_key') ORDER BY 1, 2"
        )
        found = {(row["table"], row["column"]) for row in columns}
        # No references into the key store: a public key, and one that is itself sealed.
        found -= {("journal_seal", "public_key"), ("phone_credential", "mac_key")}
        assert found == {
            ("alert", "key"),
            ("assignment", "key"),
            ("beneficiary", "key"),
            ("beneficiary", "word_key"),
            ("break_glass", "key"),
            ("device", "key"),
            ("exercise", "key"),
            ("dead_key", "key"),  # on their way out: no row needs them
            ("person_file", "key"),
            ("position", "key"),
            ("press", "raw_key"),
        }
        alert = await an_alert(connection, "tgd-86-01", NOW, b"alert")
        await connection.execute("UPDATE beneficiary SET key = 'beneficiary', word_key = 'word'")
        await connection.execute("UPDATE assignment SET key = 'assignment'")
        await connection.execute("UPDATE device SET key = 'device'")
        await connection.execute(
            "INSERT INTO press (device, reply_to, id, pressed_at, received_at, age_s, trigger,"
            " path, doubts, digest, retained, raw, raw_key, last_seen_at)"
            " VALUES ('d', 'd', gen_random_uuid(), $1, $1, 0, 'button', 'mqtt', '{}', '', false,"
            " '', 'press', $1)",
            NOW,
        )
        await connection.execute(
            "INSERT INTO position (alert_id, fix, key, fixed_at, received_at)"
            " VALUES ($1, '', 'position', $2, $2)",
            *(alert, NOW),
        )
        await connection.execute(
            "INSERT INTO person_file SELECT id, '', 'person_file', $1 FROM beneficiary", NOW
        )
        await connection.execute(
            "INSERT INTO break_glass (id, beneficiary_id, reader, role, at, until, reason, key)"
            " SELECT gen_random_uuid(), id, 's', 'supervisor', $1,"
            " $1::timestamptz + interval '1 hour', '', 'break_glass' FROM beneficiary",
            NOW,
        )
        await an_exercise(connection)
        await forget.bury(connection, [b"dead"], NOW)
        named = set(await forget.named(connection))
    assert named == {b"word", *(table.encode() for table, _ in found if table != "dead_key")}


async def test_no_sealed_column_is_forgotten(store: Database) -> None:
    """What is sealed under a key of its own is erased by the flow; one more needs a thought."""
    async with store.connection() as connection:
        columns = await connection.fetch(
            "SELECT c.relname || '.' || a.attname AS name FROM pg_attribute a"
            " JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
            " AND a.atttypid = 'bytea'::regtype AND NOT a.attisdropped"
        )
    found = {row["name"] for row in columns}
    keys = {"alert.key", "beneficiary.key", "dead_key.key", "position.key", "press.raw_key"}
    keys |= {"person_file.key", "assignment.key", "device.key", "beneficiary.word_key"}
    keys |= {"break_glass.key", "exercise.key"}
    digests = {
        "press.digest",
        "quarantine.digest",
        "web_session.id",
        "token.id",
        *("recovery_code.hash", "login_delay.who", "oidc_state.hash"),
        *("room.inbound_token", "device.number_digest", "person_file.name_digest"),
        *("journal.salt", "journal.content", "journal.hash", "journal_head.hash"),
        *("journal_seal_head.hash", "heard.id", "heard.digest"),
    }
    erased = {"position.fix", "press.raw", "envelope.content", "note.text"}
    of_the_file = {"known_place.content", "person_file.content", "assignment.content"}
    of_the_file |= {"beneficiary.all_clear_word", "break_glass.reason"}
    of_the_room = {"exercise.call_taker"}
    under_the_master = {"room_line.token", "account.totp_secret"}
    under_the_master |= {"phone_credential.password", "phone_credential.mac_key"}
    of_the_phone = {"device.sim"}  # no person's: it goes with the card
    public = {"zone.shape", "journal_seal.signature", "journal_seal.public_key"}
    sealed = erased | of_the_file | of_the_room | under_the_master | of_the_phone
    assert found == keys | digests | sealed | public


async def test_what_is_due_comes_longest_due_first(store: Database) -> None:
    async with store.transaction() as connection:
        times = (NOW + HOUR, NOW - HOUR, None, NOW, NOW - 2 * HOUR)
        ids = [await an_alert(connection, f"d{n}", at) for n, at in enumerate(times)]
        assert await forget.due(connection, NOW, 10) == [ids[4], ids[1], ids[3]]
        assert await forget.due(connection, NOW, 2) == [ids[4], ids[1]]
        assert await forget.overdue(connection, NOW) == 2
        assert await forget.next_due(connection, NOW) == NOW + HOUR
        assert await forget.next_due(connection, NOW + HOUR) is None


async def test_the_next_question_is_due_a_day_before_the_erasure(store: Database) -> None:
    async with store.transaction() as connection:
        alert = await an_alert(connection, "tgd-86-01", NOW + 72 * HOUR)
        await closed(connection, alert)
        assert await forget.next_due(connection, NOW) == NOW + 48 * HOUR
        assert await forget.ask_again(connection, NOW + 48 * HOUR - timedelta(seconds=1)) == 0
        assert await forget.ask_again(connection, NOW + 48 * HOUR) == 1
        assert await forget.ask_again(connection, NOW + 49 * HOUR) == 0
        assert await forget.next_due(connection, NOW + 48 * HOUR) == NOW + 72 * HOUR


async def test_each_dead_key_is_told_once(store: Database) -> None:
    async with store.transaction() as connection:
        await forget.bury(connection, [b"one", b"two"], NOW)
        await forget.bury(connection, [b"two", b"three"], NOW + HOUR)
        assert await forget.dead(connection, 2) == [b"one", b"two"]
        assert await forget.overdue(connection, NOW + timedelta(seconds=1)) == 2
        assert sorted(await forget.buried(connection, [b"one", b"two"])) == [b"one", b"two"]
        assert await forget.buried(connection, [b"one", b"two"]) == []
        assert await forget.dead(connection, 10) == [b"three"]


async def test_a_question_is_its_tribunal_s_and_a_stranger_s_everyone_s(store: Database) -> None:
    async with store.transaction() as connection:
        for n, device in enumerate(("tgd-86-01", "stranger")):
            alert = await an_alert(connection, device, NOW + (n + 1) * HOUR)
            await closed(connection, alert)
        await connection.execute("INSERT INTO tribunal VALUES ('niort', 'Tribunal de Niort')")

        async def devices(tribunal: str | None) -> list[str]:
            return [row["device"] for row in await forget.questions(connection, tribunal)]

        assert await devices("poitiers") == await devices(None) == ["tgd-86-01", "stranger"]
        assert await devices("niort") == ["stranger"]
        assert await devices("") == []  # a token is of no tribunal


async def test_an_alert_that_is_not_there_has_no_terms(store: Database) -> None:
    async with store.transaction() as connection:
        assert await forget.terms(connection, uuid4()) is None
        assert await forget.hold(connection, uuid4()) is None


async def test_a_hold_without_a_reference_cannot_be_stored(store: Database) -> None:
    async with store.connection() as connection:
        alert = await an_alert(connection, "tgd-86-01", NOW)
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "INSERT INTO retention (alert_id, answered_at, answered_by, hold)"
                " VALUES ($1, $2, 'p', true)",
                *(alert, NOW),
            )
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "INSERT INTO retention (alert_id, eight_days_at) VALUES ($1, $2)", alert, NOW
            )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM retention")
