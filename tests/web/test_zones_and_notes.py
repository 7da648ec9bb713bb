"""What the console reads beside the alerts: the zones' borders for its map, and the notes."""

import json
from datetime import UTC, datetime

import pytest
import shapely
from web.served import Api

from tgd.geo import outline
from tgd.geo.synthetic import SERVICES, fictive
from tgd.geo.zones import Zone
from tgd.store import zones
from tgd.web import pages

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def stored(api: Api) -> int:
    async with api.database.transaction() as transaction:
        no, _ = await zones.add(
            transaction,
            name="fictif",
            now=NOW,
            sources=[],
            findings=[],
            zones=fictive(),
            services=[zones.Service(name, *about) for name, about in SERVICES.items()],
        )
    return no


async def test_a_set_of_zones_is_drawn_by_its_number(api: Api):
    no = await stored(api)
    status, drawn = await api.call("GET", f"zones/{no}")
    assert (status, drawn["type"]) == (200, "FeatureCollection")
    told = {one["properties"]["code"]: one["properties"] for one in drawn["features"]}
    assert set(told) == {zone.code for zone in fictive()}
    assert all(set(one) == {"code", "name", "service", "institution"} for one in told.values())
    plain, _ = await api.call("GET", f"zones/{no}", headers={"Accept-Encoding": "identity"})
    assert plain == 200
    for wrong in (no + 1, 0, "x", "9" * 12, "-1"):
        assert (await api.call("GET", f"zones/{wrong}"))[0] == 404, wrong
    assert (await api.call("GET", f"zones/{no}", role="association"))[0] == 403
    assert (await api.bare("GET", f"zones/{no}"))[0] == 401


def test_an_outline_stays_where_the_zone_is():
    for zone, text in zip(fictive(), outline.features(fictive()), strict=True):
        shown = shapely.from_geojson(json.dumps(json.loads(text)["geometry"]))
        whole = shapely.from_wkb(zone.shape)
        assert not shown.is_empty
        assert shapely.hausdorff_distance(shown, whole) < 2 * outline.WITHIN_DEG
        assert shapely.get_num_coordinates(shown) <= shapely.get_num_coordinates(whole)


def test_a_shape_that_is_none_is_named():
    with pytest.raises(ValueError, match="cannot be read"):
        outline.features([Zone("86194", "Fictive", None, None, b"no shape")])


async def test_notes_are_read_while_the_alert_is_open(api: Api):
    alert = (await api.press())["alert"]
    await api.act(alert, "answer")
    await api.act(alert, "notes", {"text": "elle ne parle que lingala ; 46.58000, 0.34000"})
    status, found = await api.call("GET", f"alerts/{alert}/notes", name="op-2")
    [note] = found["items"]
    assert (status, note["by"]) == (200, "op-1")
    assert "lingala" in note["text"]
    assert "46.58" not in note["text"]
    await api.rows("UPDATE alert SET key = '\\x00'::bytea")
    _, found = await api.call("GET", f"alerts/{alert}/notes")
    assert found["items"][0]["text"] is None
    assert (await api.call("GET", f"alerts/{alert}/notes", role="auditor"))[0] == 403
    unknown = "00000000-0000-4000-8000-000000000000"
    assert (await api.call("GET", f"alerts/{unknown}/notes"))[0] == 404


async def test_a_closed_alert_s_notes_stand_in_its_report(api: Api):
    alert = (await api.press())["alert"]
    await api.act(alert, "notes", {"text": "voix calme"})
    await api.act(alert, "voice", {"with": "holder"})
    seen = (await api.alert(alert))["last_press"]
    await api.act(alert, "decision", {"verdict": "no_danger", "seen": seen})
    assert (await api.call("GET", f"alerts/{alert}/notes"))[1]["items"] == []


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        (None, "img-src 'self' data:;"),
        ("https://tiles.example:8443/{z}/{x}/{y}.png", "data: https://tiles.example:8443;"),
    ],
)
def test_only_a_configured_server_of_tiles_is_allowed(url: str | None, allowed: str):
    assert allowed in pages.policy(url)
    assert pages.policy(url).count("https:") == (url is not None)


def test_the_address_of_tiles_is_no_markup():
    page = pages.Pages('https://tiles.example/{z}?a="><script>').page("console")
    assert b'?a=&quot;&gt;&lt;script&gt;"' in page.body
