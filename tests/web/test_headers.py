"""The headers as Mozilla's Observatory grades them, by a check of our own: A or better, everywhere.

The marks are those of its published scoring, as data: 100 to begin with, taken away or added by
finding; what is added counts from 90 on. What a reverse proxy does (redirecting http to https) is
not looked at; where our own redirects lead is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
import pytest
from web.served import Api

PASSWORD = "un mot de passe"
HALF_A_YEAR = 15768000
HTTPS = {"X-Forwarded-Proto": "https"}
LEAST = 90
"""An A."""


class Answered(NamedTuple):
    headers: Mapping[str, str]
    cookies: tuple[str, ...] = ()
    page: str = ""

    @property
    def policy(self) -> dict[str, list[str]]:
        rules = self.headers.get("Content-Security-Policy", "").split("; ")
        return {one.split()[0]: one.split()[1:] for one in rules if one}

    def said(self, name: str) -> str:
        return self.headers.get(name, "").lower()


def always(_answered: Answered) -> bool:
    return True


def _sources(a: Answered) -> str:
    return " ".join(" ".join(sources) for sources in a.policy.values())


def _framed(a: Answered) -> list[str] | None:
    return a.policy.get("frame-ancestors")


def _age(a: Answered) -> int:
    found = re.search(r"max-age=(\d+)", a.said("Strict-Transport-Security"))
    return int(found[1]) if found else -1


def _some_cookie(a: Answered, *lacks: str) -> bool:
    return any(word not in cookie.lower() for cookie in a.cookies for word in lacks)


RULES: dict[str, list[tuple[str, int, Callable[[Answered], object]]]] = {
    # Of each heading the first finding that fits: its name, its mark, what it is found by.
    "policy": [
        ("not implemented", -25, lambda a: not a.policy),
        ("insecure scheme", -20, lambda a: re.search(r"\bhttp:|\*", _sources(a))),
        ("unsafe", -20, lambda a: "unsafe" in _sources(a)),
        ("no default of none", 5, lambda a: a.policy.get("default-src") != ["'none'"]),
        ("no unsafe, default none", 10, always),
    ],
    "cookies": [
        ("none", 0, lambda a: not a.cookies),
        ("without Secure", -40, lambda a: _some_cookie(a, "secure")),
        ("without HttpOnly", -30, lambda a: _some_cookie(a, "httponly")),
        ("without SameSite", 0, lambda a: _some_cookie(a, "samesite=")),
        ("Secure, HttpOnly, SameSite", 5, always),
    ],
    "sharing": [
        ("with everybody", -50, lambda a: a.said("Access-Control-Allow-Origin") == "*"),
        ("none", 0, always),
    ],
    "referrer": [
        ("private", 5, lambda a: a.said("Referrer-Policy") in {"no-referrer", "same-origin"}),
        ("not implemented", 0, lambda a: "Referrer-Policy" not in a.headers),
        ("unsafe", -5, always),
    ],
    "transport": [
        ("not implemented", -20, lambda a: _age(a) < 0),
        ("less than six months", -10, lambda a: _age(a) < HALF_A_YEAR),
        ("six months at least", 0, always),
    ],
    "scripts": [
        ("from elsewhere", -50, lambda a: re.search(r"<script[^>]+src=.?(https?:)?//", a.page)),
        ("of our own", 0, always),
    ],
    "sniffing": [
        ("nosniff", 0, lambda a: a.said("X-Content-Type-Options") == "nosniff"),
        ("sniffed", -5, always),
    ],
    "frames": [
        ("by the policy", 5, lambda a: _framed(a) in (["'none'"], ["'self'"])),
        ("by its own header", 0, lambda a: a.said("X-Frame-Options") in {"deny", "sameorigin"}),
        ("not implemented", -20, always),
    ],
    "resources": [
        ("ours alone", 10, lambda a: a.said("Cross-Origin-Resource-Policy") == "same-origin"),
        ("not implemented", 0, always),
    ],
}
# Of our own, beyond the Observatory's.
ALWAYS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def grade(answered: Answered) -> tuple[int, dict[str, str]]:
    """The score, and what was found under each heading."""
    found = {
        heading: next((name, mark) for name, mark, fits in findings if fits(answered))
        for heading, findings in RULES.items()
    }
    marks = [mark for _, mark in found.values()]
    taken = 100 + sum(mark for mark in marks if mark < 0)
    added = sum(mark for mark in marks if mark > 0)
    return (taken + added if taken >= LEAST else taken), {h: name for h, (name, _) in found.items()}


async def heard(answered: aiohttp.ClientResponse, *, read: bool = True) -> Answered:
    cookies = tuple(answered.headers.getall("Set-Cookie", ()))
    page = await answered.text(errors="replace") if read else ""
    return Answered(answered.headers, cookies, page)


def paths(api: Api) -> Iterator[str]:
    """Every address that can be looked at, and some that are none."""
    for route in api.application.router.routes():
        if route.method == "GET" and route.resource is not None:
            yield re.sub(r"\{\w+\}", "x", route.resource.canonical)
    yield from ("/nowhere", "/api/v1/nowhere", "/api/v1/alerts?status=wrong")


async def test_every_page_and_answer_over_https_is_graded_a_or_better(api: Api):
    api.http.cookie_jar.clear()
    tokens = [{}] + [
        {"Authorization": f"Bearer {await api.token(role, f'{role}-1')}"}
        for role in ("supervisor", "admin")
    ]
    seen = set()
    for path in paths(api):
        for token in tokens:
            async with api.http.get(path, headers=HTTPS | token, allow_redirects=False) as answer:
                said = await heard(answer, read=not path.endswith("/stream"))
                score, found = grade(said)
                seen.add(answer.status)
            assert score >= 100, (path, found)
            assert {name: said.headers.get(name) for name in ALWAYS} == ALWAYS, path
            leads = urlsplit(said.headers.get("Location", ""))
            assert (leads.scheme, leads.netloc) == ("", ""), f"{path} leads elsewhere"
    assert seen >= {200, 303, 401, 403, 404}


async def test_what_changes_is_answered_with_the_same_headers(api: Api):
    for method, path in (("POST", "/api/v1/session"), ("DELETE", "/api/v1/session"),
                         ("POST", "/api/v1/presses"), ("PUT", "/console")):  # fmt: skip
        async with api.http.request(method, path, headers=HTTPS, data=b"{") as answer:
            score, found = grade(await heard(answer))
            assert answer.status >= 400
        assert score >= 100, (path, found)


async def test_the_cookies_of_a_login_are_bound_to_this_host(api: Api):
    await api.account("operateur-1", PASSWORD)
    login = {"username": "operateur-1", "password": PASSWORD}
    async with api.http.post("/api/v1/session", json=login, headers=HTTPS) as answer:
        csrf = (await answer.json())["csrf"]
        said = await heard(answer)
    score, found = grade(said)
    assert (score >= 100, found["cookies"]) == (True, "Secure, HttpOnly, SameSite")
    session, known = said.cookies
    assert session.startswith("__Host-tgd_session=")
    assert "Path=/;" in session
    assert "Domain" not in session
    assert known.startswith("__Secure-tgd_known_")
    assert all("SameSite=Strict" in cookie for cookie in said.cookies)
    cookie = session.partition(";")[0]
    # Over https only the cookie that nobody else can have set counts.
    planted = HTTPS | {"Cookie": cookie.removeprefix("__Host-")}
    assert (await api.bare("GET", "session", headers=planted))[0] == 401
    own = HTTPS | {"Cookie": cookie, "X-CSRF-Token": csrf}
    assert (await api.bare("GET", "session", headers=own))[0] == 200
    async with api.http.delete("/api/v1/session", headers=own) as answer:
        gone = await heard(answer)
    assert answer.status == 204
    assert grade(gone)[0] >= 100
    assert gone.cookies[0].startswith('__Host-tgd_session="";')
    assert (await api.bare("GET", "session", headers=own))[0] == 401


async def test_over_plain_http_nobody_is_bound_to_https(api: Api):
    async with api.http.get("/console") as answered:
        assert "Strict-Transport-Security" not in answered.headers


GOOD = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
}


@pytest.mark.parametrize(
    "worse",
    [
        {"Content-Security-Policy": "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'"},
        {"Content-Security-Policy": "default-src 'none'"},
        {"Content-Security-Policy": "default-src http: ; frame-ancestors 'none'"},
        {"Strict-Transport-Security": "max-age=60"},
        {"Strict-Transport-Security": ""},
        {"Access-Control-Allow-Origin": "*"},
        {"Referrer-Policy": "unsafe-url", "X-Content-Type-Options": ""},
    ],
)
def test_the_check_finds_what_it_looks_for(worse: dict[str, str]):
    best = grade(Answered(GOOD))[0]
    assert best >= 100
    assert grade(Answered(GOOD | worse))[0] < best


@pytest.mark.parametrize(
    ("cookie", "page"),
    [
        ("tgd_session=x; HttpOnly; SameSite=Strict", ""),
        ("tgd_session=x; Secure; SameSite=Strict", ""),
        ("", '<script src="//elsewhere/x.js">'),
    ],
)
def test_it_looks_at_cookies_and_pages_as_well(cookie: str, page: str):
    assert grade(Answered(GOOD, (cookie,) if cookie else (), page))[0] < LEAST


def test_no_page_of_the_package_has_a_form_or_a_script_elsewhere():
    folder = Path(__file__).parents[2] / "tgd" / "web" / "static"
    for page in folder.rglob("*.html"):
        assert not re.search(r'(src|href|action)="(https?:)?//', page.read_text()), page.name
