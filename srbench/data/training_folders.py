"""HR images to train on, in the folders that people keep them in."""

import re
from collections.abc import Iterator
from pathlib import Path

from srbench.core.errors import UserError
from srbench.data.catalog.catalog import count_images
from srbench.data.images import by_name, holds_images, image_files, subfolders
from srbench.data.layouts import LAYOUTS, bases, subfolder
from srbench.data.lr_source import RESIZER
from srbench.data.unread import in_other_formats
from srbench.data.unused_lr import LIKE_LR, tell_once, tell_unused_lr


def hr_to_train_on(root: Path) -> list[Path]:
    """Those in `root`; or else those of the set that it holds; or else those of all folders below it, one for each kind
    of picture, say, without `valid` and without LR. What is not used is logged once.

    UserError where there are none, and for two sets side by side.
    """
    parts = [folder for folder in subfolders(root) if folder.name.lower() != "valid"]
    if holds_images(root):
        tell_unused_lr(root, [], [])
        for line in in_other_formats([root]):
            tell_once(line)
        for folder in parts:
            if count_images(folder) and not re.fullmatch(LIKE_LR, folder.name.lower()):
                tell_once(f"{folder}: its images are not used, as {root} holds images itself")
        return image_files(root)
    sets = [images for layout in LAYOUTS for images in layout(root) if images.hr]
    if names := list(dict.fromkeys(images.name for images in sets)):
        hr = sets[0].hr
        folder = next(iter(hr.values())).parent
        if len(names) > 1:
            raise UserError(f"{root}: holds several sets ({', '.join(names)}); name the folder of one: {folder}")
        by_name(image_files(folder))
        tell_unused_lr(folder, [], [])
        return list(hr.values())
    return [file for folder in parts for file in _below(folder)] or image_files(root)


def folder_below(data_root: Path, path: str) -> Path | None:
    """`path` in `data_root` or its usual subfolders, in any case of letters; a set may lie there without its folder:
    `DIV2K_train_HR` for `DIV2K/DIV2K_train_HR`. None where there is none."""
    ways = (path, path.partition("/")[2]) if path.lower().endswith("_hr") else (path,)
    for base in bases(data_root):
        for way in ways:
            folder: Path | None = base
            for part in way.lower().split("/"):
                folder = folder and subfolder(folder, part)
            if folder:
                return folder
    return None


def _below(folder: Path) -> Iterator[Path]:
    """All images of HR, by path."""
    if re.fullmatch(rf"(|.*_)({LIKE_LR})", folder.name.lower()):
        if count_images(folder):
            tell_once(f"{folder}: LR images there are not used; LR is made from HR ({RESIZER})")
        return
    yield from image_files(folder) if holds_images(folder) else ()
    for child in subfolders(folder):
        yield from _below(child)
