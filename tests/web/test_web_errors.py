"""Problem details for everything: what the library refuses, outages, and what nobody foresaw."""

import logging

import pytest
from breaking import refuses
from web.served import Api

PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("PUT", "/api/v1/alerts", 405),
        ("GET", "/api/v1/presses", 405),
        ("GET", "/static/old/console.js", 404),
        ("GET", "/static/x/%2e%2e%2fconsole.html", 404),
    ],
)
async def test_what_is_not_there_is_a_problem_too(api: Api, method: str, path: str, status: int):
    async with api.http.request(method, path) as response:
        assert (response.status, response.content_type) == (status, PROBLEM)
        problem = await response.json(content_type=None)
        assert (problem["status"], problem["code"]) == (status, problem["type"].rpartition(":")[2])
        assert (status == 405) == ("Allow" in response.headers)


async def test_an_outage_of_the_database_says_when_to_come_again(api: Api):
    headers = {"Authorization": f"Bearer {await api.token()}"}
    await api.database.close()
    async with api.http.get("/api/v1/alerts", headers=headers) as response:
        assert (response.status, response.content_type) == (503, PROBLEM)
        assert response.headers["Retry-After"] == "1"
    status, _ = await api.bare("POST", "presses", headers=headers, data=b"{}")
    assert status == 503
    status, _ = await api.bare("POST", "session", json={"username": "a", "password": "b"})
    assert status == 503
    assert (await api.bare("GET", "/livez"))[0] == 200


@pytest.mark.expects_errors
async def test_what_nobody_foresaw_is_500_and_logged_without_what_was_sent(
    api: Api, caplog: pytest.LogCaptureFixture
):
    alert = (await api.press())["alert"]
    async with api.database.connection() as connection:  # what no rule of ours can foresee
        await connection.execute("SET ROLE NONE")
        await connection.execute(refuses("INSERT ON note"))
        await connection.execute("SET ROLE tgd_app")
    with caplog.at_level(logging.DEBUG):
        status, problem = await api.act(alert, "notes", {"text": "un secret de famille"})
    assert (status, problem["code"]) == (500, "unforeseen")
    assert "un secret" not in caplog.text
    assert "/alerts/{id}/notes" in caplog.text
    assert alert not in caplog.text
    assert await api.rows("SELECT FROM note") == []
