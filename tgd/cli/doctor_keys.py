"""The doctor's look at the key store: will what is erased be gone, from backups too?

Serves arrow 1 and the flow ``forget``. The directory is there, is ours alone and can be written;
its file system overwrites in place, as far as the system can say; and the keys of the latest
presses are in it, for a directory that is not the one of the other servers looks well otherwise.
Nothing is written. What a disk keeps of what was overwritten is told by ADR 0008, not by a check.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tgd import segments
from tgd.cli.counts import counted
from tgd.cli.findings import FAILED, OK, WARNING, Finding
from tgd.keys import KeyStore
from tgd.seal import IN_SLOT, KeyErased, SealBroken

WHAT = "key store"
_COPIES = frozenset({"btrfs", "zfs", "bcachefs", "f2fs", "nilfs2", "overlay"})
"""What is overwritten there stays on the disk, in older blocks or snapshots."""
_VOLATILE = frozenset({"tmpfs", "ramfs"})
_MOUNTS = Path("/proc/self/mountinfo")


def examine_keys(directory: Path | None) -> Iterator[Finding]:
    """Yield what was found of the directory itself."""
    if directory is None:
        why = "TGD_KEY_DIR is not set and there is no home: what is erased stays in backups"
        yield Finding(WARNING, WHAT, why)
        return
    if not directory.is_dir():
        yield _unmade(directory)
        return
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        why = f"{directory} cannot be written: what is erased stays in backups"
        yield Finding(FAILED, WHAT, why)
        return
    if directory.stat().st_mode & 0o077:
        yield Finding(WARNING, WHAT, f"{directory} is open to other users: chmod 700")
    kind = _file_system(directory)
    if kind in _COPIES:
        why = f"{kind} does not overwrite in place: what is erased may be found on the disk"
        yield Finding(WARNING, WHAT, why)
    elif kind in _VOLATILE:
        why = f"{kind}: what is sealed cannot be read any more after a restart of the machine"
        yield Finding(WARNING, WHAT, why)
    else:
        files = len(segments.listed(directory))
        yield Finding(OK, WHAT, f"{directory} holds {counted(files, 'segment')}")


def compare(directory: Path, keys: Sequence[bytes]) -> Finding:
    """Say whether the keys that the latest presses name are in the store."""
    store, what = KeyStore(directory), f"{WHAT}, latest {counted(len(keys), 'press', 'presses')}"
    slots = [key for key in keys if key[:1] == IN_SLOT]
    missing, unread = 0, ""
    for key in slots:
        try:
            store.secret(key)
        except KeyErased:
            missing += 1
        except SealBroken as error:
            unread = str(error)
    if unread:
        return Finding(FAILED, what, unread)
    if missing:
        why = f"{missing} of their keys are not here: is this the directory that the servers share?"
        return Finding(FAILED, what, why)
    if len(slots) < len(keys):
        why = f"{len(keys) - len(slots)} are sealed without it: erasing them does not reach backups"
        return Finding(WARNING, what, why)
    return Finding(OK, what, "their keys are all here")


def _unmade(directory: Path) -> Finding:
    """Judge a directory that is not there: it is made at the server's start, if it can be."""
    there = next(one for one in directory.parents if one.exists())
    if os.access(there, os.W_OK | os.X_OK):
        return Finding(OK, WHAT, f"{directory} is made at the first start")
    why = f"{directory} is not there and cannot be made: what is erased stays in backups"
    return Finding(FAILED, WHAT, why)


def _file_system(directory: Path) -> str:
    """Return the kind of file system that a directory is on; empty where nothing tells it."""
    if not _MOUNTS.exists():
        return ""
    best, kind = 0, ""
    place = str(directory.resolve())
    for line in _MOUNTS.read_text(encoding="utf-8").splitlines():
        mount, _, source = line.partition(" - ")
        point = mount.split()[4].encode().decode("unicode_escape").rstrip("/") + "/"
        if f"{place}/".startswith(point) and len(point) >= best:
            best, kind = len(point), source.split()[0]
    return kind
