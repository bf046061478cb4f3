"""A pack: what a study's results rest on in one zip, to be given away, each file with its SHA-256.

    manifest.json    what the pack is, and of each of its files the size and the SHA-256
    runs/STUDY/      plans, and of each run its config, record, scores, losses and weights
    reports/STUDY/   the report

Left out are SR images, checkpoints of trainings that go on, logs and heartbeats.
"""

import hashlib
import json
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from uuid import uuid4

from srbench.core import files
from srbench.core.archives import DAMAGE, unpack
from srbench.core.errors import UserError
from srbench.core.harmless import visible
from srbench.core.heartbeat import is_worked_on
from srbench.core.progress import Listener, silent
from srbench.core.regular_files import is_plain_name
from srbench.experiments.store.codec import FormatError, decode, to_json
from srbench.experiments.store.json_files import in_short, newer
from srbench.experiments.store.left import WEIGHTS
from srbench.experiments.store.plans import FOLDER
from srbench.experiments.store.study import Study, open_study

SCHEMA = 1
MANIFEST = "manifest.json"
RUNS, REPORTS = "runs", "reports"
SUFFIX = ".zip"
OF_RUNS = ("config.yaml", "result.json", "scores.csv", "losses.csv", "validation.csv", WEIGHTS)
COMPRESSED_ALREADY = {".safetensors", ".png"}
BEGINNING = (1980, 1, 1, 0, 0, 0)  # of time, for a zip: equal studies make equal packs
MOST_OF_MANIFEST = 1 << 27  # bytes
PIECE = 1 << 20  # bytes


@dataclass(frozen=True)
class PackedFile:
    """`bytes`: its size; `sha256`: in hex."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`study`: the name of its folder. `files`: by their paths in the pack."""

    schema: int
    study: str
    files: dict[str, PackedFile]

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(file.bytes for file in self.files.values())


# Packing


def pack_study(study_dir: Path, report_dir: Path, pack: Path, tell: Listener) -> Manifest:
    """Writes `pack`, with the report in `report_dir` where there is one, and reads it again to see that it holds what
    it says. UserError for no study, a run that is being worked on, and a file in the place of the pack that is none.
    """
    study = open_study(study_dir)
    if at_work := [run.name for run in study.runs if is_worked_on(run.folder)]:
        raise UserError(f"{study_dir}: {', '.join(at_work[:3])}: being worked on; pack the study when that has ended")
    if pack.exists():
        read_manifest(pack)  # else something else would be lost
    sources = _sources(study, report_dir)
    try:
        with files.in_one_step(pack) as partial:
            manifest = Manifest(SCHEMA, study.name, {name: _measured(path) for name, path in sources.items()})
            _write(partial, manifest, sources, tell)
            _read_through(partial, manifest)
    except DAMAGE as error:  # an OSError of the disk among them
        raise UserError(f"{pack}: cannot be written ({in_short(error)})") from error
    return manifest


def _sources(study: Study, report_dir: Path) -> dict[str, Path]:
    """Where the files of the pack lie, by their paths in it; links are left out."""
    folder = study.folders[0]
    plans = sorted((folder / FOLDER).glob("*.json"))
    of_runs = [run.folder / name for run in study.runs for name in OF_RUNS]
    report = sorted(path for path in report_dir.rglob("*") if not _hidden(path.relative_to(report_dir)))
    found = {f"{RUNS}/{study.name}/{path.relative_to(folder).as_posix()}": path for path in [*plans, *of_runs]}
    found |= {f"{REPORTS}/{study.name}/{path.relative_to(report_dir).as_posix()}": path for path in report}
    return {name: path for name, path in found.items() if path.is_file() and not path.is_symlink()}


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _measured(path: Path) -> PackedFile:
    return PackedFile(path.stat().st_size, files.sha256(path))


def _write(pack: Path, manifest: Manifest, sources: dict[str, Path], tell: Listener) -> None:
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry(MANIFEST), to_json(manifest))
        for number, (name, path) in enumerate(sources.items(), 1):
            with path.open("rb") as file, archive.open(_entry(name), "w", force_zip64=True) as entry:
                shutil.copyfileobj(file, entry, PIECE)
            tell(f"packing {manifest.study}", number, len(sources))


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, BEGINNING)
    info.create_system = 3  # Unix, on every system
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    stored = PurePosixPath(name).suffix in COMPRESSED_ALREADY
    info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    return info


def _read_through(pack: Path, manifest: Manifest) -> None:
    """Raises UserError where a file is not what the manifest says."""
    with zipfile.ZipFile(pack) as archive:
        for name, told in manifest.files.items():
            with archive.open(name) as entry:
                if hashlib.file_digest(entry, "sha256").hexdigest() != told.sha256:  # type: ignore[arg-type]
                    raise UserError(f"{visible(name)} changed while it was packed; pack the study when that has ended")


# Reading


def is_pack(path: Path) -> bool:
    """Whether a pack is meant, not a study's folder."""
    return path.suffix == SUFFIX and not path.is_dir()


def read_manifest(pack: Path) -> Manifest:
    """What the pack says that it holds. UserError, in one line, for a file that is no pack, or one of a newer
    srbench."""
    try:
        with zipfile.ZipFile(pack) as archive, archive.open(MANIFEST) as entry:
            text = entry.read(MOST_OF_MANIFEST)
        content = json.loads(text)
        schema = content.get("schema") if isinstance(content, dict) else None
        if type(schema) is int and schema > SCHEMA:
            raise UserError(f"{pack}: {newer(schema, SCHEMA)}")
        manifest = decode(Manifest, content)
        _check(manifest)
    except FileNotFoundError:
        raise UserError(f"{pack}: no such file") from None
    except KeyError:
        raise UserError(f"{pack}: a zip, but no pack of srbench: it has no {MANIFEST}") from None
    except (*DAMAGE, RecursionError, NotImplementedError) as error:
        raise UserError(f"{pack}: no pack of srbench, or a damaged one ({in_short(error)})") from error
    return manifest


def _check(manifest: Manifest) -> None:
    """Raises FormatError where a file does not belong to the study."""
    if not is_plain_name(manifest.study):
        raise FormatError(f"study: no name of a folder: {visible(manifest.study)}")
    for name, file in manifest.files.items():
        first, _, rest = name.partition("/")
        inside = first in (RUNS, REPORTS) and rest.startswith(f"{manifest.study}/") and _is_path(rest)
        if not inside or file.bytes < 0:
            raise FormatError(f"files: {visible(name)} is no place in {RUNS}/STUDY or {REPORTS}/STUDY")


def _is_path(text: str) -> bool:
    return all(is_plain_name(part) for part in text.split("/"))


@contextmanager
def opened_study(path: Path) -> Iterator[Study]:
    """The study in a folder or in a pack; a pack's files, but for the weights, lie in a temporary folder until the end.
    UserError as for `open_study` and `unpacked`."""
    if not is_pack(path):
        yield open_study(path)
        return
    with tempfile.TemporaryDirectory(prefix="srbench-") as folder:
        manifest = unpacked(path, Path(folder) / "pack", silent, _is_light)
        study = open_study(Path(folder) / "pack" / RUNS / manifest.study)
        yield replace(study, folders=(path,))


def _is_light(name: str) -> bool:
    return name == MANIFEST or (name.startswith(f"{RUNS}/") and not name.endswith(f"/{WEIGHTS}"))


def unpacked(pack: Path, folder: Path, tell: Listener, wanted: Callable[[str], bool]) -> Manifest:
    """Puts the wanted files of a pack into a folder that is not there yet, once they are known to be what the manifest
    says. UserError, in one line, with nothing left behind, for what is damaged, leads out of the folder, is a link, is
    more than the manifest says or less, or does not fit on the disk."""
    manifest = read_manifest(pack)
    asked = {name: file for name, file in manifest.files.items() if wanted(name)}
    needed, free = sum(file.bytes for file in asked.values()), shutil.disk_usage(folder.parent).free
    if needed > free:
        raise UserError(f"{pack}: {needed:,} bytes do not fit on the disk of {folder.parent}, which has {free:,} left")
    partial = folder.with_name(f".{folder.name}.{uuid4().hex}")
    try:
        unpack(pack, partial, tell, manifest.bytes + MOST_OF_MANIFEST, wanted)
        (partial / MANIFEST).unlink()
        _check_files(pack, partial, asked)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _check_files(pack: Path, folder: Path, asked: dict[str, PackedFile]) -> None:
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    for name in sorted(there.keys() ^ asked.keys()):
        told = "is in the pack, but not in its manifest" if name in there else "is in the manifest, but not in the pack"
        raise UserError(f"{pack}: {visible(name)} {told}; nothing was unpacked")
    for name, file in asked.items():
        if _measured(there[name]) != file:
            raise UserError(f"{pack}: {visible(name)} is not what the manifest says; nothing was unpacked")


def unpack_study(pack: Path, folder: Path, tell: Listener) -> Manifest:
    """Puts what a pack holds into `folder`: runs/STUDY and reports/STUDY. Files that are there already and the same
    stay. UserError as for `unpacked`, and, with nothing changed, where something else lies in the place of a file."""
    read_manifest(pack)  # before a folder is made
    partial = folder / f".pack.{uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        manifest = unpacked(pack, partial, tell, lambda name: True)
        new = {name: folder / name for name in manifest.files if _is_free(folder / name, manifest.files[name], pack)}
        for name, place in new.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(partial / name, place)
    except OSError as error:
        raise UserError(f"{pack}: cannot be unpacked into {folder} ({in_short(error)})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _is_free(place: Path, file: PackedFile, pack: Path) -> bool:
    """Whether nothing is there yet; UserError where something else is."""
    above = next(path for path in place.parents if path.exists() or path.is_symlink())
    if above.is_dir() and not (place.exists() or place.is_symlink()):
        return True
    if place.is_file() and not place.is_symlink() and _measured(place) == file:
        return False
    raise UserError(f"{place}: is there already, and is not what {pack} holds; unpack it elsewhere: unpack {pack} DIR")
