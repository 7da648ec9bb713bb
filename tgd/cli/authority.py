"""``tgd authority …`` and ``tgd broker init``: what a broker needs before the first phone.

Serves arrow 1 before its first metre. Each command writes files that only their owner can read,
never over another, and says where they go.
"""

from pathlib import Path

from tgd.cli.administration import say
from tgd.cli.phones import opened
from tgd.clock import Clock
from tgd.config import Config
from tgd.devices.authority import CERTIFICATE, Authority, NoAuthority, write_private
from tgd.devices.broker_control import login
from tgd.devices.dynsec_file import initial
from tgd.errors import Invalid, TgdError
from tgd.seal import Sealer

SERVER_NAME = "tgd-server"


class NotWritten(TgdError):
    """A file could not be written; the message says which and why."""


def init(config: Config) -> None:
    """Make the authority, once."""
    if config.ca_dir is None:
        raise NoAuthority("no authority: set TGD_CA_DIR to its directory")
    made = Authority.create(config.ca_dir, Sealer(config.secret_key), Clock().now())
    say(f"made: {config.ca_dir}, until {made.expires_at:%Y-%m-%d}; its fingerprint is")
    say(made.fingerprint)
    say("back it up apart from TGD_SECRET_KEY: without it, every phone has to be enrolled anew")


def broker(config: Config, hosts: list[str], folder: Path) -> None:
    """Certify a broker under its names; three files for its configuration."""
    authority = opened(config, Sealer(config.secret_key))
    made = authority.server(hosts, Clock().now())
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "server.key", made.key)
    _write(folder / "server.pem", made.pem)
    _write(folder / CERTIFICATE, authority.pem)
    say(f"written: {folder} (server.pem, server.key, {CERTIFICATE}), until {made.expires_at:%F}")


def server(config: Config, file: Path) -> None:
    """Certify the server itself as a client of its broker."""
    made = opened(config, Sealer(config.secret_key)).client(SERVER_NAME, Clock().now())
    _write(file, made.pem + made.key)
    say(f"written: {file}, until {made.expires_at:%F}; name it in TGD_MQTT_CERT")


def broker_init(config: Config, file: Path) -> None:
    """Write the state with which a broker begins: the control's client alone."""
    given = login(config.mqtt_control_urls)
    if given is None:
        raise Invalid("TGD_MQTT_CONTROL_URL", "must have a user and a password in it")
    _write(file, initial(*given))
    say(f"written: {file}; only {given[0]} comes in, until a server has started")


def _write(path: Path, text: str) -> None:
    try:
        write_private(path, text.encode())
    except OSError as error:
        raise NotWritten(f"cannot write {path}: {error.strerror}") from None
