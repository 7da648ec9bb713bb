"""The key store: no press waits for it or is refused, no crash loses a key, erased is erased."""

import asyncio
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from world import ManualClock

from tgd import keys, segments
from tgd.keys import KeysNotErased, KeyStore, KeyUnreadable
from tgd.seal import KeyErased, SealBroken
from tgd.segments import SECRET, SLOTS

OWNER, OTHER = b"ours", b"else"


class Stores:
    """Servers' stores on one directory; each is one process's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = ManualClock()
        self.faults = 0
        self.made: list[KeyStore] = []

    def new(self, owner: bytes = OWNER) -> KeyStore:
        store = KeyStore(self.directory, self.clock, fault=self._fault)
        store.open(owner)
        self.made.append(store)
        return store

    def close(self, store: KeyStore) -> None:
        """End the process: what it held is let go."""
        self.made.remove(store)
        store.close()

    def files(self) -> list[Path]:
        return sorted(self.directory.glob("*.keys"))

    def _fault(self) -> None:
        self.faults += 1


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores(tmp_path / "state" / "keys")
    yield made
    for store in made.made:
        store.close()


def taken(store: KeyStore) -> tuple[bytes, bytes]:
    found = store.take()
    assert found is not None
    return found


def settled(store: KeyStore) -> None:
    """Wait until nothing is being prepared."""
    assert store._settled.wait(120)


# ── taking ──────────────────────────────────────────────────────────────────────────────


def test_every_slot_is_taken_once_and_is_on_the_disk(stores: Stores) -> None:
    store = stores.new()
    found = []
    for number in range(3 * SLOTS):
        if number % 1000 == 0:
            settled(store)
        found.append(taken(store))
    assert len({reference for reference, _ in found}) == len({secret for _, secret in found})
    assert len({reference for reference, _ in found}) == 3 * SLOTS
    other = stores.new()
    for reference, secret in found[:: SLOTS // 7]:
        assert len(reference) == 21
        assert store.secret(reference) == other.secret(reference) == secret
    assert stores.faults == 0


def test_nobody_else_may_look_into_it(stores: Stores) -> None:
    stores.new()
    assert stores.directory.stat().st_mode & 0o777 == 0o700
    (file,) = stores.files()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_size == SLOTS * SECRET


def test_a_taken_secret_does_not_stay_in_memory(stores: Stores) -> None:
    store = stores.new()
    _, secret = taken(store)
    assert store._own is not None
    assert secret not in store._own.secrets


def test_the_segment_is_synced_before_a_slot_of_it_is_used(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    for name in ("pwrite", "fsync"):
        call = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *given, _call=call, _name=name: (done.append(_name), _call(*given))[1]
        )
    store = stores.new()
    made = done[:]
    taken(store)
    # Two new directories are synced into their parents, then the file, then its name.
    assert made == ["fsync", "fsync", "pwrite", "fsync", "fsync"]
    assert done == made, "a press waits for no disk"


def test_two_servers_take_from_segments_of_their_own(stores: Stores) -> None:
    one, other = stores.new(), stores.new()
    assert {taken(one)[0][1:17] for _ in range(9)} & {taken(other)[0][1:17] for _ in range(9)} == (
        set()
    )


# ── a press is never refused ────────────────────────────────────────────────────────────


@pytest.mark.expects_errors
def test_a_directory_that_cannot_be_made_gives_no_slot_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "keys").write_text("a file")
    faults: list[int] = []
    store = KeyStore(tmp_path / "keys" / "x", ManualClock(), fault=lambda: faults.append(1))
    store.open(OWNER)
    assert [store.take() for _ in range(500)] == [None] * 500
    assert len(faults) == 500
    assert not store.ready
    said = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(said) == 1
    assert "cannot be written (Not a directory)" in said[0].getMessage()
    assert str(tmp_path) not in said[0].getMessage()


@pytest.mark.expects_errors
def test_a_store_that_can_be_written_again_is_used_again(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_RETRY_S", 0.0)
    stores.directory.parent.mkdir()
    stores.directory.write_text("in the way")
    store = stores.new()
    assert store.take() is None
    settled(store)
    stores.directory.unlink()
    store.tend()
    settled(store)
    store.tend()
    assert store.ready
    reference, secret = taken(store)
    assert store.secret(reference) == secret


@pytest.mark.expects_errors
def test_a_disk_that_hangs_holds_up_one_press_for_a_moment_and_no_other(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.new()
    hangs, goes_on = threading.Event(), threading.Event()
    write = segments.write

    def hanging(*given):
        hangs.set()
        goes_on.wait(120)
        return write(*given)

    monkeypatch.setattr(segments, "write", hanging)
    monkeypatch.setattr(keys, "_WAIT_S", 0.01)
    for _ in range(SLOTS):
        assert store.take() is not None
    assert hangs.wait(120), "the next one is prepared at the half"
    assert [store.take() for _ in range(100)] == [None] * 100
    assert stores.faults == 100
    assert not store.ready
    threads = [thread for thread in threading.enumerate() if thread.name == "keys"]
    assert len(threads) == 1
    goes_on.set()
    settled(store)
    assert store.take() is not None
    assert store.ready


@pytest.mark.expects_errors
def test_whatever_goes_wrong_while_preparing_is_told_and_costs_no_press(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_given):
        raise MemoryError

    monkeypatch.setattr(segments, "write", broken)
    store = stores.new()
    assert store.take() is None
    assert "MemoryError" in caplog.text


@pytest.mark.expects_errors
def test_a_full_disk_leaves_no_half_segment_behind(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    assert stores.new().take() is None
    assert stores.files() == []


# ── reading and erasing ─────────────────────────────────────────────────────────────────


def test_what_is_erased_is_gone_for_every_server_and_nothing_else_is(stores: Stores) -> None:
    store, other = stores.new(), stores.new()
    found = [taken(store) for _ in range(10)] + [taken(other) for _ in range(10)]
    gone, kept = found[::2], found[1::2]
    assert other.erase([reference for reference, _ in gone]) == 10
    for each in (store, other, stores.new()):
        for reference, _ in gone:
            with pytest.raises(KeyErased):
                each.secret(reference)
        assert all(each.secret(reference) == secret for reference, secret in kept)
    on_disk = b"".join(file.read_bytes() for file in stores.files())
    assert not any(secret in on_disk for _, secret in gone)
    assert all(secret in on_disk for _, secret in kept)


def test_erasing_twice_changes_nothing_and_says_so(stores: Stores) -> None:
    store = stores.new()
    reference, _ = taken(store)
    assert [store.erase([reference, reference]), store.erase([reference])] == [1, 0]


def test_keys_of_the_first_version_and_rubbish_are_passed_over(stores: Stores) -> None:
    store = stores.new()
    past_the_end = segments.reference(taken(store)[0][1:17], 0)[:17] + (SLOTS).to_bytes(4, "big")
    assert store.erase([b"\x01" * 61, b"", b"\x02", b"\x02" * 60, past_the_end]) == 0
    for rubbish in (b"", b"\x02", b"\x01" * 21, past_the_end):
        with pytest.raises(SealBroken):
            store.secret(rubbish)


def test_a_key_of_another_store_is_no_key_here(stores: Stores) -> None:
    with pytest.raises(KeyErased, match="elsewhere"):
        stores.new().secret(segments.reference(b"x" * 16, 3))


def test_a_store_that_cannot_be_read_is_not_called_erased(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyUnreadable, match="not there"):
        KeyStore(tmp_path / "away").secret(segments.reference(b"x" * 16, 3))
    store = stores.new()
    reference, _ = taken(store)

    def broken(*_given):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    with pytest.raises(KeyUnreadable, match="Input/output error"):
        store.secret(reference)


def test_an_erasure_that_failed_is_told_after_all_others_were_tried(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stores.new(), stores.new()
    found = [taken(first), taken(second)]
    blank = segments.blank

    def broken(directory, segment, slots):
        if segment == found[0][0][1:17]:
            raise OSError(5, "Input/output error")
        return blank(directory, segment, slots)

    monkeypatch.setattr(segments, "blank", broken)
    with pytest.raises(KeysNotErased, match="1 segments: Input/output error"):
        first.erase([reference for reference, _ in found])
    assert first.secret(found[0][0]) == found[0][1]
    with pytest.raises(KeyErased):
        first.secret(found[1][0])


def test_a_volume_that_is_not_mounted_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "away", ManualClock())
    for act in (store.erase, store.sweep):
        with pytest.raises(KeysNotErased, match="not there"):
            act([])


# ── sweeping ────────────────────────────────────────────────────────────────────────────


def later(stores: Stores, hours: float) -> None:
    stores.clock.set_on(timedelta(hours=hours).total_seconds())


def test_a_sweep_leaves_only_what_rows_name(stores: Stores) -> None:
    store = stores.new()
    named, broken_off = [taken(store) for _ in range(5)], [taken(store) for _ in range(5)]
    stores.close(store)
    later(stores, 25)
    other = stores.new()
    assert other.sweep(reference for reference, _ in named) == keys.Swept(1, 0)
    assert all(other.secret(reference) == secret for reference, secret in named)
    for reference, _ in broken_off:
        with pytest.raises(KeyErased):
            other.secret(reference)
    assert other.sweep(reference for reference, _ in named) == keys.Swept(0, 0)
    assert other.sweep([]) == keys.Swept(1, 1)
    assert len(stores.files()) == 1, "other's own"


def test_a_sweep_brings_back_nothing_that_another_server_erases_meanwhile(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.new()
    (kept, secret), (gone, _), _ = taken(store), taken(store), taken(store)
    stores.close(store)
    later(stores, 25)
    sweeping, erasing = stores.new(), stores.new()
    read = os.pread

    def between(file, count, at):
        there = read(file, count, at)
        if count == SLOTS * SECRET:  # the sweep has read the file and has not written yet
            erasing.erase([gone])
        return there

    monkeypatch.setattr(os, "pread", between)
    assert sweeping.sweep([kept, gone]) == keys.Swept(1, 0)
    with pytest.raises(KeyErased):
        sweeping.secret(gone)
    assert sweeping.secret(kept) == secret


def test_what_is_young_or_in_use_is_not_swept(stores: Stores) -> None:
    running, ended = stores.new(), stores.new()
    reference, secret = taken(running)
    stores.close(ended)
    later(stores, 23)
    assert stores.new().sweep([]) == keys.Swept(0, 0)
    later(stores, 2)
    assert stores.new().sweep([]) == keys.Swept(1, 1)
    assert running.secret(reference) == secret
    assert running.sweep([]) == keys.Swept(0, 0), "nor by itself"


def test_another_database_s_keys_are_not_swept(stores: Stores) -> None:
    theirs = stores.new(OTHER)
    reference, secret = taken(theirs)
    stores.close(theirs)
    later(stores, 100)
    store = stores.new()
    assert store.sweep([]) == keys.Swept(0, 0)
    assert store.secret(reference) == secret
    # But where our rows name one (a database that was dumped and restored), it is ours.
    assert store.sweep([reference]) == keys.Swept(1, 0)
    assert store.secret(reference) == secret


def test_a_sweep_meets_strange_files_and_half_written_ones(stores: Stores) -> None:
    store = stores.new()
    for name in ("README", "x.keys", "z" * 32 + ".keys"):
        (stores.directory / name).write_text("not ours")
    half = stores.directory / ((OWNER + bytes(12)).hex() + ".keys")
    half.write_bytes(os.urandom(1000))
    assert store.sweep([]) == keys.Swept(1, 1)
    assert not half.exists()
    assert len(list(stores.directory.iterdir())) == 4


def test_a_segment_is_left_after_twelve_hours_and_its_lock_after_the_next_look(
    stores: Stores,
) -> None:
    store = stores.new()
    old, _ = taken(store)
    later(stores, 11)
    store.tend()
    assert taken(store)[0][1:17] == old[1:17]
    later(stores, 2)
    store.tend()
    settled(store)
    store.tend()
    new, secret = taken(store)
    assert new[1:17] != old[1:17]
    assert locked(stores, old), "a transaction may still be under way with it"
    store.tend()
    assert not locked(stores, old)
    assert store.secret(new) == secret
    assert taken(store)[0][1:17] == new[1:17]


def locked(stores: Stores, reference: bytes) -> bool:
    with (stores.directory / f"{reference[1:17].hex()}.keys").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_segment_prepared_long_ago_is_not_begun(stores: Stores) -> None:
    store = stores.new()
    for _ in range(SLOTS // 2):
        taken(store)
    settled(store)
    assert store._next is not None
    prepared = store._next.id
    later(stores, 30)
    for _ in range(3):
        store.tend()
        settled(store)
    assert taken(store)[0][1:17] != prepared
    assert stores.clock.now().timestamp() - segments.made_at(taken(store)[0][1:17]) < 1


async def test_its_task_turns_the_segments(stores: Stores) -> None:
    store = stores.new()
    old, _ = taken(store)
    task = asyncio.create_task(store.run())
    async with asyncio.timeout(120):
        while taken(store)[0][1:17] == old[1:17]:
            later(stores, 1)
            await asyncio.sleep(0.001)
    task.cancel()
