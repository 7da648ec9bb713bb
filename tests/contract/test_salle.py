import asyncio
import json
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from cisu_messages import NOW, REFERENCE, ROOM, needs_reference, report

from tgd.demo.salle import Salle
from tgd.demo.salle_envelope import read_case, reply, written
from tgd.demo.salle_room import Behaviour
from tgd.errors import Rejected, Temporary
from tgd.platform.channels import cisu
from tgd.platform.channels.cisu_https import CisuHttps

LINE, INBOUND = "the-lines-token", "the-rooms-own-token"
AT_ONCE = Behaviour(recu_s=0, integre_s=0, consulte_s=0, engaged_s=0, on_scene_s=0)
QUIET = Behaviour(silent=True)
WHOLE = ["RECU", "INTEGRE", "CONSULTE", "engaged", "on_scene"]


class Platform:
    """The platform's way in, as rooms see it: it keeps what it accepts, and fails to order."""

    def __init__(self):
        self.heard = []
        self.tokens = []
        self.failures = []
        self.news = asyncio.Event()
        self.url = ""

    async def take(self, request):
        if self.failures:
            return web.Response(status=self.failures.pop(0))
        self.tokens.append(request.headers.get("Authorization"))
        self.heard.append(cisu.read(await request.read()))
        self.news.set()
        return web.Response(status=202)

    def steps(self, case_or_message=None):
        about = [
            (told.referenced, told.step)
            if isinstance(told, cisu.Reference)
            else (told.case_id, told.state)
            for told in self.heard
        ]
        return [step for what, step in about if case_or_message in {None, what}]


@pytest.fixture
async def platform():
    it = Platform()
    app = web.Application()
    app.router.add_post("/api/v1/cisu/inbound", it.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    it.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1/cisu/inbound"
    yield it
    await runner.cleanup()


@pytest.fixture
async def channel():
    async with CisuHttps() as it:
        yield it


@asynccontextmanager
async def running(platform, behaviour):
    it = Salle(
        token=LINE, inbound=platform.url, inbound_tokens={"": INBOUND}, behaviour=behaviour
    )  # fmt: skip
    await it.start()
    try:
        yield it
    finally:
        await it.stop()


def body(message):
    return cisu.encode(cisu.envelope(message))


async def test_a_case_is_taken_and_answered_up_to_the_patrol_on_scene(platform, channel):
    async with running(platform, AT_ONCE) as salle:
        message = report()
        await channel.send(salle.url, LINE, body(message), 5)
        await salle.until(lambda: len(platform.heard) == 5)
    assert platform.steps() == WHOLE
    assert {told.sender for told in platform.heard} == {ROOM}
    assert platform.heard[0].referenced == message.distribution_id
    assert platform.heard[3].case_id == "fr.tgd.plateforme.20261121-000042"
    assert len({told.distribution_id for told in platform.heard}) == 5
    assert set(platform.tokens) == {f"Bearer {INBOUND}"}
    (affair,) = salle.room().cases.values()
    assert affair.state == "on_scene"


async def test_no_patrol_leaves_for_an_exercise_or_twice_for_a_case(platform, channel):
    async with running(platform, AT_ONCE) as salle:
        drill = report(exercise=True, case_id="20261121-000001", alert_id="1")
        await channel.send(salle.url, LINE, body(drill), 5)
        await salle.until(lambda: platform.steps(drill.distribution_id) == WHOLE[:3])
        first, update = report(), report(kind="Update")
        await channel.send(salle.url, LINE, body(first), 5)
        await channel.send(salle.url, LINE, body(update), 5)
        await salle.until(lambda: len(platform.heard) == 11)
    assert platform.heard[0].exercise
    assert platform.steps(update.distribution_id) == WHOLE[:3]
    assert platform.steps("fr.tgd.plateforme.20261121-000042") == WHOLE[3:]
    assert salle.room().figures() == {
        "cases": 2, "messages": 3, "duplicates": 0, "turned_away": 0, "split_alerts": 0
    }  # fmt: skip


async def test_a_repetition_is_counted_and_gets_the_last_word_again(platform, channel):
    async with running(platform, AT_ONCE) as salle:
        message = report()
        for _ in range(2):
            await channel.send(salle.url, LINE, body(message), 5)
            await salle.until(lambda: {"on_scene"} <= set(platform.steps()))
        await salle.until(lambda: len(platform.heard) == 6)
    assert salle.room().figures()["duplicates"] == 1
    assert len(salle.room().cases) == 1
    assert [arrival.duplicate for arrival in salle.arrivals] == [False, True]
    assert platform.steps()[5] == "CONSULTE"


async def test_two_cases_for_one_alert_are_found_out(platform, channel):
    async with running(platform, QUIET) as salle:
        await channel.send(salle.url, LINE, body(report()), 5)
        await channel.send(salle.url, LINE, body(report(case_id="20261121-000043")), 5)
    assert salle.room().split_alerts == 1


async def test_the_first_is_refused_and_the_next_accepted(platform, channel):
    async with running(platform, AT_ONCE) as salle:
        salle.room().order(Behaviour(refuse_first=1, recu_s=0, integre_s=0, consulte_s=None))
        first, second = report(), report()
        await channel.send(salle.url, LINE, body(first), 5)
        await salle.until(lambda: len(platform.heard) == 1)
        assert salle.room().cases["fr.tgd.plateforme.20261121-000042"].state == "ERREUR"
        await channel.send(salle.url, LINE, body(second), 5)
        await salle.until(lambda: len(platform.heard) == 3)
    assert platform.heard[0].is_refusal
    assert platform.steps(second.distribution_id) == ["RECU", "INTEGRE"]


async def test_a_silent_room_takes_all_and_says_nothing_until_a_person_does(platform, channel):
    async with running(platform, QUIET) as salle:
        message = report()
        await channel.send(salle.url, LINE, body(message), 5)
        room = salle.room()
        (affair,) = room.cases.values()
        assert (affair.state, platform.heard) == ("new", [])
        salle.say(room, affair.newest, "CONSULTE")
        await salle.until(lambda: len(platform.heard) == 1)
    assert platform.steps(message.distribution_id) == ["CONSULTE"]


@pytest.mark.parametrize("order", [{"http_first": 3}, {"http_for_s": 0.2}])
async def test_a_room_that_is_down_comes_back(platform, channel, order):
    async with running(platform, AT_ONCE) as salle:
        salle.room().order(Behaviour(http_status=503, consulte_s=None, **order))
        message = report()

        async def persist():
            while True:
                try:
                    return await channel.send(salle.url, LINE, body(message), 5)
                except Temporary:
                    continue

        await asyncio.wait_for(persist(), 120)
        await salle.until(lambda: platform.steps() == ["RECU", "INTEGRE"])
    assert salle.room().turned_away >= 1
    assert salle.room().duplicates == 0


async def test_rooms_have_orders_of_their_own(platform, channel):
    async with running(platform, QUIET) as salle:
        salle.room("fr.gendarmerie.corg86").order(Behaviour(consulte_s=None, integre_s=None))
        await channel.send(salle.url, LINE, body(report()), 5)
        await channel.send(salle.url, LINE, body(report(room="fr.gendarmerie.corg86")), 5)
        await salle.until(lambda: len(platform.heard) == 1)
    assert platform.heard[0].sender == "fr.gendarmerie.corg86"


async def test_its_own_answers_are_repeated_until_they_are_taken(platform, channel):
    platform.failures = [503] * 4 + [422]
    async with running(platform, AT_ONCE) as salle:
        await channel.send(salle.url, LINE, body(report()), 5)
        await salle.until(lambda: len(platform.heard) == 5, 30)
        assert list(salle.room().troubles) == ["HTTP 503", "HTTP 422"]
    assert platform.steps() == WHOLE


async def test_who_has_no_token_or_no_case_is_turned_away(platform, channel):
    async with running(platform, QUIET) as salle:
        for token in (None, "wrong", LINE + "x"):
            with pytest.raises(Rejected, match="401"):
                await channel.send(salle.url, token, body(report()), 5)
        for bad in (b"", b"{}", b"[" * 60_000, b"\xff", body(report())[:-9]):
            with pytest.raises(Rejected, match="422"):
                await channel.send(salle.url, LINE, bad, 5)
        with pytest.raises(Rejected, match="413"):
            await channel.send(salle.url, LINE, b" " * 70_000, 5)
    assert salle.arrivals == []


async def test_arrivals_are_timed_in_order(platform, channel):
    async with running(platform, QUIET) as salle:
        sent = [report() for _ in range(3)]
        for message in sent:
            await channel.send(salle.url, LINE, body(message), 5)
        assert [a.distribution_id for a in salle.arrivals] == [m.distribution_id for m in sent]
        times = [a.monotonic for a in salle.arrivals]
        assert times == sorted(times)
        async with aiohttp.ClientSession(salle.origin) as session:
            answer = await session.get("/salle/arrivals?after=2")
            told = await answer.json()
    assert told["next"] == 3
    assert [item["distribution_id"] for item in told["items"]] == [sent[2].distribution_id]


async def test_the_page_is_strict_and_its_buttons_answer(platform, channel):
    async with (
        running(platform, QUIET) as salle,
        aiohttp.ClientSession(salle.origin) as session,
    ):
        for path in ("/salle", "/salle/salle.css", "/salle/salle.js"):
            answer = await session.get(path)
            assert answer.status == 200
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
        page = await (await session.get("/salle")).text()
        assert 'lang="fr"' in page
        assert "style=" not in page
        assert "<script>" not in page

        message = report(
            position=None, notes=(cisu.Note(NOW - timedelta(minutes=1), "<b>note</b>"),)
        )
        await channel.send(salle.url, LINE, body(message), 5)
        (shown,) = (await (await session.get("/salle/rooms")).json())["rooms"]
        (affair,) = shown["cases"]
        assert affair["caller"] == "Bénéficiaire 86-01"
        assert (affair["coord"], affair["location"]) == (None, "Aucune position.")
        assert "<b>note</b>" in affair["notes"]

        act = {"room": ROOM, "case": affair["case_id"], "step": "engaged"}
        assert (await session.post("/salle/acts", json=act)).status == 202
        await salle.until(lambda: len(platform.heard) == 1)
        assert platform.heard[0].state == "engaged"
        assert (await session.post("/salle/acts", data=act)).status == 415
        assert (await session.post("/salle/acts", json=act | {"case": "x"})).status == 404
        assert (await session.post("/salle/acts", json=act | {"step": "rappel"})).status == 422

        order = {"room": ROOM, "behaviour": {"silent": False, "recu_s": 0.5}}
        assert (await (await session.post("/salle/orders", json=order)).json())["recu_s"] == 0.5
        assert not salle.room().behaviour.silent
        for wrong in ({"recu_s": -1}, {"unknown": 1}, [1]):
            order = {"room": ROOM, "behaviour": wrong}
            assert (await session.post("/salle/orders", json=order)).status == 422
        assert (await session.post("/salle/orders", json={"room": "no room"})).status == 422


@needs_reference
@pytest.mark.parametrize("name", ["01-RC-EDA-report", "02-RC-EDA-update-position",
                                  "08-RC-EDA-cancel", "09-RC-EDA-exercise"])  # fmt: skip
def test_it_reads_the_worked_cases_and_answers_as_the_worked_answers(name):
    told = read_case((REFERENCE / "examples" / f"{name}.json").read_bytes())
    assert told.case.case_id == "fr.tgd.plateforme.20261121-000042"
    for step, kind, worked in (
        ("CONSULTE", "reference", "04-RC-REF-ack-consulte"),
        ("on_scene", "emsi", "07-EMSI-patrol-on-scene"),
    ):
        model = json.loads((REFERENCE / "examples" / f"{worked}.json").read_text(encoding="utf-8"))
        mine = reply(told, step, report().sent_at)
        inner = [
            outer["content"][0]["jsonContent"]["embeddedJsonContent"]["message"][kind]
            for outer in (model, mine)
        ]
        assert fields(inner[1]) == fields(inner[0])


def fields(node):
    if isinstance(node, dict):
        return {key: fields(value) for key, value in node.items()}
    return [fields(item) for item in node] if isinstance(node, list) else None


async def test_it_runs_in_a_process_of_its_own(platform, channel):
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tgd.demo.salle", "--port", "0", "--inbound", platform.url,
        "--token", LINE, "--inbound-token", INBOUND, "--orders", '{"integre_s": null}',
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        line = (await asyncio.wait_for(program.stdout.readline(), 120)).decode()
        await channel.send(line.split()[1], LINE, body(report()), 5)
        async with asyncio.timeout(120):
            await platform.news.wait()
        assert platform.steps() == ["RECU"]
        program.terminate()
        assert await asyncio.wait_for(program.wait(), 120) == 0
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()


@asynccontextmanager
async def desk(platform, behaviour=QUIET):
    async with (
        running(platform, behaviour) as salle,
        aiohttp.ClientSession(salle.origin) as session,
    ):
        yield salle, session


async def ordered(session, fault):
    return await session.post("/salle/faults", json={"room": ROOM, "fault": fault})


@pytest.mark.parametrize(
    ("fault", "status"), [("500", 500), ("429", 429), ("redirects", 301), ("silent", 202)]
)
async def test_a_fault_of_the_line_is_ordered_and_ended(platform, fault, status):
    async with desk(platform, AT_ONCE) as (salle, session):
        assert (await ordered(session, fault)).status == 200
        bearer = {"Authorization": f"Bearer {LINE}"}
        told = await session.post(
            "/cisu", data=body(report()), headers=bearer, allow_redirects=False
        )
        assert told.status == status
        assert told.headers.get("Retry-After") == ("2" if fault == "429" else None)
        (shown,) = (await (await session.get("/salle/rooms")).json())["rooms"]
        assert shown["fault"] == fault
        assert (await ordered(session, "off")).status == 200
        assert salle.room().behaviour == AT_ONCE
        assert (await session.post("/cisu", data=body(report()), headers=bearer)).status == 202
        await salle.until(lambda: "CONSULTE" in platform.steps())


async def test_a_room_that_hangs_has_taken_the_message(platform, channel):
    async with desk(platform, AT_ONCE) as (salle, session):
        await ordered(session, "hangs")
        with pytest.raises(Temporary):
            await channel.send(salle.url, LINE, body(report()), 0.3)
        assert salle.room().figures()["messages"] == 1
        await salle.until(lambda: "CONSULTE" in platform.steps())


async def test_a_room_answers_twice_or_about_what_it_was_never_sent(platform, channel):
    async with desk(platform, Behaviour(recu_s=0, integre_s=None)) as (salle, session):
        await ordered(session, "twice")
        message = report()
        await channel.send(salle.url, LINE, body(message), 5)
        await salle.until(lambda: platform.steps(message.distribution_id) == ["RECU", "RECU"])
        assert len({told.distribution_id for told in platform.heard}) == 2
        await ordered(session, "wrong_reference")
        other = report()
        await channel.send(salle.url, LINE, body(other), 5)
        await salle.until(lambda: len(platform.heard) == 3)
        assert platform.heard[2].referenced not in {message.distribution_id, other.distribution_id}
        await ordered(session, "wrong_sender")
        await channel.send(salle.url, LINE, body(report()), 5)
        await salle.until(lambda: len(platform.heard) == 4)
        assert platform.heard[3].sender == "fr.nobody.here"
        assert (await ordered(session, "unheard of")).status == 422


def test_what_is_wrong_is_what_was_ordered():
    told = read_case(body(report()))
    said = reply(told, "RECU", report().sent_at)
    with pytest.raises(cisu.BadEnvelope):
        cisu.read(written(said, "json"))
    moved = reply(told, "engaged", report().sent_at)
    assert cisu.read(written(moved, "reference")).case_id != told.case.case_id
    assert cisu.read(written(reply(told, "RECU", report().sent_at), None)).step == "RECU"


async def test_a_case_goes_through_the_states_of_an_alarm(platform, channel):
    async with desk(platform) as (salle, session):
        await channel.send(salle.url, LINE, body(report()), 5)
        (case,) = salle.room().cases

        async def act(step, **more):
            one = {"room": ROOM, "case": case, "step": step, **more}
            return (await session.post("/salle/acts", json=one)).status

        assert await act("on_scene") == 409
        assert await act("ERREUR") == 422
        assert await act("ERREUR", because="bad weather") == 422
        assert await act("ERREUR", because="elsewhere") == 202
        await salle.until(lambda: platform.steps() == ["ERREUR"])
        assert await act("CONSULTE") == 409
        await channel.send(salle.url, LINE, body(report()), 5)
        assert await act("CONSULTE") == 202
        assert await act("engaged") == 202
        assert await act("ERREUR", because="other") == 409
        assert await act("on_scene") == 202
        assert await act("closed") == 422
        assert await act("closed", because="assisted") == 202
        await salle.until(lambda: platform.steps()[-1] == "closed")
        assert salle.room().cases[case].acts == ()
        sheet = await session.get(f"/salle/sheet?room={ROOM}&case={case}")
        assert "intervention immédiate demandée" in await sheet.text()
        assert "frame-ancestors 'self'" in sheet.headers["Content-Security-Policy"]
        file = await session.get(f"/salle/sheet.pdf?room={ROOM}&case={case}")
        assert (await file.read())[:5] == b"%PDF-"
        assert (await session.get(f"/salle/sheet?room={ROOM}&case=x")).status == 404


async def test_a_withdrawn_case_is_taken_as_one(platform, channel):
    async with desk(platform) as (salle, session):
        await channel.send(salle.url, LINE, body(report()), 5)
        await channel.send(salle.url, LINE, body(report(kind="Cancel", reason="à tort")), 5)
        (case,) = salle.room().cases
        sheet = await session.get(f"/salle/sheet?room={ROOM}&case={case}")
        assert "Annulation" in await sheet.text()
        assert salle.room().figures()["split_alerts"] == 0


async def test_a_fault_is_ordered_from_the_command_line(platform):
    async with desk(platform) as (salle, _):
        for fault in ("silent", "off"):
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tgd.demo.salle_fault", fault),
                *("--origin", salle.origin),
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await program.communicate()
            assert (program.returncode, out.decode().strip()) == (0, f"{ROOM}: {fault}")
        assert salle.room().fault is None
