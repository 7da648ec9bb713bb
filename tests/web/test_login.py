"""Brute force: tries are bounded, nothing is given away, codes serve once, nobody is shut out."""

import asyncio
from collections import Counter

import argon2
import pyotp
import pytest
from multidict import CIMultiDict
from web.served import NOW, SECRET, Api

from tgd.errors import NotFound, Refused
from tgd.seal import Sealer
from tgd.store import accounts, guessing, logins
from tgd.web import login
from tgd.web.delays import ACCOUNT, ADDRESS, FORGET_AFTER, WAIT_MAX_S

PASSWORD, WRONG = "un mot de passe", "un autre, faux"
NAME, OTHER = "operateur-1", "operateur-2"


class Visitor:
    """Somebody at an address, with no cookie but those told to keep."""

    def __init__(self, api: Api, address: str = "192.0.2.1") -> None:
        self.api, self.address = api, address
        self.cookies: dict[str, str] = {}

    async def log_in(self, username: str = NAME, password: str = PASSWORD, **body):
        headers = {"X-Forwarded-For": f"203.0.113.9, {self.address}"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        said = {"username": username, "password": password, **body}
        self.api.http.cookie_jar.clear()
        async with self.api.http.post("/api/v1/session", json=said, headers=headers) as response:
            self.set = {name: one.value for name, one in response.cookies.items()}
            self.headers = response.headers
            answered = response.status, await response.json(content_type=None)
        self.api.http.cookie_jar.clear()  # each visitor has its own
        return answered

    def keeps_its_cookies(self) -> None:
        self.cookies |= self.set


@pytest.fixture
async def known(api: Api) -> Api:
    await api.account(NAME, PASSWORD)
    await api.account(OTHER, PASSWORD)
    return api


async def second_factor(api: Api, username: str = NAME) -> pyotp.TOTP:
    secret = pyotp.random_base32()
    sealed = Sealer(SECRET).seal(secret.encode(), accounts.totp_about(username))
    async with api.database.connection() as connection:
        await accounts.set_totp(connection, username, sealed)
    return pyotp.TOTP(secret)


async def recovery_codes(api: Api, username: str = NAME) -> list[str]:
    async with api.database.transaction() as transaction:
        return await logins.new_codes(transaction, username, api.clock.now())


# ── Nothing is given away ───────────────────────────────────────────────────────────────


async def test_whatever_is_wrong_the_answer_and_the_work_are_the_same(
    known: Api, monkeypatch: pytest.MonkeyPatch
):
    """Counted: password hashes computed, and statements sent to the database."""
    totp = await second_factor(known)
    await known.account("operateur-3", PASSWORD)
    async with known.database.connection() as connection:
        await accounts.disable(connection, "operateur-3", NOW)
    work: Counter[str] = Counter()
    verify, spend, held = argon2.PasswordHasher.verify, logins.spend, logins.held

    def verified(*values):
        work["hash"] += 1
        return verify(*values)

    async def spent(*values):
        work["spend"] += 1
        return await spend(*values)

    async def holding(*values):
        work["held"] += len(values[1])
        return await held(*values)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verified)
    monkeypatch.setattr(logins, "spend", spent)
    monkeypatch.setattr(logins, "held", holding)
    tried = {
        "unknown": {"username": "nobody"},
        "ended": {"username": "operateur-3"},
        "password": {"password": WRONG},
        "no code": {},
        "code": {"totp": "000000" if totp.at(NOW) != "000000" else "000001"},
        "recovery": {"totp": "aaaaa-aaaaa-aaaaa-aaaaa"},
        "both": {"password": WRONG, "totp": totp.at(NOW)},
    }
    answers, works = set(), set()
    for address, (name, how) in enumerate(tried.items()):
        if name == "recovery":  # five have failed by then
            known.clock.set_on(60)
        visitor = Visitor(known, f"192.0.2.{address}")
        status, problem = await visitor.log_in(**how)
        answers.add((status, repr(problem), repr(sorted(visitor.set))))
        works.add(tuple(sorted(work.items())))
        work.clear()
    assert len(answers) == 1, answers
    assert works == {(("hash", 1), ("held", 3), ("spend", 1))}


async def test_a_name_that_no_account_has_is_made_to_wait_like_one_that_has(known: Api):
    stories = []
    for username in (NAME, "nobody"):
        told = []
        for attempt in range(12):
            visitor = Visitor(known, f"192.0.2.{attempt}")
            status, problem = await visitor.log_in(username, WRONG)
            told.append((status, problem["code"], visitor.headers.get("Retry-After")))
            known.clock.set_on(1)
        stories.append(told)
    assert stories[0] == stories[1]
    assert (429, "too_many_failures", "2") in stories[0]


async def test_what_was_typed_is_kept_nowhere(known: Api):
    visitor = Visitor(known, "198.51.100.77")
    await visitor.log_in("typed-in-the-wrong-field", WRONG)
    rows = repr(await known.rows("SELECT d, j FROM login_delay d LEFT JOIN journal j ON true"))
    assert "typed" not in rows
    assert "198.51" not in rows


# ── Tries are bounded ───────────────────────────────────────────────────────────────────


async def test_a_day_of_guessing_gets_a_bounded_number_of_tries(known: Api):
    """From ever new addresses, at every moment at which a try is let through."""
    tries, until = 0, NOW + FORGET_AFTER
    while known.clock.now() < until:
        visitor = Visitor(known, f"2001:db8:{tries:x}::1")
        status, _ = await visitor.log_in("nobody", WRONG)
        if status == 401:
            tries += 1
            if tries > 20:  # the rest is arithmetic: every wait is the longest by now
                tries += int((until - known.clock.now()).total_seconds() / WAIT_MAX_S)
                break
        else:
            known.clock.set_on(int(visitor.headers["Retry-After"]))
    assert ACCOUNT.wait_s(20) == WAIT_MAX_S
    assert 200 < tries < 320


async def test_many_names_from_one_address_are_bounded(known: Api):
    visitor = Visitor(known, "2001:db8:5::1")
    for n in range(ADDRESS.free):
        visitor.address = f"2001:db8:5::{n:x}"  # one customer's network
        assert (await visitor.log_in(f"nobody-{n}", WRONG))[0] == 401
    assert (await visitor.log_in("nobody-x", WRONG))[0] == 429
    assert (await visitor.log_in())[0] == 429
    assert (await Visitor(known, "2001:db8:6::1").log_in())[0] == 200


async def test_attempts_at_the_same_moment_are_counted_one_by_one(known: Api):
    every = await asyncio.gather(
        *(Visitor(known, f"192.0.2.{n}").log_in(NAME, WRONG) for n in range(20))
    )
    assert Counter(status for status, _ in every) == {401: ACCOUNT.free, 429: 20 - ACCOUNT.free}


async def test_codes_of_the_second_factor_are_bounded_like_passwords(known: Api):
    await second_factor(known)
    told = [(await Visitor(known).log_in(totp=f"{n:06}"))[0] for n in range(8)]
    assert Counter(told) == {401: ACCOUNT.free, 429: 3}


async def test_a_restart_lets_nobody_off(known: Api):
    for _ in range(ACCOUNT.free):
        await Visitor(known).log_in(NAME, WRONG)
    port = known.server.port
    await known.server.stop()
    await known.serve(port)
    assert (await Visitor(known).log_in())[0] == 429


# ── Nobody is shut out ──────────────────────────────────────────────────────────────────


async def test_a_browser_that_the_account_has_used_does_not_wait_for_others_guessing(known: Api):
    own = Visitor(known, "192.0.2.9")
    assert (await own.log_in())[0] == 200
    own.keeps_its_cookies()
    for n in range(ACCOUNT.free):
        await Visitor(known, f"198.51.100.{n}").log_in(NAME, WRONG)
    assert (await Visitor(known, "192.0.2.10").log_in())[0] == 429
    assert (await own.log_in())[0] == 200
    # It is no way around either: its own failures count, and it is one account's.
    for _ in range(ACCOUNT.free):
        assert (await own.log_in(NAME, WRONG))[0] == 401
    assert (await own.log_in())[0] == 429
    forged = Visitor(known, "192.0.2.11")
    [(name, value)] = [item for item in own.cookies.items() if item[0].startswith("tgd_known")]
    forged.cookies = {name: value[:-1] + ("0" if value[-1] != "0" else "1")}
    assert (await forged.log_in())[0] == 429


async def test_somebody_else_s_introduction_opens_nothing(known: Api):
    other = Visitor(known)
    await other.log_in(OTHER)
    [introduction] = [v for name, v in other.set.items() if name.startswith("tgd_known")]
    for _ in range(ACCOUNT.free):
        await Visitor(known).log_in(NAME, WRONG)
    visitor = Visitor(known)
    visitor.cookies = {
        f"tgd_known_{guessing.Hashes(SECRET).of('cookie', NAME).hex()[:12]}": introduction
    }
    assert (await visitor.log_in())[0] == 429


async def test_a_wait_is_over_by_itself(known: Api):
    for _ in range(ACCOUNT.free):
        await Visitor(known).log_in(NAME, WRONG)
    known.clock.set_on(2)
    assert (await Visitor(known).log_in())[0] == 200
    assert (await Visitor(known).log_in())[0] == 200


@pytest.mark.parametrize("role", ["supervisor", "admin"])
async def test_a_supervisor_lets_an_operator_in_at_three_in_the_morning(known: Api, role: str):
    for _ in range(ACCOUNT.free):
        await Visitor(known).log_in(NAME, WRONG)
    assert (await Visitor(known).log_in())[0] == 429
    body = {"username": NAME}
    assert (await known.call("POST", "lockouts/lift", json=body))[0] == 403
    status, done = await known.call("POST", "lockouts/lift", role=role, name="chief", json=body)
    assert (status, done) == (200, {"lifted": 1})
    assert (await Visitor(known).log_in())[0] == 200
    [entry] = await known.rows("SELECT actor, details FROM journal WHERE kind = 'lockout_lifted'")
    assert (entry["actor"], entry["details"]) == ("chief", {"lifted": 1})


async def test_an_address_is_let_off_as_well(known: Api):
    for n in range(ADDRESS.free):
        await Visitor(known, "192.0.2.3").log_in(f"nobody-{n}", WRONG)
    assert (await Visitor(known, "192.0.2.3").log_in())[0] == 429
    body = {"address": "192.0.2.3"}
    _, done = await known.call("POST", "lockouts/lift", role="admin", name="a", json=body)
    assert done == {"lifted": 1}
    assert (await Visitor(known, "192.0.2.3").log_in())[0] == 200
    status, _ = await known.call("POST", "lockouts/lift", role="admin", name="a", json={})
    assert status == 422


# ── Codes serve once ────────────────────────────────────────────────────────────────────


async def test_the_second_factor_serves_once_also_for_two_at_once(known: Api):
    totp = await second_factor(known)
    code = totp.at(NOW)
    both = await asyncio.gather(*(Visitor(known).log_in(totp=code) for _ in range(2)))
    assert Counter(status for status, _ in both) == {200: 1, 401: 1}
    assert (await Visitor(known).log_in(totp=code))[0] == 401
    known.clock.set_on(30)
    assert (await Visitor(known).log_in(totp=totp.at(NOW)))[0] == 401, "older than the last one"
    assert (await Visitor(known).log_in(totp=totp.at(known.clock.now())))[0] == 200


async def test_a_wrong_password_uses_no_code_up(known: Api):
    totp = await second_factor(known)
    [code, *_] = await recovery_codes(known)
    for spent in (code, totp.at(NOW)):
        assert (await Visitor(known).log_in(NAME, WRONG, totp=spent))[0] == 401
        assert (await Visitor(known).log_in(totp=spent))[0] == 200


async def test_a_recovery_code_opens_once_however_it_is_spaced(known: Api):
    await second_factor(known)
    codes = await recovery_codes(known)
    assert len(set(codes)) == logins.CODES
    assert (await Visitor(known).log_in(totp=codes[0].upper().replace("-", " ")))[0] == 200
    assert (await Visitor(known).log_in(totp=codes[0]))[0] == 401
    assert (await Visitor(known).log_in(OTHER, totp=codes[1]))[0] == 200, "asks for none"
    assert (await Visitor(known).log_in(totp=codes[1]))[0] == 200, "and used none up"
    stored = repr(await known.rows("SELECT * FROM recovery_code"))
    assert not any(code in stored for code in codes)
    await recovery_codes(known)
    assert (await Visitor(known).log_in(totp=codes[2]))[0] == 401


async def test_recovery_codes_are_for_who_has_a_second_factor(known: Api):
    with pytest.raises(Refused, match="no_second_factor"):
        await recovery_codes(known)
    with pytest.raises(NotFound):
        await recovery_codes(known, "nobody")


# ── Sessions ────────────────────────────────────────────────────────────────────────────


async def session(api: Api, username: str = NAME, password: str = PASSWORD) -> dict[str, str]:
    """The headers with which a browser that has just logged in acts."""
    visitor = Visitor(api)
    status, found = await visitor.log_in(username, password)
    assert status == 200, found
    return {"Cookie": f"tgd_session={visitor.set['tgd_session']}", "X-CSRF-Token": found["csrf"]}


async def test_a_session_that_nobody_uses_ends(known: Api):
    used, unused = await session(known), await session(known)
    known.clock.set_on(29 * 60)
    assert (await known.bare("GET", "session", headers=used))[0] == 200
    known.clock.set_on(2 * 60)
    assert (await known.bare("GET", "session", headers=used))[0] == 200
    assert (await known.bare("GET", "session", headers=unused))[0] == 401


async def test_one_sees_and_ends_one_s_own_sessions_and_no_others(known: Api):
    one, two, other = await session(known), await session(known), await session(known, OTHER)
    _, found = await known.bare("GET", "sessions", headers=one)
    assert [item["username"] for item in found["items"]] == [NAME, NAME]
    [away] = [item["id"] for item in found["items"] if not item["current"]]
    assert (await known.bare("DELETE", f"sessions/{away}", headers=other))[0] == 404
    assert (await known.bare("DELETE", "sessions/no-id", headers=one))[0] == 404
    assert (await known.bare("DELETE", f"sessions/{away}", headers=one))[0] == 204
    assert (await known.bare("GET", "session", headers=two))[0] == 401
    assert (await known.bare("GET", "session", headers=one))[0] == 200


async def test_an_administrator_ends_anybody_s_and_it_is_on_the_record(known: Api):
    one = await session(known)
    _, found = await known.call("GET", "sessions", role="admin", name="admin-1")
    [item] = found["items"]
    path = f"sessions/{item['id']}"
    assert (await known.call("DELETE", path, role="admin", name="admin-1"))[0] == 204
    assert (await known.bare("GET", "session", headers=one))[0] == 401
    [entry] = await known.rows("SELECT actor, details FROM journal WHERE kind = 'session_ended'")
    assert (entry["actor"], entry["details"]) == ("admin-1", {"username": NAME})


async def test_a_new_password_ends_the_other_sessions(known: Api):
    one, two = await session(known), await session(known)
    path, new = "session/password", "un tout autre mot"
    for body, expected in (
        ({"password": WRONG, "new": new}, 403),
        ({"password": PASSWORD, "new": "court"}, 422),
        ({"password": PASSWORD, "new": PASSWORD}, 422),
    ):
        assert (await known.bare("POST", path, headers=one, json=body))[0] == expected
    assert (await known.bare("GET", "session", headers=two))[0] == 200
    body = {"password": PASSWORD, "new": new}
    assert (await known.bare("POST", path, headers=one, json=body)) == (200, {"sessions_ended": 1})
    assert (await known.bare("GET", "session", headers=one))[0] == 200
    assert (await known.bare("GET", "session", headers=two))[0] == 401
    assert (await Visitor(known).log_in())[0] == 401
    assert (await Visitor(known).log_in(NAME, new))[0] == 200
    assert (await known.call("POST", path, json=body))[0] == 403, "a program has none"


async def test_the_present_password_is_not_guessed_from_a_session_either(known: Api):
    one = await session(known)
    body = {"password": WRONG, "new": "un tout autre mot"}
    told = [
        (await known.bare("POST", "session/password", headers=one, json=body))[0] for _ in range(7)
    ]
    assert Counter(told) == {403: ACCOUNT.free, 429: 2}


def test_what_is_one_source():
    made = guessing.Hashes(SECRET)
    assert made.account("Operateur-1") == made.account("operateur-1")
    assert made.address("2001:db8::1") == made.address("2001:db8::2")
    assert made.address("2001:db8::1") != made.address("2001:db8:0:1::1")
    assert made.address("::ffff:192.0.2.1") == made.address("192.0.2.1")


@pytest.mark.parametrize("ends", ["password", "account"])
async def test_a_password_that_was_changed_while_it_was_checked_opens_nothing(
    known: Api, monkeypatch: pytest.MonkeyPatch, ends: str
):
    """A new password ends every session: also the one that its thief is just about to open."""
    checked, changed = asyncio.Event(), asyncio.Event()
    right = login.Checks.right

    async def slowly(*values) -> bool:
        found = await right(*values)
        checked.set()
        await changed.wait()
        return found

    monkeypatch.setattr(login.Checks, "right", slowly)
    visitor = Visitor(known)
    coming = asyncio.create_task(visitor.log_in())
    await checked.wait()
    async with known.database.transaction() as transaction:
        if ends == "password":
            await logins.set_password(transaction, NAME, "un tout nouveau")
        else:
            await accounts.disable(transaction, NAME, known.clock.now())
            await accounts.enable(transaction, NAME)
            await accounts.disable(transaction, NAME, known.clock.now())
    changed.set()
    status, problem = await coming
    assert (status, problem["code"], visitor.set) == (401, "wrong_login", {})
    assert await known.rows("SELECT * FROM web_session") == []


async def test_a_proxy_s_own_line_says_whence_a_try_comes(known: Api):
    """Some add a line of their own; the one before it is what the sender says of himself."""
    said = {"username": "nobody", "password": WRONG}
    told: Counter[int] = Counter()
    for n in range(ADDRESS.free + 3):
        headers = CIMultiDict(
            [("X-Forwarded-For", f"198.51.100.{n}"), ("X-Forwarded-For", "192.0.2.77")]
        )
        body = said | {"username": f"nobody-{n}"}
        async with known.http.post("/api/v1/session", json=body, headers=headers) as answered:
            told[answered.status] += 1
    assert told == {401: ADDRESS.free, 429: 3}
