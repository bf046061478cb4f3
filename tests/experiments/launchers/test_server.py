"""The server that runs are forked from."""

import subprocess
import sys

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
