"""The headers as Mozilla's Observatory grades them, by a check of our own: A or better, everywhere.

The marks are those of its published scoring: 100 to begin with, taken away or added by finding;
what is added counts from 90 on. What a reverse proxy does (redirecting http to https) is not looked
at.
"""

import re
from collections.abc import Mapping

import pytest
from web.served import Api

PASSWORD = "un mot de passe"
HALF_A_YEAR = 15768000
PATHS = ("/console", "/console/recontacts", "/api/v1/alerts", "/api/v1/openapi.json", "/nowhere")


def grade(headers: Mapping[str, str], cookies: list[str], page: str) -> tuple[int, dict[str, int]]:
    policy = {
        one.split()[0]: one.split()[1:] for one in headers["Content-Security-Policy"].split("; ")
    }
    marks = {
        "policy": _policy(policy),
        "cookies": min((_cookie(cookie) for cookie in cookies), default=0),
        "transport": _transport(headers.get("Strict-Transport-Security", "")),
        "sniffing": 0 if headers.get("X-Content-Type-Options") == "nosniff" else -5,
        "frames": 5 if policy.get("frame-ancestors") == ["'none'"] else -20,
        "referrer": 5 if headers.get("Referrer-Policy") == "no-referrer" else 0,
        "resources": 10 if headers.get("Cross-Origin-Resource-Policy") == "same-origin" else 0,
        "sharing": -50 if "Access-Control-Allow-Origin" in headers else 0,
        "scripts": -50 if re.search(r"<script[^>]+src=[\"']?(https?:)?//", page) else 0,
    }
    taken = 100 + sum(mark for mark in marks.values() if mark < 0)
    added = sum(mark for mark in marks.values() if mark > 0)
    return (taken + added if taken >= 90 else taken), marks


def _policy(policy: Mapping[str, list[str]]) -> int:
    everything = " ".join(" ".join(sources) for sources in policy.values())
    if "unsafe" in everything or "*" in everything or "http:" in everything:
        return -20
    return 10 if policy.get("default-src") == ["'none'"] else 5


def _cookie(text: str) -> int:
    attributes = text.lower()
    if "secure" not in attributes or "httponly" not in attributes:
        return -40
    return 5 if "samesite=strict" in attributes else 0


def _transport(text: str) -> int:
    found = re.search(r"max-age=(\d+)", text)
    return 0 if found and int(found[1]) >= HALF_A_YEAR else -20


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_over_https_is_graded_a_plus(api: Api, path: str):
    async with api.http.get(path, headers={"X-Forwarded-Proto": "https"}) as answered:
        score, marks = grade(answered.headers, [], await answered.text())
    assert score >= 100, marks


async def test_the_cookies_of_a_login_are_graded_as_well(api: Api):
    await api.account("operateur-1", PASSWORD)
    login = {"username": "operateur-1", "password": PASSWORD}
    https = {"X-Forwarded-Proto": "https"}
    async with api.http.post("/api/v1/session", json=login, headers=https) as answered:
        cookies = answered.headers.getall("Set-Cookie")
        score, marks = grade(answered.headers, cookies, "")
    assert len(cookies) == 2
    assert score >= 100, marks


async def test_over_plain_http_nobody_is_bound_to_https(api: Api):
    async with api.http.get("/console") as answered:
        assert "Strict-Transport-Security" not in answered.headers


def test_the_check_finds_what_it_looks_for():
    good = {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Strict-Transport-Security": "max-age=63072000",
        "X-Content-Type-Options": "nosniff",
    }
    best, _ = grade(good, [], "")
    assert best >= 100
    for worse in (
        {"Content-Security-Policy": "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'"},
        {"Strict-Transport-Security": "max-age=60"},
        {"Access-Control-Allow-Origin": "*"},
    ):
        assert grade(good | worse, [], "")[0] < 90
    assert grade(good, ["tgd_session=x; HttpOnly"], "")[0] < 90
    assert grade(good, [], '<script src="//elsewhere/x.js">')[0] < 90
