"""Every broker is made to say what the register says: who may come in, and do what.

Serves arrow 1's first metre. At every start, at every change of a credential, at every connection
to a broker and every five minutes each broker is read whole and compared; what differs is mended
and told: log, metric, journal. A broker whose state was lost has all of it again at once, passwords
too, which is why the register keeps them sealed (the plugin takes no hashes).

Promises: the press path does not wait for any of this, nor end with it, whatever fails; where a
broker cannot be mended it is tried again for ever, and after a minute that is an alarm and an entry
in the journal.
Leaves to the register when a credential begins and ends.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tgd.clock import Clock
from tgd.devices import dynsec
from tgd.devices.authority import RENEW_DAYS
from tgd.devices.broker_control import Control
from tgd.devices.dynsec import Mending, Wanted
from tgd.devices.rights_file import RightsFile
from tgd.errors import Rejected, Temporary
from tgd.metrics import Metrics
from tgd.seal import SealBroken, Sealer
from tgd.store import command, credentials
from tgd.store.credentials import Credential
from tgd.store.db import OUTAGE, REFUSED, Database

SWEEP: Final = timedelta(minutes=5)
RETRY: Final = timedelta(seconds=2)
LOT: Final = 10
ALARM: Final = timedelta(seconds=60)
_ACTOR: Final = "enrolment"
_FAILURES: Final[tuple[type[BaseException], ...]] = (*OUTAGE, Temporary, Rejected)
_log = logging.getLogger(__name__)


class _Interrupted(Exception):
    """The register changed while a broker was being mended: the next look begins anew."""

    def __init__(self, mended: Sequence[Mending]) -> None:
        super().__init__()
        self.mended = mended


def about(credential: UUID) -> str:
    """Return what a password is sealed for."""
    return f"phone password {credential}"


class Enrolment:
    """The task that keeps brokers and register the same. ``login`` is the server's own client."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        metrics: Metrics,
        controls: Sequence[Control | RightsFile],
        login: tuple[str, str] | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._metrics = metrics
        self._controls = controls
        self._login = login
        self._failing_since: datetime | None = None
        self._alarmed = False
        self._said = ""
        self._known = False  # has the register ever been told of a phone's credential?
        self.looks = 0
        self.heard = asyncio.Event()
        metrics.broker_rights_settled.set(0 if controls else 1)

    async def run(self) -> None:
        """Look, mend, wait, for ever."""
        pause = timedelta(0)
        while True:
            await self._clock.wait(self.heard, self._clock.now() + pause)
            self.heard.clear()
            try:
                whole = await self.look()
            except Exception as error:  # noqa: BLE001  whatever fails here must not end the process: presses go on
                pause = RETRY
                await self._failed(error)
            else:
                pause = SWEEP
                self._failing_since, self._alarmed, self._said = None, False, ""
                self._metrics.broker_rights_settled.set(int(whole))
            self.looks += 1

    async def look(self) -> bool:
        """Make every broker say what the register says; False if news came before the end."""
        async with self._database.connection() as connection:
            register = await credentials.register(connection)
        self._known = bool(register)
        expected, unreadable = wanted(self._sealer, self._login, register)
        mended: list[Mending] = []
        failure: Temporary | Rejected | None = None
        # One broker that is away must not leave another open to a phone that is compromised.
        for control in self._controls:
            try:
                mended += await self._settle(control, expected, unreadable)
            except _Interrupted as interrupted:
                await self._tell([*mended, *interrupted.mended], register)
                return False
            except (Temporary, Rejected) as error:
                failure = error
        await self._tell(mended, register)
        if failure is not None:
            raise failure
        if unreadable:
            raise Rejected(f"{len(unreadable)} credentials do not open: TGD_SECRET_KEY?")
        now = self._clock.now()
        async with self._database.connection() as connection:
            if any(one.settled_at is None for one in register):
                await credentials.settle(connection, register, now)
            figures = await credentials.figures(connection, now + timedelta(days=RENEW_DAYS))
        self._metrics.credentials_expiring.set(figures.expiring)
        return True

    async def _settle(
        self, control: Control | RightsFile, expected: Sequence[Wanted], unreadable: Sequence[str]
    ) -> list[Mending]:
        """Mend one broker, phones that must not come in first.

        A register that was never told of a phone is not this broker's: a new database, another
        one's address. All phones would be shut out at once: so nothing is taken away then.
        """
        found = await control.found()
        own = {control.user, self._login[0] if self._login else ""}
        if not self._known and set(found.clients) - own:
            raise Rejected(f"the register has no phone, broker {control.where} has: left alone")
        mendings = dynsec.mend(found, expected, control.user, unreadable)
        shut = {dynsec.DISABLED, dynsec.EXTRA}
        mendings.sort(key=lambda one: one.kind not in shut)
        for at in range(0, len(mendings), LOT):
            lot = mendings[at : at + LOT]
            await control.order([order for one in lot for order in one.orders])
            # A phone that is compromised does not wait until a thousand others are restored.
            if self.heard.is_set() and at + LOT < len(mendings):
                raise _Interrupted(mendings[: at + LOT])
        return mendings

    async def _tell(self, mended: Sequence[Mending], register: Sequence[Credential]) -> None:
        """Say what was drift; what the register changed itself is no drift."""
        changed = {one.device for one in register if one.settled_at is None}
        changed |= {f"phone-{device}" for device in changed}
        drift = [one for one in mended if one.name not in changed]
        if not drift:
            return
        kinds = Counter(one.kind for one in drift)
        for kind, count in kinds.items():
            self._metrics.broker_drift[kind].inc(count)
        said = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        _log.warning("the broker differed from the register and was mended: %s", said)
        async with self._database.connection() as connection:
            now = self._clock.now()
            await command.record(connection, now, _ACTOR, "broker_mended", dict(kinds))

    async def _failed(self, error: BaseException) -> None:
        """Say it once, and after a minute aloud; the press path goes on all the while."""
        self._metrics.broker_rights_settled.set(0)
        now = self._clock.now()
        self._failing_since = self._failing_since or now
        said = str(error) if isinstance(error, Temporary | Rejected) else type(error).__name__
        if said != self._said:
            self._said = said
            foreseen = isinstance(error, _FAILURES)
            _log.log(
                logging.WARNING if foreseen else logging.ERROR,
                "the broker's rights cannot be compared with the register: %s",
                said,
                exc_info=None if foreseen else error,
            )
        if now - self._failing_since < ALARM or self._alarmed:
            return
        try:
            async with self._database.connection() as connection:
                since = self._failing_since.isoformat()
                await command.record(connection, now, _ACTOR, "broker_unsettled", {"since": since})
        except (*OUTAGE, *REFUSED):
            return  # tried again with the next failure; the metric says it all the while
        self._alarmed = True
        _log.error("for a minute a broker has not been made to say what the register says")


def wanted(
    sealer: Sealer, login: tuple[str, str] | None, register: Sequence[Credential]
) -> tuple[list[Wanted], list[str]]:
    """Return who is to be at each broker, and the phones whose passwords do not open."""
    expected, unreadable = [], []
    if login is not None:
        name, password = login
        serial = sealer.digest(f"{name}:{password}".encode())[:8].hex()
        expected.append(dynsec.server(name, password, serial))
    for one in register:
        if one.state == "compromised":
            expected.append(dynsec.phone(one.device, one.serial, None, enabled=False))
        elif one.password is not None:
            try:
                password = sealer.open(one.password, about(one.id)).decode()
            except SealBroken:
                unreadable.append(one.device)
                continue
            expected.append(dynsec.phone(one.device, one.serial, password, enabled=True))
    return expected, unreadable
