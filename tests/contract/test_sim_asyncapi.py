"""What a simulated phone says, and what it takes, is what the machines' description says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import jsonschema
import pytest
import yaml

from firmware_sim import Place, Reception, Timing, messages, orders
from firmware_sim.store import OpenPress
from tgd.devices import live

NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)
ASYNCAPI = yaml.safe_load((Path(__file__).parents[2] / "docs/asyncapi.yaml").read_text())
FIELDS = {"alert": "a-1", "moving_s": 5, "still_s": 30, "until": NOW.timestamp() + 7200}


def validate(kind, raw):
    schema = {"$ref": f"#/components/schemas/{kind}", "components": ASYNCAPI["components"]}
    jsonschema.Draft202012Validator(schema).validate(json.loads(raw))


@pytest.mark.parametrize("reception", list(Reception))
@pytest.mark.parametrize("mock", [False, True])
def test_what_a_phone_says(reception, mock):
    place = Place(Random(1), reception=reception)
    place.mock = mock
    place.wake(0)
    place.go(0, speed_kmh=50, bearing=359)
    loc, health = place.fix(10, 10), {"batt": 50, "bs": 1, "conn": "m", "net": {}}
    body = {"trigger": "button", "loc": loc, **health}
    press = OpenPress(id="p", seq=1, tst=1.0, pressed_at=1.0, body=body, attempt=1)
    validate("press", messages.press(press, 2.0))
    validate("heartbeat", messages.heartbeat(1, 1.0, health))
    validate("lwt", messages.last_will(1.0))
    if loc is not None and loc["pm"] != "N":
        validate("position", messages.position(loc, 11.0))


def command(action: str, fields: dict[str, object]) -> bytes:
    return json.dumps(
        {"_type": "cmd", "id": "c", "at": NOW.timestamp(), "action": action, **fields}
    ).encode()


def test_what_the_server_commands_is_what_a_phone_obeys():
    said = live.report_location("a-1", NOW, NOW + live.LIVE_FOR)
    order = orders.order(messages.decode(json.dumps(said).encode()), 0.0)
    assert (order.moving_s, order.still_s) == (live.MOVING_S, live.STILL_S)
    assert order.until == (NOW + live.LIVE_FOR).timestamp()


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("reportLocation", FIELDS),
        ("endAlert", {"alert": "a-1"}),
        ("listen", {"alert": "a-1", "listen": "duplex"}),
        ("heartbeatInterval", {"interval": 60}),
    ],
)
def test_each_command_needs_its_fields(action, fields):
    validate("command", command(action, fields))
    for name in fields:
        lacking = {other: value for other, value in fields.items() if other != name}
        with pytest.raises(jsonschema.ValidationError, match=name):
            validate("command", command(action, lacking))


def test_the_phones_own_timing_is_the_described_default():
    described = ASYNCAPI["components"]["schemas"]["reportLocation"]["properties"]
    own = Timing()
    assert (described["moving_s"]["default"], described["still_s"]["default"]) == (
        own.moving_every,
        own.still_every,
    )


@pytest.mark.parametrize("name", ["moving_s", "still_s"])
@pytest.mark.parametrize("bound", ["minimum", "maximum"])
def test_the_phone_takes_what_is_described_to_its_bounds(name, bound):
    described = ASYNCAPI["components"]["schemas"]["reportLocation"]["properties"][name]
    fields = FIELDS | {name: described[bound]}
    said = messages.decode(command("reportLocation", fields))
    order = orders.order(said, 0.0)
    assert getattr(order, name) == described[bound]
    assert (orders.alert(said), order.until) == ("a-1", FIELDS["until"])
