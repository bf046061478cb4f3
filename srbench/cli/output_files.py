"""Which file each image becomes that a user names."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from srbench.core.errors import UserError
from srbench.core.pixel_format import Bits
from srbench.core.progress import console
from srbench.data.images import LOSSY, SUFFIXES, image_files
from srbench.data.unread import unread


def output_files(
    verb: str, source: Path, target: Path, formats: Sequence[str], bits: Bits = 8
) -> list[tuple[Path, Path]]:
    """Each image of `source` and its PNG file; for one image `target` may be a file of one of the `formats`, which are
    suffixes, else it is a folder.

    What lies beside the images of a folder, and what is not taken over from an image of which `bits` are read, is named
    on stderr. UserError where something would be overwritten that is read, or two images would become one file.
    """
    if source.is_dir():
        files = image_files(source)
        for path in sorted(source.iterdir()):
            if path not in files and not path.name.startswith("."):
                _say(f"skipped: {path}: no image")
    elif source.exists():
        files = [source]
    else:
        raise UserError(f"{verb}: {source}: no such image or folder")
    names_file = not target.is_dir() and target.suffix != ""
    if names_file and source.is_dir() and target.suffix.lower() in SUFFIXES:
        raise UserError(f"{verb}: {target}: names a file, but {source} is a folder; name a folder")
    single = names_file and not source.is_dir()
    if single and target.suffix.lower() not in formats:
        written = "PNG" if len(formats) == 1 else ", ".join(formats)
        raise UserError(f"{verb}: {target}: {written} files are written; name one, or a folder")
    pairs = [(file, target if single else target / f"{file.stem}.png") for file in files]
    _refuse_losses(verb, pairs)
    tell_unread(files, bits)
    if single and target.suffix.lower() in LOSSY:
        _say(f"note: {target}: JPEG is lossy: other pixels are stored than were made; .png keeps them")
    return pairs


class Failures:
    """Of the `images` that a verb makes others of: each that fails is told, and the others go on; of one alone it is
    the command that fails."""

    def __init__(self, images: int) -> None:
        self.images, self.failed = images, 0

    @contextmanager
    def told(self) -> Iterator[None]:
        """Around what is done with one image."""
        try:
            yield
        except UserError as error:
            if self.images == 1:
                raise
            self.failed += 1
            _say(f"failed: {error}")

    def none(self, verb: str) -> bool:
        """Whether all went well; else their number is told."""
        if self.failed:
            _say(f"{verb}: {self.failed} of {self.images} images failed")
        return not self.failed


def tell_unread(files: Iterable[Path], bits: Bits = 8) -> None:
    """Says on stderr what of the files is not read."""
    for line in unread(files, bits):
        _say(f"note: {line}")


def _say(line: str) -> None:
    console.print(line, markup=False)


def _refuse_losses(verb: str, pairs: Sequence[tuple[Path, Path]]) -> None:
    read = {_identity(file) for file, _ in pairs}
    outs: dict[tuple[Path, str], Path] = {}
    for file, out in pairs:
        if _identity(out) in read or out.resolve() == file.resolve():
            raise UserError(f"{verb}: {out}: would be overwritten; give another OUT")
        # Some file systems take names for the same that differ in case, or in how ü is composed.
        place = out.parent.resolve(), unicodedata.normalize("NFC", out.name).casefold()
        if (other := outs.setdefault(place, file)) is not file:
            raise UserError(f"{verb}: {other} and {file.name} would both become {out}; rename one")


def _identity(path: Path) -> tuple[int, int] | Path:
    """Of the file, whatever links lead to it; the path where there is none."""
    if not path.exists():
        return path
    found = path.stat()
    return found.st_dev, found.st_ino
