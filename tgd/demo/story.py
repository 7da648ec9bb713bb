"""The scripted story: seven scenes in which the one job is done, each the way it can go wrong.

Serves whoever wants to see the three arrows at work, and the acceptance of the whole. Everything
goes through the public interfaces: buttons of phones over MQTT, operators over HTTP, the room by
its orders. Each step is told as it happens; a step that does not come in time, or not as the
scene needs it, ends the story. Whether every press ended well is ``audit``'s to say.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tgd.demo import audit
from tgd.demo.desk import Alert, Desk, Operator, epoch
from tgd.demo.phones import COUNT, Gesture, Phones, name
from tgd.demo.room import ControlRoom, is_case
from tgd.demo.telling import MARKS, Teller
from tgd.errors import TgdError

LEAST_S = 45
"""The silent operator alone takes 20 s, and everything has to start before."""
_THINKS_S = 0.6  # between what an operator sees and does: people are slower than programs
_BREATH_S = 0.3  # before a scene, for whoever reads along
_DARK_S = 3.0
_DRIVEN_KMH, _FOLLOWED_WITHIN_S, _LOOKS_S = 70, 20.0, 0.1
_REFUSAL_TAKES_S = 6.0
_ROSE = ("engaged", "on_scene", "closed")


class StoryFailed(TgdError):
    """A scene did not go as it must; the message says which."""


class Story:
    """The scenes, played by ``play`` on a stage that is set."""

    def __init__(
        self,
        phones: Phones,
        desk: Desk,
        operators: tuple[Operator, Operator],
        room: ControlRoom,
        teller: Teller,
    ) -> None:
        self._phones = phones
        self._desk = desk
        self._first, self._second = operators
        self._room = room
        self._teller = teller
        self._scene: dict[str, int] = {}  # by phone
        self._scene_of: dict[str, int] = {}  # by press
        self._engaged: dict[str, float] = {}

    async def play(self) -> None:
        """Play every scene; the first goes on beside the others until its 20 s are over."""
        self._teller.begin()
        gesture = await self._press(1, 2, "L'opérateur se tait", "a silent operator")
        alert = await self._receipted(gesture)
        self._told(gesture.phone, "pupitre", "nobody answers; meanwhile, the others")
        silence = asyncio.create_task(self._silent_operator(alert), name="scene 1")
        try:
            await self._refused_then_accepted(silence)
            await self._ordinary_press()
            await self._test()
            await self._no_position()
            await self._network_lost()
            await silence
        finally:
            silence.cancel()
        await self._eight_at_once()

    async def rows(self) -> list[tuple[str, str, dict[str, float], str]]:
        """Return the closing table: each press with its scene, legs and end."""
        told = await self._room.arrivals()
        rows: list[tuple[str, str, dict[str, float], str]] = []
        for gesture in self._phones.gestures:
            alert = self._desk.alerts.get(gesture.alert or "")
            mark = MARKS[self._scene_of[gesture.press]]
            if alert is None:
                rows.append((mark, _short(gesture.phone), {}, "?"))
                continue
            legs = audit.legs(alert, gesture, self._desk.shown_at.get(alert["id"]))
            posts = [a["wall"] for a in told if is_case(a, alert["case_id"])]
            if posts:
                legs["told"] = min(posts) - epoch(alert["police_at"])
            if alert["id"] in self._engaged:
                legs["engaged"] = self._engaged[alert["id"]]
            end = audit.ending(alert, {self._first.name, self._second.name}) or alert["status"]
            rows.append((mark, _short(gesture.phone), legs, end))
        return rows

    # -- the scenes -------------------------------------------------------------------------------

    async def _silent_operator(self, alert: Alert) -> None:
        """Nobody answers: the platform forwards by itself at 20 s."""
        alert = await self._desk.until(alert["id"], lambda a: a["rings"] == "everyone")
        self._told(
            alert["device"],
            "plateforme",
            "7 s: rings the second group and the supervisors as well",
        )
        alert = await self._desk.until(alert["id"], lambda a: a["police_at"])
        after = epoch(alert["police_at"]) - epoch(alert["opened_at"])
        self._told(
            alert["device"], "plateforme", f"forwarded by itself: « {alert['reason']} »", after
        )
        self._check(alert["verdict"] == "forwarded", "scene 1: an operator decided, nobody should")
        await self._police_answer(alert)
        await self._close(self._second, alert, "patrouille sur place")

    async def _refused_then_accepted(self, silence: asyncio.Task[None]) -> None:
        gesture = await self._press(2, 3, "Une saisine refusée, puis acceptée", "refused, accepted")
        alert = await self._answered(self._first, gesture, "child")
        opened = min(epoch(a["opened_at"]) for a in self._desk.alerts.values())
        if epoch(alert["answered_at"]) - opened > 20 - _REFUSAL_TAKES_S:
            await asyncio.wait([silence])  # a slow machine: the refusal is not for that alert
        await self._room.order(refuse_first=1)
        alert = await self._police(self._first, alert)
        refused = await self._desk.until(alert["id"], _was_refused)
        self._told(
            alert["device"],
            "salle",
            "REFUSED (ERREUR); the voice task turns red, sent again at once",
        )
        self._check(refused["status"] == "police", "scene 2: a refusal ended the alert")
        await self._police_answer(alert, message=1)
        await self._close(self._first, alert, "patrouille sur place")

    async def _ordinary_press(self) -> None:
        gesture = await self._press(3, 1, "Un appui ordinaire", "an ordinary press")
        alert = await self._answered(self._first, gesture, "nobody")
        self._told(alert["device"], "pupitre", f"position: {_position(alert)}")
        alert = await self._police(self._first, alert)
        await self._police_answer(alert)
        await self._followed(alert)
        await self._close(self._first, alert, "patrouille sur place")

    async def _test(self) -> None:
        gesture = await self._press(4, 4, "Un essai, entendu et clos", "a test, heard and closed")
        alert = await self._answered(self._second, gesture, "holder")
        await self._verdict(self._second, alert, "test")

    async def _no_position(self) -> None:
        self._phones.order([name(5)], "place", reception="none")
        gesture = await self._press(5, 5, "Un appui sans position", "a press with no position")
        alert = await self._answered(self._second, gesture, "other")
        self._check(alert["position"] is None, "scene 5: there is a position")
        self._check("location_absent" in alert["doubts"], "scene 5: its absence is not marked")
        self._told(
            alert["device"], "pupitre", f"no position, and said so: {', '.join(alert['doubts'])}"
        )
        alert = await self._police(self._second, alert)
        await self._police_answer(alert)
        shown = await self._room.case(alert["case_id"])
        self._told(alert["device"], "salle", f"reads: « {shown['location'][:60]} »")
        await self._close(self._second, alert, "patrouille sur place")

    async def _network_lost(self) -> None:
        title = ("Le réseau tombe entre l'appui et le reçu", "network lost before the receipt")
        gesture = await self._press(6, 6, *title, lose_s=_DARK_S)
        await self._phones.until(lambda: gesture.phone in self._phones.dark)
        self._told(gesture.phone, "téléphone", "no network; the phone keeps repeating on its own")
        self._check(gesture.receipt is None, "scene 6: the receipt came before the network went")
        waiting = asyncio.create_task(gesture.receipted.wait())
        shown = asyncio.create_task(self._shown(gesture))
        await asyncio.wait([waiting, shown], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            self._told(
                gesture.phone,
                "plateforme",
                "has the press already: the alert rings without the phone",
            )
        await asyncio.gather(waiting, shown)
        alert = await self._receipted(gesture)
        alert = await self._answered(self._first, gesture, "nobody", told=True)
        alert = await self._police(self._first, alert)
        await self._police_answer(alert)
        await self._close(self._first, alert, "patrouille sur place")

    async def _eight_at_once(self) -> None:
        await asyncio.sleep(_BREATH_S)
        self._teller.scene(7, "Huit téléphones à la fois", "eight phones at once")
        gestures = await self._phones.press_all(list(range(1, COUNT + 1)))
        for gesture in gestures:
            self._in_scene(7, gesture)
            self._told(gesture.phone, "téléphone", "button pressed")
        await asyncio.gather(*(self._one_of_eight(n, g) for n, g in enumerate(gestures)))

    async def _one_of_eight(self, number: int, gesture: Gesture) -> None:
        """Every second one is real; of the others, tests and one pressed by mistake."""
        operator = (self._first, self._second)[number // 2 % 2]
        alert = await self._receipted(gesture)
        if number % 2:
            alert = await self._answered(operator, gesture, "holder", told=True)
            verdict = "accidental" if number == COUNT - 1 else "test"
            await self._verdict(operator, alert, verdict)
            return
        alert = await self._answered(operator, gesture, "nobody", told=True)
        alert = await self._police(operator, alert)
        await self._police_answer(alert)
        await self._close(operator, alert, "patrouille sur place")

    # -- what scenes are made of ------------------------------------------------------------------

    async def _press(
        self, scene: int, phone: int, french: str, english: str, **fields: float
    ) -> Gesture:
        await asyncio.sleep(_BREATH_S)
        self._teller.scene(scene, french, english)
        gesture = await self._phones.press(phone, **fields)
        self._in_scene(scene, gesture)
        self._told(gesture.phone, "téléphone", "button pressed")
        return gesture

    def _in_scene(self, scene: int, gesture: Gesture) -> None:
        self._scene[gesture.phone] = self._scene_of[gesture.press] = scene

    async def _receipted(self, gesture: Gesture) -> Alert:
        """Wait for the receipt and for the operators' screen."""
        await gesture.receipted.wait()
        receipt: Any = gesture.receipt
        code = "" if receipt["code"] == "ok" else f" ({receipt['code']})"
        took = float(receipt["latency_s"])
        self._told(gesture.phone, "téléphone", f"receipt: the alert is open{code}", took)
        alert = await self._shown(gesture)
        shown = self._desk.shown_at[alert["id"]] - gesture.at
        self._told(
            alert["device"],
            "pupitre",
            f"alert {alert['case_id']} rings on the console",
            shown,
        )
        return alert

    async def _shown(self, gesture: Gesture) -> Alert:
        known = {g.alert for g in self._phones.gestures if g is not gesture and g.alert}
        return await self._desk.until_device(gesture.phone, known)

    async def _answered(
        self, who: Operator, gesture: Gesture, heard: str, *, told: bool = False
    ) -> Alert:
        """Have an operator answer, listen, and note whose voice it is."""
        alert = await (self._shown(gesture) if told else self._receipted(gesture))
        await asyncio.sleep(_THINKS_S)
        alert = await who.act(alert["id"], "answer")
        took = epoch(alert["answered_at"]) - epoch(alert["opened_at"])
        self._told(alert["device"], who.name, "answers", took)
        await asyncio.sleep(_THINKS_S)
        alert = await who.act(alert["id"], "voice", **{"with": heard})
        self._told(alert["device"], who.name, f"listens: {_HEARD[heard]}")
        return alert

    async def _police(self, who: Operator, alert: Alert) -> Alert:
        await asyncio.sleep(_THINKS_S)
        alert = await who.act(alert["id"], "decision", verdict="police", seen=alert["last_press"])
        took = epoch(alert["police_at"]) - epoch(alert["answered_at"])
        self._told(alert["device"], who.name, "DECIDES: police", took)
        return alert

    async def _verdict(self, who: Operator, alert: Alert, verdict: str) -> None:
        await asyncio.sleep(_THINKS_S)
        seen = alert["presses"][0]["id"]
        alert = await who.act(alert["id"], "decision", verdict=verdict, seen=seen)
        took = epoch(alert["verdict_at"]) - epoch(alert["answered_at"])
        self._told(alert["device"], who.name, f"DECIDES: {verdict}; the alert is closed", took)
        self._check(
            alert["status"] == "closed", f"a verdict that closes leaves it {alert['status']}"
        )

    async def _police_answer(self, alert: Alert, *, message: int = 0) -> None:
        """Follow the room: RECU, INTEGRE, CONSULTE, and a patrol."""
        decided = epoch(alert["police_at"])
        await self._desk.until(alert["id"], _reached("received", "integrated", "seen", *_ROSE))
        took = await self._room.told_at(alert["case_id"], message=message) - decided
        self._told(
            alert["device"],
            "salle",
            "has the case (RECU); from the decision to the room",
            took,
        )
        alert = await self._desk.until(alert["id"], audit.acknowledged)
        acknowledged = epoch(alert["dispatches"][0]["acknowledged_at"])
        self._told(
            alert["device"],
            "salle",
            "ACKNOWLEDGED (CONSULTE), from the decision",
            acknowledged - decided,
        )
        alert = await self._desk.until(alert["id"], _reached(*_ROSE))
        engaged = self._desk.read_at - acknowledged
        self._engaged[alert["id"]] = engaged
        self._told(
            alert["device"],
            "salle",
            "patrol engaged (EMSI), from the acknowledgement",
            engaged,
        )

    async def _followed(self, alert: Alert) -> None:
        """She is driven off: her phone says so, and the room sees where to."""
        before = len(await self._room.messages(alert["case_id"]))
        begin = time.time()
        self._phones.order([alert["device"]], "move", speed_kmh=_DRIVEN_KMH, bearing=90)
        self._told(alert["device"], "téléphone", f"is driven off at {_DRIVEN_KMH} km/h")
        async with asyncio.timeout(_FOLLOWED_WITHIN_S):
            while len(told := await self._room.messages(alert["case_id"])) == before:  # noqa: ASYNC110  the room tells nobody by itself
                await asyncio.sleep(_LOOKS_S)
        took = float(told[before]["wall"]) - begin
        self._told(alert["device"], "salle", "is told the new position (Update)", took)

    async def _close(self, who: Operator, alert: Alert, outcome: str) -> None:
        await who.act(alert["id"], "close", outcome=outcome)
        self._told(alert["device"], who.name, f"closes: « {outcome} »")

    def _told(self, phone: str, who: str, what: str, seconds: float | None = None) -> None:
        self._teller.step(self._scene[phone], _short(phone), who, what, seconds)

    def _check(self, holds: object, otherwise: str) -> None:
        if not holds:
            raise StoryFailed(otherwise)


_HEARD = {
    "holder": "the holder speaks",
    "child": "a child cries",
    "other": "another voice, shouting",
    "nobody": "silence",
}


def _reached(*states: str) -> Callable[[Alert], bool]:
    def all_there(alert: Alert) -> bool:
        told = alert["dispatches"]
        return bool(told) and all(d["state"] in states for d in told)

    return all_there


def _was_refused(alert: Alert) -> bool:
    return any(task["about"] == "refused" for task in alert["tasks"])


def _position(alert: Alert) -> str:
    found = alert["position"]
    if found is None:
        return "none"
    return (
        f"radius 95 % {found['r95_m']:.0f} m, {found['age_s']:.1f} s old, source {found['method']}"
    )


def _short(phone: str) -> str:
    return phone.removeprefix("tgd-")
