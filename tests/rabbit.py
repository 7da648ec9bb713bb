"""A real RabbitMQ of our own: any user can run it, and it ends with whoever started it.

Its settings and rights are those of ``deploy/rabbitmq``, on free ports, with certificates of an
authority made for it, and with passwords beside these, so that both ways in are tried. What a test
breaks it mends: one server serves a whole session, because its start takes seconds.
"""

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import aio_pika
from commands import free_port

from tgd.demo.child import Child
from tgd.devices.authority import Authority, Certificate
from tgd.platform.channels import amqp_address
from tgd.platform.channels.amqp_link import Connection
from tgd.seal import Sealer

SAMPLE = Path(__file__).parents[1] / "deploy/rabbitmq"
PROGRAMS = Path("/usr/lib/rabbitmq/bin")
"""The programs themselves: those on the PATH are for root and change the user."""
US, ROOM, OTHER_ROOM, STRANGER = (
    "fr.tgd.plateforme",
    "fr.police.cic86",
    "fr.gendarmerie.corg86",
    "fr.police.cic75",
)
EVERYBODY = (US, ROOM, OTHER_ROOM, STRANGER)
PASSWORD = "an-invented-password"
ADMIN = "tests"
BARE, SHUT = "bare", "shut"
"""Virtual hosts: one without an exchange of its own, one in which nobody may publish."""
_START_S = 240.0


def found() -> bool:
    return (PROGRAMS / "rabbitmq-server").exists() and shutil.which("epmd") is not None


class Rabbit:
    """One server; ``folder`` holds everything that is its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self._epmd_port, self._distribution_port = free_port(), free_port()
        self.node = f"tgd-{os.getpid()}-{self.port}@localhost"
        self._certify()
        self._configure()
        log = folder / "epmd.log"
        words = ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"]
        self._epmd = Child(words, log=log, environ=self._environment())
        self._server: Child
        self.start()

    def url(self, vhost: str = "/", exchange: str | None = "cisu", port: int | None = None) -> str:
        """The address of a line without TLS; ``port`` of whoever stands before the server."""
        path = "" if vhost == "/" else vhost
        settings = amqp_address.Settings(exchange=exchange)
        return amqp_address.kept(f"amqp://127.0.0.1:{port or self.port}/{path}", settings)

    def tls_url(self, user: str = US, ca: Path | None = None) -> str:
        """The address of a line on which a certificate says who calls."""
        settings = amqp_address.Settings(
            exchange="cisu",
            ca=str(ca or self.folder / "ca.pem"),
            certificate=str(self.folder / f"{user}.pem"),
            key=str(self.folder / f"{user}.key"),
        )
        return amqp_address.kept(f"amqps://localhost:{self.tls_port}/", settings)

    async def connect(
        self, user: str = ADMIN, vhost: str = "/", port: int | None = None
    ) -> aio_pika.abc.AbstractConnection:
        return await aio_pika.connect(
            host="127.0.0.1",
            port=port or self.port,
            login=user,
            password=PASSWORD,
            virtualhost=vhost,
            connection_class=Connection,
        )

    def start(self) -> None:
        (self.folder / "pid").unlink(missing_ok=True)
        log = self.folder / "rabbitmq.out"
        program = [str(PROGRAMS / "rabbitmq-server")]
        self._server = Child(program, log=log, environ=self._environment())
        deadline = time.monotonic() + _START_S
        while not self._ready():
            if time.monotonic() > deadline or not self._server.running():
                raise RuntimeError(f"RabbitMQ does not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._server.end(signal.SIGKILL)

    def stop(self) -> None:
        self.kill()
        self._epmd.end(signal.SIGKILL)

    def control(self, *words: str) -> None:
        """Do one of RabbitMQ's administrative commands."""
        subprocess.run(
            [str(PROGRAMS / "rabbitmqctl"), "-q", "-n", self.node, *words],
            env=self._environment(),
            check=True,
            capture_output=True,
            timeout=240,
        )

    def alarm(self, *, raised: bool) -> None:
        """Have it believe that its memory is used up: whoever publishes is not listened to."""
        act = "set_alarm({A, []})" if raised else "clear_alarm(A)"
        self.control("eval", f"A = {{resource_limit, memory, node()}}, rabbit_alarm:{act}.")

    def _ready(self) -> bool:
        """It listens on both ports only once its queues are there."""
        for port in (self.port, self.tls_port):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    pass
            except OSError:
                return False
        return True

    def _environment(self) -> dict[str, str]:
        (self.folder / "home").mkdir(exist_ok=True)
        cookie = self.folder / "home/.erlang.cookie"
        if not cookie.exists():
            cookie.write_text(self.folder.name + str(self.port))
            cookie.chmod(0o400)
        own = {name: text for name, text in os.environ.items() if "RABBITMQ" not in name}
        return own | {
            "HOME": str(self.folder / "home"),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RUNNING_UNDER_SYSTEMD": "1",  # the program itself, without a shell that guards it
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def _certify(self) -> None:
        now = datetime.now(UTC)
        self.authority = Authority.create(self.folder / "authority", Sealer("5a" * 32), now)
        (self.folder / "ca.pem").write_text(self.authority.pem)
        self.keep("server", self.authority.server(["localhost", "127.0.0.1"], now))
        for user in EVERYBODY:
            self.keep(user, self.authority.client(user, now))
        other = Authority.create(self.folder / "other", Sealer("5a" * 32), now)
        (self.folder / "other.pem").write_text(other.pem)
        self.keep("forged", other.client(US, now))

    def keep(self, name: str, made: Certificate) -> None:
        (self.folder / f"{name}.pem").write_text(made.pem)
        (self.folder / f"{name}.key").write_text(made.key)

    def _configure(self) -> None:
        text = (SAMPLE / "rabbitmq.conf").read_text()
        text = text.replace("/etc/rabbitmq/", f"{self.folder}/")
        text = text.replace("listeners.tcp = none", f"listeners.tcp.1 = 127.0.0.1:{self.port}")
        text = text.replace("ssl.default = 5671", f"ssl.1 = 127.0.0.1:{self.tls_port}")
        text += "auth_mechanisms.2 = PLAIN\nlog.console = false\n"
        (self.folder / "rabbitmq.conf").write_text(text)
        (self.folder / "plugins").write_text("[rabbitmq_auth_mechanism_ssl].\n")
        (self.folder / "definitions.json").write_text(json.dumps(_definitions()))


def _definitions() -> dict[str, list[dict[str, object]]]:
    """Return the sample's, with more rooms, with passwords, and with the two virtual hosts."""
    told = json.loads((SAMPLE / "definitions.json").read_text())
    for user in told["users"]:
        user["password_hash"] = _hashed(PASSWORD)
    told["users"] += [
        {"name": name, "password_hash": _hashed(PASSWORD), "tags": tags}
        for name, tags in ((OTHER_ROOM, []), (STRANGER, []), (ADMIN, ["administrator"]))
    ]
    told["vhosts"] += [{"name": BARE}, {"name": SHUT}]
    told["topic_permissions"] = [
        one | {"write": r"^fr\.(police|gendarmerie)\..+$"} if one["user"] == US else one
        for one in told["topic_permissions"]
    ]
    own = r"^{}\.(message|ack|info)$"
    for name in (OTHER_ROOM, STRANGER):
        mine = own.format(name.replace(".", r"\."))
        told["permissions"].append(_may("/", name, "^cisu$", mine))
    told["permissions"] += [_may("/", ADMIN, ".*", ".*", ".*"), _may(SHUT, US, "^$", ".*")]
    told["permissions"] += [_may(BARE, name, "^amq.default$", ".*") for name in EVERYBODY]
    told["permissions"] += [_may(BARE, ADMIN, ".*", ".*", ".*")]
    like = told["queues"][0]
    told["queues"] += [
        like | {"name": f"{name}.{kind}", "vhost": vhost}
        for vhost, names in (("/", (OTHER_ROOM,)), (BARE, EVERYBODY), (SHUT, EVERYBODY))
        for name in names
        for kind in ("message", "ack", "info")
    ]
    path = told["bindings"][0]
    told["bindings"] += [
        path | {"destination": key, "routing_key": key}
        for key in (f"{OTHER_ROOM}.{kind}" for kind in ("message", "ack", "info"))
    ]
    return told


def _may(vhost: str, user: str, write: str, read: str, configure: str = "^$") -> dict[str, str]:
    return {"user": user, "vhost": vhost, "configure": configure, "write": write, "read": read}


def _hashed(password: str) -> str:
    salt = b"salt"
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
