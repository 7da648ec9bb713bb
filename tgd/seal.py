"""Sealing: what must be kept for three days and then be unreadable is encrypted from the start.

Serves arrow 1 (raw presses) and arrow 3 (sent envelopes), which hold positions; PROTOCOL §2
rule 7. Each sealed thing gets a data key of its own, stored wrapped beside it: erasing the wrapped
key erases the thing, in every backup too. AES-256-GCM throughout; the ``about`` text is
authenticated, so that a sealed row copied onto another row does not open. What is left to others:
when to erase (the flow ``forget``) and where the master secret is kept (``TGD_SECRET_KEY``).

Format of everything sealed: one version byte, 12 random bytes of nonce, ciphertext with its tag.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tgd.errors import TgdError

_VERSION = b"\x01"
_NONCE = 12
_TAG = 16
_KEY = 32


class SealBroken(TgdError):
    """What was sealed does not open: another key, another ``about``, or altered bytes. Final."""


class DataKey:
    """The key of one thing. ``wrapped`` (61 bytes) is what is stored; the key itself never is."""

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
    """The master secret's holder. ``secret_hex`` is 64 hexadecimal digits."""

    __slots__ = ("_direct", "_wrapping")

    def __init__(self, secret_hex: str) -> None:
        secret = bytes.fromhex(secret_hex)
        if len(secret) != _KEY:
            raise ValueError("the secret key must be 64 hexadecimal digits")
        self._wrapping = AESGCM(_derive(secret, b"tgd data keys 1"))
        self._direct = AESGCM(_derive(secret, b"tgd small secrets 1"))

    def new_key(self) -> DataKey:
        """Return a fresh random key, wrapped (about 5 µs)."""
        key = os.urandom(_KEY)
        return DataKey(key, _seal(self._wrapping, key, "data key"))

    def unwrap(self, wrapped: bytes) -> DataKey:
        """Return the key that was stored as ``wrapped``, or raise ``SealBroken``."""
        return DataKey(_open(self._wrapping, wrapped, "data key"), wrapped)

    def seal(self, plain: bytes, about: str) -> bytes:
        """Seal a small secret (a line's token, an agreed word) under the master directly."""
        return _seal(self._direct, plain, about)

    def open(self, sealed: bytes, about: str) -> bytes:
        """Return what ``seal`` was given, or raise ``SealBroken``."""
        return _open(self._direct, sealed, about)


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
