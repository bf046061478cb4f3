"""The pixels of training images: in memory, or where they are too many for it, mapped from piles in the user's cache.

DIV2K's 800 images hold about 7 GB, and a quarter more with LR of ×2. `data prepare NAME cache=true` makes the piles of
a folder by many processes; else the first run that needs them does, by one.
"""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srbench.core import paths
from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.core.progress import Listener, silent
from srbench.data import memmap
from srbench.data.digests import file_stamp
from srbench.data.images import DECODING, image_files, image_size, read_image
from srbench.data.lr_source import RESIZER
from srbench.data.memmap import Pile, Size
from srbench.data.pairs import crop_to_multiple, shrink
from srbench.data.resize import imresize

log = logging.getLogger(__name__)

IN_MEMORY = 2 << 30  # bytes, of HR and LR together

Images = dict[int, list[np.ndarray]]  # by scale: (H, W, C), in the order of the files


def training_images(
    files: Sequence[Path], sizes: Sequence[Size], scales: Sequence[int], in_memory: int, form: PixelFormat = RGB8
) -> tuple[Images, Images]:
    """HR, cropped to a multiple of each scale, and LR of it: the same values in memory and mapped.

    `sizes`: of the files; `in_memory`: bytes, above which they are mapped; `form`: what the files are read as.
    """
    values = sum(height * width * form.channels * form.dtype.itemsize for height, width in sizes)
    needed = values * (1 + sum(1 / scale**2 for scale in scales))
    if needed > in_memory:
        return _mapped(files, scales, needed, form)
    images = [read_image(file, form) for file in files]
    hr = {s: [crop_to_multiple(image, s, file) for file, image in zip(files, images, strict=True)] for s in scales}
    return hr, {scale: [shrink(image, scale) for image in hr[scale]] for scale in scales}


def keep(folder: Path, scales: Sequence[int], jobs: int, tell: Listener, form: PixelFormat = RGB8) -> list[Path]:
    """Makes the piles of a folder's images that are not there yet, and returns where all lie: HR, and LR of each scale.
    `form`: what the files are read as.

    UserError for an image that cannot be read or is smaller than a scale, and where the disk has too little room.
    """
    files = {file.name: file for file in image_files(folder)}
    stamps = {name: list(file_stamp(file)) for name, file in files.items()}
    sizes = {name: image_size(file) for name, file in files.items()}
    about: dict[str, Any] = {"files": stamps, "decoding": DECODING}
    root = lr_cache_folder(folder) / ("." if form == RGB8 else form.name)
    hr = Pile(root / "hr", sizes, about, form)
    memmap.build(hr, _read, [((name,), (file, form)) for name, file in files.items()], jobs, tell)
    folders = [hr.folder]
    for scale in scales:
        small = {name: (height // scale, width // scale) for name, (height, width) in sizes.items()}
        made = about | {"resizer": RESIZER, "scale": scale}
        lr = Pile(root / f"lr-x{scale}", small, made, form)
        tasks = [((name,), (hr.folder, file, scale)) for name, file in files.items()]
        memmap.build(lr, _shrink, tasks, jobs, tell)
        folders.append(lr.folder)
    return folders


def lr_cache_folder(folder: Path) -> Path:
    """Where the piles of a folder's images lie."""
    key = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return paths.cache_folder("pixels") / f"{folder.resolve().name}-{key}"


def _mapped(files: Sequence[Path], scales: Sequence[int], needed: float, form: PixelFormat) -> tuple[Images, Images]:
    hr: Images = {scale: [] for scale in scales}
    lr: Images = {scale: [] for scale in scales}
    root = lr_cache_folder(files[0].parent).parent
    log.info("%d images take %.1f GB: mapped from %s, where they are put once", len(files), needed / 1e9, root)
    kept = {
        folder: [memmap.images(pile) for pile in keep(folder, scales, 1, silent, form)]
        for folder in {file.parent: None for file in files}
    }
    for file in files:
        large, *small = kept[file.parent]
        for scale, images in zip(scales, small, strict=True):
            lr[scale].append(images[file.name])
            height, width = images[file.name].shape[:2]
            hr[scale].append(large[file.name][: height * scale, : width * scale])
    return hr, lr


def _read(file: Path, form: PixelFormat) -> list[np.ndarray]:
    return [read_image(file, form)]


def _shrink(pile: Path, file: Path, scale: int) -> list[np.ndarray]:
    hr = crop_to_multiple(memmap.images(pile)[file.name], scale, file)
    return [hr if scale == 1 else imresize(hr, 1 / scale)]
