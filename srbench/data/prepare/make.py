"""What `data prepare` makes of one set, each in a folder of its own. Every function returns the lines to print."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import lcm
from pathlib import Path
from typing import Any

from srbench.core.errors import UserError
from srbench.core.parallel import each
from srbench.core.progress import Listener
from srbench.data import cache, classsr_windows
from srbench.data.layouts import ImageSet
from srbench.data.prepare import lr_files
from srbench.data.prepare.cut import Cut, Grid, cut
from srbench.data.prepare.products import Place, claim, is_foreign, place_of
from srbench.data.resize import Edge

Group = list[ImageSet]  # a set, once for each scale that it has LR of


@dataclass(frozen=True)
class PrepareRequest:
    """What a command asks for. `out`: the folder to write below; None: beside HR."""

    scales: tuple[int, ...]
    edge: Edge
    out: Path | None
    data_root: Path
    jobs: int


@dataclass(frozen=True)
class Ranker:
    """A network that ranks ClassSR's windows. `identity`: what fixes it and its weights, as JSON; `upscaler`: makes it
    ready to run with so many threads."""

    name: str
    identity: Mapping[str, Any]
    upscaler: Callable[[int, Listener], classsr_windows.Upscale]


def make_lr(request: PrepareRequest, group: Group, tell: Listener) -> list[str]:
    """LR images by `request.scales`; where they are not put beside HR, HR is copied to them."""
    images, place = group[0], place_of(group[0], request.out, request.data_root)
    folders = {scale: place.lr(scale) for scale in request.scales}
    source = next(iter(images.hr.values())).parent
    resizer = f"matlab-{request.edge}"
    for scale, folder in folders.items():
        claim(folder, {"made": "LR images", "resizer": resizer, "scale": scale, "hr": _seen_from(folder, source)})
    if place.root != images.folder:
        claim(place.hr, {"made": "copies", "of": _seen_from(place.hr, source)})
    tasks = [
        lr_files.Shrinking(
            file,
            {scale: folder / f"{name}x{scale}.png" for scale, folder in folders.items()},
            request.edge,
            place.hr / f"{name}{file.suffix}" if place.root != images.folder else None,
        )
        for name, file in images.hr.items()
    ]
    written = sum(each(lr_files.write_lr_files, tasks, request.jobs, tell, f"{images.name} LR"))
    listed = ", ".join(f"X{scale}" for scale in folders)
    return [
        f"{place.lr(request.scales[0]).parent}: {listed} of {len(tasks)} images by {resizer}, {written} written now"
    ]


def make_sub_images(request: PrepareRequest, group: Group, grid: Grid, tell: Listener) -> list[str]:
    """HR_sub and X{scale}_sub, as BasicSR names them; LR images that are there are cut as they are."""
    images, place = group[0], place_of(group[0], request.out, request.data_root)
    for scale in request.scales:
        for key, value in (("sub_images", grid.size), ("step", grid.step), ("thresh", grid.thresh)):
            if value % scale:
                raise UserError(f"data prepare: {key}={value} is no multiple of scale={scale}")
    lr, lines = _lr_files(request, group, place, tell)
    folders = {1: place.hr.with_name(f"{place.hr.name}_sub")}
    folders |= {scale: place.lr(scale).with_name(f"X{scale}_sub") for scale in request.scales}
    multiple = lcm(*request.scales)
    for folder in folders.values():
        recipe = {"made": "sub-images", "size": grid.size, "step": grid.step, "thresh": grid.thresh}
        claim(folder, recipe | {"HR cropped to a multiple of": multiple})
    tasks = [
        Cut(name, {1: file} | {scale: lr[scale][name] for scale in request.scales}, folders, grid, multiple)
        for name, file in images.hr.items()
    ]
    number = sum(each(cut, tasks, request.jobs, tell, f"{images.name} sub-images"))
    return [*lines, *(f"{folder}: {number} sub-images" for folder in folders.values())]


def _lr_files(
    request: PrepareRequest, group: Group, place: Place, tell: Listener
) -> tuple[dict[int, dict[str, Path]], list[str]]:
    """LR by scale and name: those that are there as they are, the others made now; and what to print of it."""
    hr, theirs = group[0].hr, {images.scale: images.lr for images in group if place.root == images.folder}
    found = {scale: theirs[scale] for scale in request.scales if scale in theirs and is_foreign(place.lr(scale))}
    for scale, files in found.items():
        if missing := [name for name in hr if name not in files]:
            raise UserError(f"{place.lr(scale)}: {len(missing)} LR images are missing, as of {missing[0]}")
    lines = [f"{place.lr(scale)}: used as it is (data check tells what made it)" for scale in found]
    left = tuple(scale for scale in request.scales if scale not in found)
    if left:
        lines += make_lr(replace(request, scales=left), group, tell)
    made = {scale: {name: place.lr(scale) / f"{name}x{scale}.png" for name in hr} for scale in left}
    return found | made, lines


def make_cache(request: PrepareRequest, group: Group, tell: Listener) -> list[str]:
    """The piles that training maps (data/pixels.py)."""
    folders = {file.parent: None for file in group[0].hr.values()}
    kept = [pile for folder in folders for pile in cache.keep(folder, request.scales, request.jobs, tell)]
    return [f"{pile}: {(pile / 'pixels.npy').stat().st_size / 1e6:,.1f} MB" for pile in kept]


def make_classsr(request: PrepareRequest, group: Group, ranker: Ranker, tell: Listener) -> list[str]:
    """ClassSR's windows, ranked by a network; of a set `…valid`, those to validate on."""
    images, place = group[0], place_of(group[0], request.out, request.data_root)
    valid = images.name.lower().endswith("valid")
    grid, factors = (classsr_windows.VALID, (1.0,)) if valid else (classsr_windows.TRAIN, classsr_windows.FACTORS)
    folder = place.root / f"{place.prefix}ClassSR"
    claim(folder, {"made": "ClassSR's windows", "step": grid.step, "factors": list(factors), **ranker.identity})
    upscale = ranker.upscaler(request.jobs, tell)
    made = classsr_windows.prepare(list(images.hr.values()), folder, factors, grid, upscale, request.jobs, tell)
    number = len(made.windows)
    shares = [f"{len(made.of_level(level)) / number:.1%} {word}" for level, word in classsr_windows.LEVELS.items()]
    return [f"{folder}: {number:,} windows ranked by {ranker.name}: {', '.join(shares)}"]


def _seen_from(folder: Path, other: Path) -> str:
    """A path that stays true when the data move."""
    return os.path.relpath(other.resolve(), folder.resolve())
