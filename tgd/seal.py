"""Sealing: what must be kept for three days and then be unreadable is encrypted from the start.

Serves arrow 1 (raw presses, positions) and arrow 3 (sent envelopes, notes); PROTOCOL §2 rule 7.
Each sealed thing gets a data key of its own. Two things make a data key, and neither is in the
database: the master secret (``TGD_SECRET_KEY``) and a random secret in a slot of the key store
(``tgd.keys``). The database keeps the slot's reference beside what is sealed; erasing the slot
erases every copy of it, those in a backup and in the log archive too. AES-256-GCM throughout; the
``about`` text is authenticated, so that a sealed row copied onto another row does not open. What is
left to others: when to erase (the flow ``forget``), and where both secrets are kept.

A key of version 1 is random and stands wrapped by the master secret in the database itself: older
rows have such keys, and a press is sealed so when no slot is to be had, for it is never refused.

Format of everything sealed: one version byte, 12 random bytes of nonce, ciphertext with its tag.
"""

import hmac
import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tgd.errors import TgdError

IN_SLOT = b"\x02"
"""The first byte of a reference to a slot of the key store."""
_VERSION = b"\x01"
_NONCE = 12
_TAG = 16
_KEY = 32


class SealBroken(TgdError):
    """What was sealed does not open: another key, another ``about``, or altered bytes. Final."""


class KeyErased(SealBroken):
    """The key is gone, as it should be after its term; nothing brings it back."""


class Slots(Protocol):
    """Where random secrets are had and found again; ``tgd.keys.KeyStore`` is one."""

    def take(self) -> tuple[bytes, bytes] | None:
        """Return a new slot's reference and its 32 bytes; None if there is none; never raises."""

    def secret(self, reference: bytes) -> bytes:
        """Return the slot's 32 bytes, or raise ``SealBroken``."""


class DataKey:
    """The key of one thing. ``wrapped`` is what the database keeps; the key itself it never does.

    That is 21 bytes, the reference to a slot of the key store, or 61 bytes, a key of version 1.
    """

    __slots__ = ("_cipher", "wrapped")

    def __init__(self, key: bytes, wrapped: bytes) -> None:
        self._cipher = AESGCM(key)
        self.wrapped = wrapped

    def seal(self, plain: bytes, about: str) -> bytes:
        """Return ``plain`` sealed; 29 bytes longer."""
        return _seal(self._cipher, plain, about)

    def open(self, sealed: bytes, about: str) -> bytes:
        """Return what ``seal`` was given, or raise ``SealBroken``."""
        return _open(self._cipher, sealed, about)


class Sealer:
    """The master secret's holder. ``secret_hex`` is 64 hexadecimal digits.

    Without ``slots`` every key is one of version 1, and no key in a slot can be read.
    """

    __slots__ = ("_digests", "_direct", "_slots", "_slotted", "_wrapping")

    def __init__(self, secret_hex: str, slots: Slots | None = None) -> None:
        secret = bytes.fromhex(secret_hex)
        if len(secret) != _KEY:
            raise ValueError("the secret key must be 64 hexadecimal digits")
        self._slots = slots
        self._slotted = _derive(secret, b"tgd data keys 2")
        self._wrapping = AESGCM(_derive(secret, b"tgd data keys 1"))
        self._direct = AESGCM(_derive(secret, b"tgd small secrets 1"))
        self._digests = _derive(secret, b"tgd digests 1")

    def new_key(self) -> DataKey:
        """Return a fresh key (about 3 µs); never raises, and waits for no disk."""
        taken = None if self._slots is None else self._slots.take()
        if taken is None:
            key = os.urandom(_KEY)
            return DataKey(key, _seal(self._wrapping, key, "data key"))
        reference, secret = taken
        return DataKey(hmac.digest(self._slotted, secret, "sha256"), reference)

    def unwrap(self, wrapped: bytes) -> DataKey:
        """Return the key that was stored as ``wrapped``, or raise ``SealBroken``."""
        if wrapped[:1] != IN_SLOT:
            return DataKey(_open(self._wrapping, wrapped, "data key"), wrapped)
        if self._slots is None:
            raise SealBroken("the key is in a key store, and none is configured (TGD_KEY_DIR)")
        secret = self._slots.secret(wrapped)
        return DataKey(hmac.digest(self._slotted, secret, "sha256"), wrapped)

    def seal(self, plain: bytes, about: str) -> bytes:
        """Seal a small secret (a line's token, an agreed word) under the master directly."""
        return _seal(self._direct, plain, about)

    def open(self, sealed: bytes, about: str) -> bytes:
        """Return what ``seal`` was given, or raise ``SealBroken``."""
        return _open(self._direct, sealed, about)

    def digest(self, plain: bytes) -> bytes:
        """Return 32 bytes by which the same bytes are known again, by nobody without the secret."""
        return hmac.digest(self._digests, plain, "sha256")


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=purpose).derive(secret)


def _seal(cipher: AESGCM, plain: bytes, about: str) -> bytes:
    nonce = os.urandom(_NONCE)
    return _VERSION + nonce + cipher.encrypt(nonce, plain, about.encode())


def _open(cipher: AESGCM, sealed: bytes, about: str) -> bytes:
    if len(sealed) < 1 + _NONCE + _TAG or sealed[:1] != _VERSION:
        raise SealBroken("not a sealed text of a known version")
    try:
        return cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], about.encode())
    except InvalidTag:
        raise SealBroken("the seal does not open with this key and purpose") from None
