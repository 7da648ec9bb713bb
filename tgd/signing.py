"""The key that signs the journal's checkpoints, in a directory outside the database.

Serves the flow ``sealing`` and whoever verifies. The directory (``TGD_JOURNAL_DIR``) holds the
private key (Ed25519, PEM, readable by its owner alone, else it is refused), the public key beside
it, to be given to auditors, and a copy of each checkpoint that was made here: whoever owns the
database does not own these. The first use makes the key; servers that share a database may share
the directory or have a key each, and a verifier is given every public key that he trusts.
"""

import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tgd.errors import TgdError
from tgd.ledger import Signed

PRIVATE, PUBLIC = "journal.pem", "journal.pub.pem"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


class NoSigningKey(TgdError):
    """The key cannot be used; the message is one line and says why."""


class Signer:
    """The signing key of one directory; raises ``NoSigningKey``. All of it waits for the disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        path = directory / PRIVATE
        try:
            if not path.exists():
                _make(directory)
            self._key = _load(path)
            self.public_key: bytes = self._key.public_key().public_bytes(*_RAW)
            if not (directory / PUBLIC).exists():
                (directory / PUBLIC).write_text(pem(self.public_key))
        except OSError as error:
            raise NoSigningKey(f"the journal's signing key: {error.strerror or error}") from error

    def sign(self, text: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._key.sign(text)

    def keep(self, seal: Signed, database: bytes) -> None:
        """Add a copy to the checkpoints of that database made here; raises ``OSError``."""
        with checkpoints(self._directory, database).open("a", encoding="utf-8") as file:
            file.write(seal.line + "\n")
            file.flush()
            os.fsync(file.fileno())


def checkpoints(directory: Path, database: bytes) -> Path:
    """Return the file of the checkpoints made here of one database (``store.db.identity``)."""
    return directory / f"checkpoints-{database[:4].hex()}.jsonl"


def public_key(file: Path) -> bytes:
    """Return the public key of a PEM file; raises ``NoSigningKey``."""
    try:
        key = serialization.load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as error:
        raise NoSigningKey(f"cannot read a public key from {file}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise NoSigningKey(f"{file} holds no Ed25519 public key")
    return key.public_bytes(*_RAW)


def pem(public: bytes) -> str:
    """Return a public key as PEM."""
    key = Ed25519PublicKey.from_public_bytes(public)
    encoded = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded.decode()


def kept(file: Path) -> list[Signed]:
    """Return the checkpoints that a file keeps; raises ``NoSigningKey`` where it keeps others."""
    try:
        return [Signed.read(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError) as error:
        raise NoSigningKey(f"cannot read checkpoints from {file}") from error


def is_signed(seal: Signed, trusted: Iterable[bytes]) -> bool:
    """Say whether one of these keys, and the one that it names, has signed a checkpoint."""
    return seal.public_key in set(trusted) and verifies(
        seal.public_key, seal.signature, seal.statement.encode()
    )


def verifies(public: bytes, signature: bytes, text: bytes) -> bool:
    """Say whether this key has signed this text."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _make(directory: Path) -> None:
    """Make a key; where another process is faster, its key stands."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    draft = directory / f".{PRIVATE}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor, made with its rights
        file.write(private)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, directory / PRIVATE)  # fails where there is one meanwhile
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _load(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & _OTHERS:
        raise NoSigningKey(f"{path} can be read by others: chmod 600, and think about a new key")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (TypeError, ValueError) as error:
        raise NoSigningKey(f"{path} holds no private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise NoSigningKey(f"{path} holds no Ed25519 private key")
    return key
