"""What a person may do to a simulated phone on the page, checked whole before any of it is done.

Serves ``/phones``. Promises: an order that is not exactly one of these is refused with a reason and
touches no phone (one that the phones themselves refused would end the demo); a phone's place is
known from what was ordered, since its events name none. Degrees WGS 84, percent.
"""

import time
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tgd.demo.phones import Phones
from tgd.demo.phones_seen import PACES, Seen

# The demo's ground is in the middle of France: further away nothing could be drawn or answered.
Latitude = Annotated[float, Meta(ge=41, le=52)]
Longitude = Annotated[float, Meta(ge=-6, le=10)]


class _Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="action"):
    phone: str


class Press(_Order, frozen=True, tag="press"):
    """Press the button."""


class Glance(_Order, frozen=True, tag="glance"):
    """Make her discreet gesture."""


class Network(_Order, frozen=True, tag="network"):
    """Enter or leave a dead zone."""

    on: bool


class Battery(_Order, frozen=True, tag="battery"):
    """Set the battery; 0 ends the phone, and more brings it back."""

    level: Annotated[int, Meta(ge=0, le=100)]
    plugged: bool


class Receiver(_Order, frozen=True, tag="receiver"):
    """Say what the position receiver has to work with, and whether a program makes its fixes up."""

    reception: Literal["open", "indoors", "cell", "none", "off"]
    mock: bool


class Put(_Order, frozen=True, tag="put"):
    """Be there at once, standing still."""

    lat: Latitude
    lon: Longitude


class Go(_Order, frozen=True, tag="go"):
    """Walk or drive straight there."""

    lat: Latitude
    lon: Longitude
    pace: Literal["walk", "drive"]


class Stop(_Order, frozen=True, tag="stop"):
    """Stand still."""


Order = Press | Glance | Network | Battery | Receiver | Put | Go | Stop


def read(raw: bytes) -> Order:
    """Return the order in a body; raises ``ValueError`` saying what is wrong with it."""
    order: Order = msgspec.json.decode(raw, type=Order)
    return order


def obey(order: Order, phones: Phones, seen: Seen) -> None:
    """Have it done to that phone; raises ``PhonesFailed`` if the phones are no more."""
    now = time.time()
    match order:
        case Press():
            phones.order([seen.phone], "press")
        case Glance():
            phones.order([seen.phone], "glance")
        case Network(on=on):
            phones.order([seen.phone], "network", on=on)
        case Battery(level=level, plugged=plugged):
            phones.order([seen.phone], "battery", level=level, plugged=plugged)
            seen.plugged = plugged
        case Receiver(reception=reception, mock=mock):
            phones.order([seen.phone], "place", reception=reception, mock=mock)
            seen.reception, seen.mock = reception, mock
        case Put(lat=lat, lon=lon):
            put(phones, seen, lat, lon)
        case Go(lat=lat, lon=lon, pace=pace):
            phones.order([seen.phone], "move", speed_kmh=PACES[pace], path=[(lat, lon)])
            seen.go((lat, lon), pace, now)
        case Stop():
            phones.order([seen.phone], "move", speed_kmh=0)
            seen.stand(now)


def put(phones: Phones, seen: Seen, lat: float, lon: float) -> None:
    """Put the phone there; an order about its place says everything about it."""
    told = {"reception": seen.reception, "mock": seen.mock, "lat": lat, "lon": lon}
    phones.order([seen.phone], "place", **told)
    seen.stand(time.time(), (lat, lon))
