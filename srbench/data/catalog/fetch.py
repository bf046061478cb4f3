"""`data get`: a set downloaded, checked, unpacked and put in its place; nothing is there before all of it is right."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from uuid import uuid4

from srbench.core import progress
from srbench.core.archives import unpack
from srbench.core.download import download
from srbench.core.errors import UserError
from srbench.core.lock_files import locked
from srbench.core.progress import Listener
from srbench.data.catalog.catalog import Archive, DataSet, SetFolder, catalogue, count_images

MOST_GROWTH = 4  # times the archive's own size: images hardly shrink in an archive
LEAST_BOUND = 1 << 26  # bytes that any archive may unpack to


def get(entry: DataSet, data_root: Path) -> None:
    """Puts the set below `data_root`; prints what it does.

    Returns at once for what is there. Of several processes that ask for one archive, one works and the others wait.
    Raises UserError for a set that must be fetched by hand (the line says how), for a folder that
    holds other images, and where the network, the server, the archive or the disk fail.
    """
    for part in [catalogue()[part] for part in entry.parts] or [entry]:
        _get_set(part, data_root)


def _absent(folders: Iterable[SetFolder], data_root: Path) -> list[SetFolder]:
    """Those that hold no images. UserError for one that holds another number of them than it should."""
    missing = []
    for folder in folders:
        found = folder.found(data_root)
        if found not in (0, folder.images):
            raise UserError(
                f"{data_root / folder.path}: holds {found} images, not {folder.images}; "
                "move it away and repeat the command"
            )
        if not found:
            missing.append(folder)
    return missing


def _get_set(entry: DataSet, root: Path) -> None:
    if entry.by_hand and any(folder.found(root) != folder.images for folder in entry.folders):
        raise UserError(f"data get {entry.name}: cannot be downloaded: {entry.by_hand.format(root=root)}")
    missing = _absent(entry.folders, root)
    if not missing:
        print(f"{entry.name}: is there already ({', '.join(str(root / folder.path) for folder in entry.folders)})")
    for archive in entry.archives:
        brought = [folder for folder in missing if _holds(archive, folder)]
        if brought:
            _get_archive(archive, brought, root)


def _get_archive(archive: Archive, wanted: Sequence[SetFolder], root: Path) -> None:
    """Puts `wanted`, and whatever else of the catalogue the archive holds and is not there, into place."""
    path = root / "downloads" / archive.name
    with progress.bar(archive.name) as tell, alone(path):
        if not _absent(wanted, root):
            return  # another process was faster
        at_most = archive.bytes or archive.at_most
        with downloaded(archive.address, path, archive.sha256, archive.md5, tell, at_most):
            for folder in _unpacked(archive, path, root, tell):
                print(f"{root / folder.path}: {folder.images} images")


def _unpacked(archive: Archive, path: Path, root: Path, tell: Listener) -> list[SetFolder]:
    """The folders that are put into place, of all sets in the catalogue that the archive holds."""
    held = [folder for entry in catalogue().values() for folder in entry.folders if _holds(archive, folder)]
    folders = [folder for folder in held if not folder.found(root)]
    work = path.with_name(f".{archive.name}")
    try:
        shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
        work.mkdir()
        unpack(path, work / "tree", tell, max(MOST_GROWTH * path.stat().st_size, LEAST_BOUND))
        sources = [work / "tree" / PurePosixPath(folder.path).relative_to(archive.into) for folder in folders]
        for source, folder in zip(sources, folders, strict=True):
            _check_count(source, folder, path)
        for source, folder in zip(sources, folders, strict=True):
            _move(source, root / folder.path)
    except OSError as error:
        raise UserError(f"{path}: cannot be unpacked into {root} ({error})") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folders


def _holds(archive: Archive, folder: SetFolder) -> bool:
    return any(PurePosixPath(folder.path).is_relative_to(held) for held in archive.holds)


def _check_count(source: Path, folder: SetFolder, path: Path) -> None:
    found = count_images(source)
    if found != folder.images:
        raise UserError(f"{path}: holds {found} images for {folder.path}, not {folder.images}; nothing was unpacked")


def _move(source: Path, target: Path) -> None:
    """In one step, by way of `target`'s own disk where that is another."""
    partial = target.with_name(f".{target.name}.{uuid4().hex}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.move(source, partial)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def downloaded(
    address: str,
    path: Path,
    sha256: str | None,
    md5: str | None,
    tell: Listener,
    at_most: int | None,
    patience: float | None = None,
) -> Iterator[None]:
    """The file at `address`, of `at_most` so many bytes, is at `path`; afterwards it is only if it was there before, as
    when brought by hand. `patience`: as for `download`."""
    was_there = path.exists()
    print(f"{path.name}: {f'as it is in {path.parent}' if was_there else address}", flush=True)
    download(address, path, sha256, tell, patience, at_most=at_most)
    if md5 and (found := _md5(path)) != md5:
        if not was_there:
            path.unlink()
        advice = "move it away and repeat the command" if was_there else "repeat the command"
        raise UserError(
            f"{path if was_there else address}: not the expected file: its MD5 is {found}, not {md5}; {advice}"
        )
    try:
        yield
    except UserError as error:
        # What is not known by a checksum may be at fault itself, unless it is the disk that is.
        if not (was_there or sha256 or md5 or isinstance(error.__cause__, OSError)):
            path.unlink()
        raise
    if not was_there:
        path.unlink()


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Holds the lock of what is made from `path`; the lock goes when its holder dies."""
    told = list[bool]()

    def waits() -> None:
        if not told:
            told.append(True)
            print(f"{path.name}: another process gets it; waiting", flush=True)

    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(path.with_name(f".{path.name}.lock"), waits))
        except OSError as error:
            raise UserError(f"{path.parent}: cannot be written to ({error})") from error
        yield
