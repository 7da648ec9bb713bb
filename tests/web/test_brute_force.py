"""Guessing as a whole: every way in is bounded, and none tells what it has found.

What is counted and slowed down per account and per address is in ``test_login``; an agency's
answers are in ``test_oidc``.
"""

from collections import Counter

import argon2
import pytest
from web.served import NOW, SECRET, Api
from web.test_login import NAME, OTHER, PASSWORD, WRONG, Visitor, recovery_codes, second_factor

from tgd.store import accounts, guessing, logins, vouching
from tgd.web.delays import ACCOUNT, EVERYBODY, FORGET_AFTER

VOUCHED, ENDED = "agent-1", "operateur-3"


@pytest.fixture
async def known(api: Api) -> Api:
    for name in (NAME, OTHER, ENDED):
        await api.account(name, PASSWORD)
    who = vouching.Vouched("https://login.example", "8f1c", "operator", None, "first", None)
    async with api.database.transaction() as transaction:
        await accounts.disable(transaction, ENDED, NOW)
        assert await vouching.account(transaction, who, VOUCHED, NOW)
    return api


async def everybody_has_failed(api: Api, failures: int) -> None:
    who = guessing.Hashes(SECRET).of("everybody", "")
    async with api.database.transaction() as transaction:
        await logins.held(transaction, [who], api.clock.now())
        await logins.count(transaction, who, failures, api.clock.now())


# ── Bounded ─────────────────────────────────────────────────────────────────────────────


async def test_many_who_guess_from_everywhere_get_one_try_a_second_between_them(known: Api):
    own = Visitor(known, "192.0.2.200")
    assert (await own.log_in())[0] == 200
    own.keeps_its_cookies()
    await everybody_has_failed(known, EVERYBODY.free - 1)
    told = []
    for n in range(6):  # each from an address of its own, at a name of its own
        visitor = Visitor(known, f"2001:db8:{n:x}::1")
        told.append((await visitor.log_in(f"nobody-{n}", WRONG))[0])
    assert Counter(told) == {401: 1, 429: 5}
    assert (await own.log_in())[0] == 200, "a browser that is known waits for nobody"
    for n in range(3):
        known.clock.set_on(1)
        pair = [
            (await Visitor(known, f"2001:db8:f{n}:{m}::1").log_in(f"nobody-{n}{m}", WRONG))[0]
            for m in range(2)
        ]
        assert pair == [401, 429]
    a_day = EVERYBODY.free + FORGET_AFTER.total_seconds() / EVERYBODY.most_s
    assert a_day < 10**5, "tries of all in a day; a password has 8 characters at least"


async def test_recovery_codes_are_bounded_like_passwords(known: Api):
    await second_factor(known)
    codes = await recovery_codes(known)
    told = [
        (await Visitor(known).log_in(totp=f"aaaaa-aaaaa-aaaaa-aaaa{n}"))[0] for n in range(2, 10)
    ]
    assert Counter(told) == {401: ACCOUNT.free, 429: 3}
    assert (await Visitor(known).log_in(totp=codes[0]))[0] == 429
    known.clock.set_on(60)
    assert (await Visitor(known).log_in(totp=codes[0]))[0] == 200, "and none was used up"


async def test_what_is_right_pays_for_nothing(known: Api):
    """Or somebody who has an account could win back tries at others' by logging in."""
    await everybody_has_failed(known, 100)
    visitor = Visitor(known, "192.0.2.44")
    for n in range(4):
        await visitor.log_in(f"nobody-{n}", WRONG)
    assert (await visitor.log_in())[0] == 200
    hashes = guessing.Hashes(SECRET)
    found = {
        row["who"]: row["failures"]
        for row in await known.rows("SELECT who, failures FROM login_delay")
    }
    assert found[hashes.of("everybody", "")] == 104
    assert found[hashes.address("192.0.2.44")] == 4
    assert hashes.account(NAME) not in found


# ── Silent ──────────────────────────────────────────────────────────────────────────────

TRIES = {
    "an account": {},
    "no account": {"username": "nobody"},
    "an ended one": {"username": ENDED},
    "an agency's": {"username": VOUCHED},
    "a code as well": {"totp": "000000"},
    "no name at all": {"username": "x" * 256},
}


async def test_status_body_headers_and_cookies_are_the_same_for_everybody(known: Api):
    told, last = set(), None
    for n, how in enumerate(TRIES.values()):
        visitor = Visitor(known, f"192.0.2.{n}")
        answered = await visitor.log_in(**({"password": WRONG} | how))
        headers = {name: said for name, said in visitor.headers.items() if name != "Date"}
        told.add(repr((answered, sorted(headers.items()), visitor.set)))
        last = answered
    assert len(told) == 1, told
    assert last is not None
    assert (last[0], last[1]["code"]) == (401, "wrong_login")


async def test_the_same_hashing_is_carried_out_for_everybody(
    known: Api, monkeypatch: pytest.MonkeyPatch
):
    done: list[tuple[str, int]] = []
    verify = argon2.PasswordHasher.verify

    def verified(self, hashed: str, password: str) -> bool:
        done.append((repr(argon2.extract_parameters(hashed)), len(hashed)))
        return verify(self, hashed, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verified)
    for n, how in enumerate(TRIES.values()):
        await Visitor(known, f"192.0.2.{n}").log_in(**({"password": WRONG} | how))
    assert len(done) == len(TRIES), "one hash for each"
    assert len(set(done)) == 1, "of one kind and cost"


@pytest.mark.parametrize("path", ["alerts", "devices", "presses"])
async def test_a_token_that_is_none_is_answered_as_one_that_was_ended(known: Api, path: str):
    ended = await known.token("operator", "desk-9")
    async with known.database.connection() as connection:
        await accounts.revoke_tokens(connection, role="operator", name="desk-9", now=NOW)
    told = set()
    for presented in (ended, "tgd_" + "A" * 43, "x", ended[:-1], "tgd_" + "é" * 4):
        method = "POST" if path == "presses" else "GET"
        headers = {"Authorization": f"Bearer {presented}"}
        async with known.http.request(method, f"/api/v1/{path}", headers=headers) as answered:
            kept = {name: said for name, said in answered.headers.items() if name != "Date"}
            told.add((answered.status, repr(sorted(kept.items())), await answered.text()))
    assert len(told) == 1, told
    assert next(iter(told))[0] == 401


async def test_a_token_is_not_to_be_guessed(known: Api):
    token = await known.token()
    assert len(token.removeprefix("tgd_")) == 43, "256 random bits, of 6 in each letter"
    stored = await known.rows("SELECT id FROM token")
    assert [row["id"] for row in stored] == [accounts.digest(token)]


async def test_a_session_that_is_none_is_answered_as_one_that_was_ended(known: Api):
    visitor = Visitor(known)
    await visitor.log_in()
    cookie = visitor.set["tgd_session"]
    async with known.database.connection() as connection:
        await logins.end_others(connection, NAME)
    told = set()
    for presented in (cookie, "A" * 43, "x"):
        headers = {"Cookie": f"tgd_session={presented}"}
        async with known.http.get("/api/v1/session", headers=headers) as answered:
            kept = {name: said for name, said in answered.headers.items() if name != "Date"}
            told.add((answered.status, repr(sorted(kept.items())), await answered.text()))
        known.http.cookie_jar.clear()
    assert len(told) == 1, told
