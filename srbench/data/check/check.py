"""The verb `data check`: what is there of a data set, what is wrong with it, and which resizer made its LR images."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from srbench.core import hardware, progress
from srbench.core.errors import UserError
from srbench.core.harmless import visible
from srbench.core.parallel import each_in_threads
from srbench.data.check.detect import Verdict, distances, recognise
from srbench.data.check.findings import (
    Look,
    Looks,
    Size,
    fits,
    lr_in_no_layout,
    misnamed,
    missing_folders,
    other_copies,
    other_hr,
    other_sizes,
    summary_of_sets,
    too_few,
    wrong_with,
)
from srbench.data.check.mixtures import mixed, varying
from srbench.data.images import read_image
from srbench.data.layouts import ImageSet, locate
from srbench.data.unread import in_other_formats, unread


def check_sets(names: Sequence[str], data_root: Path) -> bool:
    """Whether nothing is wrong. Prints a line on each set and scale, on each thing that is worth a note or wrong, and a
    summary.

    Every image is decoded; resizers are told from the corner of each. UserError for a set that is not there.
    """
    sets = [images for name in names for images in locate(name, data_root)]
    looks = _looks(sets)
    verdicts = [_verdict(seen) for seen in looks]
    wrong = []
    for images, seen, verdict in zip(sets, looks, verdicts, strict=True):
        print(summary_of_sets(images, seen, verdict))
        wrong += [f"{images.label}: {line}" for line in wrong_with(images, seen, verdict)]
    wrong += [reason for seen in looks for look in seen.values() for reason in look.unreadable]
    wrong += [line for name in names for line in missing_folders(name, data_root)]
    wrong += [line for images in sets for line in misnamed(images)]
    wrong += [*too_few(sets), *other_sizes(sets, looks), *other_hr(sets, looks), *mixed(sets, verdicts)]
    wrong = list(dict.fromkeys(wrong))  # what three scales share is wrong once
    files = dict.fromkeys(file for images in sets for file in (*images.hr.values(), *images.lr.values()))
    copies = () if wrong else dict.fromkeys(other_copies(sets))
    others = in_other_formats(dict.fromkeys(file.parent for file in files))
    for line in [*varying(sets, verdicts), *unread(files), *others, *lr_in_no_layout(sets), *copies]:
        print(visible(f"note: {line}"))
    for line in wrong:
        print(visible(f"wrong: {line}"))
    print(f"{len(files)} images, {len(wrong) or 'nothing'} wrong")
    return not wrong


def _looks(sets: Sequence[ImageSet]) -> list[Looks]:
    """What is seen of each set's images; a file that is HR of several scales is decoded once."""
    users = defaultdict[Path, list[tuple[int, str]]](list)
    for number, images in enumerate(sets):
        for name in images.hr | images.lr:
            users[images.hr.get(name) or images.lr[name]].append((number, name))

    def look(file: Path) -> list[Look]:
        image, reasons = _read(file)
        return [_look(image, reasons, sets[number], name) for number, name in users[file]]

    torch.set_num_threads(1)  # images are looked at side by side instead
    cv2.setNumThreads(1)
    looks: list[Looks] = [{} for _ in sets]
    with progress.bar("check") as tell:
        for file, seen in zip(users, each_in_threads(look, list(users), hardware.cores(), tell, "images"), strict=True):
            for (number, name), one in zip(users[file], seen, strict=True):
                looks[number][name] = one
    return looks


def _look(image: np.ndarray | None, reasons: tuple[str, ...], images: ImageSet, name: str) -> Look:
    """`image`: HR, or LR where there is no HR."""
    if name not in images.hr:
        return Look(None, _size(image), reasons, None)
    if name not in images.lr:
        return Look(_size(image), None, reasons, None)
    lr, more = _read(images.lr[name])
    look = Look(_size(image), _size(lr), reasons + more, None)
    if image is None or lr is None or not fits(look, images.scale):
        return look
    return Look(look.hr, look.lr, look.unreadable, distances(lr, image, images.scale or 1))


def _read(file: Path) -> tuple[np.ndarray | None, tuple[str, ...]]:
    try:
        return read_image(file), ()
    except UserError as error:
        return None, (str(error),)


def _size(image: np.ndarray | None) -> Size | None:
    return None if image is None else (image.shape[0], image.shape[1])


def _verdict(seen: Looks) -> Verdict | None:
    found = [look.distances for look in seen.values() if look.distances is not None]
    return recognise(found) if found else None
