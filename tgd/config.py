"""Configuration: one table of settings, read once, wrong names refused.

Serves every arrow. Each setting is an environment variable ``TGD_…``, or the same name in one
TOML file named by ``TGD_CONFIG`` (``database_url`` and ``TGD_DATABASE_URL`` both do); the
environment wins. Secrets may also come from a file named by ``TGD_…_FILE``. An unknown name is an
error that names the nearest known one: a deadline that silently kept its default would be found
out in an emergency. The table ``SETTINGS`` is what ``tgd doctor`` and the documentation read.
No secret has a default, and none appears in an error or a ``repr``.
"""

import difflib
import re
import socket
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tgd.errors import TgdError
from tgd.readers import (
    boolean,
    control_urls,
    count,
    demo_pages,
    directory,
    existing,
    hosts,
    listen,
    matching,
    mqtt_urls,
    one_of,
    own_server,
    seconds,
    url,
)

PREFIX = "TGD_"
SECRETS = ("database_url", "mqtt_url", "secret_key")
"""What has no default: a command asks for those that it needs."""


class ConfigError(TgdError):
    """The configuration cannot be used; the message is one line and names the setting."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The deadlines of PROTOCOL §5, in seconds; ``heartbeat`` None means ``_intervals`` of them."""

    overflow: float = 7.0
    answer: float = 20.0
    voice: float = 30.0
    doubt: float = 60.0
    received: float = 10.0
    acknowledged: float = 60.0
    engaged: float = 180.0
    closing: float = 1800.0
    contact: float = 60.0
    heartbeat: float | None = None
    heartbeat_intervals: float = 3.0

    def heartbeat_after(self, interval_s: float) -> float:
        """Return after how many seconds of silence a phone that reports so often is missed."""
        return self.heartbeat_intervals * interval_s if self.heartbeat is None else self.heartbeat


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. ``read`` turns text into the value or raises ValueError saying why."""

    field: str
    read: Callable[[str], Any]
    default: Any
    help: str
    maximum: float | None = None
    secret: bool = False

    @property
    def name(self) -> str:
        """The environment variable's name."""
        return PREFIX + self.field.upper()


def _own_directory(environ: Mapping[str, str]) -> Path | None:
    """Return where a service keeps its state: as systemd says, as XDG says, or in the home."""
    systemd = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    xdg, home = environ.get("XDG_STATE_HOME", ""), environ.get("HOME", "")
    if systemd:
        return Path(systemd) / "keys"
    if xdg:
        return Path(xdg) / "tgd" / "keys"
    return Path(home) / ".local" / "state" / "tgd" / "keys" if home else None


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:40] or "tgd"


_NAME = matching(r"[A-Za-z0-9_-]{1,40}", "1 to 40 letters, digits, - or _")
_SENDER = matching(
    r"(?=.{4,63}$)[a-z]{2}(\.[A-Za-z0-9_-]+){1,8}",  # a case number adds a word, and takes ten
    "a dotted identifier of at most nine words and 63 characters such as fr.tgd.plateforme",
)
_NUMBER = matching(r"\+[1-9][0-9]{5,14}", "a telephone number such as +33549000000")
_CODE = matching(r"C[0-9]{2}(\.[0-9]{2}){2}", "an incident code such as C02.15.04")
_KEY = matching(r"[0-9A-Fa-f]{64}", "64 hexadecimal digits")

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "database_url",
        matching(r"postgres(ql)?://\S*", "an address that begins with postgresql://"),
        None,
        "PostgreSQL 15 or later, with user and password",
        secret=True,
    ),
    Setting("mqtt_url", mqtt_urls, None, "broker; several, comma-separated, in turn", secret=True),
    Setting("mqtt_control_url", control_urls, None, "every broker, to give rights", secret=True),
    Setting("phone_mqtt_url", mqtt_urls, None, "brokers as phones reach them (or TGD_MQTT_URL)"),
    Setting("secret_key", _KEY, None, "master secret: 64 hexadecimal digits", secret=True),
    Setting("key_dir", directory, None, "the key store; never in a backup (unset: see below)"),
    Setting("ca_dir", directory, None, "the certificate authority's directory"),
    Setting("journal_dir", directory, None, "the journal's signing key (unset: see below)"),
    Setting("seal_minutes", seconds, 10.0, "between two checkpoints of the journal", 60),
    Setting(
        "probe_seconds", seconds, 60.0, "how long a room's line may be idle without a probe", 600
    ),
    Setting("http_listen", listen, "127.0.0.1:8080", "address and port of the HTTP server"),
    Setting("log_format", one_of("text", "json"), "text", "text or json"),
    Setting("log_level", one_of("debug", "info", "warning", "error"), "info", "least level"),
    Setting("instance", _NAME, None, "names the MQTT client ids (the host's name if unset)"),
    Setting("sender_id", _SENDER, "fr.tgd.plateforme", "our CISU identifier"),
    Setting("callback_number", _NUMBER, None, "number on which a room reaches the operators"),
    Setting("superior_number", _NUMBER, None, "whom to call where nobody at the desk may know"),
    Setting("public_url", own_server, None, "where rooms reach us: without it no sheet has a link"),
    Setting("incident_code", _CODE, "C02.15.04", "CISU code of the incident's nature"),
    Setting(
        "forward_unverified",
        boolean,
        default=True,
        help="is there a written agreement to forward presses that nobody has verified?",
    ),
    Setting("unknown_per_minute", count, 20, "unknown phones' alerts; more are grouped", 600),
    Setting("batch_max", count, 500, "presses committed together", 2000),
    Setting("database_pool", count, 10, "connections to the database", 100),
    Setting("mqtt_ca", existing, None, "file of the authorities trusted for mqtts://"),
    Setting("mqtt_cert", existing, None, "file of our certificate and its key for the broker"),
    # Asking a tile server for the map around an alert tells it where a hunted person is: with
    # none set, the map has no background. Set it only to a server of one's own.
    Setting("tiles_url", url("https", "http"), None, "map tiles; betrays positions, keep local"),
    Setting("addok_url", own_server, None, "addok server of your own: it is told her position"),
    Setting("demo_pages", demo_pages, None, "set by the demo, never for real: its other pages"),
    Setting("session_hours", seconds, 12.0, "life of a session", 24),
    Setting("session_idle_minutes", seconds, 30.0, "a session that nobody uses ends", 240),
    Setting("oidc", existing, None, "file of the agencies whose own login serves"),
    Setting("proxies", hosts, "127.0.0.1,::1", "reverse proxies whose X-Forwarded-For is believed"),
    Setting("heartbeat_intervals", seconds, 3.0, "missed heartbeats that raise a task", 20),
    Setting("deadline_overflow_s", seconds, 7.0, "opened to answered: ring the others too", 60),
    Setting("deadline_answer_s", seconds, 20.0, "opened to answered: forward", 120),
    Setting("deadline_voice_s", seconds, 30.0, "answered to a voice: forward", 120),
    Setting("deadline_doubt_s", seconds, 60.0, "answered to a verdict: forward", 300),
    Setting("deadline_received_s", seconds, 10.0, "sent to received: next line", 60),
    Setting("deadline_acknowledged_s", seconds, 60.0, "dispatched to acknowledged", 300),
    Setting("deadline_engaged_s", seconds, 180.0, "acknowledged to a patrol engaged", 900),
    Setting("deadline_closing_s", seconds, 1800.0, "acknowledged to closed: ring", 7200),
    Setting("deadline_contact_s", seconds, 60.0, "last word of a phone in alert", 600),
    Setting("deadline_heartbeat_s", seconds, None, "last heartbeat (unset: intervals)", 604800),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_FILES = {setting.name + "_FILE": setting for setting in SETTINGS if setting.secret}
_CONFIG = PREFIX + "CONFIG"
_CLOSE = 0.7
"""So much of a name must be right for another to be suggested: what is only alike misleads."""
_DEADLINE = re.compile(r"deadline_(\w+)_s")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be configured, validated. Secrets not asked for may be empty."""

    database_url: str = field(default="", repr=False)
    mqtt_url: str = field(default="", repr=False)
    mqtt_control_url: str = field(default="", repr=False)
    phone_mqtt_url: str | None = field(default=None, repr=False)
    secret_key: str = field(default="", repr=False)
    key_dir: Path | None = None
    ca_dir: Path | None = None
    journal_dir: Path | None = None
    seal_minutes: float = 10.0
    probe_seconds: float = 60.0
    http_listen: str = "127.0.0.1:8080"
    log_format: str = "text"
    log_level: str = "info"
    instance: str = "tgd"
    sender_id: str = "fr.tgd.plateforme"
    callback_number: str | None = None
    superior_number: str | None = None
    public_url: str | None = None
    incident_code: str = "C02.15.04"
    forward_unverified: bool = True
    unknown_per_minute: int = 20
    batch_max: int = 500
    database_pool: int = 10
    mqtt_ca: Path | None = None
    mqtt_cert: Path | None = None
    tiles_url: str | None = None
    addok_url: str | None = None
    demo_pages: tuple[str, ...] | None = None
    session_hours: float = 12.0
    session_idle_minutes: float = 30.0
    oidc: Path | None = None
    proxies: str = "127.0.0.1,::1"
    deadlines: Deadlines = field(default_factory=Deadlines)

    @property
    def mqtt_urls(self) -> tuple[str, ...]:
        """The brokers' addresses, in the order in which they are tried."""
        return tuple(self.mqtt_url.split(",")) if self.mqtt_url else ()

    @property
    def phone_mqtt_urls(self) -> tuple[str, ...]:
        """The brokers' addresses as a phone is told them at its enrolment."""
        return tuple(self.phone_mqtt_url.split(",")) if self.phone_mqtt_url else self.mqtt_urls

    @property
    def mqtt_control_urls(self) -> tuple[str, ...]:
        """Every broker whose rights are ours to give; all of them, not one in turn."""
        return tuple(self.mqtt_control_url.split(",")) if self.mqtt_control_url else ()

    @property
    def signing_dir(self) -> Path | None:
        """Where the journal's signing key is: as set, or beside the key store."""
        return self.journal_dir or (self.key_dir.parent / "journal" if self.key_dir else None)

    @property
    def http_address(self) -> tuple[str, int]:
        """Host and port to listen on; port 0 takes a free one."""
        host, _, port = self.http_listen.rpartition(":")
        return host.strip("[]"), int(port)

    @classmethod
    def load(cls, environ: Mapping[str, str], *, need: Sequence[str] = SECRETS) -> "Config":
        """Read the environment and the file it names; raise ``ConfigError`` in one line.

        ``need`` names the settings that must be there (of those without a default).
        """
        texts = _gather(environ)
        values = {"instance": _host_name(), "key_dir": _own_directory(environ)}
        for setting in SETTINGS:
            if setting.name in texts:
                values[setting.field] = _value(setting, texts[setting.name])
            elif setting.field in need:
                raise ConfigError(f"{setting.name} is not set: {setting.help}")
        return cls._built(values)

    @classmethod
    def _built(cls, values: dict[str, Any]) -> "Config":
        """Sort the values that were given into the configuration and its deadlines."""
        own = {f.name for f in fields(cls)}
        deadlines: dict[str, Any] = {}
        given: dict[str, Any] = {}
        for name, value in values.items():
            match = _DEADLINE.fullmatch(name)
            if name in own:
                given[name] = value
            else:
                deadlines[match[1] if match else name] = value
        return cls(**given, deadlines=Deadlines(**deadlines))


def _gather(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the text of every setting that is given; the environment over the file."""
    given = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
    path = given.pop(_CONFIG, None)
    texts = _resolved(_toml(path), f"in {path}") if path else {}
    return texts | _resolved(given, "in the environment")


def _resolved(given: Mapping[str, str], where: str) -> dict[str, str]:
    """Return settings' texts by name, secrets' files read; unknown names are refused."""
    texts: dict[str, str] = {}
    for name, text in given.items():
        setting = _BY_NAME.get(name) or _FILES.get(name)
        if setting is None:
            raise ConfigError(f"{name} {where} is not a setting{_nearest(name)}")
        if setting.name in texts:
            raise ConfigError(f"{setting.name} and {setting.name}_FILE {where}: give one of them")
        texts[setting.name] = text if name == setting.name else _secret_file(name, text)
    return texts


def _nearest(name: str) -> str:
    """Suggest what was meant: by what stands behind the prefix that all settings share."""
    ends = {known.removeprefix(PREFIX): known for known in (*_BY_NAME, *_FILES, _CONFIG)}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), ends, n=1, cutoff=_CLOSE)
    return f" (did you mean {ends[close[0]]}?)" if close else ""


def _secret_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: cannot read the file: {type(error).__name__}") from error


def _toml(path: str) -> dict[str, str]:
    """Return the file's settings as texts under their full names."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{_CONFIG}: cannot read {path}: {error}") from error
    texts: dict[str, str] = {}
    for key, value in table.items():
        name = key.upper() if key.upper().startswith(PREFIX) else PREFIX + key.upper()
        if not isinstance(value, str | int | float):
            raise ConfigError(f"{name} in {path} must be a text, a number or true or false")
        if name in texts:
            raise ConfigError(f"{name} stands twice in {path}")
        texts[name] = str(value)
    return texts


def _value(setting: Setting, text: str) -> Any:
    try:
        value = setting.read(text)
    except ValueError as error:
        raise ConfigError(f"{setting.name} {error}") from None
    if setting.maximum is not None and value > setting.maximum:
        raise ConfigError(f"{setting.name} must be at most {setting.maximum:g}, not {text}")
    return value
