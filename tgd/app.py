"""The composition root: build, wire, start, stop, in readable order.

A press through the program: ``MqttLink`` hears it, ``Ingest`` collects it, ``Intake`` commits it
and its alert, ``Downlink`` receipts it; ``Triage`` takes the operator's decision; ``Sending``
tells the control room, ``Inbound`` hears its answer; ``Watch`` fires every deadline on the way,
``Rescue`` and ``Auditor`` see that none is forgotten. Each is a supervised task of its own; facts
pass between them as committed rows, and what the database's channel says only shortens waits.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from tgd.clock import Clock
from tgd.config import Config
from tgd.devices import trust
from tgd.devices.broker_control import Control, login
from tgd.devices.downlink import Downlink
from tgd.devices.enrolment import Enrolment
from tgd.devices.ingest import Ingest, Outcome
from tgd.devices.messages import Press
from tgd.devices.mqtt import Arrived, MqttLink, State
from tgd.devices.phone_keys import PhoneKeys
from tgd.devices.reports import Reports
from tgd.devices.rights_file import SCHEME, RightsFile
from tgd.justice.flow.ending import Ending
from tgd.justice.office import Office
from tgd.keys import KeyStore
from tgd.metrics import Metrics
from tgd.platform.address import addresses
from tgd.platform.channels import Channel
from tgd.platform.channels.adapters import Adapters
from tgd.platform.channels.breaker import Breaker
from tgd.platform.channels.script import Sender
from tgd.platform.channels.sheet_link import Links
from tgd.platform.competence import Competence
from tgd.platform.domain.alert import Plan
from tgd.platform.domain.deadlines import plan
from tgd.platform.dossier import Dossiers
from tgd.platform.flow.apart import Apart
from tgd.platform.flow.attendance import Attendance
from tgd.platform.flow.exercising import Exercising
from tgd.platform.flow.following import Following
from tgd.platform.flow.forget import Forget
from tgd.platform.flow.fortnight import Fortnight
from tgd.platform.flow.hearing import Hearing
from tgd.platform.flow.inbound import Inbound
from tgd.platform.flow.intake import Intake, Opening
from tgd.platform.flow.probing import Probing
from tgd.platform.flow.recontact import Recontact
from tgd.platform.flow.rescue import Rescue
from tgd.platform.flow.sealing import Sealing
from tgd.platform.flow.sending import Sending
from tgd.platform.flow.triage import Triage
from tgd.platform.flow.watch import AUDIT_EVERY, Auditor, Watch
from tgd.platform.holding import as_text
from tgd.platform.notes import Notes
from tgd.platform.persons import Persons
from tgd.platform.report import Reporting
from tgd.platform.sheets import Sheets
from tgd.platform.territory import Territories
from tgd.platform.whereabouts import Whereabouts
from tgd.platform.writing import Writing
from tgd.seal import Sealer
from tgd.store import alerts, presses
from tgd.store.db import INDEXES_ONLY, OUTAGE, Database, identity
from tgd.supervise import Supervisor
from tgd.web.context import Context
from tgd.web.elsewhere import lead
from tgd.web.hub import Hub
from tgd.web.routes import build
from tgd.web.server import Server

STOP_S = 8.0
AUDIT_IS_OLD = 5 * AUDIT_EVERY
_UP = "tgd/v1/+/up/"
_log = logging.getLogger(__name__)


class App:
    """One server. ``start`` returns when it serves; ``failed`` is set when it must be ended.

    Tests hand in a clock driven by hand, an alert logic that fails (``opening``), or a channel
    that stands for the world; everything else is always real.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        opening: Opening | None = None,
        channel: Channel | None = None,
    ) -> None:
        self.config = config
        self.clock = clock or Clock()
        self.metrics = Metrics()
        self.failed = asyncio.Event()
        self.port = 0
        self.supervisor = Supervisor(fatal=self._fatal, count=self._count)
        self.keys = self._key_store(config)
        self.sealer = Sealer(config.secret_key, self.keys)
        self.database = Database(config.database_url, size=config.database_pool, warm=alerts.warm)
        # The press path has a connection of its own: nothing else can starve it of one.
        self.press_database = Database(
            config.database_url, size=1, name="tgd press", settings=INDEXES_ONLY, warm=presses.warm
        )
        self._plan = plan(config.deadlines, forward_unverified=config.forward_unverified)
        self._adapters = Adapters(channel, clock=self.clock)
        self.breaker = Breaker()
        self._unhinted: deque[datetime] = deque(maxlen=1000)
        self._build(opening or self._opening)

    def _build(self, opening: Opening) -> None:
        """Make the parts, in the order in which a press meets them."""
        config, clock, metrics, database = self.config, self.clock, self.metrics, self.database
        self.press_link = self._link("press", [f"{_UP}press"])
        self.rest_link = self._link("rest", [f"{_UP}position", f"{_UP}heartbeat", f"{_UP}lwt"])
        self.phone_keys = PhoneKeys(database, clock, self.sealer)
        signing = self.phone_keys.signing
        self.downlink = Downlink(database, clock, signing(self.press_link.publish))
        self.intake = Intake(
            *(self.press_database, clock, self.sealer, metrics, opening),
            group_from=config.unknown_per_minute,
        )
        self.ingest = Ingest(
            self.intake.take,
            clock,
            metrics,
            batch_max=config.batch_max,
            settled=self.downlink.settled,
            afterwards=self._afterwards,
            acknowledge=self.press_link.ack,
            flush=self.press_link.flush,
        )
        said = signing(self.rest_link.publish)
        self.reports = Reports(database, clock, self.sealer, metrics, said)
        self.controls = [self._control(url) for url in config.mqtt_control_urls]
        self.enrolment = Enrolment(
            *(database, clock, self.sealer, metrics, self.controls, login(config.mqtt_urls))
        )
        self.whereabouts = Whereabouts(self.sealer)
        self.territory = Territories(database, clock)
        self.competence = Competence(self.territory, self.whereabouts, self.sealer)
        self.addresses = addresses(config, database)
        limits = config.deadlines
        self.rescue = Rescue(database, clock, metrics, as_text(self._plan))
        names = config.sender_id, config.callback_number, config.incident_code
        sender = Sender(*names, Links(self.sealer, config.public_url))
        self.sheets = Sheets(database, clock, self.sealer, sender)
        self._to_rooms(sender)
        self.triage = Triage(
            *(database, clock, self.sealer, metrics, limits, self.competence),
            *(self.writing, self.sending.go),
            forward_unverified=config.forward_unverified,
        )
        self.persons = Persons(database, clock, self.sealer)
        self.notes = Notes(database, self.sealer)
        self.office = Office(database, clock, self.sealer, Dossiers(self.sealer, clock))
        self.attendance = Attendance(database, clock, metrics)
        self.apart = Apart(database, clock, metrics, self.competence, config.superior_number)
        self.following = Following(database, clock, metrics, self.whereabouts, self.competence)
        self.forget = Forget(database, clock, metrics, self.sealer, self.keys)
        self.sealing = self._sealing(config)
        self.recontact = Recontact(database, clock, metrics, self.sealer)
        self.fortnight = Fortnight(database, clock, metrics)
        self.ending = Ending(database, clock, metrics)
        self.reporting = Reporting(database, clock, self.sealer, self.whereabouts)
        self.watch = Watch(database, clock, metrics, self.competence)
        self.auditor = Auditor(database, clock, metrics)
        self.hub = Hub(self._hinted)

    def _to_rooms(self, sender: Sender) -> None:
        """Make what speaks with control rooms by their lines."""
        database, clock, metrics, config = self.database, self.clock, self.metrics, self.config
        ways = database, clock, self.sealer, metrics, self._adapters, sender
        self.writing = Writing(self.sealer, self._adapters, sender)
        self.sending = Sending(*ways[:-1], self.writing, self.breaker)
        self.exercising = Exercising(*ways, self.breaker)
        self.inbound = Inbound(database, clock, metrics, sender_id=config.sender_id)
        self.hearing = Hearing(*ways, self.inbound.receive)
        self.probing = Probing(
            *(database, clock, self.sealer, metrics, self._adapters, self.breaker),
            sender_id=config.sender_id,
            every=timedelta(seconds=config.probe_seconds),
        )

    async def start(self) -> None:
        """Open the database, start every task, serve; raises when the database is away."""
        if any(urlsplit(url).username is None for url in self.config.mqtt_urls):
            _log.warning(
                "a broker takes us without a password, so perhaps anybody: who reaches it could"
                " press for any phone and read what phones are told (see tgd doctor)"
            )
        await self.database.open()
        self.supervisor.on_stop("database", self.database.close)
        await self._open_keys()
        if self.sealing is not None:  # once everything else has stopped, what it wrote is sealed
            self.supervisor.on_stop("last checkpoint", self.sealing.attempt)
            self.supervisor.start("sealing", self.sealing.run)
        else:
            _log.warning("no directory for a signing key (TGD_JOURNAL_DIR): no checkpoints")
        await self.press_database.open()
        self.supervisor.on_stop("press database", self.press_database.close)
        self.supervisor.on_stop("adapters", self._adapters.close)
        start = self.supervisor.start
        start("recording", self.sending.run_record)
        self.supervisor.on_stop("sendings under way", self.sending.close)
        start("sending", self.sending.run)  # stops first: then nothing new is sent
        start("hearing", self.hearing.run)
        start("exercising", self.exercising.run)
        start("probing", self.probing.run)
        start("watch", self.watch.run)
        start("territory", self.territory.run)
        start("following", self.following.run)
        start("attendance", self.attendance.run)
        start("apart", self.apart.run)
        start("forget", self.forget.run)
        start("recontact", self.recontact.run)
        start("fortnight", self.fortnight.run)
        start("ending", self.ending.run)
        self.supervisor.on_stop("addresses", self.addresses.close)
        start("auditor", self.auditor.run)
        start("rescue", self.rescue.run)
        start("downlink", self.downlink.run)
        start("ingest", self.ingest.run)
        start("reports", self.reports.run)
        await self.phone_keys.load()
        start("phone keys", self.phone_keys.run)
        start("listen", self._listen)
        for number, control in enumerate(self.controls, 1):
            start(f"control link {number}", control.run)
        if self.controls:
            start("enrolment", self.enrolment.run)
        start("rest link", self.rest_link.run)
        start("press link", self.press_link.run)
        await self._serve()

    async def stop(self) -> None:
        """Stop in reverse order; what was not committed was not acknowledged either."""
        await self.supervisor.stop(STOP_S)

    def ready(self) -> Mapping[str, bool]:
        """Say what is well: the database, the broker, the auditor, the rooms' brokers."""
        ok_at = self.auditor.ok_at
        return {
            "database": self.watch.answering,
            "mqtt": self.press_link.state is State.LISTENING,
            "auditor": ok_at is not None and self.clock.now() - ok_at < AUDIT_IS_OLD,
            "amqp": self.hearing.all_heard,
        }

    def _key_store(self, config: Config) -> KeyStore | None:
        if config.key_dir is None:
            return None
        store = KeyStore(config.key_dir, self.clock, fault=self.metrics.key_store_faults.inc)
        self.metrics.key_store_ready.set_function(lambda: store.ready)
        return store

    def _sealing(self, config: Config) -> Sealing | None:
        if config.signing_dir is None:
            return None
        every = timedelta(minutes=config.seal_minutes)
        return Sealing(self.database, self.clock, self.metrics, config.signing_dir, every)

    async def _open_keys(self) -> None:
        """Have the first keys ready; without a key store everything else goes on all the same."""
        keys = self.keys
        if keys is None:
            _log.warning("no key store (TGD_KEY_DIR): what is erased stays readable in backups")
            return
        async with self.database.connection() as connection:
            owner = await identity(connection)
        await asyncio.to_thread(keys.open, owner)
        self.supervisor.on_stop("key store", lambda: asyncio.to_thread(keys.close))
        self.supervisor.start("keys", keys.run)

    async def _serve(self) -> None:
        context = Context(
            database=self.database,
            clock=self.clock,
            triage=self.triage,
            inbound=self.inbound,
            exercising=self.exercising,
            forget=self.forget,
            recontact=self.recontact,
            reporting=self.reporting,
            sheets=self.sheets,
            whereabouts=self.whereabouts,
            competence=self.competence,
            persons=self.persons,
            notes=self.notes,
            office=self.office,
            addresses=self.addresses,
            ingest=self.ingest,
            sign=self.phone_keys.sign,
            hub=self.hub,
            metrics=self.metrics,
            config=self.config,
            ready=self.ready,
        )
        application = build(context)
        lead(application, self.config.demo_pages or ())
        server = Server(application, *self.config.http_address)
        await server.start()
        self.supervisor.on_stop("web", server.stop)
        self.port = server.port
        _log.info("serving on http://%s:%d", self.config.http_address[0], self.port)

    async def _listen(self) -> None:
        """Hear what was committed; whoever waits looks by itself meanwhile."""
        while True:
            try:
                await self.database.listen(self._heard)
            except OUTAGE as error:
                _log.warning("the database's channel is away: %s", type(error).__name__)
                await asyncio.sleep(0.5)

    def _heard(self, payload: str) -> None:
        if payload == "send":
            self.sending.heard.set()
        elif payload == "downlink":
            self.downlink.heard.set()
        elif payload == "forget":
            self.forget.heard.set()
        elif payload == "credentials":
            self.phone_keys.heard.set()
            self.enrolment.heard.set()
        elif payload == "rooms":
            self.hearing.heard.set()
        elif payload == "zones":
            self.territory.heard.set()
        elif payload == "exercise":
            self.exercising.heard.set()
        else:
            if payload == "position":
                self.following.heard.set()
            elif payload == "register":
                self.apart.heard.set()
            self.hub.hint(pressing=payload != "position")

    def _link(self, name: str, topics: list[str]) -> MqttLink:
        connected = self.metrics.mqtt_connected[name]
        return MqttLink(
            f"tgd-{name}-{self.config.instance}",
            self.config.mqtt_urls,
            [(topic, 1) for topic in topics],
            self._presses_arrived if name == "press" else self._reports_arrived,
            on_state=lambda state: connected.set(state is State.LISTENING),
            tls=self._trust(),
        )

    def _control(self, url: str) -> Control | RightsFile:
        if urlsplit(url).scheme == SCHEME:
            return RightsFile(url, self._broker_listens)
        name = f"tgd-control-{self.config.instance}"
        return Control(name, url, self._trust(), self._broker_listens)

    def _broker_listens(self) -> None:
        self.enrolment.heard.set()

    def _trust(self) -> ssl.SSLContext | None:
        return trust.tls(self.config.mqtt_ca, self.config.mqtt_cert)

    def _presses_arrived(self, messages: list[Arrived]) -> None:
        self.ingest.arrived(messages)

    def _reports_arrived(self, messages: list[Arrived]) -> None:
        self.reports.arrived(messages)

    def _afterwards(self, press: Press, outcome: Outcome) -> None:
        self.downlink.opened(press, outcome)
        if outcome.fresh and self.hub.listening:
            self._unhinted.append(press.received_at)

    def _hinted(self) -> None:
        """Measure the leg press → console for what the hint that has just left announced."""
        now = self.clock.now()
        while self._unhinted:
            seconds = (now - self._unhinted.popleft()).total_seconds()
            self.metrics.press_to_console.observe(seconds)

    def _opening(self, _press: Press, _now: datetime) -> Plan:
        return self._plan

    def _count(self, task: str) -> None:
        self.metrics.loop_errors[task].inc()

    def _fatal(self, task: str) -> None:
        _log.critical("the task %s cannot go on: the server ends itself", task)
        self.failed.set()
