"""Where a process prints: a terminal, file or pipe that may know fewer characters than srbench uses."""

import io
import sys


def replace_unknown_characters() -> None:
    """Has stdout and stderr show `?` for what their encoding lacks: × or an image's name must not end a command whose
    work is done."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
