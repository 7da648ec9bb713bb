"""Sealing: only the right key and the right purpose open; every altered byte is noticed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.keys import KeyStore
from tgd.seal import KeyErased, SealBroken, Sealer

SECRET = "0123456789abcdef" * 4
SEALER = Sealer(SECRET)
AN_OLD_ROW = (
    # What version 1 wrote, under SECRET: the wrapped key, and a press sealed with it.
    (
        "015d3b302024f940839b2906a746f01153ab4f94129bbaf22e5a0a4192a7d00b"
        "2f0abe015ff728538860a0bcb83b2329a178859ffd858bdbeaacf3bff2"
    ),
    "011901581ca35f3f7502e1a7e423aee7e3aac2ebe82804f6d20cd0370edfb0bba5e6de7ca7bc0f0cde",
)


@given(st.binary(max_size=2000), st.text(max_size=50))
def test_what_is_sealed_opens_again(plain: bytes, about: str) -> None:
    key = SEALER.new_key()
    assert key.open(key.seal(plain, about), about) == plain
    assert SEALER.open(SEALER.seal(plain, about), about) == plain


def test_a_key_survives_the_process_by_its_wrapping() -> None:
    key = SEALER.new_key()
    sealed = key.seal(b"press", "press 1")
    assert Sealer(SECRET.upper()).unwrap(key.wrapped).open(sealed, "press 1") == b"press"


def test_the_same_text_never_seals_to_the_same_bytes() -> None:
    key = SEALER.new_key()
    assert key.seal(b"press", "x") != key.seal(b"press", "x")
    assert key.wrapped != SEALER.new_key().wrapped


def test_another_purpose_does_not_open() -> None:
    key = SEALER.new_key()
    with pytest.raises(SealBroken):
        key.open(key.seal(b"press", "press 1"), "press 2")


def test_another_secret_does_not_unwrap() -> None:
    with pytest.raises(SealBroken):
        Sealer("f" * 64).unwrap(SEALER.new_key().wrapped)


def test_a_small_secret_is_not_a_data_key() -> None:
    with pytest.raises(SealBroken):
        SEALER.unwrap(SEALER.seal(b"k" * 32, "data key"))


def test_every_altered_byte_is_noticed() -> None:
    key = SEALER.new_key()
    sealed = key.seal(b"press", "press 1")
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(SealBroken):
            key.open(bytes(altered), "press 1")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 28, b"\x02" * 60])
def test_what_was_never_sealed_is_refused(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        SEALER.open(sealed, "x")


@pytest.mark.parametrize("secret", ["", "ab", "zz" * 32, "a" * 63, "a" * 66])
def test_a_bad_secret_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match=r"hexadecimal") as caught:
        Sealer(secret)
    assert not secret or secret not in str(caught.value)


# ── keys in the key store ───────────────────────────────────────────────────────────────


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyStore]:
    made = KeyStore(tmp_path / "keys")
    made.open(b"here")
    yield made
    made.close()


def test_a_key_needs_both_the_master_secret_and_the_slot(store: KeyStore, tmp_path: Path) -> None:
    key = Sealer(SECRET, store).new_key()
    assert len(key.wrapped) == 21
    sealed = key.seal(b"press", "press 1")
    assert Sealer(SECRET, store).unwrap(key.wrapped).open(sealed, "press 1") == b"press"
    with pytest.raises(SealBroken):
        Sealer("f" * 64, store).unwrap(key.wrapped).open(sealed, "press 1")
    with pytest.raises(SealBroken, match="elsewhere"):
        Sealer(SECRET, KeyStore(tmp_path)).unwrap(key.wrapped)
    with pytest.raises(SealBroken, match="TGD_KEY_DIR"):
        Sealer(SECRET).unwrap(key.wrapped)


def test_an_erased_key_opens_nothing(store: KeyStore) -> None:
    sealer = Sealer(SECRET, store)
    key, other = sealer.new_key(), sealer.new_key()
    assert store.erase([key.wrapped]) == 1
    with pytest.raises(KeyErased):
        sealer.unwrap(key.wrapped)
    assert sealer.unwrap(other.wrapped).open(other.seal(b"x", "y"), "y") == b"x"


def test_the_key_is_neither_the_slot_s_secret_nor_that_of_another_slot(store: KeyStore) -> None:
    sealer = Sealer(SECRET, store)
    one, other = sealer.new_key(), sealer.new_key()
    with pytest.raises(SealBroken):
        other.open(one.seal(b"press", "x"), "x")


def test_without_a_slot_a_key_is_wrapped_and_nothing_is_refused(tmp_path: Path) -> None:
    sealer = Sealer(SECRET, KeyStore(tmp_path / "never opened" / "keys"))
    key = sealer.new_key()
    assert len(key.wrapped) in {21, 61}
    assert sealer.unwrap(key.wrapped).open(key.seal(b"press", "x"), "x") == b"press"


def test_what_an_older_version_sealed_still_opens(store: KeyStore) -> None:
    wrapped, sealed = (bytes.fromhex(text) for text in AN_OLD_ROW)
    for sealer in (SEALER, Sealer(SECRET, store)):
        assert sealer.unwrap(wrapped).open(sealed, "press") == b"an old press"
