"""Archives from the web, read by the standard library as if their authors meant harm: nothing leaves the folder, grows
without bound or stays behind half done.
"""

import errno
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PureWindowsPath
from typing import IO, Self
from uuid import uuid4

from srbench.core.errors import UserError
from srbench.core.progress import Listener

MOST_ENTRIES = 200_000
MOST_ABOUT_AN_ENTRY = 1 << 20  # bytes of a long name or of comments, which tarfile reads into memory
MOST_PADDING = 1 << 24  # bytes behind the end mark of a tar, which by default is filled up to 10 KiB

# What zipfile and tarfile raise for input that is damaged.
DAMAGE = (
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


class _RefusedError(Exception):
    """Why an archive is not unpacked."""


class _Header(tarfile.TarInfo):
    """Lets a block of zeros end an archive and nothing else: tarfile also stops, silently, where one is cut off.

    Refuses a name or comments beyond any use.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf == bytes(tarfile.BLOCKSIZE):
                raise
            raise tarfile.ReadError(str(error)) from error
        if not header.isreg() and header.size > MOST_ABOUT_AN_ENTRY:
            raise _RefusedError(f"has a name or a comment of {header.size} bytes")
        return header


class _Guard:
    """Says where in the folder an entry goes, and refuses what leads out of it or is too much."""

    def __init__(self, most_bytes: int, wanted: Callable[[str], bool]) -> None:
        self.most_bytes, self.bytes, self.entries, self.wanted = most_bytes, 0, 0, wanted

    def place(self, name: str, size: int) -> str | None:
        """The path of an entry below the folder, or None for what is not wanted and what macOS adds."""
        path = PureWindowsPath(name)  # which knows / and \ and C:
        if path.anchor or ".." in path.parts or "\0" in name:
            raise _RefusedError(f"{name!r} is no place inside the folder")
        if size < 0:
            raise ValueError("a size below zero would make room for others")
        self.entries, self.bytes = self.entries + 1, self.bytes + size
        if self.entries > MOST_ENTRIES or self.bytes > self.most_bytes:
            raise _RefusedError(f"holds more than {MOST_ENTRIES} entries or {self.most_bytes} bytes")
        rubbish = "__MACOSX" in path.parts or path.name == ".DS_Store" or path.name.startswith("._")
        return path.as_posix() if self.wanted(path.as_posix()) and not rubbish else None


def _everything(path: str) -> bool:
    return True


def unpack(
    archive: Path, folder: Path, tell: Listener, most_bytes: int, wanted: Callable[[str], bool] = _everything
) -> None:
    """Puts what a zip or a tar (plain, gz, bz2, xz) holds into `folder`, once all of it has been read without fault, or
    of it what is `wanted`, by its path.

    Where `folder` exists, its files of the same names are replaced, one by one, and the others stay. Left out are
    modes, owners, times, and what macOS adds (`__MACOSX`, `.DS_Store`, `._…`). `tell` hears bytes of the archive.

    Raises UserError, with `folder` as it was, for an archive that is damaged, that names a place outside the folder,
    holds a link, a device, more than `most_bytes` bytes or 200,000 entries, or an entry of another size than it
    declares. UserError as well where the disk fails; only then its cause is an OSError.
    """
    # Inside, as `folder` may be another disk or a link to one, and a file moves in one step within one disk only.
    partial = (folder if folder.is_dir() else folder.parent) / f".{folder.name}.{uuid4().hex}"
    try:
        with archive.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            partial.mkdir(parents=True)
            for _ in _extract(file, partial, _Guard(most_bytes, wanted)):
                tell(f"unpacking {archive.name}", file.tell(), size)
        _move(partial, folder)
    except _RefusedError as error:
        raise UserError(f"{archive}: {error}; nothing was unpacked") from error
    except OSError as error:
        raise UserError(f"{archive}: cannot be unpacked into {folder} ({error})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    tell(f"unpacking {archive.name}", size, size)


def _extract(file: IO[bytes], folder: Path, guard: _Guard) -> Iterator[None]:
    """Writes the entries into `folder`, and comes back after each."""
    try:
        start = file.read(4)
        file.seek(0)
        yield from (_extract_zip if start in (b"PK\3\4", b"PK\5\6") else _extract_tar)(file, folder, guard)
    except DAMAGE as error:
        # Damage is an OSError, too: without the number of the system where gz and bz2 find it, without the name of a
        # file where a zip says that something lies before its beginning.
        if isinstance(error, OSError) and (error.filename or error.errno not in (None, errno.EINVAL)):
            raise
        raise _RefusedError("no zip or tar archive, or a damaged one: delete it and get it again") from error


def _extract_zip(file: IO[bytes], folder: Path, guard: _Guard) -> Iterator[None]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name, kind = info.filename, stat.S_IFMT(info.external_attr >> 16)
            if (place := guard.place(name, info.file_size)) is None:
                continue
            if name.endswith(("/", "\\")):
                (folder / place).mkdir(parents=True, exist_ok=True)
                continue
            # bzip2 and lzma: zipfile would unpack a whole read at once, however large that becomes.
            if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _RefusedError(f"{name!r} is encrypted or compressed unusually: unpack it yourself")
            if info.create_system == 3 and kind not in (0, stat.S_IFREG):  # 3: Unix, with its modes
                raise _RefusedError(f"{name!r} is neither file nor folder")
            info.filename = place
            # zipfile stops at the declared size; if more came, the checksum is wrong.
            if Path(archive.extract(info, folder)).stat().st_size < info.file_size:
                raise zipfile.BadZipFile(f"{name!r} holds less than it declares")
            yield


def _extract_tar(file: IO[bytes], folder: Path, guard: _Guard) -> Iterator[None]:
    with tarfile.open(fileobj=file, tarinfo=_Header) as archive:
        for member in archive:
            if (place := guard.place(member.name, member.size)) is None:
                continue
            # The filter would let links pass, and a sparse file is written as far as its map says, beyond its size.
            if not (member.isdir() or member.isreg()) or member.issparse():
                raise _RefusedError(f"{member.name!r} is neither file nor folder")
            member.name = place
            archive.extract(member, folder, set_attrs=False, filter="data")
            yield
        # The checksum of a compressed tar stands behind the end mark and its padding.
        if archive.fileobj and len(archive.fileobj.read(MOST_PADDING + 1)) > MOST_PADDING:
            raise _RefusedError("goes on behind its end")


def _move(partial: Path, folder: Path) -> None:
    """Makes `folder` hold what `partial` holds: in one step if it is new or empty, else file by file."""
    try:
        partial.rename(folder)
    except OSError:
        for path in sorted(partial.rglob("*")):
            place = folder / path.relative_to(partial)
            if path.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                path.replace(place)
