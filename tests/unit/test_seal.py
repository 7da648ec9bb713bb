"""Sealing: only the right key and the right purpose open; every altered byte is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.seal import SealBroken, Sealer

SECRET = "0123456789abcdef" * 4
SEALER = Sealer(SECRET)


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
