"""Sets of images on disk: a user's folder of HR images, DIV2K, and benchmark sets in EDSR layout."""

from pathlib import Path

from srbench.core.errors import UserError
from srbench.data.benchmark_sets import benchmark_folders, evaluation_set
from srbench.data.catalog.catalog import get_command
from srbench.data.images import by_name, image_files
from srbench.data.layouts import subfolder
from srbench.data.pairs import ImagePair
from srbench.data.training_folders import folder_below, hr_to_train_on
from srbench.data.unused_lr import tell_unused_lr


class Folder:
    """`data=folder`: HR images below `root`, as `hr_to_train_on` finds them. Validation: `root/valid` if it exists,
    else every tenth file by name."""

    def __init__(self, root: str) -> None:
        self.root = Path(root).expanduser()
        if not self.root.is_dir():
            raise UserError(f"data.root={root}: no such folder")

    def train(self) -> list[Path]:
        """The files to train on. Raises UserError if there are none."""
        files = hr_to_train_on(self.root)
        if self._valid:
            return files
        if len(files) == 1:
            raise UserError(
                f"data.root={self.root}: one image is not enough to train and to validate; add {self.root}/valid"
            )
        return [file for i, file in enumerate(files) if i % 10 != 0]

    def valid(self) -> list[Path]:
        """The files to validate on. Raises UserError if there are none."""
        files = hr_to_train_on(self._valid) if self._valid else hr_to_train_on(self.root)[::10]
        return list(by_name(files).values())

    @property
    def _valid(self) -> Path | None:
        return subfolder(self.root, "valid")


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
        folder = folder_below(self.root, path)
        if folder is None:
            how = get_command(brought_by or self.name, self.root)
            raise UserError(f"data={self.name}: no {self.root / path}{how}")
        tell_unused_lr(folder, [], [])
        return image_files(folder)


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
    """The pairs of the set `name` below `data_root`, in any layout of `layouts`: HR, and LR of the scale where it
    exists.

    `div2k`, unless there is a folder of that name, is DIV2K's validation part in its authors' layout.
    Raises UserError for a set that is not there (naming those that are), for two images that share a name (their SR
    images would too) and for LR files that do not fit the HR files.
    """
    found = evaluation_set(name.lower(), data_root, scale)
    if found is None:
        raise UserError(_not_there(name, data_root))
    for folder in {file.parent: None for file in (*found.hr.values(), *found.lr.values())}:
        by_name(image_files(folder))
    missing = [stem for stem in found.hr if stem not in found.lr]
    if found.lr and (missing or len(found.lr) != len(found.hr)):
        suffix = f"x{scale}" if found.layout in ("EDSR", "DIV2K") else ""
        named = f"; {missing[0]}{suffix}.png is missing" if missing else ""
        folder = next(iter(found.lr.values())).parent
        raise UserError(f"{folder}: {len(found.lr)} LR images for {len(found.hr)} HR images{named}")
    return found.pairs


def benchmark_names(data_root: Path) -> list[str]:
    """The sets below `data_root` that `eval.datasets=[all]` means, in lower case; empty where there are none.

    A set without images is left out, which is logged once.
    """
    return sorted(benchmark_folders(data_root))


def _not_there(name: str, data_root: Path) -> str:
    folders = benchmark_folders(data_root)
    known = f"there are val and {', '.join(sorted(folders))}" if folders else "there are none (set data_root)"
    return (
        f"eval.datasets=[{name}]: no {data_root / 'benchmark' / name / 'HR'}; of the benchmark sets, {known}"
        f"{get_command(name, data_root)}"
    )
