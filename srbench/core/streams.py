"""Where a process prints: a terminal, file or pipe that may know fewer characters than srbench uses."""

import codecs
import io
import sys

# What a number means hangs on these: −0.1 that is shown as ?0.1 could be 0.1.
IN_ASCII = {"−": "-", "–": "-", "±": "+-", "≈": "~", "×": "x", "²": "^2"}


def replace_unknown_characters() -> None:
    """Has stdout and stderr show, for what their encoding lacks, signs of ASCII that mean the same, or `?`: × or an
    image's name must not end a command whose work is done."""
    codecs.register_error("srbench", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="srbench")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacked = error.object[error.start : error.end]
    return "".join(IN_ASCII.get(character, "?") for character in lacked), error.end
