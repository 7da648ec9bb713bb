"""A program that never outlives us: started under a guard that watches over both.

Serves the demo and the tests, which start a database, a broker, a server, and kill them on
purpose. A process killed with SIGKILL cannot stop its children, so each child gets a guard (this
same file, run alone with the standard library only) that holds the other end of a pipe: when the
pipe closes, by our orderly stop or by our sudden death, the guard ends the child. Both live in a
session of their own, so that Ctrl-C at the terminal reaches us only and we stop things in order.
The guard's protocol, on its standard input: one signal's name per line; end of file ends it.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_STOP_S = 10.0


class Child:
    """One guarded program. ``log`` takes its output; ``final`` is the signal if we die."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        log: Path,
        final: signal.Signals = signal.SIGKILL,
        user: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        with log.open("ab") as output:
            self._guard = subprocess.Popen(  # noqa: S603  the arguments are ours
                [sys.executable, "-IS", __file__, final.name, user, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                cwd="/",
                env=environ,
                start_new_session=True,
            )
        out = self._guard.stdout
        self.pid = int(out.readline() or b"0") if out else 0
        """The program's own process id (0: it could not be started, the log says why)."""

    def running(self) -> bool:
        """Say whether the program is alive."""
        return self._guard.poll() is None

    def wait(self, timeout_s: float) -> int:
        """Wait for the program's own end, SIGKILL after ``timeout_s``; return its exit code."""
        try:
            self._guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._send(signal.SIGKILL)
        code = self._guard.wait()
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def end(self, how: signal.Signals, timeout_s: float = _STOP_S) -> int:
        """Send ``how`` and wait; after ``timeout_s`` SIGKILL. Returns the program's exit code."""
        self._send(how)
        return self.wait(timeout_s)

    def _send(self, how: signal.Signals) -> None:
        pipe = self._guard.stdin
        if pipe is None or not self.running():
            return
        try:
            pipe.write(how.name.encode() + b"\n")
        except BrokenPipeError:  # it has just ended by itself, which is what was wanted
            return


def guard(final: str, user: str, arguments: Sequence[str]) -> int:
    """Run ``arguments``, as ``user`` if named, until it ends or standard input does."""
    program = subprocess.Popen(  # noqa: S603  what our parent asked for
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        user=user or None,
        group=_group(user),
        extra_groups=[] if user else None,
    )
    sys.stdout.write(f"{program.pid}\n")
    sys.stdout.flush()

    def obey() -> None:
        for line in sys.stdin:
            program.send_signal(signal.Signals[line.strip()])
        program.send_signal(signal.Signals[final])

    def pass_on(_number: int, _frame: object) -> None:
        program.send_signal(signal.Signals[final])

    signal.signal(signal.SIGTERM, pass_on)
    threading.Thread(target=obey, daemon=True).start()
    code = program.wait()
    return code if code >= 0 else 128 - code


def _group(user: str) -> int | None:
    if not user:
        return None
    import pwd  # noqa: PLC0415  this system's users exist on this system only

    return pwd.getpwnam(user).pw_gid


if __name__ == "__main__":
    # Not sys.exit: the thread sits in a read of standard input, and nothing is left to tidy.
    os._exit(guard(sys.argv[1], sys.argv[2], sys.argv[3:]))
