"""What `data check` says of what it has seen."""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from srbench.core.suggest import some_of
from srbench.data.catalog.catalog import SetFolder, catalogue
from srbench.data.check.detect import MEANING, Distance, Distances, Verdict, recognise
from srbench.data.digests import named_digest
from srbench.data.images import image_files, is_text
from srbench.data.layouts import ImageSet
from srbench.data.pairs import sizes_fit
from srbench.data.unused_lr import lr_folders

MOST_NAMED = 5
CROPPED = 0.05  # of a mean length, at most; HR that is cropped to a multiple of 12 lacks 11 pixels

Size = tuple[int, int]  # height and width


@dataclass(frozen=True)
class Look:
    """What was seen of one image of a set: the sizes of what can be read, what cannot be and why, and how far each
    resizer is from LR."""

    hr: Size | None
    lr: Size | None
    unreadable: tuple[str, ...]
    distances: Distances | None


Looks = dict[str, Look]  # by the image's name


def fits(look: Look, scale: int | None) -> bool:
    """Whether HR exceeds LR × scale by less than the scale; also where one of them is missing."""
    if look.hr is None or look.lr is None or scale is None:
        return True
    return sizes_fit(look.hr, (look.lr[0] * scale, look.lr[1] * scale), scale)


def summary_of_sets(images: ImageSet, seen: Looks, verdict: Verdict | None) -> str:
    """One line: where, how many, how large, by which resizer."""
    sizes = sorted({look.hr for look in seen.values() if look.hr}, key=lambda size: (size[0] * size[1], size))
    ends = [f"{width}×{height}" for height, width in (sizes[0], sizes[-1])] if sizes else []
    text = f"{images.label} ({images.layout}, {images.folder}): {len(images.hr)} HR"
    text += f" of {' to '.join(dict.fromkeys(ends))}" if ends else ""
    if images.scale is not None:
        text += f", {len(images.lr)} LR"
    if verdict is None:
        return text
    if not verdict.names:
        return f"{text} by an unknown resizer"
    meant = f" ({MEANING[verdict.nearest]})" if len(verdict.names) == 1 and verdict.nearest in MEANING else ""
    return f"{text} by {' or '.join(verdict.names)}{meant}, {_nearness(verdict.distance)}"


def _nearness(distance: Distance) -> str:
    if not distance.unequal:
        return "equal in every value looked at"
    return f"{distance.equal:.2%} of the values equal, the others off by {distance.largest} at most"


def wrong_with(images: ImageSet, seen: Looks, verdict: Verdict | None) -> Iterator[str]:
    """What is wrong with one set at one scale, but for files that cannot be read."""
    if not images.hr and not images.lr:
        yield "no images"
    missing = [name for name in images.hr if name not in images.lr]
    if missing and images.scale is not None:
        yield f"{len(missing)} of {len(images.hr)} LR images missing{_named(missing)}"
    alone = [name for name in images.lr if name not in images.hr]
    if alone:
        yield f"{len(alone)} of {len(images.lr)} LR images without HR{_named(alone)}"
    unfit = [name for name, look in seen.items() if not fits(look, images.scale)]
    if unfit:
        (height, width), (low, narrow) = seen[unfit[0]].hr or (0, 0), seen[unfit[0]].lr or (0, 0)
        yield (
            f"{len(unfit)} of {len(images.lr)} LR images not 1/{images.scale} of HR{_named(unfit)}; "
            f"{unfit[0]} is {narrow}×{low}, HR {width}×{height}"
        )
    if verdict and not verdict.names:
        yield (
            f"none of the resizers that srbench knows made LR; {verdict.nearest} is the nearest: "
            f"{verdict.distance.psnr:.2f} dB, {_nearness(verdict.distance)}"
        )
    if verdict and verdict.strangers:
        looked = [(name, look.distances) for name, look in seen.items() if look.distances is not None]
        others = [f"{name} by {_maker(found)}" for name, found in (looked[i] for i in verdict.strangers)]
        yield f"{len(others)} of {len(images.lr)} LR images made otherwise{_named(others)}"


def misnamed(images: ImageSet) -> Iterator[str]:
    """Names that evaluation refuses: of two files that differ in their suffix alone, and such as are no text."""
    for folder in {file.parent: None for file in (*images.hr.values(), *images.lr.values())}:
        files = defaultdict[str, list[str]](list)
        for file in image_files(folder):
            files[file.stem].append(file.name)
        twice = [" and ".join(names) for names in files.values() if len(names) > 1]
        if twice:
            yield f"{folder}: images that share a name{_named(twice)}; move one of each two away"
        garbled = [name for name in files if not is_text(name)]
        if garbled:
            yield f"{folder}: names that are no text in {sys.getfilesystemencoding()}{_named(garbled)}; rename them"


def lr_in_no_layout(sets: Sequence[ImageSet]) -> Iterator[str]:
    """Folders of LR images beside HR that are of none of the sets."""
    read = {file.parent for images in sets for file in images.lr.values()}
    for folder in dict.fromkeys(file.parent for images in sets for file in images.hr.values()):
        for found in lr_folders(folder):
            if found not in read:
                yield f"{found}: LR images in no layout that srbench reads: neither looked at here nor evaluated on"


def too_few(sets: Sequence[ImageSet]) -> Iterator[str]:
    """Sets that have fewer or more HR images than the catalogue says, with the gaps in their numbers."""
    for images in sets:
        known = _catalogued(images, "hr")
        if known and len(images.hr) != known.images:
            gaps = _named(_gaps(list(images.hr)), "; missing: ")
            yield f"{images.name}: {len(images.hr)} of {known.images} HR images{gaps}"


def missing_folders(name: str, data_root: Path) -> Iterator[str]:
    """Folders of HR images that a set of the catalogue lacks, or has with folders in them and too few images.

    Silent where there is none of them: the set then lies in another layout.
    """
    entry = catalogue().get(name.lower())
    folders = [f for f in entry.all_folders if "lr_bicubic" not in f.path.lower()] if entry else []
    found = {folder: folder.found(data_root) for folder in folders}
    for folder, number in found.items():
        told = number and folder.path.lower().endswith("hr")  # by `too_few`, which names the images
        if any(found.values()) and number < folder.images and not told:
            yield f"{data_root / folder.path}: {number} of {folder.images} images"


def _catalogued(images: ImageSet, subfolder: str) -> SetFolder | None:
    """The catalogue's folder of the set's name."""
    name = images.name.lower()
    ends = f"/{name}/{subfolder}", f"/{name}_{subfolder}"
    folders = (folder for entry in catalogue().values() for folder in entry.folders)
    return next((folder for folder in folders if f"/{folder.path}".lower().endswith(ends)), None)


def _maker(found: Distances) -> str:
    return " or ".join(recognise([found]).names) or "an unknown resizer"


def _named(names: Sequence[str], before: str = ": ") -> str:
    return before + some_of(names, MOST_NAMED) if names else ""


def _gaps(names: Sequence[str]) -> list[str]:
    """The names that a numbered series lacks between its first and its last."""
    matches = [re.fullmatch(r"(\D*)(\d+)", name) for name in names]
    if not names or not all(matches) or len({match[1] for match in matches if match}) > 1:
        return []
    numbers = {int(match[2]): match for match in matches if match}
    like = next(iter(numbers.values()))
    every = range(min(numbers), max(numbers) + 1)
    return [f"{like[1]}{number:0{len(like[2])}}" for number in every if number not in numbers]


def other_hr(sets: Sequence[ImageSet], looks: Sequence[Looks]) -> Iterator[str]:
    """HR images that differ from those of another scale by more than what is cropped: such a copy of Urban100
    circulates, whose HR of ×2 has half the size."""
    for (one, seen), (two, also) in combinations(zip(sets, looks, strict=True), 2):
        if one.folder != two.folder or one.name != two.name or one.hr == two.hr:
            continue
        crop = max(one.scale or 1, two.scale or 1)
        sizes = {name: (seen[name].hr, also[name].hr) for name in one.hr if name in two.hr}
        bad = [n for n, (a, b) in sizes.items() if a and b and max(abs(a[0] - b[0]), abs(a[1] - b[1])) >= crop]
        if bad:
            (height, width), (tall, wide) = seen[bad[0]].hr or (0, 0), also[bad[0]].hr or (0, 0)
            count = f"{len(bad)} of {len(one.hr)} HR images of another size than at ×{two.scale}"
            yield (
                f"{one.label}: {count}{_named(bad)}; {bad[0]} is {width}×{height}, there {wide}×{tall}: "
                "a known bad copy, or a mixture"
            )


def other_sizes(sets: Sequence[ImageSet], looks: Sequence[Looks]) -> Iterator[str]:
    """Sets whose HR images have, on average, another size than the catalogue says: such a copy is whole in itself."""
    for images, seen in zip(sets, looks, strict=True):
        known = catalogue().get(images.name.lower())
        sizes = [look.hr for look in seen.values() if look.hr]
        if known and known.mean_size and len(sizes) == known.images:
            height, width = (sum(lengths) / len(sizes) for lengths in zip(*sizes, strict=True))
            wide, tall = known.mean_size
            if max(abs(width / wide - 1), abs(height / tall - 1)) > CROPPED:
                folder = next(iter(images.hr.values())).parent
                yield (
                    f"{folder}: HR images of {width:.0f}×{height:.0f} on average, not {wide}×{tall}: "
                    "a known bad copy, or another set"
                )


def other_copies(sets: Sequence[ImageSet]) -> Iterator[str]:
    """Sets whose pixels are not those of the copy that the catalogue knows, whatever the names of their layout."""
    for images in sets:
        hr, lr = _catalogued(images, "hr"), _catalogued(images, f"lr_bicubic/x{images.scale}")
        named = [(f"{name}x{images.scale}", file) for name, file in images.lr.items()]
        for folder, files in ((hr, list(images.hr.items())), (lr, named)):
            if folder and folder.digest and len(files) == folder.images and named_digest(files) != folder.digest:
                yield f"{files[0][1].parent}: not the copy that the catalogue knows: other pixels, or another crop"
