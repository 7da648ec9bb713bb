"""Random histories of the register, several acts at the same moment: law 4 holds after each.

A real PostgreSQL, a connection for each act. Short by default; ``TEST_HISTORIES=100`` is the long
form. An act may be refused; whatever else it raises is a fault.
"""

import asyncio
import os
from datetime import timedelta
from itertools import count
from typing import NamedTuple
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from world import ManualClock

from tgd.errors import Invalid, NotFound, Refused
from tgd.justice.flow.assigning import Demand, Person
from tgd.justice.flow.stock import Known
from tgd.justice.office import Office
from tgd.platform.dossier import Dossiers
from tgd.seal import Sealer
from tgd.store.db import Database

HISTORIES = int(os.environ.get("TEST_HISTORIES", "2"))
TRIBUNALS = ("nord", "sud")
PHONES = ("n-1", "n-2", "n-3", "s-1", "s-2")
MATCH = {"label": True, "imei": True, "sim": True, "identity": True}
STATES = ("lost", "stolen", "broken", "found", "repaired", "in_stock", "reserve")
STATUSES = ("preparing", "handed_over", "active", "ended", "returned", "wiped")

LAW = {
    "more out than allocated": """
        SELECT t.id FROM tribunal t WHERE t.allocation < (
            SELECT count(*) FROM device d LEFT JOIN out_now a ON a.device_id = d.id
            WHERE d.tribunal_id = t.id AND d.muted_at IS NULL
              AND (d.lent_to IS NOT NULL OR a.id IS NOT NULL))""",
    "a phone with two holders": """
        SELECT device_id FROM out_now GROUP BY 1 HAVING count(*) > 1""",
    "a person with two assignments": """
        SELECT beneficiary_id FROM assignment WHERE ended_at IS NULL
        GROUP BY 1 HAVING count(*) > 1""",
    "a state that does not fit the holder": """
        SELECT d.id FROM device d LEFT JOIN out_now a ON a.device_id = d.id
        WHERE (a.id IS NOT NULL AND d.state NOT IN
               ('reserved', 'handed_over', 'lost', 'stolen', 'broken'))
           OR (a.id IS NULL AND d.state = 'handed_over')
           OR (d.state = 'on_loan' AND d.lent_to IS NULL)""",
    "reserved for nobody": """
        SELECT d.id FROM device d LEFT JOIN out_now a ON a.device_id = d.id
        WHERE d.state = 'reserved' AND a.id IS NULL AND NOT EXISTS (
            SELECT FROM release r WHERE r.device_id = d.id AND r.evaluated_at IS NULL)""",
    "granted without a phone, or a phone for an unmet request": """
        SELECT r.id FROM request r LEFT JOIN assignment a ON a.request_id = r.id
        WHERE (r.status = 'granted') <> (a.id IS NOT NULL)""",
    "unmet twice, or without a reason": """
        SELECT beneficiary_id FROM request WHERE status IN ('open', 'waiting')
        GROUP BY 1 HAVING count(*) > 1 OR bool_or(reason = '')""",
    "a term of more than six months": """
        SELECT id FROM assignment WHERE ends_at > six_months_after(term_at)""",
    "muted by one person, or before its replacement was tested": """
        SELECT d.id FROM device d LEFT JOIN out_now a ON a.device_id = d.id
        WHERE d.muted_at IS NOT NULL AND (d.muted_by = d.compromised_by OR (
            a.id IS NOT NULL AND NOT EXISTS (
                SELECT FROM assignment r WHERE r.beneficiary_id = a.beneficiary_id
                AND r.id <> a.id AND r.tested_at IS NOT NULL)))""",
    "an alert that would not know its holder": """
        SELECT a.id FROM out_now a JOIN holder h ON h.device = a.device_id
        WHERE h.assignment_id IS DISTINCT FROM a.id""",
    "credentials that ended but by a return or by two persons, or did not": """
        SELECT c.id FROM phone_credential c JOIN device d ON d.id = c.device_id, LATERAL (
            SELECT EXISTS (SELECT FROM assignment a WHERE a.device_id = d.id
                           AND a.returned_at > c.issued_at) AS back) b
        WHERE (c.state = 'active') <> (NOT back AND d.muted_at IS NULL)""",
    "an assignment that is nobody's, or the lender's": """
        SELECT a.id FROM assignment a JOIN device d ON d.id = a.device_id
        WHERE a.tribunal_id IS NULL
           OR (a.returned_at IS NULL AND a.tribunal_id <> coalesce(d.lent_to, d.tribunal_id))""",
    "an end without a person and a reason": """
        SELECT id FROM assignment
        WHERE ended_at IS NOT NULL AND (ended_by IS NULL OR end_reason IS NULL)""",
}
OUT = """
CREATE TEMPORARY VIEW out_now AS
SELECT id, device_id, beneficiary_id FROM assignment WHERE returned_at IS NULL
"""
CREDENTIAL = """
INSERT INTO phone_credential (id, device_id, serial, password, mac_key, issued_at, issued_by,
                              expires_at)
SELECT gen_random_uuid(), id, md5(id), '', '', $1, 'seed', $1::timestamptz + interval '9 years'
FROM device
"""
KNOWN = {
    "assignment": "SELECT id FROM assignment WHERE returned_at IS NULL ORDER BY starts_at, id",
    "request": "SELECT id FROM request WHERE status IN ('open', 'waiting') ORDER BY asked_at, id",
    "person": "SELECT id FROM beneficiary ORDER BY created_at, id",
    "release": "SELECT id FROM release WHERE evaluated_at IS NULL ORDER BY recorded_at, id",
}
HEARD = """
WITH a AS (
    INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen,
                       plan, opened_at, pressed_at, last_press_id, last_press_at, answered_at,
                       answered_by, holder_heard_at, verdict, verdict_at, status, closed_at,
                       closed_by)
    SELECT next_case_id($2), s.device_id, s.device_id, true, s.id, 'refused', false, 'none', '{}',
           $2, $2, gen_random_uuid(), $2, $2, 'op', $2, 'test', $2, 'closed', $2, 'op'
    FROM assignment s WHERE s.id = $1 RETURNING id, device, assignment_id, last_press_id
)
INSERT INTO phone_test (kind, alert_id, device_id, assignment_id, beneficiary_id, press_id,
                        presses, paths, pressed_at, received_at, answered_at, heard_at,
                        decided_at, decided_by)
SELECT 'fortnightly', a.id, a.device, s.id, s.beneficiary_id, a.last_press_id, 1, '{}', $2, $2, $2,
       $2, $2, 'op'
FROM a JOIN assignment s ON s.id = a.assignment_id
"""
NO = UUID(int=0)
KINDS = (
    *("assign", "assign", "ask", "grant", "withdraw", "replace", "end", "return", "return_wiped"),
    *("renew", "hand_over", "test", "state", "wipe", "lend", "compromise", "mute", "allocate"),
    *("announce", "evaluated"),
)


class Act(NamedTuple):
    """One act of one person; what it does not need is not looked at."""

    kind: str
    by: str
    tribunal: str
    phone: str
    state: str
    yes: bool
    n: int


ACTS = st.builds(
    Act,
    st.sampled_from(KINDS),
    st.sampled_from(("parquet-1", "parquet-2")),
    st.sampled_from(TRIBUNALS),
    st.sampled_from(PHONES),
    st.sampled_from(STATES),
    st.booleans(),
    st.integers(0, 4),
)


class Register(RuleBasedStateMachine):
    """Two tribunals of one court, five phones, and people who decide at the same moment."""

    url: str
    template: str
    made = count()

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.ranks: dict[UUID, int] = {}
        self.done = 0
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        self.name = f"history_{os.getpid()}_{next(self.made)}"
        await self._on_server(f"CREATE DATABASE {self.name} TEMPLATE {self.template}")
        url = self.url.rpartition("/")[0] + "/" + self.name
        self.owner = await asyncpg.connect(url)
        await self.owner.execute(
            "INSERT INTO tribunal VALUES"
            " ('nord', 'Fictif', 2, 0, 'cour'), ('sud', 'Fictif', 1, 1, 'cour')"
        )
        await self.owner.execute(OUT)
        self.database = Database(url, size=4)
        await self.database.open()
        sealer = Sealer("5e" * 32)
        self.office = Office(self.database, self.clock, sealer, Dossiers(sealer, self.clock))
        for phone in PHONES:
            tribunal = "nord" if phone.startswith("n") else "sud"
            await self.office.stock.put(phone, Known(), "admin", None, tribunal=tribunal)
        await self.owner.execute(CREDENTIAL, self.clock.now() - timedelta(days=1))
        self.entries = await self.owner.fetchval("SELECT count(*) FROM journal")

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self._end())
            self.runner.close()

    async def _end(self) -> None:
        await self.database.close()
        await self.owner.close()
        await self._on_server(f"DROP DATABASE {self.name} WITH (FORCE)")

    async def _on_server(self, statement: str) -> None:
        server = await asyncpg.connect(self.url)
        await server.execute(statement)
        await server.close()

    # ── Acts ────────────────────────────────────────────────────────────────────────

    @rule(acts=st.lists(ACTS, min_size=2, max_size=4), days=st.sampled_from((0, 0, 1, 40, 170)))
    def at_the_same_moment(self, acts: list[Act], days: int) -> None:
        self.clock.set_on(days * 86400 + 1)
        self.runner.run(self._together(acts))

    async def _together(self, acts: list[Act]) -> None:
        known = {what: [r[0] for r in await self.owner.fetch(sql)] for what, sql in KNOWN.items()}
        ends = await asyncio.gather(*(self._do(act, known) for act in acts), return_exceptions=True)
        for act, end in zip(acts, ends, strict=True):
            if isinstance(end, BaseException) and not isinstance(end, Refused | NotFound | Invalid):
                raise end
            # Handed over twice is handed over once, and said once.
            self.done += act.kind != "hand_over" and not isinstance(end, BaseException)

    async def _do(self, act: Act, known: dict[str, list[UUID]]) -> object:
        chosen = {w: ids[act.n % len(ids)] if ids else NO for w, ids in known.items()}
        if act.kind in {"assign", "ask", "grant", "withdraw", "replace"}:
            return await self._demand(act, chosen)
        if act.kind in {"end", "return", "return_wiped", "renew", "hand_over", "test"}:
            return await self._live(act, chosen["assignment"])
        return await self._stock(act, chosen)

    async def _demand(self, act: Act, chosen: dict[str, UUID]) -> object:
        giving, by = self.office.assigning, act.by
        person = Person(id=chosen["person"]) if act.yes and chosen["person"] != NO else Person()
        demand = Demand(
            person=person,
            tribunal=act.tribunal,
            device=act.phone if act.state == "lost" else None,
            handed_over=act.n > 0,
            use_reserve=act.yes,
        )
        match act.kind:
            case "assign":
                return await giving.assign(demand, by, act.tribunal)
            case "ask":
                return await giving.ask(demand, by, act.tribunal)
            case "grant":
                wanted = Demand(request=chosen["request"], use_reserve=act.yes)
                return await giving.assign(wanted, by, None)
            case "replace":
                return await giving.assign(Demand(replaces=chosen["assignment"]), by, None)
        return await self.office.waiting.close(chosen["request"], "withdrawn", None, by, None)

    async def _live(self, act: Act, one: UUID) -> object:
        life, by = self.office.life, act.by
        match act.kind:
            case "end":
                return await life.end(one, "danger_over", None, by, None)
            case "return":
                return await life.give_back(one, by, None)
            case "return_wiped":
                return await life.give_back(one, by, None, reason="her_wish", wiped=True)
            case "renew":
                return await life.renew(one, None, None, by, None)
            case "hand_over":
                return await life.hand_over(one, by, None)
        async with self.database.connection() as connection:
            await connection.execute(HEARD, one, self.clock.now())
        return await life.test(one, MATCH, by, None, wiped=True)

    async def _stock(self, act: Act, chosen: dict[str, UUID]) -> object:
        stock, releases, by = self.office.stock, self.office.releases, act.by
        if act.kind == "announce":
            at, of = self.clock.now() + timedelta(days=10), act.tribunal
            return await releases.announce(chosen["person"], "leave", at, by, None, tribunal=of)
        if act.kind == "evaluated":
            return await releases.evaluated(chosen["release"], "no_danger", by, None)
        acts = {
            "state": lambda: stock.move(act.phone, act.state, by, None),
            "wipe": lambda: stock.wipe(act.phone, by, None),
            "lend": lambda: stock.lend(act.phone, act.tribunal if act.yes else None, by, None),
            "compromise": lambda: stock.compromise(act.phone, by, None),
            "mute": lambda: stock.mute(act.phone, by, None),
            "allocate": lambda: stock.allocate(act.tribunal, "admin", act.n, None),
        }
        return await acts[act.kind]()

    # ── What holds whatever happened ────────────────────────────────────────────────

    @invariant()
    def law_4(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self._law_4())

    async def _law_4(self) -> None:
        for broken, sql in LAW.items():
            assert await self.owner.fetch(sql) == [], broken
        for row in await self.owner.fetch("SELECT id, status FROM assignment"):
            rank = STATUSES.index(row["status"])
            assert rank >= self.ranks.get(row["id"], 0), "an assignment went back"
            self.ranks[row["id"]] = rank
        entries = await self.owner.fetchval("SELECT count(*) FROM journal")
        assert entries - self.entries >= self.done, "an act without its entry in the journal"


def test_no_history_breaks_an_invariant(postgres, template) -> None:
    Register.url, Register.template = postgres.url, template
    run_state_machine_as_test(
        Register,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            phases=(Phase.generate,),  # a database for each try: to shrink one takes an hour
        ),
    )
