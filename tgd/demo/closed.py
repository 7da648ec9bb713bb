"""The demo's broker is closed, as a real one is: TLS by an authority, nobody comes in unenrolled.

Serves the demo. It makes what an administrator makes once (`tgd authority …`, `tgd broker init`)
and what the office does for each phone (`tgd phones enrol`), with the same functions. The server
does the rest, at its start and ever after: what the broker lets in is what the register says.
Secrets are made up anew each time and lie in files of their owner alone.
"""

import secrets
from datetime import datetime
from pathlib import Path

from tgd.clock import Clock
from tgd.demo.broker import RIGHTS, Broker, Secured
from tgd.devices.authority import CERTIFICATE, Authority, write_private
from tgd.justice import credentials, provisioning
from tgd.seal import Sealer
from tgd.store import command

_HOSTS = ("127.0.0.1", "localhost")


class Closed:
    """What the broker, the server and the phones need; ``folder`` is made. ``made`` first."""

    def __init__(self, folder: Path, secret_key: str) -> None:
        self.enrolled = folder / "phones"
        self._folder = folder
        self._sealer = Sealer(secret_key)
        self._control = ("tgd-control", secrets.token_urlsafe(24))
        self._server = ("tgd-server", secrets.token_urlsafe(24))
        self._authority: Authority

    @property
    def secured(self) -> Secured:
        """How the broker is to be reached."""
        tls = self._folder / "tls"
        ca = self._folder / "ca" / CERTIFICATE
        return Secured(ca, tls / "server.pem", tls / "server.key", self._control)

    def make(self) -> None:
        """Make the authority and the certificates of broker and server."""
        now = self._now()
        tls = self._folder / "tls"
        for folder in (tls, self.enrolled):
            folder.mkdir(mode=0o700, parents=True)
        self._authority = Authority.create(self._folder / "ca", self._sealer, now)
        broker, server = (
            self._authority.server(_HOSTS, now),
            self._authority.client("tgd-server", now),
        )
        (tls / "server.pem").write_text(broker.pem, encoding="ascii")
        write_private(tls / "server.key", broker.key.encode())
        write_private(tls / "client.pem", (server.pem + server.key).encode())

    def environ(self, broker: Broker, rights: Path) -> dict[str, str]:
        """Return the server's settings for this broker, whose files are in ``rights``."""
        version = ""
        control = broker.url_of(":".join(self._control))
        if broker.kind == "amqtt":  # it speaks 3.1.1 only, and its rights are a file
            version, control = "?version=3.1.1", (rights / RIGHTS).as_uri()
        return {
            "TGD_MQTT_URL": broker.url_of(":".join(self._server)) + version,
            "TGD_MQTT_CONTROL_URL": control,
            "TGD_MQTT_CA": str(self.secured.ca),
            "TGD_MQTT_CERT": str(self._folder / "tls" / "client.pem"),
            "TGD_CA_DIR": str(self._folder / "ca"),
        }

    async def enrol(self, database_url: str, broker: Broker, phones: list[str]) -> None:
        """Give each phone its credential; the server tells the broker of them by itself."""
        async with command.transaction(database_url) as connection:
            for phone in phones:
                issued = await credentials.enrol(
                    *(connection, self._sealer, self._authority),
                    device=phone,
                    by="demo",
                    now=self._now(),
                )
                given = provisioning.file(issued, [broker.url], self._authority.pem)
                write_private(self.enrolled / f"{phone}.json", given)

    @staticmethod
    def _now() -> datetime:
        return Clock().now()
