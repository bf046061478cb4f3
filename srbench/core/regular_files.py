"""Files that somebody else may have left: read whole where they are files and of a sensible size."""

import errno
import os
from pathlib import Path
from stat import S_ISREG

LARGEST = 2**28  # bytes; a plan of 20,000 runs has 40 million
# Opening a pipe would else wait for somebody who writes into it. Windows would translate the ends of lines.
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_regular(path: Path) -> bytes:
    """What the file holds. OSError where it is a folder, a pipe or a device, which would be waited for, or too large;
    FileNotFoundError where it is not there."""
    # Without a file object, which takes longer than the reading: a report reads tens of thousands.
    opened = os.open(path, FLAGS)
    try:
        about = os.fstat(opened)
        if not S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "is no file")
        if about.st_size > LARGEST:
            raise OSError(errno.EFBIG, f"is too large, {about.st_size:,} bytes")
        parts = [os.read(opened, about.st_size + 1)]
        while parts[-1]:
            parts.append(os.read(opened, 2**16))  # nothing, but where it has grown
        return b"".join(parts)
    finally:
        os.close(opened)


def is_plain_name(name: str) -> bool:
    """Whether a file or folder of this name lies in the folder that it is looked for in, and can be there at all."""
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0", os.sep} and len(os.fsencode(name)) <= 255
