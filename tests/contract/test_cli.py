"""The short commands as an administrator meets them: what they print, where, which exit code."""

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from commands import KEY, ROOMS, Run, command, on

from tgd.seal import Sealer
from tgd.store import accounts, logins, rooms
from tgd.store.db import Database
from tgd.store.migrate import migrations

COMMANDS = [
    *((), ("serve",), ("migrate",), ("doctor",), ("seed",), ("demo",)),
    *(("token",), ("token", "add"), ("user",), ("user", "add"), ("rooms",), ("rooms", "import")),
    *(("places",), ("places", "import"), ("addresses",), ("addresses", "import")),
    *(("phones",), *(("phones", act) for act in ("enrol", "rotate", "end", "list", "leaflet"))),
    *(("authority",), *(("authority", act) for act in ("init", "broker", "server"))),
    *(("broker",), ("broker", "init")),
    *(("zones",), *(("zones", act) for act in ("import", "list", "check", "activate"))),
]


@pytest.fixture
def tgd(database: str) -> Run:
    return on(database)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    opened = Database(database, size=2)
    await opened.open()
    yield opened
    await opened.close()


async def journal(store: Database) -> list[tuple[str, object]]:
    async with store.connection() as connection:
        rows = await connection.fetch("SELECT kind, details FROM journal ORDER BY no")
    return [(row["kind"], row["details"]) for row in rows]


# ── Help and refusals ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
async def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    done = await command(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert "Usage: tgd" in done.out


def test_help_needs_none_of_the_heavy_libraries() -> None:
    heavy = "asyncpg aiohttp paho shapely prometheus_client uvloop tenacity argon2"
    look = f"import sys, tgd.__main__; print(*(set({heavy.split()!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == ""


@pytest.mark.parametrize("words", [("nonsense",), ("token", "add"), ("migrate", "--sideways")])
async def test_a_misuse_is_exit_code_2(words: tuple[str, ...]) -> None:
    assert (await command(*words)).code == 2


@pytest.mark.parametrize("words", [("serve",), ("migrate",), ("seed",)])
async def test_what_is_not_configured_is_named(words: tuple[str, ...]) -> None:
    assert (await command(*words)).refusal.startswith("TGD_DATABASE_URL is not set")


async def test_a_misspelt_setting_is_refused(tgd: Run) -> None:
    assert "TGD_DEADLINE_ANSWER_S" in (await tgd("migrate", TGD_DEADLINE_ANSWERS="20")).refusal


@pytest.mark.parametrize("words", [("migrate",), ("seed",)])
async def test_no_database_is_one_line(words: tuple[str, ...]) -> None:
    done = await command(*words, TGD_DATABASE_URL="postgresql://u:secret@127.0.0.1:1/tgd")
    assert done.refusal == "no database at 127.0.0.1:1: Connection refused"


async def test_a_wrong_password_or_database_is_one_line(tgd: Run, database: str) -> None:
    wrong = re.sub(r":[^:@/]+@", ":wrong@", database)
    assert "refuses the login" in (await tgd("migrate", TGD_DATABASE_URL=wrong)).refusal
    other = await tgd("seed", TGD_DATABASE_URL=database + "_no")
    assert other.refusal.startswith("there is no database test_")


async def test_a_database_without_the_schema_is_one_line(empty_database: str) -> None:
    for words in (("seed",), ("token", "add", "--role", "admin", "--name", "a")):
        done = await command(*words, TGD_DATABASE_URL=empty_database)
        assert "run `tgd migrate`" in done.refusal


# ── The short commands ──────────────────────────────────────────────────────────────


async def test_migrate_says_what_it_applied(empty_database: str) -> None:
    first = await command("migrate", TGD_DATABASE_URL=empty_database)
    assert (first.code, first.out) == (0, "")
    lines = first.err.splitlines()
    assert lines[0] == "applied 0001 pre first_schema"
    assert lines[-1] == f"{len(migrations())} migrations applied"
    again = await command("migrate", "--pre-only", TGD_DATABASE_URL=empty_database)
    assert (again.code, again.err) == (0, "nothing to apply\n")


async def test_seed_fills_an_empty_register_once(tgd: Run, store: Database) -> None:
    first = await tgd("seed")
    assert first.code == 0
    assert "tgd-86-01 to tgd-86-08" in first.err
    assert "register is not empty" in (await tgd("seed")).refusal
    again = await tgd("seed", "--if-empty")
    assert (again.code, again.err) == (0, "the register is not empty: nothing seeded\n")
    devices = [f"tgd-86-0{n}" for n in range(1, 9)]
    assert await journal(store) == [("seeded", {"devices": devices, "zone_set": 1})]


async def test_a_token_stands_alone_on_standard_output(tgd: Run, store: Database) -> None:
    done = await tgd("token", "add", "--role", "operator", "--name", "desk-1")
    assert done.code == 0
    token = done.out.removesuffix("\n")
    assert re.fullmatch(r"\S{40,}", token)
    assert token not in done.err
    async with store.connection() as connection:
        known = await accounts.tokens(connection, [accounts.digest(token)])
    assert [*known.values()] == [("operator", "desk-1")]
    assert await journal(store) == [("token_added", {"role": "operator", "name": "desk-1"})]


async def test_a_phone_s_token_needs_the_phone_in_the_register(tgd: Run) -> None:
    words = ("token", "add", "--role", "phone", "--name", "tgd-86-01")
    assert "no device tgd-86-01" in (await tgd(*words)).refusal
    await tgd("seed")
    assert (await tgd(*words)).code == 0


async def test_a_token_of_no_role_is_refused(tgd: Run) -> None:
    done = await tgd("token", "add", "--role", "king", "--name", "a")
    assert "role: must be one of operator, " in done.refusal
    assert "name: " in (await tgd("token", "add", "--role", "admin", "--name", "a b")).refusal


async def test_an_account_s_password_comes_from_standard_input(tgd: Run, store: Database) -> None:
    done = await tgd("user", "add", "operateur-3", "--role", "operator", given="correct horse\n")
    assert (done.code, done.out) == (0, "")
    assert "account added: operateur-3, role operator" in done.err
    async with store.connection() as connection:
        account = await accounts.account(connection, "operateur-3")
    assert account is not None
    assert account.totp_secret is None
    # RFC 9106, section 4, second recommended option; the tests' own process hashes quickly.
    assert account.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    entry = {"username": "operateur-3", "role": "operator", "totp": False}
    assert await journal(store) == [("account_added", entry)]


async def test_a_second_factor_is_printed_once_and_kept_sealed(tgd: Run, store: Database) -> None:
    words = ("user", "add", "superviseur-2", "--role", "supervisor", "--totp")
    done = await tgd(*words, given="correct horse\n")
    secret = parse_qs(urlsplit(done.out.strip()).query)["secret"][0]
    assert done.out.startswith("otpauth://totp/")
    assert pyotp.TOTP(secret).now()
    async with store.connection() as connection:
        account = await accounts.account(connection, "superviseur-2")
    assert account is not None
    assert account.totp_secret is not None
    opened = Sealer(KEY).open(account.totp_secret, accounts.totp_about("superviseur-2"))
    assert opened.decode() == secret


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (("operateur-3", "--role", "operator"), "", "password: nothing on standard input"),
        (("operateur-3", "--role", "operator"), "short\n", "password: 8 to"),
        (("operateur-3", "--role", "phone"), "correct horse\n", "role: must be one of"),
        (("al ice", "--role", "operator"), "correct horse\n", "username: "),
        (("a", "--role", "prosecutor", "--tribunal", "x"), "correct horse\n", "no such tribunal"),
    ],
)
async def test_an_account_that_cannot_be_is_refused(
    tgd: Run, store: Database, words: tuple[str, ...], given: str, said: str
) -> None:
    assert said in (await tgd("user", "add", *words, given=given)).refusal
    assert await journal(store) == []


async def test_a_name_is_taken_once(tgd: Run) -> None:
    words = ("user", "add", "operateur-3", "--role", "operator")
    assert (await tgd(*words, given="correct horse\n")).code == 0
    assert "there is an account of that name" in (await tgd(*words, given="battery s\n")).refusal


async def test_rooms_are_imported_with_their_tokens_sealed(
    tgd: Run, store: Database, tmp_path: Path
) -> None:
    file = tmp_path / "rooms.toml"
    file.write_text(ROOMS.format(port=9))
    first, again = await tgd("rooms", "import", str(file)), await tgd("rooms", "import", str(file))
    assert first.err.splitlines() == [
        "added: room cic, 2 lines, the default",
        "kept: 0 other rooms",
        'warning: room cic: has no phone: whoever is to call it has no number: write phone = "…"',
    ]
    assert again.err.startswith("replaced: room cic")
    async with store.connection() as connection:
        line = (await rooms.lines(connection))[0]
    assert line.token is not None
    assert Sealer(KEY).open(line.token, "line:cic:0") == b"we-call-with-this"
    assert [kind for kind, _ in await journal(store)] == ["rooms_imported", "rooms_imported"]


async def test_a_rooms_file_with_an_error_changes_nothing(
    tgd: Run, store: Database, tmp_path: Path
) -> None:
    file = tmp_path / "rooms.toml"
    file.write_text(ROOMS.format(port=9) + '[[room]]\nid = "b"\nnam = "B"\n')
    refusal = (await tgd("rooms", "import", str(file))).refusal
    assert refusal.startswith('room b: name is missing: write name = "…", a text of at most')
    assert "cannot read" in (await tgd("rooms", "import", str(tmp_path / "none"))).refusal
    file.write_bytes(b"# \xc3\xa9\n\xff")
    assert "not UTF-8 in line 2: save" in (await tgd("rooms", "import", str(file))).refusal
    async with store.connection() as connection:
        assert await rooms.told(connection) == []
    assert await journal(store) == []


async def test_the_journal_names_the_time_and_who_did_it(tgd: Run, store: Database) -> None:
    await tgd("seed")
    async with store.connection() as connection:
        row = await connection.fetchrow("SELECT at, actor, alert_id FROM journal")
    assert row is not None
    assert row["actor"].startswith("tgd:")
    assert row["alert_id"] is None
    assert row["at"] <= datetime.now(UTC)


async def test_what_cannot_be_is_said_before_a_password_is_asked_for(
    tgd: Run, store: Database
) -> None:
    wrong = await tgd("user", "add", "op-9", "--role", "king")  # with nothing to read it from
    assert wrong.code == 1
    assert wrong.refusal.startswith("role: ")
    assert "password" not in wrong.refusal
    nobody = await tgd("rooms", "exercise", "cic99")
    assert (nobody.code, nobody.refusal) == (1, "no such room: cic99")


async def test_an_account_is_looked_after_from_the_command_line(tgd: Run, store: Database) -> None:
    assert (
        await tgd("user", "add", "op-9", "--role", "operator", given="correct horse\n")
    ).code == 0
    assert "asks for no second factor" in (await tgd("user", "recovery", "op-9")).refusal
    done = await tgd("user", "password", "op-9", given="battery staple\n")
    assert "new password for op-9; sessions ended: 0" in done.err
    assert "waits lifted: 0" in (await tgd("user", "unlock", "op-9")).err
    unknown = await tgd("user", "unlock", "nobody")
    assert (unknown.code, unknown.refusal) == (1, "no such account: nobody")
    assert "username: or --address must be given" in (await tgd("user", "unlock")).refusal
    assert "sessions of op-9: 0" in (await tgd("user", "sessions", "op-9")).err
    assert "sessions ended: 0" in (await tgd("user", "sessions", "op-9", "--end")).err
    assert "account ended: op-9" in (await tgd("user", "disable", "op-9")).err
    assert (await tgd("user", "disable", "nobody")).code == 1
    kinds = [kind for kind, _ in await journal(store)]
    assert kinds[1:] == ["password_changed", "lockout_lifted", "sessions_ended", "account_disabled"]


async def test_recovery_codes_are_printed_once(tgd: Run, store: Database) -> None:
    words = ("user", "add", "superviseur-3", "--role", "supervisor", "--totp")
    assert (await tgd(*words, given="correct horse\n")).code == 0
    done = await tgd("user", "recovery", "superviseur-3")
    codes = done.out.split()
    assert len(codes) == 10
    async with store.connection() as connection:
        kept = await connection.fetch("SELECT hash FROM recovery_code")
    assert {row["hash"] for row in kept} == {logins.recovery(code) for code in codes}


async def test_a_member_of_an_association_is_cleared_from_the_command_line(
    tgd: Run, store: Database
) -> None:
    assert (await tgd("seed")).code == 0
    given = "correct horse\n"
    assert (await tgd("user", "add", "asso-1", "--role", "association", given=given)).code == 0
    assert (
        "ends_at: must be"
        in (await tgd("associations", "agree", "Association 1", "--until", "2020-01-01")).refusal
    )
    done = await tgd("associations", "agree", "Association 1", "--until", "2090-01-01")
    convention = done.out.strip()
    assert (
        "no account of an association"
        in (await tgd("associations", "clear", convention, "nobody")).refusal
    )
    assert "cleared: asso-1" in (await tgd("associations", "clear", convention, "asso-1")).err
    async with store.connection() as connection:
        person = await connection.fetchval("SELECT beneficiary_id FROM assignment LIMIT 1")
        clearance = str(await connection.fetchval("SELECT id FROM clearance"))
    entrust = ("associations", "entrust", clearance, str(person))
    assert (await tgd(*entrust)).err.strip() == "follows"
    assert "asso-1  follows 1" in (await tgd("associations", "list")).out
    assert (await tgd(*entrust, "--ended")).err.strip() == "follows no longer"
    assert "asso-1  follows 0" in (await tgd("associations", "list")).out
    assert "clearance ended" in (await tgd("associations", "end-clearance", clearance)).err
    assert "convention ended" in (await tgd("associations", "end", convention)).err
    assert (await tgd("associations", "end", "no-id")).code == 1
