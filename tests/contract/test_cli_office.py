"""``tgd phones``, ``tgd assignments``, ``tgd requests`` as an administrator meets them."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
from commands import Done, on

HER = """
legal_basis = "1"
[beneficiary]
name = "Zoé Fictive"
[consents]
phone = true
"""
Tgd = Callable[..., Awaitable[Done]]


@pytest.fixture
async def tgd(database: str, tmp_path: Path) -> Tgd:
    run = on(database)

    async def here(*words: str) -> Done:
        return await run(*words, TGD_KEY_DIR=str(tmp_path / "keys"))

    assert (await here("seed")).code == 0
    return here


def rows(done: Done) -> list[list[str]]:
    assert done.code == 0, done.err
    return [line.split() for line in done.out.splitlines()[1:]]


async def test_from_the_stock_to_a_phone_that_is_back(tgd: Tgd, tmp_path: Path) -> None:
    stock = rows(await tgd("phones", "stock"))
    assert [row[0] for row in stock] == [f"tgd-86-0{n}" for n in range(1, 9)]
    assert "never_pressed" in stock[0]
    file = tmp_path / "her.toml"
    file.write_text(HER)
    waits = await tgd("assignments", "add", "--file", str(file))
    assert (waits.code, "no_phone_free" in waits.err) == (1, True)
    (waiting,) = rows(await tgd("requests", "list"))
    assert waiting[1] == waits.out.strip()
    assert "Z.F." in waiting
    assert (await tgd("requests", "refuse", waiting[1], "--reason", "no_consent")).code == 0
    held = {row[1]: row[0] for row in rows(await tgd("assignments", "list"))}
    one = held["tgd-86-03"]
    lacks = await tgd("assignments", "test", one, "--label", "tgd-86-03")
    assert (lacks.code, "press_heard" in lacks.err) == (1, True)
    assert (await tgd("assignments", "renew", one)).code == 0
    assert (await tgd("assignments", "return", one)).refusal.startswith("not_ended")
    ended = await tgd("assignments", "revoke", one, "--reason", "her_wish")
    assert (ended.code, "alerts as before" in ended.err) == (0, True)
    assert (await tgd("assignments", "return", one, "--wiped")).code == 0
    given = await tgd("assignments", "add", "--file", str(file))
    assert given.code == 0
    done = [row[-1] for row in rows(await tgd("assignments", "show", one))]
    assert done == ["handover_test", "renewed", "assignment_ended", "returned", "wiped"]
    assert "Fictive" not in given.out + given.err + waits.err


async def test_phones_come_and_go(tgd: Tgd, database: str) -> None:
    added = await tgd(
        "phones", "add", "tgd-86-09", "--imei", "350000000000000", "--iccid", "1" * 19
    )
    assert (added.code, added.err) == (0, "added: phone tgd-86-09\n")
    assert (await tgd("phones", "add", "x", "--imei", "12")).refusal == "imei: must be 15 digits"
    assert (await tgd("phones", "state", "tgd-86-01", "lost")).code == 0
    assert (await tgd("phones", "state", "tgd-86-01", "eaten")).refusal.startswith("state:")
    assert (await tgd("phones", "wipe", "nobody")).refusal == "no such device"
    assert (await tgd("phones", "allocate", "poitiers", "7")).refusal.startswith("allocation_used")
    assert (await tgd("phones", "allocate", "poitiers", "9", "--reserve", "1")).code == 0
    assert (await tgd("phones", "compromised", "tgd-86-09", "--as", "parquet-1")).code == 0
    again = await tgd("phones", "compromised", "tgd-86-09", "--as", "parquet-1", "--confirm")
    assert again.refusal.startswith("same_person")
    second = await tgd("phones", "compromised", "tgd-86-09", "--as", "parquet-2", "--confirm")
    assert second.code == 0
    connection = await asyncpg.connect(database)
    sim = await connection.fetchval("SELECT sim FROM device WHERE id = 'tgd-86-09'")
    await connection.close()
    assert b"1111" not in sim


async def test_who_must_not_know_is_locked_out_and_let_in_again(tgd: Tgd, database: str) -> None:
    lock = ("conflicts", "lock", "tgd-86-01", "account")
    assert "locked out, at once" in (await tgd(*lock, "operateur-1")).err
    assert (await tgd(*lock, "operateur-1")).code == 1  # it is so already
    assert (await tgd("conflicts", "lock", "tgd-86-01", "name", "x")).code == 1
    assert (await tgd("conflicts", "lock", "tgd-86-99", "account", "x")).code == 1
    connection = await asyncpg.connect(database)
    try:
        held = "SELECT beneficiary_id FROM assignment WHERE device_id = 'tgd-86-01'"
        who = str(await connection.fetchval(held))
    finally:
        await connection.close()
    assert rows(await tgd("conflicts", "list", who)) == [["account", "operateur-1"]]
    assert (await tgd("conflicts", "lift", who, "account", "operateur-1")).code == 0
    assert rows(await tgd("conflicts", "list", "tgd-86-01")) == []
