"""Health, metrics, the description, and the pages with their headers."""

import json
import re
from importlib import resources
from pathlib import Path

from web.served import Api

from tgd.web import pages

STATIC = Path(str(resources.files("tgd.web"))) / "static"


async def test_alive_and_ready(api: Api):
    assert await api.bare("GET", "/livez") == (200, {"status": "alive"})
    status, ready = await api.bare("GET", "/readyz")
    assert (status, ready["checks"]) == (200, dict.fromkeys(("database", "mqtt", "auditor"), True))
    api.checks["amqp"] = False  # a room's broker: said, but presses are taken as ever
    status, ready = await api.bare("GET", "/readyz")
    assert (status, ready["status"], ready["checks"]["amqp"]) == (200, "ready", False)
    api.checks["mqtt"] = False
    status, ready = await api.bare("GET", "/readyz")
    assert (status, ready["status"], ready["checks"]["mqtt"]) == (503, "not_ready", False)


async def test_metrics_are_prometheus_text(api: Api):
    async with api.http.get("/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        assert "tgd_press_to_console_seconds_bucket" in await response.text()


async def test_every_answer_carries_the_guards(api: Api):
    for path in ("/console", "/livez", "/api/v1/alerts", "/nothing", "/metrics"):
        async with api.http.get(path) as response:
            assert response.headers["Content-Security-Policy"] == pages.POLICY
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["Cache-Control"] == "no-store"


async def test_the_console_s_files_are_versioned_and_kept_for_ever(api: Api):
    _, page = await api.bare("GET", "/")
    links = re.findall(r'(?:src|href|leaflet|leaflet-style)="(/static[^"]+)"', page.decode())
    assert len(links) == 5
    for link in links:
        assert re.fullmatch(r"/static/[0-9a-f]{16}/[a-z.]+", link)
        async with api.http.get(link) as response:
            assert response.status == 200
            assert "immutable" in response.headers["Cache-Control"]
            assert response.content_type in {"text/css", "text/javascript", "image/svg+xml"}


def test_no_page_holds_a_style_or_a_script_of_its_own():
    pages = [item.read_text() for item in STATIC.rglob("*.html")]
    assert len(pages) > 8
    assert not any(re.search(r"<style|\sstyle=|\son\w+=|<script[^>]*>[^<]", page) for page in pages)
    everything = [item.read_text() for item in STATIC.rglob("*.*") if item.suffix != ".svg"]
    assert not any(re.search(r"https?://|innerHTML|eval\(", text) for text in everything)


async def test_the_description_covers_every_route(api: Api):
    status, described = await api.bare("GET", "openapi.json")
    assert (status, described["openapi"]) == (200, "3.1.0")
    written = {
        (method.upper(), path) for path, item in described["paths"].items() for method in item
    }
    served = {
        (route.method, route.resource.canonical)
        for route in api.application.router.routes()
        if not re.match(r"/$|/account|/console|/fiche|/parquet|/static", route.resource.canonical)
    }
    assert written == served
    for item in described["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert operation["responses"]
    names = set(re.findall(r'"#/components/(\w+/\w+)"', json.dumps(described)))
    assert names == {
        f"{kind}/{name}"
        for kind, parts in described["components"].items()
        if kind != "securitySchemes"
        for name in parts
    }


async def test_what_is_answered_has_the_described_fields(api: Api):
    _, described = await api.bare("GET", "openapi.json")
    alert = (await api.press(loc={"lat": 46.5, "lon": 0.3}))["alert"]
    _, shown = await api.act(alert, "decision", {"verdict": "police"})
    schemas = described["components"]["schemas"]

    def agrees(name: str, value: dict) -> None:
        assert set(schemas[name]["properties"]) == set(value), name

    agrees("Alert", shown)
    agrees("Press", shown["presses"][0])
    agrees("Position", shown["position"])
    agrees("Deadline", shown["deadlines"][0])
    agrees("Dispatch", shown["dispatches"][0])
    agrees("Task", shown["tasks"][0])
    _, problem = await api.call("GET", "alerts?limit=x")
    agrees("Problem", problem)
