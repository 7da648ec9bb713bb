"""What the phone was granted on is the office's: no byte of it reaches a control room, or its page.

The evaluation, and the word that was agreed, are given texts that stand nowhere else. Everything
that goes to the room is taken down as it leaves: messages, and the answers to what the room says;
and everything that the room's own server shows.
"""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from world import ADDRESS, BY_HAND, PLACE, ROOM_TOKEN, World

from tgd.platform.channels.cisu_https import CisuHttps

EVALUATION, WORD = "EVALUATION-QZX7-SECRETE", "MOT-CONVENU-KWJ9"
LABEL = b"fiche de test 86-01"


class TakenDown(CisuHttps):
    """The real channel, which keeps what it was given to send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    async def send(self, url: str, token: str | None, body: bytes, timeout_s: float) -> None:
        self.sent.append(body)
        await super().send(url, token, body, timeout_s)


CHANNEL: dict[str, Any] = {}


@pytest.fixture
async def channel() -> AsyncIterator[TakenDown]:
    """Made before the world, hence closed after it: what is still sent would open it again."""
    async with TakenDown() as made:
        CHANNEL["channel"] = made
        yield made
        CHANNEL.clear()


def traces(text: str) -> list[bytes]:
    """How a text might stand in bytes: as it is, in any case, in hexadecimal, in base64."""
    raw = text.encode()
    in_64 = [base64.b64encode(b"x" * before + raw)[4:-4] for before in range(3)]
    return [raw, *in_64, raw.hex().encode()]


def found(text: str, whole: bytes) -> list[bytes]:
    return [one for one in traces(text) if one in whole or one.lower() in whole.lower()]


async def file_of_hers(world: World) -> str:
    """The office says all that it knows of her."""
    who = await world.value("SELECT beneficiary_id::text FROM holder WHERE device = 'tgd-86-01'")
    await world.owner("UPDATE beneficiary SET label = $1", LABEL.decode())
    said = {
        "file": {
            "name": "Bénéficiaire 86-01",
            "evaluation": EVALUATION,
            "aggressor": {"name": "Auteur 86-01", "vehicle": "fourgon gris"},
            "dangers": {"weapons": "fusil"},
        },
        "all_clear_word": WORD,
    }
    office = world.operator("parquet-1", "prosecutor")
    read = await office.call("POST", f"beneficiaries/{who}/file", said, 200)
    assert read["file"]["evaluation"] == EVALUATION  # the office reads it
    assert WORD not in str(read)
    return str(who)


async def says(world: World, body: bytes, token: str = ROOM_TOKEN) -> bytes:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{world.base}/api/v1/cisu/inbound"
    async with world.http.post(url, data=body, headers=headers) as answer:
        return await answer.read()


async def shown(world: World) -> list[bytes]:
    """Whatever the room's server answers."""
    pages = []
    for name in ("", "/rooms", "/arrivals", "/salle.js", "/salle.css"):
        async with world.http.get(f"{world.room.page}{name}") as answer:
            pages.append(await answer.read())
    return pages


@pytest.mark.settings(options=CHANNEL, behaviour=BY_HAND)
async def test_no_byte_of_the_evaluation_reaches_a_room(channel: TakenDown, world: World) -> None:
    await file_of_hers(world)
    operator, phone = world.operator("op-1"), world.phone()
    at = world.clock.now().timestamp()
    alert = (await phone.press(loc={**PLACE, "tst": at})).alert
    await operator.answers(alert)
    for role in ("operator", "supervisor"):
        read = await world.operator(f"{role}-1", role).call(
            "GET", f"alerts/{alert}/person", None, 200
        )
        assert read["file"]["name"] == "Bénéficiaire 86-01"
        assert EVALUATION not in str(read)
    # Everything that a room is ever told: the report, a further press, a position, a verdict, a
    # word from nobody, and all of it again.
    await operator.decides(alert, "police")
    report = await world.room.expects("Report", alert=alert)
    await world.room.says(report, "RECU")
    world.room.forgives()
    await phone.press(loc={**PLACE, "lat": 46.6, "tst": world.clock.now().timestamp()})
    await world.advance(35)
    phone.position(lat=46.61)
    await world.advance(35)
    await operator.hears(alert, "holder")
    await operator.decides(alert, "no_danger", all_clear_word="un autre mot")
    await operator.decides(alert, "no_danger", all_clear_word=WORD, status=200)
    await world.advance(70)
    await world.until(lambda: len(channel.sent) > 5)
    answers = [
        await says(world, b"{"),
        await says(world, b"{}", "no-token"),
        await says(world, channel.sent[0].replace(ADDRESS.encode(), b"fr.police.other")),
    ]
    whole = b"\n".join([*channel.sent, *answers, *await shown(world)])
    assert LABEL in whole  # that is what a room is told of whose alert it is
    assert found("Téléphone Grave Danger", whole)
    for secret in (EVALUATION, WORD):
        assert found(secret, whole) == []
    journal = await world.rows("SELECT actor, details::text AS said FROM journal")
    assert not [row for row in journal if EVALUATION in row["said"] or WORD in row["said"]]
