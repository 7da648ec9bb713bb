"""The commands of phones' credentials, of the authority and of brokers, with their help.

What each does stands in the module that it imports; those imports are inside on purpose, as in
``commands``, which adds these groups to its own.
"""

from pathlib import Path
from typing import Annotated

import typer

from tgd.cli.asked import finish, settings

phones = typer.Typer(help="The stock of phones and their credentials.", no_args_is_help=True)
authority = typer.Typer(help="The project's own certificate authority.", no_args_is_help=True)
broker = typer.Typer(help="What a broker begins with.", no_args_is_help=True)

_Device = Annotated[str, typer.Argument(help="The phone's id in the register.")]
_Brokers = Annotated[
    list[str] | None,
    typer.Option("--broker", help="As phones reach it (mqtts://HOST:PORT); may be repeated."),
]
_Svg = Annotated[Path | None, typer.Option(help="Write the code as a picture for paper.")]
_Png = Annotated[Path | None, typer.Option(help="Write the code as a picture for a screen.")]
_Json = Annotated[Path | None, typer.Option(help="Write a file for a simulated phone.")]
_Leaflet = Annotated[Path | None, typer.Option(help="Write the holder's leaflet (PDF) as well.")]


@phones.command("enrol")
def enrol(
    device: _Device,
    broker: _Brokers = None,
    svg: _Svg = None,
    png: _Png = None,
    json: _Json = None,
    leaflet: _Leaflet = None,
) -> None:
    """Give a phone its certificate, password and key, as a code that it photographs.

    Shown once, on the terminal unless files are asked for. Servers let the phone in within moments.
    """
    from tgd.cli import phones as work  # noqa: PLC0415  the database's driver

    where = work.Where(broker or [], svg, png, json, leaflet)
    finish(work.enrol(settings("database_url", "mqtt_url", "secret_key"), device, where))


@phones.command("rotate")
def rotate(
    device: _Device,
    broker: _Brokers = None,
    svg: _Svg = None,
    png: _Png = None,
    json: _Json = None,
    leaflet: _Leaflet = None,
) -> None:
    """Replace a phone's certificate, password and key; it must be at hand to read the new code.

    The former are refused at once: until it has read the code it presses by its other paths only.
    """
    from tgd.cli import phones as work  # noqa: PLC0415  the database's driver

    where = work.Where(broker or [], svg, png, json, leaflet)
    finish(work.rotate(settings("database_url", "mqtt_url", "secret_key"), device, where))


@phones.command("end")
def end(device: _Device) -> None:
    """End all that a phone comes in with, by MQTT and HTTPS; refused while it is out.

    Attesting its return does the same. A lost or stolen phone is not ended: it may be pressed.
    """
    from tgd.cli import phones as work  # noqa: PLC0415  the database's driver

    finish(work.end(settings("database_url"), device))


@phones.command("list")
def listing() -> None:
    """Print every phone with the state of its credential."""
    from tgd.cli import phones as work  # noqa: PLC0415  the database's driver

    finish(work.listing(settings("database_url")))


@phones.command("leaflet")
def leaflet(file: Annotated[Path, typer.Argument(help="The PDF to write.")]) -> None:
    """Write the holder's leaflet: one page in French, without any secret or name."""
    from tgd.cli import phones as work  # noqa: PLC0415  setting pages

    work.leaflet_only(file)


@authority.command("init")
def authority_init() -> None:
    """Make the authority in TGD_CA_DIR, once; its key is sealed under TGD_SECRET_KEY."""
    from tgd.cli import authority as work  # noqa: PLC0415  certificates

    work.init(settings("secret_key"))


@authority.command("broker")
def authority_broker(
    hosts: Annotated[list[str], typer.Argument(help="The broker's names and addresses.")],
    out: Annotated[Path, typer.Option(help="Folder for server.pem, server.key and ca.pem.")],
) -> None:
    """Certify a broker for 397 days; run it anew in time and have the broker read the files."""
    from tgd.cli import authority as work  # noqa: PLC0415  certificates

    work.broker(settings("secret_key"), hosts, out)


@authority.command("server")
def authority_server(
    out: Annotated[Path, typer.Option(help="File of certificate and key, for TGD_MQTT_CERT.")],
) -> None:
    """Certify this server as a client of a broker that asks for certificates."""
    from tgd.cli import authority as work  # noqa: PLC0415  certificates

    work.server(settings("secret_key"), out)


@broker.command("init")
def broker_init(
    file: Annotated[Path, typer.Argument(help="The dynamic security plugin's file to write.")],
) -> None:
    """Write the state with which a broker begins: the user of TGD_MQTT_CONTROL_URL alone."""
    from tgd.cli import authority as work  # noqa: PLC0415  certificates

    work.broker_init(settings("mqtt_control_url"), file)
