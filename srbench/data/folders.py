"""Sets of images on disk: a user's folder of HR images, DIV2K, and benchmark sets in EDSR layout."""

import logging
from functools import cache
from pathlib import Path

from srbench.core.errors import UserError
from srbench.data.catalog.catalog import get_command
from srbench.data.images import by_name, holds_images, image_files
from srbench.data.pairs import ImagePair

log = logging.getLogger(__name__)


class Folder:
    """`data=folder`: HR images below `root`. Validation: `root/valid` if it exists, else every tenth file by name."""

    def __init__(self, root: str) -> None:
        self.root = Path(root).expanduser()
        if not self.root.is_dir():
            raise UserError(f"data.root={root}: no such folder")

    def train(self) -> list[Path]:
        """The files to train on. Raises UserError if there are none."""
        files = image_files(self.root)
        if (self.root / "valid").is_dir():
            return files
        if len(files) == 1:
            raise UserError(
                f"data.root={self.root}: one image is not enough to train and to validate; add {self.root}/valid"
            )
        return [file for i, file in enumerate(files) if i % 10 != 0]

    def valid(self) -> list[Path]:
        """The files to validate on. Raises UserError if there are none."""
        if (self.root / "valid").is_dir():
            return list(by_name(image_files(self.root / "valid")).values())
        return list(by_name(image_files(self.root)[::10]).values())


class DIV2K:
    """`data=div2k`: DIV2K's HR images as its authors name the folders, below `root/DIV2K`; 800 train, 100 validate.

    EDSR's package has the validation images, 0801 to 0900, in DIV2K_train_HR too: none of them is trained on.
    """

    name = "div2k"

    def __init__(self, root: str) -> None:
        self.root = Path(root).expanduser()

    def train(self) -> list[Path]:
        """The files to train on. Raises UserError, saying how to get them, if there are none."""
        return [file for file in self._files("DIV2K/DIV2K_train_HR") if not "0801" <= file.stem <= "0900"]

    def valid(self) -> list[Path]:
        """The files to validate on. Raises UserError, saying how to get them, if there are none."""
        return list(by_name(self._files("DIV2K/DIV2K_valid_HR")).values())

    def _files(self, path: str, brought_by: str = "") -> list[Path]:
        """The images of a folder, which the set `brought_by`, else this one, brings."""
        if not (self.root / path).is_dir():
            how = get_command(brought_by or self.name, self.root)
            raise UserError(f"data={self.name}: no {self.root / path}{how}")
        return image_files(self.root / path)


class DF2K(DIV2K):
    """`data=df2k`: DIV2K, and to train on Flickr2K too, 3450 images in all."""

    name = "df2k"

    def train(self) -> list[Path]:
        """The files to train on. Raises UserError, saying how to get them, if there are none."""
        return super().train() + self._files("Flickr2K/Flickr2K_HR")


class DIV2KAndLSDIR(DIV2K):
    """`data=div2k_lsdir`: DIV2K, and to train on the first 10,000 images of LSDIR too, as MDRN was.

    LSDIR has folders of 1000 images; 0001000 to 0010000 hold the first 10,000 (its authors' numbers end a folder).
    """

    name = "div2k_lsdir"

    def train(self) -> list[Path]:
        """The files to train on. Raises UserError, saying how to get them, if there are none."""
        folders = [self._files(f"LSDIR/train/{last:07}", "lsdir") for last in range(1000, 10_001, 1000)]
        return super().train() + [file for files in folders for file in files]


def benchmark_pairs(data_root: Path, name: str, scale: int) -> list[ImagePair]:
    """The pairs of `data_root/benchmark/<name>` (case does not matter): HR, and LR_bicubic/X{scale} where it exists.

    `div2k`, unless there is a folder of that name, is DIV2K's validation part in its authors' layout.
    Raises UserError for a set that is not there (naming those that are), for two images that share a name (their SR
    images would too) and for LR files that do not fit the HR files.
    """
    hr_folder, lr_folders = _find(data_root, name)
    hr_files = by_name(image_files(hr_folder))
    lr_folder = lr_folders / f"X{scale}"
    if not lr_folder.is_dir():
        return [ImagePair(stem, hr, None, scale) for stem, hr in hr_files.items()]
    lr_files = by_name(image_files(lr_folder))
    missing = [stem for stem in hr_files if f"{stem}x{scale}" not in lr_files]
    if missing or len(lr_files) != len(hr_files):
        named = f"; {missing[0]}x{scale}.png is missing" if missing else ""
        raise UserError(f"{lr_folder}: {len(lr_files)} LR images for {len(hr_files)} HR images{named}")
    return [ImagePair(stem, hr, lr_files[f"{stem}x{scale}"], scale) for stem, hr in hr_files.items()]


def benchmark_names(data_root: Path) -> list[str]:
    """The sets below `data_root` that `benchmark` finds, in lower case; empty where there are none.

    A set without images is left out, which is logged once.
    """
    there = _there(data_root)
    for hr, _ in there.values():
        if not holds_images(hr):
            _tell_empty(hr)
    return sorted(name for name, (hr, _) in there.items() if holds_images(hr))


def _find(data_root: Path, name: str) -> tuple[Path, Path]:
    """The folder of HR images, and the one with a folder of LR images for each scale."""
    there = _there(data_root)
    if name.lower() in there:
        return there[name.lower()]
    known = f"there are val and {', '.join(sorted(there))}" if there else "there are none (set data_root)"
    raise UserError(
        f"eval.datasets=[{name}]: no {data_root / 'benchmark' / name / 'HR'}; of the benchmark sets, {known}"
        f"{get_command(name, data_root)}"
    )


@cache  # every run of a grid asks
def _tell_empty(hr_folder: Path) -> None:
    log.warning("%s holds no images: the set is left out", hr_folder)


def _there(data_root: Path) -> dict[str, tuple[Path, Path]]:
    folder, div2k = data_root / "benchmark", data_root / "DIV2K"
    sets = [("div2k", div2k / "DIV2K_valid_HR", div2k / "DIV2K_valid_LR_bicubic")]
    if folder.is_dir():
        sets += [(path.name.lower(), path / "HR", path / "LR_bicubic") for path in folder.iterdir()]
    return {name: (hr, lr) for name, hr, lr in sets if hr.is_dir()}
