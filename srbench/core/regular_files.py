"""Files that somebody else may have left: read whole where they are files and of a sensible size."""

import errno
import os
from pathlib import Path

LARGEST = 2**28  # bytes; a plan of 20,000 runs has 40 million


def read_regular(path: Path) -> bytes:
    """What the file holds. OSError where it is a folder, a pipe or a device, which would be waited for, or too large;
    FileNotFoundError where it is not there."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no file")
    if (size := path.stat().st_size) > LARGEST:
        raise OSError(errno.EFBIG, f"is too large, {size:,} bytes")
    return path.read_bytes()


def is_plain_name(name: str) -> bool:
    """Whether a file or folder of this name lies in the folder that it is looked for in, and can be there at all."""
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0", os.sep} and len(os.fsencode(name)) <= 255
