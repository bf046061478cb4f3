"""A real Ray cluster of several nodes on this machine, and commands that join it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

NODES, CPUS = 2, 2
PORTS = range(26_000, 31_000, 1_000)  # a cluster takes one of these and the thousand above it

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'srbench[ray]'")


@dataclass(frozen=True)
class RealRay:
    """A cluster that runs, by the folder of its files."""

    script: Path
    folder: Path
    environment: dict[str, str]

    def joined(self, shell: Shell) -> Shell:
        """The shell with what `ray.init()` needs to join."""
        said = self("env").replace("export ", "").split()
        return replace(shell, environment=shell.environment | dict(word.split("=", 1) for word in said))

    def node_processes(self, number: int) -> list[int]:
        """Those of a node, its workers included: of the session that it was started in."""
        session, found = int((self.folder / f"node{number}.pid").read_text()), []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                found += [int(place.name)] if os.getsid(int(place.name)) == session else []
            except ProcessLookupError:
                continue
        return found

    def lose_node(self, number: int) -> None:
        """As if its power was cut."""
        for pid in self.node_processes(number):
            os.kill(pid, signal.SIGKILL)

    def start(self) -> None:
        """All nodes; nothing where they are at work, and all anew where one was lost."""
        try:
            self("start", str(NODES), str(CPUS))
        except subprocess.CalledProcessError as error:  # a container may forbid what daemons need
            pytest.skip(f"Ray does not start on this machine: {error.stderr.strip()[-200:]}")

    def __call__(self, *words: str) -> str:
        return subprocess.run(
            [str(self.script), *words], env=self.environment, check=True, capture_output=True, text=True
        ).stdout


@contextmanager
def real_ray(shared: Path) -> Iterator[RealRay]:
    """Starts a cluster, and ends it."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # sockets take short paths only
    environment = os.environ | {
        "SRB_RAY": str(Path(sys.executable).with_name("ray")),
        "SRB_RAY_DIR": str(folder),
        "SRB_RAY_PORT": str(next(port for port in PORTS if _is_free(port))),
    }
    ray = RealRay(shared / "tools/start-ray.sh", folder, environment)
    try:
        ray.start()
        yield ray
    finally:
        ray("stop")
        shutil.rmtree(folder, ignore_errors=True)


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0
