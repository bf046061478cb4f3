"""Sets of images on disk: a user's folder of HR images, and benchmark sets in EDSR layout."""

from pathlib import Path

from srbench.data.images import image_files
from srbench.data.pairs import ImagePair
from srbench.errors import UserError


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
            return image_files(self.root / "valid")
        return image_files(self.root)[::10]


def benchmark(data_root: Path, name: str, scale: int) -> list[ImagePair]:
    """The pairs of `data_root/benchmark/<name>` (case does not matter): HR, and LR_bicubic/X{scale} where it exists.

    Raises UserError for a set that is not there (naming those that are) and for LR files that do not fit the HR files.
    """
    folder = _find(data_root / "benchmark", name)
    hr_files = image_files(folder / "HR")
    lr_folder = folder / "LR_bicubic" / f"X{scale}"
    if not lr_folder.is_dir():
        return [ImagePair(hr.stem, hr, None, scale) for hr in hr_files]
    lr_files = {file.stem: file for file in image_files(lr_folder)}
    missing = [hr.stem for hr in hr_files if f"{hr.stem}x{scale}" not in lr_files]
    if missing or len(lr_files) != len(hr_files):
        named = f"; {missing[0]}x{scale}.png is missing" if missing else ""
        raise UserError(f"{lr_folder}: {len(lr_files)} LR images for {len(hr_files)} HR images{named}")
    return [ImagePair(hr.stem, hr, lr_files[f"{hr.stem}x{scale}"], scale) for hr in hr_files]


def benchmark_names(data_root: Path) -> list[str]:
    """The sets below `data_root/benchmark`, in lower case; empty where there is no such folder."""
    folder = data_root / "benchmark"
    return sorted(p.name.lower() for p in folder.iterdir() if (p / "HR").is_dir()) if folder.is_dir() else []


def _find(folder: Path, name: str) -> Path:
    found = [p for p in folder.iterdir() if p.name.lower() == name.lower()] if folder.is_dir() else []
    if not found or not (found[0] / "HR").is_dir():
        names = benchmark_names(folder.parent)
        there = f"there are val and {', '.join(names)}" if names else "there are none (set data_root)"
        raise UserError(f"eval.datasets=[{name}]: no {folder}/{name}/HR; of the benchmark sets, {there}")
    return found[0]
