"""Accounts and tokens over their life, as an administrator at a terminal meets them."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from commands import KEY, NOWHERE, Done, Run, command, environment, on

from tgd.cli.second_factor import STEP_S
from tgd.clock import Clock
from tgd.seal import Sealer
from tgd.store import accounts, logins, vouching
from tgd.store.db import Database

NAME = "superviseur-3"
PASSWORD = "correct horse\n"


@pytest.fixture
def tgd(database: str) -> Run:
    return on(database)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    opened = Database(database, size=2)
    await opened.open()
    yield opened
    await opened.close()


COMMANDS = [
    *(("token", act) for act in ("add", "list", "end")),
    *(("user", act) for act in ("add", "list", "totp", "recovery", "password", "unlock")),
    *(("user", act) for act in ("sessions", "disable", "enable")),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
async def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    done = await command(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"Usage: tgd {' '.join(words)}" in done.out


async def journal(store: Database) -> list[tuple[str, dict]]:
    async with store.connection() as connection:
        rows = await connection.fetch("SELECT kind, details FROM journal ORDER BY no")
    return [(row["kind"], row["details"]) for row in rows]


async def enrol(database: str, typed: str | None = None) -> tuple[str, Done]:
    """Give the account a second factor; the authenticator answers, or somebody types something."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgd", "user", "totp", NAME),
        env=environment(TGD_DATABASE_URL=database, TGD_SECRET_KEY=KEY, TGD_MQTT_URL=NOWHERE),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(120):
        uri = (await process.stdout.readline()).decode().strip()
        secret = parse_qs(urlsplit(uri).query)["secret"][0]
        said = pyotp.TOTP(secret).now() if typed is None else typed
        out, err = await process.communicate(f"{said}\n".encode())
    return secret, Done(process.returncode or 0, out.decode(), err.decode())


async def test_a_second_factor_counts_once_it_was_proved(
    tgd: Run, store: Database, database: str
) -> None:
    assert (await tgd("user", "add", NAME, "--role", "supervisor", given=PASSWORD)).code == 0
    _, done = await enrol(database, "000000 not it")
    assert done.code == 1
    assert "code: not the authenticator's: nothing has changed" in done.err
    async with store.connection() as connection:
        account = await accounts.account(connection, NAME)
        assert account is not None
        assert account.totp_secret is None
    before = Clock().now().timestamp() // STEP_S
    secret, done = await enrol(database)
    after = Clock().now().timestamp() // STEP_S
    assert done.code == 0, done.err
    assert "█" in done.err, "the code to photograph"
    assert secret not in done.err
    async with store.connection() as connection:
        account = await accounts.account(connection, NAME)
        assert account is not None
        assert account.totp_secret is not None
        opened = Sealer(KEY).open(account.totp_secret, accounts.totp_about(NAME)).decode()
        assert opened == secret
        spent = await connection.fetchval("SELECT totp_step FROM account WHERE username = $1", NAME)
        assert before <= spent <= after, "what was typed at the terminal serves no login"
    assert (await journal(store))[-1] == (
        "second_factor_given",
        {"username": NAME, "replaced": False},
    )


async def test_another_second_factor_voids_the_codes_of_the_former(
    tgd: Run, store: Database, database: str
) -> None:
    await tgd("user", "add", NAME, "--role", "supervisor", "--totp", given=PASSWORD)
    assert len((await tgd("user", "recovery", NAME)).out.split()) == logins.CODES
    assert "password and code (10 recovery codes)" in (await tgd("user", "list")).out
    _, done = await enrol(database)
    assert done.code == 0
    assert re.search(f"{NAME} .* password and code$", (await tgd("user", "list")).out, re.MULTILINE)
    off = await tgd("user", "totp", NAME, "--off")
    assert "the password alone opens it now" in off.err
    kinds = [kind for kind, _ in await journal(store)]
    assert kinds[-2:] == ["second_factor_given", "second_factor_taken"]
    assert (await tgd("user", "totp", "nobody", "--off")).refusal == "no such account"


async def test_an_account_is_locked_and_opened_and_no_session_comes_back(
    tgd: Run, store: Database
) -> None:
    await tgd("user", "add", NAME, "--role", "supervisor", given=PASSWORD)
    now = datetime.now(UTC)
    async with store.connection() as connection:
        account = await accounts.account(connection, NAME)
        assert account is not None
        await accounts.open_session(
            connection,
            b"x" * 32,
            account,
            csrf="c",
            now=now,
            expires_at=now + timedelta(days=9999),
        )
    assert (await tgd("user", "disable", NAME)).code == 0
    assert re.search(f"{NAME} .* ended 20", (await tgd("user", "list")).out)
    assert "account stands again" in (await tgd("user", "enable", NAME)).err
    assert (await tgd("user", "enable", NAME)).refusal == "no such account that has ended"
    async with store.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM web_session") == 0
    kinds = [kind for kind, _ in await journal(store)]
    assert kinds == ["account_added", "account_disabled", "account_enabled"]


async def test_an_account_of_an_agency_has_nothing_to_set_here(tgd: Run, store: Database) -> None:
    who = vouching.Vouched("https://login.example", "8f1c", "operator", None, "first", None)
    async with store.transaction() as transaction:
        assert await vouching.account(transaction, who, "agent-1", datetime.now(UTC))
    assert "operator                     by its agency" in (await tgd("user", "list")).out
    for words in (("password", "agent-1"), ("totp", "agent-1"), ("recovery", "agent-1")):
        done = await tgd("user", *words, given="battery staple\n")
        assert "an agency vouches for this account" in done.refusal
    assert (await tgd("user", "disable", "agent-1")).code == 0


async def test_tokens_are_listed_by_a_mark_and_ended_by_it(tgd: Run, store: Database) -> None:
    words = ("--role", "operator", "--name", "desk-1")
    made = [(await tgd("token", "add", *words)).out.strip() for _ in range(2)]
    listed = (await tgd("token", "list")).out
    marks = [line.split()[0] for line in listed.splitlines()]
    assert set(marks) == {accounts.digest(token).hex()[:8] for token in made}
    assert not any(token[4:12] in listed for token in made)
    done = await tgd("token", "end", *words, "--id", marks[0])
    assert "1 of that name stand" in done.err
    assert (await tgd("token", "end", *words, "--id", marks[0])).refusal == "no such token"
    assert (await tgd("token", "end", *words, "--id", "%")).refusal == "no such token"
    async with store.connection() as connection:
        standing = await accounts.tokens(connection, [accounts.digest(token) for token in made])
    assert [key.hex()[:8] for key in standing] == [marks[1]]
    assert (await tgd("token", "end", *words)).code == 0
    assert (await tgd("token", "list")).out == ""
    assert len((await tgd("token", "list", "--ended")).out.splitlines()) == 2
    ended = [said for kind, said in await journal(store) if kind == "token_ended"]
    assert ended == [{"role": "operator", "name": "desk-1", "left": left} for left in (1, 0)]


async def test_a_phone_that_is_out_keeps_a_token(tgd: Run, store: Database) -> None:
    await tgd("seed")
    words = ("--role", "phone", "--name", "tgd-86-01")
    former = accounts.digest((await tgd("token", "add", *words)).out.strip()).hex()[:8]
    assert (
        "still_out: tgd-86-01 is not attested as returned"
        in (await tgd("token", "end", *words)).refusal
    )
    await tgd("token", "add", *words)
    assert (await tgd("token", "end", *words, "--id", former)).code == 0
    async with store.connection() as connection:
        returned = "UPDATE assignment SET ended_at = now(), returned_at = now()"
        await connection.execute(f"{returned} WHERE device_id = 'tgd-86-01'")
        await connection.execute("UPDATE token SET revoked_at = NULL")
    assert (await tgd("token", "end", *words)).code == 0
