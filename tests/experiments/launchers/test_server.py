"""The server that runs are forked from."""

import signal
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import tests

SERVER = """
import sys, time
from srbench.experiments.launchers.server import ends_with_its_command
with ends_with_its_command():
    print("imports", flush=True)
    time.sleep(60)
    print("is still there", file=sys.stderr)
"""
COMMAND = """
import subprocess, sys
server = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(server.stdout.readline(), end="", flush=True)
"""


def test_it_ends_with_the_command_that_is_refused_while_it_imports():
    command = subprocess.run([sys.executable, "-c", COMMAND, SERVER], capture_output=True)
    assert command.stdout == b"imports\n"  # and stderr, which the server has too, has been read to its end
    assert command.stderr == b""


INTERRUPTED = """
import os, signal
from multiprocessing import forkserver, get_context
from srbench.experiments.launchers.server import warm_up
from tests.experiments.launchers.test_server import tell_of_interrupts
warm_up()
server = forkserver._forkserver._forkserver_pid
os.kill(server, signal.SIGINT)
ours, theirs = get_context("forkserver").Pipe()
child = get_context("forkserver").Process(target=tell_of_interrupts, args=(theirs,))
child.start()
print(ours.recv(), forkserver._forkserver._forkserver_pid == server)
child.join()
"""


def tell_of_interrupts(pipe: Connection) -> None:
    """How a process that is forked from the server hears Ctrl-C."""
    blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    pipe.send((blocked, signal.getsignal(signal.SIGINT) is signal.default_int_handler))


def test_an_interrupt_while_it_imports_is_none_of_its_own_and_is_heard_by_what_is_forked():
    command = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        capture_output=True,
        text=True,
        cwd=Path(tests.__path__[0]).parent,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (command.stdout, command.stderr) == ("(False, True) True\n", "")
