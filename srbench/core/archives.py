"""Archives from the web, unpacked as if their authors meant harm: nothing leaves the folder, grows without bound or
stays behind half done. Only folders and files are made, here and not by `extractall`; a link becomes a copy.
"""

import lzma
import os
import posixpath
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Self
from uuid import uuid4

from srbench.core.errors import UserError
from srbench.core.progress import Listener

MOST_ENTRIES = 200_000
MOST_LINKS = 40  # from one to the next, as on Linux
MOST_PADDING = 1 << 24  # bytes behind the end mark of a tar, which by default is filled up to 10 KiB
CHUNK = 1 << 20

# Headers of a tar that bring a long name or comments for the entry behind them.
ABOUT_THE_NEXT = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
)

# What zipfile and tarfile raise for input that is damaged.
DAMAGE = (
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


class _RefusedError(Exception):
    """Why an archive is not unpacked."""


@dataclass(frozen=True)
class _Entry:
    """A file (`size` bytes of `content`), a link (to `target`, seen from the archive's root), or else a folder."""

    name: str
    size: int = 0
    content: IO[bytes] | None = None
    target: str | None = None


class _Header(tarfile.TarInfo):
    """Lets a block of zeros end an archive and nothing else: tarfile also stops, silently, where one is cut off.

    Refuses a name or a comment beyond any use, which tarfile would read into memory.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf == bytes(tarfile.BLOCKSIZE):
                raise
            raise tarfile.ReadError(str(error)) from error
        if header.type in ABOUT_THE_NEXT and header.size > CHUNK:
            raise _RefusedError(f"has a name or a comment of {header.size} bytes")
        return header


def unpack(archive: Path, folder: Path, tell: Listener, most_bytes: int) -> None:
    """Puts what a zip or a tar (plain, gz, bz2, xz) holds into `folder`, once all of it has been read without fault.

    Where `folder` exists, its files of the same names are replaced, one by one, and the others stay. A link to a file
    of the archive becomes a copy of it. Left out are modes, owners, times, and what macOS adds (`__MACOSX`,
    `.DS_Store`, `._…`). `tell` hears bytes of the archive.

    Raises UserError, with `folder` as it was, for an archive that is damaged, that names a place outside the folder,
    holds a link to anything but its own files, a device, more than `most_bytes` bytes or 200,000 entries, or an entry
    of another size than it declares. UserError as well where the disk fails.
    """
    # Inside, as `folder` may be another disk or a link to one, and a file moves in one step within one disk only.
    partial = (folder if folder.is_dir() else folder.parent) / f".{folder.name}.{uuid4().hex}"
    try:
        with archive.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            partial.mkdir(parents=True)
            _fill(partial, _entries(file), most_bytes, lambda: tell(f"unpacking {archive.name}", file.tell(), size))
        _move(partial, folder)
    except _RefusedError as error:
        raise UserError(f"{archive}: {error}; nothing was unpacked") from error
    except OSError as error:
        raise UserError(f"{archive}: cannot be unpacked into {folder} ({error})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    tell(f"unpacking {archive.name}", size, size)


def _fill(folder: Path, entries: Iterator[_Entry], most_bytes: int, tell: Callable[[], None]) -> None:
    """Writes the entries into `folder`; the links last, as they may name what comes after them."""
    total, links = 0, {}
    for number, entry in enumerate(entries, 1):
        place = _inside(entry.name, repr(entry.name))
        total += entry.size
        if number > MOST_ENTRIES or total > most_bytes:
            raise _RefusedError(f"holds more than {MOST_ENTRIES} entries or {most_bytes} bytes")
        if "__MACOSX" in place.parts or place.name == ".DS_Store" or place.name.startswith("._"):
            continue
        if entry.target is not None:
            links[place] = _inside(entry.target, f"{entry.name!r} links to {entry.target!r}, which")
        elif entry.content is None:
            (folder / place).mkdir(parents=True, exist_ok=True)
        else:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            _write(folder / place, entry.name, entry.size, entry.content, tell)
    _copy_links(folder, links, most_bytes - total)


def _inside(name: str, what: str) -> PurePosixPath:
    """`name` as a path below the folder. Raises _RefusedError, about `what`, for one that leads elsewhere."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name) or "\0" in name:
        raise _RefusedError(f"{what} is no place inside the folder")
    return path


def _copy_links(folder: Path, links: Mapping[PurePosixPath, PurePosixPath], most_bytes: int) -> None:
    for place, target in links.items():
        for _ in range(MOST_LINKS):
            target = links.get(target, target)
        if not (folder / target).is_file():
            raise _RefusedError(f"{str(place)!r} links to {str(links[place])!r}, which is no file of the archive")
        most_bytes -= (folder / target).stat().st_size
        if most_bytes < 0:
            raise _RefusedError("holds too many bytes where its links are counted as what they name")
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / target, folder / place)


def _write(path: Path, name: str, size: int, content: IO[bytes], tell: Callable[[], None]) -> None:
    written = 0
    with path.open("wb") as file:
        while written <= size and (chunk := _read(content)):
            written += len(chunk)
            file.write(chunk)
            tell()
    if written != size:
        raise _RefusedError(f"{name!r} holds {'more' if written > size else 'less'} than the {size} bytes it declares")


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


@contextmanager
def _refusing_damage() -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        raise _RefusedError("no zip or tar archive, or a damaged one: delete it and get it again") from error


def _read(content: IO[bytes]) -> bytes:
    with _refusing_damage():
        return content.read(CHUNK)


def _entries(file: IO[bytes]) -> Iterator[_Entry]:
    with _refusing_damage():
        start = file.read(4)
        file.seek(0)
        yield from _zip_entries(file) if start in (b"PK\3\4", b"PK\5\6") else _tar_entries(file)


def _zip_entries(file: IO[bytes]) -> Iterator[_Entry]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name, size = info.filename, info.file_size
            kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0  # 3: Unix, with its modes
            if info.is_dir():
                yield _Entry(name)
                continue
            # bzip2 and lzma: zipfile would unpack a whole read at once, however large that becomes.
            if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _RefusedError(f"{name!r} is encrypted or compressed unusually: unpack it yourself")
            # zipfile stops at the declared size without a word; with one byte more, it shows whether more comes.
            info.file_size += 1
            with archive.open(info) as content:
                if kind == stat.S_IFLNK:
                    yield _Entry(name, target=_beside(name, content.read(4096).decode()))
                elif kind in (0, stat.S_IFREG):
                    yield _Entry(name, size, content)
                else:
                    raise _RefusedError(f"{name!r} is neither file nor folder")


def _tar_entries(file: IO[bytes]) -> Iterator[_Entry]:
    with tarfile.open(fileobj=file, tarinfo=_Header) as archive:
        for member in archive:
            name = member.name
            if member.isdir():
                yield _Entry(name)
            elif member.issym():
                yield _Entry(name, target=_beside(name, member.linkname))
            elif member.islnk():
                yield _Entry(name, target=member.linkname)
            elif member.isfile():
                yield _Entry(name, member.size, archive.extractfile(member))
            else:
                raise _RefusedError(f"{name!r} is neither file nor folder")
        _read_padding(archive)


def _beside(name: str, target: str) -> str:
    """What a symbolic link names, seen from the archive's root."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def _read_padding(archive: tarfile.TarFile) -> None:
    """Reads what follows the end mark, as the checksum of a compressed tar stands behind it."""
    left = MOST_PADDING
    while archive.fileobj and (chunk := archive.fileobj.read(CHUNK)):
        left -= len(chunk)
        if left < 0:
            raise _RefusedError("goes on behind its end")
