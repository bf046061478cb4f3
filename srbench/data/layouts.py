"""Sets of images in the folders that people keep them in.

| layout | HR | LR |
|---|---|---|
| EDSR | `Set5/HR/baby.png` | `Set5/LR_bicubic/X2/babyx2.png` |
| DIV2K | `DIV2K_train_HR/0001.png` | `DIV2K_train_LR_bicubic/X2/0001x2.png`; Flickr2K likewise |
| BasicSR | `Set5/GTmod12/baby.png` | `Set5/LRbicx2/baby.png` |
| SelfExSR | `Set5/image_SRF_2/img_001_SRF_2_HR.png` | `…_LR.png` beside it |
| flat | `testsets/set5/baby.bmp`, as in KAIR | |

Upper and lower case are the same; two folders that differ in nothing else are refused. Other layouts' folders of the
same name may lie beside each other. Everything that looks for a set looks here: `data check`, evaluation and training.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean
from srbench.data.catalog.catalog import catalogue, count_images, get_command
from srbench.data.images import holds_images, image_files, subfolders
from srbench.data.pairs import ImagePair

BELOW = ("benchmark", "testsets", "datasets", "")  # of data_root: where sets lie, the likeliest for a benchmark first


@dataclass(frozen=True)
class ImageSet:
    """A set's images at one scale, by name; of HR and LR, each may lack some of the other's. `scale` None: HR alone."""

    name: str
    layout: str
    folder: Path
    scale: int | None
    hr: dict[str, Path]
    lr: dict[str, Path] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """`Set5 ×2`."""
        return self.name if self.scale is None else f"{self.name} ×{self.scale}"

    @property
    def pairs(self) -> list[ImagePair]:
        """Every HR image with its LR image, None where there is none (scale 1 for HR alone)."""
        return [ImagePair(name, hr, self.lr.get(name), self.scale or 1) for name, hr in self.hr.items()]


def locate(name: str, data_root: Path) -> list[ImageSet]:
    """The sets in the folder `name`, or else in those of that name below `data_root` and its usual subfolders.

    `div2k` also finds `DIV2K_train_HR` and its like there, `df2k` DIV2K and Flickr2K. UserError, with what to do, where
    nothing is found.
    """
    if Path(name).expanduser().is_dir():
        found = find(Path(name).expanduser())
        if not found:
            raise UserError(f"{name}: {_lacking(Path(name).expanduser())}")
        return found
    entry = catalogue().get(name.lower())
    if entry and entry.parts:
        return [images for part in entry.parts for images in locate(part, data_root)]
    places = bases(data_root)
    found = [images for base in places for images in called(base, name.lower())]
    there = next((folder for base in places if (folder := subfolder(base, name.lower()))), None)
    if there and not found:
        raise UserError(f"{there}: {_lacking(there)}{get_command(name, data_root)}")
    if not found:
        known = {path.name.lower() for base in places for path in subfolders(base)} - set(BELOW)
        hint = get_command(name, data_root) or did_you_mean(name.lower(), known | set(catalogue()))
        raise UserError(f"{name}: no such set below {data_root}{hint}")
    return found


def find(folder: Path) -> list[ImageSet]:
    """The sets in `folder`: its own, or else those of its subfolders, two levels down. Empty if there are none."""
    return _find(folder, 2)


def _lacking(folder: Path) -> str:
    known = "holds no set of images in a layout that srbench knows"
    return known if count_images(folder) else "is there, but holds no images"


def bases(data_root: Path) -> list[Path]:
    """The folders that sets lie in, the likeliest for a benchmark first."""
    return [base for below in BELOW if (base := subfolder(data_root, below))]


def called(base: Path, name: str) -> list[ImageSet]:
    """The sets in the folder `name` of a base, and those named after it there (`div2k`: DIV2K_valid_HR)."""
    folder = subfolder(base, name)
    beside = [images for images in _with_prefix(base) if images.name.lower().startswith(f"{name}_")]
    return (find(folder) if folder else []) + beside


def _find(folder: Path, depth: int) -> list[ImageSet]:
    found = [images for layout in LAYOUTS for images in layout(folder)] or list(_flat(folder))
    if found or not depth:
        return found
    return [images for child in folders(folder).values() for images in _find(child, depth - 1)]


def _with_prefix(folder: Path) -> Iterator[ImageSet]:
    """EDSR's HR and LR_bicubic, and DIV2K's, where both are named after the set."""
    children = folders(folder, "(|.*_)(hr|lr_bicubic)")
    for child, hr_folder in children.items():
        match = re.fullmatch("(|.*_)hr", child)
        if not match:
            continue
        prefix = hr_folder.name[: len(match[1])]
        name, layout = (prefix[:-1], "DIV2K") if prefix else (folder.resolve().name, "EDSR")
        hr = images_in(hr_folder)
        lr_folders = _numbered(children.get(f"{match[1]}lr_bicubic"), r"x(\d+)")
        for scale, lr_folder in lr_folders.items():
            yield ImageSet(name, layout, folder, scale, hr, _without_suffix(images_in(lr_folder), scale, hr))
        if hr and not lr_folders:
            yield ImageSet(name, layout, folder, None, hr)


def _of_basicsr(folder: Path) -> Iterator[ImageSet]:
    """LR of a scale belongs to HR that is cropped to a multiple of it, if there are several."""
    hr_folders = _numbered(folder, r"gtmod(\d+)")
    lr_folders = _numbered(folder, r"lrbicx(\d+)")
    name = folder.resolve().name
    if not hr_folders:
        return
    for scale, lr_folder in lr_folders.items():
        multiple = next((n for n in hr_folders if n % scale == 0), min(hr_folders))
        hr = images_in(hr_folders[multiple])
        yield ImageSet(name, "BasicSR", folder, scale, hr, _without_suffix(images_in(lr_folder), scale, hr))
    if not lr_folders:
        yield ImageSet(name, "BasicSR", folder, None, images_in(hr_folders[min(hr_folders)]))


def _of_selfexsr(folder: Path) -> Iterator[ImageSet]:
    """Each scale has HR of its own; the outputs of networks that lie beside them are left out. `folder` may be that of
    one scale."""
    pattern = r"image_srf_(\d+)"
    one = re.fullmatch(pattern, folder.resolve().name.lower())
    scales = {int(one[1]): folder} if one else _numbered(folder, pattern)
    root = folder.resolve().parent if one else folder
    for scale, images in scales.items():
        kinds: dict[str, dict[str, Path]] = {"hr": {}, "lr": {}}
        for stem, path in images_in(images).items():
            match = re.fullmatch(rf"(?i)(.+)_SRF_{scale}_(HR|LR)", stem)
            if match:
                kinds[match[2].lower()][match[1]] = path
        yield ImageSet(root.resolve().name, "SelfExSR", root, scale, kinds["hr"], kinds["lr"])


def _flat(folder: Path) -> Iterator[ImageSet]:
    images = images_in(folder)
    if images:
        yield ImageSet(folder.resolve().name, "flat", folder, None, images)


def _without_suffix(images: dict[str, Path], scale: int, hr: dict[str, Path]) -> dict[str, Path]:
    """`babyx2` → `baby`; a name that only HR has as it stands is taken as it is."""
    bare = {stem: stem.removesuffix(f"x{scale}") for stem in images}
    return {stem if stem in hr and bare[stem] not in hr else bare[stem]: path for stem, path in images.items()}


LAYOUTS = (_with_prefix, _of_basicsr, _of_selfexsr)


def images_in(folder: Path) -> dict[str, Path]:
    """By stem, in the order of the names; unlike `image_files`, none is no mistake."""
    return {file.stem: file for file in image_files(folder)} if holds_images(folder) else {}


def _numbered(folder: Path | None, pattern: str) -> dict[int, Path]:
    """The subfolders whose names match, in lower case, by the number in them."""
    found = folders(folder, pattern) if folder else {}
    numbers = {name: re.fullmatch(pattern, name) for name in found}
    return dict(sorted((int(match[1]), found[name]) for name, match in numbers.items() if match))


def folders(folder: Path, pattern: str = ".*") -> dict[str, Path]:
    """The subfolders whose names match, by these names in lower case. UserError for two that differ in case only."""
    found: dict[str, Path] = {}
    for path in subfolders(folder):
        if re.fullmatch(pattern, path.name.lower()):
            other = found.setdefault(path.name.lower(), path)
            if not other.samefile(path):
                raise UserError(f"{folder}: {other.name} and {path.name} differ in case only; move one of them away")
    return found


def subfolder(base: Path, name: str) -> Path | None:
    """That of a name in lower case; the folder itself for "", None where there is none. UserError as `folders`."""
    if not base.is_dir():
        return None
    return folders(base, re.escape(name)).get(name) if name else base
