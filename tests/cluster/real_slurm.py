"""A real SLURM of several nodes on this machine, and commands that know it."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

NODES, CPUS = 2, 4
PORTS = range(26_800, 27_800, 100)  # SLURM takes one of these and one more a node
PROGRAMS = ("sbatch", "squeue", "scancel", "scontrol", "slurmctld", "slurmd", "munged")
ABSENT = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]

needs_slurm = pytest.mark.skipif(
    bool(ABSENT) or os.geteuid() != 0, reason=f"starting SLURM needs root and {', '.join(ABSENT) or 'nothing else'}"
)


@dataclass(frozen=True)
class RealSlurm:
    """That runs, by what its commands need in their environment."""

    script: Path
    environment: dict[str, str]

    def known_to(self, shell: Shell) -> Shell:
        """The shell with what SLURM's commands need."""
        return replace(shell, environment=shell.environment | self._clients)

    def says(self, *words: str) -> str:
        """What one of SLURM's commands prints."""
        done = subprocess.run(words, env=self.environment | self._clients, check=True, capture_output=True, text=True)
        return done.stdout

    def preempt(self, job: str) -> None:
        """Asks the job to make way. A job that ends while it is told is an error to scancel, which is none."""
        subprocess.run(["scancel", "--signal=USR2", job], env=self.environment | self._clients, capture_output=True)

    def state(self, job: str) -> str:
        """PENDING, RUNNING or the like."""
        return self.says("squeue", "--noheader", "--array", "--states=all", "--format=%T", f"--jobs={job}").strip()

    @property
    def _clients(self) -> dict[str, str]:
        return {"SLURM_CONF": f"{self.environment['SRB_SLURM_DIR']}/slurm.conf"}

    def __call__(self, *words: str) -> str:
        """What the script says that starts and stops it."""
        return subprocess.run(
            [str(self.script), *words], env=self.environment, check=True, capture_output=True, text=True
        ).stdout


@contextmanager
def real_slurm(shared: Path) -> Iterator[RealSlurm]:
    """Starts SLURM, and ends it."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # sockets take short paths only
    places = {"SRB_SLURM_DIR": str(folder), "SRB_SLURM_PORT": str(next(filter(_are_free, PORTS)))}
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    slurm = RealSlurm(shared / "tools/start-slurm.sh", os.environ | places | {"PATH": path})
    try:
        try:
            slurm("start", str(NODES), str(CPUS))
        except subprocess.CalledProcessError as error:  # a container may forbid what daemons need
            pytest.skip(f"SLURM does not start on this machine: {error.stderr.strip()[-200:]}")
        yield slurm
    finally:
        slurm("stop")
        shutil.rmtree(folder, ignore_errors=True)


def _are_free(first: int) -> bool:
    for port in range(first, first + NODES + 1):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return False
    return True
