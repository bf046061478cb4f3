"""Files that somebody else may have left: read whole where they are files and of a sensible size."""

import errno
import os
from pathlib import Path
from stat import S_ISREG

LARGEST = 2**28  # bytes; a plan of 20,000 runs has 40 million


def read_regular(path: Path) -> bytes:
    """What the file holds. OSError where it is a folder, a pipe or a device, which would be waited for, or too large;
    FileNotFoundError where it is not there."""
    with open(path, "rb", buffering=0, opener=_without_waiting) as file:
        about = os.fstat(file.fileno())
        if not S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "is no file")
        if about.st_size > LARGEST:
            raise OSError(errno.EFBIG, f"is too large, {about.st_size:,} bytes")
        return file.readall()


def _without_waiting(path: str, flags: int) -> int:
    """Opening a pipe would else wait for somebody who writes into it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def is_plain_name(name: str) -> bool:
    """Whether a file or folder of this name lies in the folder that it is looked for in, and can be there at all."""
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0", os.sep} and len(os.fsencode(name)) <= 255
