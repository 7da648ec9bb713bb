"""A broker for the demo and the tests: Mosquitto where it is installed, else amqtt out of a wheel.

Serves arrow 1's far side. Mosquitto runs with the project's own settings: the generated file is
``deploy/mosquitto/mosquitto.conf`` itself with another port, folder and an open listener on the
loopback, so that what is tested is what is deployed. amqtt (MQTT 3.1.1 only) runs in a process of
its own, ``python -m tgd.demo.broker --port N``. Neither is trusted with a press: the phone repeats.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tgd.demo.child import Child
from tgd.devices.authority import write_private
from tgd.devices.dynsec_file import initial
from tgd.errors import TgdError

_READY_S = 60.0
_POLL_S = 0.02
_PROJECT_CONF = Path(__file__).parents[2] / "deploy" / "mosquitto" / "mosquitto.conf"
RIGHTS = "dynamic-security.json"
_PLUGIN = "mosquitto_dynamic_security.so"
_PLUGINS = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")
_DEPTHS = ("", "*/")
_REPLACED = ("persistence_location", "log_dest", "include_dir", "listener")


class BrokerFailed(TgdError):
    """The broker could not be started; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Secured:
    """How a broker is to be reached only by whom the server enrols.

    ``chain``, ``key`` and ``ca`` are files (PEM) of the listener's TLS; ``control`` is the user and
    password who gives rights, ``certificates`` whether clients need one of the authority's.
    """

    ca: Path
    chain: Path
    key: Path
    control: tuple[str, str] = field(repr=False)
    certificates: bool = True


class Broker:
    """One broker on the loopback. ``kind`` is ``mosquitto`` or ``amqtt``. All methods block.

    ``prepare`` is done before each start.
    """

    def __init__(
        self,
        kind: str,
        command: list[str],
        port: int,
        log: Path,
        *,
        tls: bool = False,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.kind = kind
        self.port = port
        self._command = command
        self._log = log
        self._tls = tls
        self._prepare = prepare
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Where clients connect, from this machine only; anybody may, unless it is secured."""
        return self.url_of("")

    def url_of(self, login: str) -> str:
        """Return the address with ``user:password`` in it."""
        return f"mqtt{'s' * self._tls}://{login}{'@' * bool(login)}127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The broker's process id; 0 while it is not running."""
        return self._child.pid if self._child else 0

    def start(self) -> None:
        """Start it and return when it takes connections."""
        if self._child is not None:
            raise BrokerFailed("it is already running")
        self._prepare()
        child = Child(self._command, log=self._log)
        end = time.monotonic() + _READY_S
        while child.running() and time.monotonic() < end:
            if _listening(self.port):
                self._child = child
                return
            time.sleep(_POLL_S)
        child.end(signal.SIGKILL)
        words = self._log.read_text(errors="replace").splitlines()[-3:]
        raise BrokerFailed(f"{self.kind} does not start: {' / '.join(words)}")

    def stop(self) -> None:
        """Stop in order (Mosquitto saves its sessions and queues)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it on the spot, with SIGKILL."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop in order and start again on the same port."""
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end(how)


def start_broker(
    port: int,
    folder: Path,
    *,
    kind: str = "",
    secured: Secured | None = None,
    rights: Path | None = None,
) -> Broker:
    """Start a broker on ``port`` (0: a free one) with its files in ``folder``.

    ``kind`` asks for ``mosquitto`` or ``amqtt``; unsaid, see ``kind_here``. One that is ``secured``
    keeps its rights in ``folder / RIGHTS``: Mosquitto begins with its control alone where that file
    is missing, amqtt with nobody. ``rights`` is another such file for an amqtt without TLS.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or _free_port()
    program = find_mosquitto()
    chosen = kind or kind_here(secured=secured is not None)
    if chosen == "mosquitto":
        if program is None:
            raise BrokerFailed("Mosquitto is not installed here")
        command = [program, "-c", str(_mosquitto_conf(port, folder.absolute(), secured))]
    else:
        command = [sys.executable, "-m", "tgd.demo.broker", "--port", str(port)]
        command += _amqtt_words(folder, secured, rights)
    broker = Broker(
        chosen,
        command,
        port,
        folder / f"{chosen}.log",
        tls=secured is not None,
        prepare=partial(_begin, folder / RIGHTS, secured if chosen == "mosquitto" else None),
    )
    broker.start()
    return broker


def kind_here(*, secured: bool) -> str:
    """Return which broker this machine has: Mosquitto, with its plugin where that is needed."""
    here = find_mosquitto() and (find_rights_plugin() or not secured)
    return "mosquitto" if here else "amqtt"


def find_mosquitto() -> str | None:
    """Return the path of Mosquitto (many systems keep it where users' PATH does not look)."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def find_rights_plugin() -> str | None:
    """Return the path of Mosquitto's dynamic security plugin, which comes with it."""
    found = (
        path
        for root in _PLUGINS
        for depth in _DEPTHS
        for path in sorted(Path(root).glob(f"{depth}{_PLUGIN}"))
    )
    return next((str(path) for path in found), None)


def _amqtt_words(folder: Path, secured: Secured | None, rights: Path | None) -> list[str]:
    if secured is None:
        return ["--rights", str(rights)] if rights else []
    words = ["--rights", str(folder / RIGHTS), "--ca", str(secured.ca)]
    return [*words, "--chain", str(secured.chain), "--key", str(secured.key)]


def _begin(state: Path, secured: Secured | None) -> None:
    if secured is not None and not state.exists():
        write_private(state, initial(*secured.control).encode())


def _mosquitto_conf(port: int, folder: Path, secured: Secured | None) -> Path:
    """Write the project's settings with this port and folder; returns the file."""
    if not _PROJECT_CONF.exists():
        raise BrokerFailed(f"{_PROJECT_CONF} is missing: run from a checkout")
    lines = _PROJECT_CONF.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith(("#", *_REPLACED))]
    kept += [f"persistence_location {folder}/", "log_dest stderr"]
    kept.append(f"listener {port} 127.0.0.1")
    kept += ["allow_anonymous true"] if secured is None else _secured(folder, secured)
    if os.geteuid() == 0:
        kept.append("user root")  # else it takes another user, who cannot write to our folder
    path = folder / "mosquitto.conf"
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return path


def _secured(folder: Path, secured: Secured) -> list[str]:
    """Return the lines of ``deploy/mosquitto/listeners.d/dynsec.conf.example`` with these files."""
    plugin = find_rights_plugin()
    if plugin is None:
        raise BrokerFailed("Mosquitto's dynamic security plugin is not installed here")
    return [
        "tls_version tlsv1.2",
        f"cafile {secured.ca}",
        f"certfile {secured.chain}",
        f"keyfile {secured.key}",
        f"require_certificate {'true' if secured.certificates else 'false'}",
        "allow_anonymous false",
        f"plugin {plugin}",
        f"plugin_opt_config_file {folder / RIGHTS}",
    ]


def _listening(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def _serve_amqtt(given: argparse.Namespace) -> None:
    """Run amqtt on the loopback until this process is ended; anybody comes in without a file."""
    from amqtt.broker import Broker as Amqtt  # noqa: PLC0415  an extra that a server lacks

    plugins: dict[str, dict[str, object]] = {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
    }
    if given.rights:
        kept = {"file": given.rights}
        plugins = {f"tgd.demo.amqtt_rights.{plugin}": {**kept} for plugin in ("Auth", "Topics")}
    listener: dict[str, object] = {"type": "tcp", "bind": f"127.0.0.1:{given.port}"}
    if given.chain:
        listener |= {"ssl": True, "cafile": given.ca}
        listener |= {"certfile": given.chain, "keyfile": given.key}
    broker = Amqtt({"listeners": {"default": listener}, "plugins": plugins})
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await broker.start()
    await stopped.wait()
    await broker.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The embedded broker of the demo (amqtt).")
    parser.add_argument("--port", type=int, required=True, help="port on the loopback")
    parser.add_argument("--rights", default="", help="file of who may do what (anybody, all)")
    parser.add_argument("--ca", default="", help="authority that certifies its clients (PEM)")
    parser.add_argument("--chain", default="", help="its own certificate (PEM); unsaid: no TLS")
    parser.add_argument("--key", default="", help="the certificate's key (PEM)")
    asyncio.run(_serve_amqtt(parser.parse_args()))
