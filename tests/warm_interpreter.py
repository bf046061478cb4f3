"""`python -m srbench` as a process that has imported everything: torch, Lightning and Hydra take seconds.

A command is forked from a process that has imported what commands do, and done nothing else, and so is the server that
a grid forks its runs from. What a start itself does is tested with interpreters of its own.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from multiprocessing import util
from pathlib import Path
from typing import Any

ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of prctl: the command, whose parent ends at once, becomes ours
LARGEST = 2**20
SERVER = "forkserver"
# As wide a screen as any line of ours; one thread, as several that wait for each other take tenfold beside other tests.
HERE = {"COLUMNS": "200", "OMP_NUM_THREADS": "1"}
IMPORTED = (
    "torch",
    "lightning",
    "srbench.cli.app",
    "srbench.cli.verbs",
    "srbench.experiments.run",
    "srbench.reports.write",
)


class WarmCommand(subprocess.Popen):
    """As Popen([sys.executable, "-m", "srbench", *words], …), given the words; of the options those for pipes, `cwd`
    and `env`."""

    def _execute_child(self, args: Sequence[str], _1: Any, _2: Any, _3: Any, _4: Any, cwd: Path, env: Mapping[str, str],
                       _5: Any, _6: Any, _7: Any, *rest: Any) -> None:  # fmt: skip
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, *_ = rest
        standard = [own if given == -1 else given for own, given in enumerate((p2cread, c2pwrite, errwrite))]
        request = {"words": list(args), "cwd": str(cwd), "env": dict(env)}
        self.pid = _server().start(request, standard)
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)


def of_interpreters(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that one reads when it starts."""
    read = ("PYTHON", "LANG", "LC_", "LD_", *HERE)
    return {name: value for name, value in environment.items() if name.startswith(read) and name != "PYTHONPATH"}


class _Server:
    """The process that commands are forked from; it ends with this one."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", __name__, str(theirs.fileno())]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")} | HERE
        root = Path(__file__).parents[1]
        self.process = subprocess.Popen(command, cwd=root, env=environment, pass_fds=[theirs.fileno()])
        theirs.close()

    def start(self, request: Mapping[str, Any], standard: Sequence[int]) -> int:
        """The number of the new process, which is a child of this one. `standard`: its input, output and errors."""
        socket.send_fds(self.socket, [json.dumps(request).encode()], standard)
        return int(self.socket.recv(LARGEST))


_server = cache(_Server)


def main(number: int) -> None:
    """Serves; and goes on as the command in what is forked."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else each command's collections copy all pages
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=number) as commands:
        while True:
            told, standard, _, _ = socket.recv_fds(commands, LARGEST, 3)
            if not told:
                return
            ours, theirs = os.pipe()
            if not (between := os.fork()):
                if (pid := os.fork()) == 0:
                    break
                os.write(theirs, str(pid).encode())
                os._exit(0)
            os.waitpid(between, 0)  # then the command has been adopted
            commands.send(os.read(ours, 20))
            for one in (*standard, ours, theirs):
                os.close(one)
    _become(json.loads(told), standard)


def _become(request: Mapping[str, Any], standard: Sequence[int]) -> None:
    """The command that is asked for, as an interpreter that has just started."""
    for own, given in enumerate(standard):
        os.dup2(given, own)
    _close_all_but(())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.path[0] = request["cwd"]
    sys.argv = ["srbench", *request["words"]]
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    util.spawnv_passfds = _spawn
    os._exit(_status_of("srbench"))


def _status_of(module: str) -> int:
    """Runs it as its interpreter would, to its end; what that interpreter frees then is left to the system."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return status


def _spawn(path: bytes, args: Sequence[str], passfds: Sequence[int], _real: Any = util.spawnv_passfds) -> int:
    """As multiprocessing's, but that its server of forks has imported everything, too."""
    if SERVER not in args[-1]:
        return _real(path, args, passfds)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # else each process that is forked would say it, too
    if pid := os.fork():
        return pid
    try:
        _close_all_but(passfds)
        exec(args[-1], {})
    finally:
        os._exit(0)


def _close_all_but(kept: Sequence[int]) -> None:
    for number in sorted(int(one.name) for one in Path("/proc/self/fd").iterdir()):
        if number > 2 and number not in kept:
            with suppress(OSError):  # of the one that the folder itself was read by
                os.close(number)


if __name__ == "__main__":
    main(int(sys.argv[1]))
