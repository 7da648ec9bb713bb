"""Who may what: tokens, sessions, roles, second factors, and guessing slowed down."""

import pytest
from web.served import NOW, Api

from tgd.errors import Invalid, NotFound, Refused
from tgd.store import accounts

PASSWORD = "un mot de passe"


async def log_in(api: Api, username="operateur-1", password=PASSWORD, **more):
    body = {"username": username, "password": password, **more.pop("body", {})}
    async with api.http.post("/api/v1/session", json=body, **more) as response:
        return response.status, await response.json(content_type=None), response


async def test_without_credentials_the_answer_says_how(api: Api):
    async with api.http.get("/api/v1/alerts") as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="tgd"'
        assert response.content_type == "application/problem+json"
        problem = await response.json(content_type=None)
    assert set(problem) >= {"type", "title", "status", "detail"}


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer", "Bearer ", "Basic b3A6eA==", "tgd_x", "Bearer é"]
)
async def test_a_wrong_token_is_401(api: Api, header: str):
    status, _ = await api.bare("GET", "alerts", headers={"Authorization": header})
    assert status == 401


@pytest.mark.parametrize("role", ["prosecutor", "association", "admin", "auditor", "phone"])
async def test_alerts_are_for_operators(api: Api, role: str):
    status, problem = await api.call("GET", "alerts", role=role, name="x")
    assert (status, problem["code"]) == (403, "role")
    status, _ = await api.call("GET", "stream", role=role, name="x")
    assert status == 403


async def test_a_revoked_token_is_refused(api: Api):
    assert (await api.call("GET", "alerts"))[0] == 200
    async with api.database.connection() as connection:
        ended = await accounts.revoke_tokens(connection, role="operator", name="op-1", now=NOW)
    assert ended == 1
    assert (await api.call("GET", "alerts"))[0] == 401


async def test_no_usable_secret_is_stored(api: Api):
    token = await api.token()
    await api.account("operateur-1", PASSWORD)
    _, _, response = await log_in(api)
    cookie = response.cookies["tgd_session"].value
    stored = repr(await api.rows("SELECT t, a, s FROM token t, account a, web_session s"))
    assert token not in stored
    assert PASSWORD not in stored
    assert cookie not in stored


async def test_a_session_reads_freely_and_changes_with_its_token(api: Api):
    await api.account("operateur-1", PASSWORD)
    status, session, response = await log_in(api)
    assert status == 200
    assert (session["username"], session["role"]) == ("operateur-1", "operator")
    cookie = response.cookies["tgd_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert not cookie["secure"]

    alert = (await api.press())["alert"]
    status, shown = await api.bare("GET", f"alerts/{alert}")
    assert status == 200
    status, problem = await api.bare("POST", f"alerts/{alert}/answer")
    assert (status, problem["code"]) == (403, "csrf")
    wrong = {"X-CSRF-Token": "wrong"}
    assert (await api.bare("POST", f"alerts/{alert}/answer", headers=wrong))[0] == 403
    assert (await api.bare("DELETE", "session", headers=wrong))[0] == 403
    right = {"X-CSRF-Token": session["csrf"]}
    status, shown = await api.bare("POST", f"alerts/{alert}/answer", headers=right)
    assert (status, shown["answered_by"]) == (200, "operateur-1")
    _, again = await api.bare("GET", "session")
    assert again["csrf"] == session["csrf"]

    assert (await api.bare("DELETE", "session", headers=right))[0] == 204
    api.http.cookie_jar.update_cookies({"tgd_session": cookie.value})
    assert (await api.bare("GET", "alerts"))[0] == 401


async def test_behind_https_the_cookie_is_secure(api: Api):
    await api.account("operateur-1", PASSWORD)
    _, _, response = await log_in(api, headers={"X-Forwarded-Proto": "https"})
    assert response.cookies["__Host-tgd_session"]["secure"]


async def test_a_session_ends_with_its_hours_and_with_its_account(api: Api):
    await api.account("operateur-1", PASSWORD)
    await log_in(api)
    for _ in range(47):
        api.clock.set_on(15 * 60)
        assert (await api.bare("GET", "alerts"))[0] == 200
    api.clock.set_on(15 * 60 - 1)
    assert (await api.bare("GET", "alerts"))[0] == 200
    api.clock.set_on(1)
    assert (await api.bare("GET", "alerts"))[0] == 401
    await log_in(api)
    async with api.database.connection() as connection:
        await accounts.disable(connection, "operateur-1", NOW)
    assert (await api.bare("GET", "alerts"))[0] == 401
    assert (await log_in(api))[0] == 401


async def test_a_new_login_ends_the_browser_s_former_session(api: Api):
    await api.account("operateur-1", PASSWORD)
    await log_in(api)
    await log_in(api)
    assert len(await api.rows("SELECT * FROM web_session")) == 1


async def test_a_wrong_name_and_a_wrong_password_look_the_same(api: Api):
    await api.account("operateur-1", PASSWORD)
    status, wrong, _ = await log_in(api, password="not it, no")
    unknown_status, unknown, _ = await log_in(api, username="nobody")
    assert (status, wrong) == (unknown_status, unknown) == (401, wrong)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": "x"}, "username"),
        ({"username": "operateur-1"}, "password"),
        ({"username": 1, "password": "x"}, "username"),
        ({"username": "c" * 257, "password": "x"}, "username"),
        ({"username": "a\x00", "password": "x"}, "username"),
        ({"username": "c", "password": "x", "totp": 123456}, "totp"),
    ],
)
async def test_a_login_names_its_wrong_field(api: Api, body: dict, field: str):
    status, problem = await api.bare("POST", "session", json=body)
    assert (status, problem["field"]) == (422, field)


async def test_a_login_from_another_site_is_refused(api: Api):
    await api.account("operateur-1", PASSWORD)
    for site in ("cross-site", "same-site"):
        status, _, response = await log_in(api, headers={"Sec-Fetch-Site": site})
        assert (status, response.cookies) == (403, {})


async def test_a_journal_is_for_its_tribunal_s_prosecutor_and_the_auditor(api: Api):
    alert = (await api.press())["alert"]
    path = f"alerts/{alert}/journal"
    assert (await api.call("GET", path, role="auditor", name="a"))[0] == 200
    assert (await api.call("GET", path, role="supervisor", name="s"))[0] == 200
    assert (await api.call("GET", path, role="prosecutor", name="p"))[0] == 200
    assert (await api.call("GET", path, role="admin", name="x"))[0] == 403
    await api.rows("INSERT INTO tribunal VALUES ('niort', 'Tribunal judiciaire de Niort')")
    # A program's token names no tribunal: of several it is none's.
    assert (await api.call("GET", path, role="prosecutor", name="p"))[0] == 404
    await api.account("parquet86", PASSWORD, "prosecutor", tribunal_id="poitiers")
    await api.account("parquet79", PASSWORD, "prosecutor", tribunal_id="niort")
    await log_in(api, "parquet86")
    assert (await api.bare("GET", path))[0] == 200
    assert (await api.bare("GET", f"alerts/{alert}"))[0] == 403
    await log_in(api, "parquet79")
    assert (await api.bare("GET", path))[0] == 404


async def test_accounts_and_tokens_are_refused_with_their_reason(api: Api):
    await api.account("operateur-1", PASSWORD)
    with pytest.raises(Refused, match="username_taken"):
        await api.account("operateur-1", PASSWORD)
    for wrong, field in (
        ({"username": "a b"}, "username"),
        ({"password": "short"}, "password"),
        ({"role": "phone"}, "role"),
        ({"tribunal_id": "nowhere"}, "tribunal_id"),
    ):
        given = {"username": "operateur-2", "password": PASSWORD, "role": "operator"} | wrong
        with pytest.raises(Invalid) as invalid:
            await api.account(**given)
        assert invalid.value.field == field
    with pytest.raises(Invalid):
        await api.token(role="king")
    with pytest.raises(Invalid):
        await api.token(name="a name")
    async with api.database.connection() as connection:
        with pytest.raises(NotFound):
            await accounts.disable(connection, "nobody", NOW)
        with pytest.raises(NotFound):
            await accounts.set_totp(connection, "nobody", None)
