"""The key store's files: segments of 4,096 slots, each 32 random bytes, that can be overwritten.

Serves the key store (``tgd.keys``), which decides what is written, taken and erased, and when. The
promises: a segment that ``write`` returned is on the disk, its directory too, and is locked as in
use; what ``blank`` or ``keep_only`` overwrote is overwritten on the disk when they return (what a
medium may keep elsewhere is the matter of ADR 0008). All of it blocks; errors are ``OSError``.

A segment's id, in hexadecimal its file's name: 4 bytes of the database's identity, 4 of the time
when it was made (epoch seconds), 8 random ones. A reference to a slot, which is what the database
keeps: the version byte 2, the segment's id, the slot (4 bytes, big-endian).
"""

import fcntl
import os
import re
import struct
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from tgd.seal import IN_SLOT, SealBroken

SLOTS, SECRET = 4096, 32
OWNER = 4
ERASED = bytes(SECRET)

_REFERENCE = struct.Struct(">c16sI")
_SUFFIX = ".keys"
_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(slots=True)
class Segment:
    """One of this process. ``secrets``: the slots not taken yet; ``lock``: open, hence in use."""

    id: bytes
    secrets: bytearray
    lock: int
    taken: int = 0


def reference(segment: bytes, slot: int) -> bytes:
    """Return what the database keeps of a slot: 21 bytes."""
    return _REFERENCE.pack(IN_SLOT, segment, slot)


def parts(said: bytes) -> tuple[bytes, int]:
    """Return the segment and the slot that a reference names, or raise ``SealBroken``."""
    named = _named(said)
    if named is None:
        raise SealBroken("not a reference to a key")
    return named


def by_segment(references: Iterable[bytes]) -> dict[bytes, set[int]]:
    """Return the slots named in each segment; what is no reference (version 1) is passed over."""
    slots: dict[bytes, set[int]] = defaultdict(set)
    for said in references:
        named = _named(said)
        if named is not None:
            slots[named[0]].add(named[1])
    return slots


def _named(said: bytes) -> tuple[bytes, int] | None:
    if len(said) == _REFERENCE.size and said[:1] == IN_SLOT:
        _, segment, slot = _REFERENCE.unpack(said)
        if slot < SLOTS:
            return segment, slot
    return None


def made_at(segment: bytes) -> int:
    """Return when a segment was made, in epoch seconds."""
    return int.from_bytes(segment[OWNER : OWNER + 4], "big")


def listed(directory: Path) -> list[bytes]:
    """Return the ids of all segments in the directory."""
    stems = (path.stem for path in directory.iterdir() if path.suffix == _SUFFIX)
    return [bytes.fromhex(stem) for stem in stems if _NAME.fullmatch(stem)]


def is_there(directory: Path, segment: bytes) -> bool:
    """Say whether the directory holds this segment."""
    return _path(directory, segment).exists()


def make(directory: Path) -> None:
    """Make the directory, ours alone, and see that it outlives a power cut."""
    missing = [one for one in (directory, *directory.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        _sync(one.parent)


def write(directory: Path, owner: bytes, now: int) -> Segment:
    """Make a new segment in a directory that is there."""
    new = owner + now.to_bytes(4, "big") + os.urandom(8)
    secrets = os.urandom(SLOTS * SECRET)
    path = _path(directory, new)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.geteuid() == 0:  # a command of the administrator's: the server is to read it as well
            whose = directory.stat()
            os.fchown(file, whose.st_uid, whose.st_gid)
        _put(file, secrets, 0)
        os.fsync(file)
        _sync(directory)
    except OSError:
        os.close(file)
        path.unlink()
        raise
    return Segment(new, bytearray(secrets), file)


def read(directory: Path, segment: bytes, slot: int) -> bytes:
    """Return a slot's bytes; fewer than 32 where the file is too short."""
    file = os.open(_path(directory, segment), os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(file, SECRET, slot * SECRET)
    finally:
        os.close(file)


def blank(directory: Path, segment: bytes, slots: Iterable[int]) -> int:
    """Overwrite these slots; return how many had not been."""
    file = os.open(_path(directory, segment), os.O_RDWR | os.O_CLOEXEC)
    try:
        were = sum(os.pread(file, SECRET, slot * SECRET) != ERASED for slot in slots)
        for slot in slots:  # those that look erased too: their sync may have failed
            _put(file, ERASED, slot * SECRET)
        os.fsync(file)
    finally:
        os.close(file)
    return were


def keep_only(directory: Path, segment: bytes, kept: Collection[int]) -> bool:
    """Overwrite all other slots, and remove the file where none is kept.

    Returns False where there was nothing to do, or the segment is in use (by this process too).
    """
    path = _path(directory, segment)
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        there = os.pread(file, SLOTS * SECRET, 0)
        # What is kept is not written again: another server may be erasing it in this moment.
        full = [at for at in range(0, len(there), SECRET) if there[at : at + SECRET] != ERASED]
        others = [at for at in full if at // SECRET not in kept]
        if kept and not others:
            return False
        for at in others:
            _put(file, ERASED, at)
        os.fsync(file)
    finally:
        os.close(file)
    if not kept:
        path.unlink()
        _sync(directory)
    return True


def _path(directory: Path, segment: bytes) -> Path:
    return directory / (segment.hex() + _SUFFIX)


def _put(file: int, content: bytes, at: int) -> None:
    """Write all of it; a disk may take only a part at once."""
    while content:
        written = os.pwrite(file, content, at)
        content, at = content[written:], at + written


def _sync(directory: Path) -> None:
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
