"""A server and a real broker that lets in only whom the register names: for tests to conduct."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest
from commands import free_port
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from firmware_sim import Fleet, Patience, Provision, Recorder
from tgd.app import App
from tgd.config import Config
from tgd.demo.broker import RIGHTS, Secured, start_broker
from tgd.devices.authority import Authority, write_private
from tgd.devices.broker_control import Control
from tgd.devices.mqtt import State
from tgd.justice import credentials, provisioning
from tgd.keys import KeyStore
from tgd.seal import Sealer
from tgd.store import register
from tgd.store.db import Database

SECRET = "5e" * 32
CONTROL, SERVER = ("tgd-control", "the-control's"), ("tgd-server", "the-server's")
WITHIN_S = 120.0
NOW = datetime.now(UTC)


class Office:
    """The prosecutor's office, the server and the broker, all real."""

    def __init__(self, url: str, folder: Path, *, kind: str = "mosquitto", **settings: Any) -> None:
        self.folder = folder
        self.sealer = Sealer(SECRET, KeyStore(folder / "keys"))
        self.authority = Authority.create(folder / "ca", self.sealer, NOW)
        tls = folder / "tls"
        tls.mkdir()
        server = self.authority.server(["127.0.0.1", "localhost"], NOW)
        (tls / "chain.pem").write_text(server.pem)
        write_private(tls / "server.key", server.key.encode())
        ours = self.authority.client(SERVER[0], NOW)
        write_private(tls / "client.pem", (ours.pem + ours.key).encode())
        self.secured = Secured(
            folder / "ca" / "ca.pem", tls / "chain.pem", tls / "server.key", CONTROL
        )
        self.broker = start_broker(0, folder / "broker", kind=kind, secured=self.secured)
        version, control = "", self.broker.url_of(":".join(CONTROL))
        if kind == "amqtt":  # it speaks 3.1.1 only, and its rights are a file
            version, control = "?version=3.1.1", self.rights.as_uri()
        self.config = Config(
            database_url=url,
            mqtt_url=self.broker.url_of(":".join(SERVER)) + version,
            mqtt_control_url=control,
            mqtt_ca=folder / "ca" / "ca.pem",
            mqtt_cert=tls / "client.pem",
            secret_key=SECRET,
            key_dir=folder / "keys",
            ca_dir=folder / "ca",
            http_listen=f"127.0.0.1:{free_port()}",
            instance="test",
            **settings,
        )
        self.database = Database(url, size=3, name="test")
        self.app: App

    @property
    def rights(self) -> Path:
        """The broker's whole state of who may do what."""
        return self.folder / "broker" / RIGHTS

    async def start(self) -> None:
        self.app = App(self.config)
        await self.app.start()
        await self.settled()
        await self.until(lambda: self.app.press_link.state is State.LISTENING)
        await self.until(lambda: self.app.rest_link.state is State.LISTENING)

    async def stop(self) -> None:
        await self.app.stop()

    async def settled(self) -> None:
        """Wait until the broker says what the register says now."""
        looks = self.app.enrolment.looks
        self.app.enrolment.heard.set()
        # The look under way may have begun before the change: the second from now is whole.
        await self.until(lambda: self.app.enrolment.looks > looks)
        self.app.enrolment.heard.set()
        await self.until(lambda: self.app.enrolment.looks > looks + 1)
        async with self.database.connection() as connection:
            open_ = "SELECT count(*) FROM phone_credential WHERE settled_at IS NULL"
            async with asyncio.timeout(WITHIN_S):
                while await connection.fetchval(open_):
                    self.app.enrolment.heard.set()
                    await asyncio.sleep(0.01)
        await self.until(lambda: self.app.metrics.broker_rights_settled._value.get() == 1)

    async def enrol(self, device: str, *, keep: Path | None = None) -> Provision:
        async with self.database.transaction() as transaction:
            issued = await credentials.enrol(
                transaction, self.sealer, self.authority, device=device, by="test", now=self._now()
            )
        return self.provision(issued, keep)

    async def rotate(self, device: str) -> Provision:
        async with self.database.transaction() as transaction:
            issued = await credentials.rotate(
                transaction, self.sealer, self.authority, device=device, by="test", now=self._now()
            )
        return self.provision(issued)

    def provision(self, issued: credentials.Issued, keep: Path | None = None) -> Provision:
        path = keep or self.folder / "provision.json"
        path.write_bytes(provisioning.file(issued, [self.broker.url], self.authority.pem))
        found = Provision.read(path)
        if keep is None:
            path.unlink()
        return found

    async def compromise(self, device: str) -> bool:
        async with self.database.transaction() as transaction:
            return await credentials.compromise(
                transaction, device=device, by="test", now=self._now()
            )

    async def execute(self, statement: str, *values: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement, *values)

    async def value(self, statement: str, *values: object) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(statement, *values)

    async def until(self, fact: Callable[[], object], what: str = "it never came") -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                while not fact():  # noqa: ASYNC110  the facts of two programs come without an event
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(what) from None

    @staticmethod
    def _now() -> datetime:
        return datetime.now(UTC)

    @asynccontextmanager
    async def control(self) -> AsyncIterator[Control]:
        """The control of the broker, in somebody else's hands."""
        control = Control(
            "test-control", self.config.mqtt_control_url, self.app._trust(), lambda: None
        )
        task = asyncio.create_task(control.run())
        try:
            yield control
        finally:
            task.cancel()
            await asyncio.wait({task})


@asynccontextmanager
async def offices(url: str, folder: Path, **settings: Any) -> AsyncIterator[Office]:
    office = Office(url, folder, **settings)
    patch = pytest.MonkeyPatch()
    patch.setattr("tgd.devices.mqtt.PROBE_S", 60.0)  # Mosquitto speaks MQTT 5, however slowly
    try:
        await office.database.open()
        async with office.database.transaction() as transaction:
            await register.seed(transaction, datetime.now(UTC))
        await office.start()
        try:
            yield office
        finally:
            await office.stop()
            await office.database.close()
    finally:
        patch.undo()
        office.broker.kill()


def fleet(*given: Provision, recorder: Recorder | None = None) -> Fleet:
    return Fleet(
        [one.device for one in given],
        provisions={one.device: one for one in given},
        patience=Patience(least=0.02, most=0.1),
        listeners=[recorder] if recorder else [],
    )


class Stranger:
    """Whoever has got hold of a phone's credential, with a client of another make (MQTT 5)."""

    def __init__(self, office: Office, given: Provision, **other: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.facts: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=other.get("client_id", given.device),
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        self.client.username_pw_set(
            other.get("username", given.device), other.get("password", given.password)
        )
        self.client.tls_set_context(given.tls())
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self.tell("connect", reason)
        self.client.on_disconnect = lambda _c, _u, _f, reason, _p: self.tell("gone", reason)
        self.client.on_publish = lambda _c, _u, _m, reason, _p: self.tell("published", reason)
        self.client.on_subscribe = lambda _c, _u, _m, codes, _p: self.tell("subscribed", codes[0])
        self.port = office.broker.port

    def tell(self, what: str, reason: object) -> None:
        self.loop.call_soon_threadsafe(self.facts.put_nowait, (what, str(reason)))

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.client.connect, "127.0.0.1", self.port)
        self.client.loop_start()
        return self

    async def __aexit__(self, *_failure: object) -> None:
        self.client.disconnect()
        with suppress(AttributeError):  # its thread may end between paho's look and its join
            await asyncio.to_thread(self.client.loop_stop)

    async def fact(self, what: str) -> str:
        async with asyncio.timeout(WITHIN_S):
            while True:
                kind, reason = await self.facts.get()
                if kind == what:
                    return reason

    async def publishes(self, topic: str) -> str:
        self.client.publish(topic, b"{}", 1)
        return await self.fact("published")

    async def subscribes(self, topic: str) -> str:
        self.client.subscribe(topic, 1)
        return await self.fact("subscribed")
