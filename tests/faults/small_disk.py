"""A disk of its own for a test: small, and full or read-only when it shall be."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KILOBYTES = 4096


class SmallDisk:
    """A tmpfs of KILOBYTES, mounted at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def almost_full(self, kilobytes: int) -> Iterator[None]:
        """Meanwhile so many are free."""
        found, ballast = os.statvfs(self.folder), self.folder / "ballast"
        ballast.write_bytes(bytes(found.f_bavail * found.f_frsize - 1024 * kilobytes))
        try:
            yield
        finally:
            ballast.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Meanwhile nothing can be written."""
        _mount("-o", "remount,ro", str(self.folder))
        try:
            yield
        finally:
            _mount("-o", "remount,rw", str(self.folder))


@contextmanager
def small_disk_at(folder: Path) -> Iterator[SmallDisk]:
    """Mounts it at `folder`, which is made; skips the test where that is not allowed."""
    folder.mkdir()
    refused = _mount("-t", "tmpfs", "-o", f"size={KILOBYTES}k", "tmpfs", str(folder))
    if refused:
        pytest.skip(f"no tmpfs can be mounted: {refused}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*words: str) -> str:
    """Why not; empty where it was done."""
    try:
        done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() if done.returncode else ""
