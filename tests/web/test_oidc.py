"""Logging in by an agency: against a real issuer of our own, honest and hostile."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from issuing import CLIENT, SECRET, Issuer, issuing, path_of
from joserfc import jwt
from web.served import Api

from tgd.cli.doctor_agencies import examine_agencies
from tgd.errors import TgdError
from tgd.web import agencies
from tgd.web.delays import ADDRESS

START = "/api/v1/oidc/ministere/start"
REFUSED = "/console?refused=agency_refused"
AGENCY = """
public_url = "{base}"

[[agency]]
id = "ministere"
name = "Ministère <1>"
issuer = "{issuer}"
client_id = "{client}"
client_secret_file = "{secret}"
{more}

[[agency.grant]]
claim = "groups"
has = "tgd-superviseurs"
role = "supervisor"

[[agency.grant]]
claim = "groups"
has = "tgd-operateurs"
role = "operator"
group = "second"
site = "Poitiers"

[[agency.grant]]
claim = "realm.roles"
has = "parquet"
role = "prosecutor"
tribunal = "poitiers"
"""


@dataclass
class World:
    """The server, the agency, and a browser between them."""

    api: Api
    issuer: Issuer
    folder: Path
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = "192.0.2.1"

    async def configure(self, more: str = "") -> None:
        (self.folder / "secret").write_text(SECRET + "\n")
        file = self.folder / "agencies.toml"
        file.write_text(
            AGENCY.format(
                base=self.api.base,
                issuer=self.issuer.url,
                client=CLIENT,
                secret=self.folder / "secret",
                more=more,
            )
        )
        config = replace(self.api.config, oidc=file)
        self.api._context = replace(self.api._context, config=config)
        port = self.api.server.port
        await self.api.server.stop()
        await self.api.serve(port)

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        """One step of the browser, which does not follow."""
        headers["X-Forwarded-For"] = self.address
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.api.http.cookie_jar.clear()
        async with self.api.http.get(path, headers=headers, allow_redirects=False) as answered:
            await answered.read()
        self.api.http.cookie_jar.clear()
        for name, one in answered.cookies.items():
            if one["max-age"] == "0" or not one.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = one.value
        return answered

    async def begin(self, page: str = "/console") -> str:
        """Go to the agency and log in there; where it sends the browser back to."""
        answered = await self.get(f"{START}?next={page}")
        assert answered.status == 303
        async with (
            aiohttp.ClientSession() as away,
            away.get(answered.headers["Location"], allow_redirects=False) as there,
        ):
            assert there.status == 303
            return path_of(there.headers["Location"])

    async def log_in(self, page: str = "/console") -> str:
        """The whole way; the page on which the browser ends."""
        answered = await self.get(await self.begin(page))
        assert answered.status == 303
        return answered.headers["Location"]

    async def who(self) -> dict:
        answered = {"Cookie": f"tgd_session={self.cookies['tgd_session']}"}
        status, found = await self.api.bare("GET", "session", headers=answered)
        return found if status == 200 else {}

    async def refused(self) -> bool:
        return await self.log_in() == REFUSED and "tgd_session" not in self.cookies


@pytest.fixture
async def world(api: Api, tmp_path: Path) -> AsyncIterator[World]:
    async with issuing(api.clock) as issuer:
        made = World(api, issuer, tmp_path)
        await made.configure()
        yield made


# ── In ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "PS256"])
async def test_whom_the_table_lets_in_comes_in_as_it_says(world: World, algorithm: str):
    world.issuer.turn(algorithm)
    assert await world.log_in("/console/statistics") == "/console/statistics"
    found = await world.who()
    assert (found["username"], found["role"]) == ("agent-1", "operator")
    [row] = await world.api.rows("SELECT ring_group, site, subject FROM account")
    assert tuple(row) == ("second", "Poitiers", "8f1c")
    assert "tgd_agency" not in world.cookies
    [entry] = await world.api.rows(
        "SELECT actor, details FROM journal WHERE kind = 'account_added'"
    )
    assert entry["actor"] == "agency:ministere"
    assert entry["details"] == {"username": "agent-1", "role": "operator"}


async def test_the_agency_says_anew_at_each_login_what_somebody_is(world: World):
    await world.log_in()
    world.issuer.person |= {"groups": ["tgd-superviseurs"], "preferred_username": "agent-renamed"}
    await world.log_in()
    found = await world.who()
    assert (found["username"], found["role"]) == ("agent-1", "supervisor")
    world.issuer.person |= {"groups": [], "realm": {"roles": ["parquet"]}}
    await world.log_in()
    [row] = await world.api.rows("SELECT role, tribunal_id FROM account")
    assert tuple(row) == ("prosecutor", "poitiers")


async def test_whoever_is_granted_nothing_any_more_loses_their_sessions(world: World):
    await world.log_in()
    before = dict(world.cookies)
    world.issuer.person["groups"] = ["autres"]
    other = World(world.api, world.issuer, world.folder)
    assert await other.refused()
    world.cookies = before
    assert await world.who() == {}


async def test_a_session_is_as_any_other_and_its_end_ends_the_agency_s(world: World):
    await world.log_in()
    found = await world.who()
    kept = ("tgd_session", "tgd_hint")
    session = {"Cookie": "; ".join(f"{name}={world.cookies[name]}" for name in kept)}
    assert (await world.api.bare("DELETE", "session", headers=session))[0] == 403, "no CSRF token"
    session["X-CSRF-Token"] = found["csrf"]
    status, ended = await world.api.bare("DELETE", "session", headers=session)
    assert status == 200
    assert ended["logout"].startswith(f"{world.issuer.url}/end?client_id={CLIENT}&")
    asked = parse_qs(urlsplit(ended["logout"]).query)
    hint = jwt.decode(asked["id_token_hint"][0], world.issuer.key)
    assert hint.claims["sub"] == "8f1c"
    assert asked["post_logout_redirect_uri"] == [f"{world.api.base}/console"]
    assert await world.who() == {}


async def test_the_session_that_the_browser_had_ends(world: World):
    await world.log_in()
    before = world.cookies["tgd_session"]
    back = await world.begin()
    del world.cookies["tgd_session"]  # SameSite=Strict: not sent with an answer from elsewhere
    assert (await world.get(back)).headers["Location"] == "/console"
    assert (await world.who())["username"] == "agent-1"
    world.cookies["tgd_session"] = before
    assert await world.who() == {}


async def test_a_password_opens_no_agency_s_account(world: World):
    await world.log_in()
    for password in ("", "x", "agent-1"):
        body = {"username": "agent-1", "password": password}
        status, _ = await world.api.bare("POST", "session", json=body)
        assert status in (401, 422)


async def test_the_button_is_there_only_where_there_is_an_agency(world: World):
    way = '<a class="button agency" href="/api/v1/oidc/ministere/start">Ministère &lt;1&gt;</a>'
    for page in ("/console", "/parquet", "/console/statistics"):
        _, shown = await world.api.bare("GET", page)
        assert way in shown.decode()
        assert 'class="agencies" hidden' not in shown.decode()
    world.api._context = replace(world.api._context, config=world.api.config)
    port = world.api.server.port
    await world.api.server.stop()
    await world.api.serve(port)
    for page in ("/console", "/parquet"):
        _, shown = await world.api.bare("GET", page)
        assert "/oidc/" not in shown.decode()
        assert 'class="agencies" hidden' in shown.decode()
    assert (await world.get(START)).status == 404


# ── What is not believed ────────────────────────────────────────────────────────────────

LIES = {
    "another's nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "for another": {"aud": "another"},
    "for several": {"aud": [CLIENT, "another"]},
    "for another party": {"azp": "another"},
    "expired": {"exp": 1},
    "never ends": {"exp": None},
    "from the future": {"iat": 99999999999},
    "by another issuer": {"iss": "https://another.example"},
    "of nobody": {"sub": None},
    "another's access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_statement_that_is_not_right_opens_nothing(world: World, lie: str):
    def lying(claims: dict) -> dict:
        return {k: v for k, v in (claims | LIES[lie]).items() if v is not None}

    world.issuer.lie = lying
    assert await world.refused()
    assert await world.api.rows("SELECT FROM account") == []


@pytest.mark.parametrize("how", ["unsigned", "with_our_secret", "unknown key"])
async def test_a_signature_that_is_not_the_issuer_s_opens_nothing(world: World, how: str):
    if how == "unknown key":
        world.issuer.turn("RS256", publish=False)
    else:
        world.issuer.signed = getattr(world.issuer, how)
    assert await world.refused()


async def lets_userinfo_decide(world: World) -> None:
    """The ID token says who it is and no more, as ProConnect's does."""
    await world.configure("userinfo = true")
    said = ("groups", "preferred_username")
    world.issuer.told = {name: world.issuer.person.pop(name) for name in said} | {"sub": "8f1c"}


@pytest.mark.parametrize("signed", [False, True])
async def test_what_the_issuer_tells_besides_counts_as_well(world: World, signed: bool):
    await lets_userinfo_decide(world)
    world.issuer.told |= {"amr": ["invented"], "iss": world.issuer.url}
    world.issuer.tells_signed = world.issuer.honestly if signed else None
    assert await world.log_in() == "/console"
    assert (await world.who())["username"] == "agent-1"


@pytest.mark.parametrize(
    "told",
    [
        {"sub": "another"},
        {"sub": None},
        {"iss": "https://another.example"},
        {"groups": ["autres"]},
        {"groups": [], "realm": 7},
    ],
)
async def test_what_is_told_of_another_opens_nothing(world: World, told: dict):
    await lets_userinfo_decide(world)
    world.issuer.told |= told
    world.issuer.tells_signed = world.issuer.honestly
    assert await world.refused()
    world.issuer.tells_signed = world.issuer.unsigned
    assert await world.refused()


async def test_what_the_id_token_says_is_not_overruled(world: World):
    await world.configure('userinfo = true\namr = ["otp"]')
    world.issuer.told = {"sub": "8f1c", "amr": ["otp"], "acr": "mfa"}
    for proof in (["pwd"], None):
        world.issuer.person["amr"] = proof
        assert await world.refused()
    world.issuer.person["amr"] = ["pwd", "otp"]
    assert await world.log_in() == "/console"


async def test_new_keys_are_found_by_the_login_that_shows_them(world: World):
    await world.log_in()
    asked = world.issuer.asked.count("keys")
    world.issuer.turn("ES256")
    assert await world.log_in() == "/console"
    assert world.issuer.asked.count("keys") == asked + 1
    world.cookies.clear()
    await world.log_in()
    assert world.issuer.asked.count("keys") == asked + 1, "kept"
    assert world.issuer.asked.count("configuration") == 1, "kept"


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://another.example"},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"jwks_uri": 7},
    ],
)
async def test_an_issuer_that_is_not_what_was_configured_is_not_gone_to(world: World, metadata):
    world.issuer.metadata = metadata
    answered = await world.get(START)
    assert (answered.status, answered.headers["Location"]) == (303, REFUSED)


async def test_an_issuer_that_is_away_is_said_to_be(world: World):
    world.issuer.status = 503
    for _ in range(3):
        answered = await world.get(START)
        assert answered.headers["Location"] == "/console?refused=agency_away"
    assert world.issuer.asked.count("configuration") == 1, "left in peace a while"
    world.issuer.status = 200
    world.api.clock.set_on(6)
    assert await world.log_in() == "/console"


async def test_an_answer_counts_in_the_browser_that_began_once_and_in_time(world: World):
    back = await world.begin()
    other = World(world.api, world.issuer, world.folder)
    assert (await other.get(back)).headers["Location"] == REFUSED, "another browser"
    began = dict(world.cookies)
    assert (await world.get(back)).headers["Location"] == "/console"
    world.cookies = dict(began)
    back_again = back.replace("code-0", "code-1")
    world.issuer.codes["code-1"] = {}
    assert (await world.get(back_again)).headers["Location"] == REFUSED, "the state has served"
    assert "code-1" in world.issuer.codes, "and the code was not even exchanged"
    late = await world.begin()
    world.api.clock.set_on(601)
    assert (await world.get(late)).headers["Location"] == REFUSED, "too late"


async def test_two_at_once_with_one_answer_are_one(world: World):
    back = await world.begin()
    twin = World(world.api, world.issuer, world.folder, dict(world.cookies))
    both = await asyncio.gather(world.get(back), twin.get(back))
    assert sorted(one.headers["Location"] for one in both) == ["/console", REFUSED]


@pytest.mark.parametrize("change", ["state=x", "iss=https%3A%2F%2Fanother.example", "code="])
async def test_an_answer_that_was_changed_opens_nothing(world: World, change: str):
    back = await world.begin()
    name = change.partition("=")[0]
    parts = [part for part in back.split("&") if not part.partition("?")[2].startswith(name)]
    path, _, query = back.partition("?")
    query = "&".join([part for part in query.split("&") if not part.startswith(name)] + [change])
    assert parts
    assert (await world.get(f"{path}?{query}")).headers["Location"] == REFUSED


async def test_who_answered_must_be_said_where_the_issuer_promises_it(world: World):
    world.issuer.metadata = {"authorization_response_iss_parameter_supported": True}
    back = await world.begin()
    without = "&".join(part for part in back.split("&") if not part.startswith("iss="))
    assert (await world.get(without)).headers["Location"] == REFUSED
    assert await world.log_in() == "/console"


@pytest.mark.parametrize(
    "page",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "/console/../x",
        "javascript:1", "/console%0d%0aX: y", "/api/v1/session", "/console?x=//evil.example", "",
    ],
)  # fmt: skip
async def test_the_browser_is_sent_to_pages_of_ours_only(world: World, page: str):
    assert await world.log_in(page) == "/console"


async def test_the_way_there_says_what_has_to_be_said(world: World):
    answered = await world.get(START)
    asked = parse_qs(urlsplit(answered.headers["Location"]).query)
    assert asked["redirect_uri"] == [f"{world.api.base}/api/v1/oidc/ministere/callback"]
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    begun = world.cookies["tgd_agency"]
    for secret in ("state", "nonce"):
        assert asked[secret][0] not in bytes.fromhex(begun).decode(errors="replace")
    rows = await world.api.rows("SELECT FROM oidc_state")
    assert rows == [], "who only begins leaves nothing"
    assert (await world.get(START, **{"Sec-Fetch-Site": "cross-site"})).status == 403


# ── Who may not ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "claims", "comes_in"),
    [
        ('acr = ["mfa", "eidas-high"]', {}, True),
        ('acr = ["eidas-high"]', {}, False),
        ('acr = ["eidas-high"]\namr = ["otp", "hwk"]', {}, True),
        ('amr = ["otp"]', {"amr": ["pwd"], "acr": "otp"}, False),
        ('acr = ["mfa"]', {"acr": None, "amr": None}, False),
        ("", {"acr": None, "amr": None}, True),
    ],
)
async def test_a_second_factor_is_demanded_where_it_is_configured(
    world: World, more: str, claims: dict, comes_in: bool
):
    await world.configure(more)
    world.issuer.person |= claims
    assert (await world.log_in() == "/console") is comes_in


@pytest.mark.parametrize("taken", ["agent-1", "Agent-1"])
async def test_nobody_takes_a_name_over(world: World, taken: str):
    """Nor one that reads like it: guessing is counted, and browsers are known, however written."""
    await world.api.account(taken, "un mot de passe", "admin")
    assert await world.refused()
    [row] = await world.api.rows("SELECT role, issuer FROM account")
    assert tuple(row) == ("admin", None)


@pytest.mark.parametrize(
    "person",
    [
        {"groups": ["autres"]},
        {"groups": "tgd-operateurs-2"},
        {"groups": {"tgd-operateurs": True}},
        {"groups": None},
        {"preferred_username": "prenom nom"},
        {"preferred_username": None},
    ],
)
async def test_whoever_fits_no_row_is_nobody(world: World, person: dict):
    world.issuer.person |= person
    assert await world.refused()
    assert await world.api.rows("SELECT FROM account") == []


async def test_an_account_that_was_ended_here_stays_ended(world: World):
    await world.log_in()
    async with world.api.database.connection() as connection:
        await connection.execute("UPDATE account SET disabled_at = now()")
    world.cookies.clear()
    assert await world.refused()


async def test_whatever_is_wrong_the_browser_is_told_the_same(world: World, caplog):
    """One answer for who is unknown here, ended here, and for a statement that is a lie."""
    told = set()

    async def note() -> None:
        answered = await world.get(await world.begin())
        kept = {k: v for k, v in answered.headers.items() if k != "Date"}
        told.add((answered.status, repr(sorted(kept.items())), await answered.text()))

    world.issuer.person["groups"] = []
    await note()
    world.issuer.person["groups"] = ["tgd-operateurs"]
    world.issuer.lie = lambda claims: claims | {"nonce": "x"}
    await note()
    world.issuer.lie = dict
    await world.api.account("agent-1", "un mot de passe")
    await note()
    assert len(told) == 1, told
    assert "agent-1" not in caplog.text
    assert "8f1c" not in caplog.text


async def test_answers_of_one_address_are_bounded(world: World):
    callback = "/api/v1/oidc/ministere/callback?code=x&state=y"
    told = [(await world.get(callback)).headers["Location"] for _ in range(ADDRESS.free + 2)]
    assert told.count(REFUSED) == ADDRESS.free
    assert told[-1] == "/console?refused=too_many_failures"
    body = {"username": "nobody", "password": "x"}
    headers = {"X-Forwarded-For": world.address}
    status, _ = await world.api.bare("POST", "session", json=body, headers=headers)
    assert status == 429, "one count for both ways in"
    world.address = "192.0.2.2"
    assert await world.log_in() == "/console"


async def test_over_https_the_cookies_are_this_host_s_alone(world: World):
    answered = await world.get(START, **{"X-Forwarded-Proto": "https"})
    [cookie] = answered.headers.getall("Set-Cookie")
    assert cookie.startswith("__Host-tgd_agency=")
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"))


async def test_the_doctor_asks_each_issuer(world: World):
    async def found() -> list[tuple[str, str]]:
        config = world.api._context.config
        return [(one.state, one.said) async for one in examine_agencies(config)]

    [(state, said)] = await found()
    assert state == "ok"
    assert f"{world.api.base}/api/v1/oidc/ministere/callback" in said
    world.issuer.published = []
    assert [state for state, _ in await found()] == ["failed"]
    world.issuer.status = 503
    [(state, said)] = await found()
    assert said == "the issuer answers 503"


# ── The file ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('role = "operator"', 'role = "phone"'), "role must be one of"),
        (('tribunal = "poitiers"', ""), "the role prosecutor needs a tribunal"),
        (("https://login.example", "http://login.example"), "issuer must begin with https"),
        (('client_id = "tgd"', "client_id = 7"), "client_id must be a text"),
        (('group = "second"', 'group = "third"'), "group must be one of"),
        (('site = "Poitiers"', 'sight = "x"'), "unknown sight"),
        (('id = "ministere"', 'id = "Ministère"'), "id must be"),
        (("public_url", "public"), "unknown public"),
        (('has = "parquet"', ""), "has must be a text"),
        (("[[agency.grant]]", "[agency.grant"), "cannot read"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_one_line(tmp_path: Path, change, said: str):
    (tmp_path / "secret").write_text(SECRET)
    text = AGENCY.format(
        base="https://tgd.example",
        issuer="https://login.example",
        client=CLIENT,
        secret=tmp_path / "secret",
        more="",
    )
    file = tmp_path / "agencies.toml"
    file.write_text(text)
    assert SECRET not in repr(agencies.load(file))
    file.write_text(text.replace(*change, 1))
    with pytest.raises(TgdError, match=said) as error:
        agencies.load(file)
    assert "\n" not in str(error.value)
    assert hashlib.sha256(SECRET.encode()).hexdigest() not in str(error.value)
