"""LR images that lie beside HR and that nobody uses: said once, so that nobody takes a score for theirs."""

import logging
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from srbench.core.suggest import some_of
from srbench.data.images import holds_images, subfolders
from srbench.data.lr_source import RESIZER

log = logging.getLogger(__name__)

LIKE_LR = r"lr.*|x\d+"  # the name of a folder, in lower case
MOST_NAMED = 4


def tell_unused_lr(hr_folder: Path, used: Iterable[Path], others: Iterable[Path]) -> None:
    """Logs, once, the folders of LR images in and beside a folder of HR images, but for those that are `used` and
    `others`, which need no word."""
    used = dict.fromkeys(used)
    unused = [folder for folder in lr_folders(hr_folder) if folder not in {*used, *others}]
    if unused:
        instead = f"those in {next(iter(used))} are" if used else f"LR is made from HR ({RESIZER})"
        named = some_of([*map(str, unused)], MOST_NAMED)
        tell_once(f"{named}: LR images there are not used; {instead}")


def lr_folders(hr_folder: Path) -> list[Path]:
    """Those of LR images, by their names, that hold any: in the folder and, where that is one of a set's, beside it."""
    places = [(hr_folder, "")]
    if match := re.fullmatch(r"(|.*_)(hr|gtmod\d+)", hr_folder.name.lower()):
        places.append((hr_folder.parent, match[1]))
    roots = [
        child
        for place, prefix in places
        if place.is_dir()
        for child in subfolders(place)
        if re.fullmatch(f"{re.escape(prefix)}({LIKE_LR})", child.name.lower())
    ]
    return [folder for root in roots for folder in (root, *subfolders(root)) if holds_images(folder)]


@cache  # every run of a grid asks, and each several times
def tell_once(line: str) -> None:
    """Logs it as a warning, unless this process has."""
    log.warning("%s", line)
