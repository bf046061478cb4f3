"""The same piece of an image by every network of a table, beside HR and bicubic: where the networks differ most, or
where somebody wants to look. Read from the images that runs keep; HR is kept by the bicubic run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pandas import DataFrame
from scipy.ndimage import uniform_filter

from srbench.core.errors import UserError
from srbench.data.images import read_image
from srbench.experiments.store.boxes import Box, Boxes
from srbench.experiments.store.left import HR, IMAGES
from srbench.experiments.store.scores import score_frame
from srbench.metrics.table import METRICS
from srbench.reports.comparison import TableRow
from srbench.reports.refusals import Refusal
from srbench.reports.rows import BICUBIC

SIDE = 64  # pixels of a box that is found, or the image's where that is smaller
IMAGES_EACH = 2  # of a group of networks
MOST_GROUPS = 8
MOST_NETWORKS = 30
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
NO_HR = "the study does not keep HR: evaluate its bicubic run again, by force=true"


@dataclass(frozen=True)
class Crop:
    """What one network made of the box, uint8 (h, w, 3), or why that is missing; `scores`: of the whole image."""

    label: str
    pixels: np.ndarray | None
    scores: dict[str, float]
    reason: str = ""


@dataclass(frozen=True)
class CropSet:
    """One box by HR, bicubic and several networks. `title`: the group of networks; `whole`: the image that the box is
    shown in, HR where it is kept; `by_hand`: whether somebody chose the box."""

    title: str
    dataset: str
    image: str
    box: Box
    by_hand: bool
    whole: np.ndarray
    crops: tuple[Crop, ...]


Place = tuple[str, str]  # of an image: its data set and its name


@dataclass(frozen=True)
class _Kept:
    """Where a row keeps its images."""

    row: TableRow
    folder: Path

    def image(self, place: Place) -> Path:
        return self.folder / IMAGES / place[0] / f"{place[1]}.png"


def crop_sets(rows: Sequence[TableRow], refused: Sequence[Refusal], chosen: Boxes) -> tuple[CropSet, ...]:
    """Of each group of rows that are compared, two images at most, of MOST_NETWORKS networks; none of rows of which a
    score is `refused`, as their images may be others. `chosen`: boxes by image, or by `set/image`, which take the place
    of those that are found.

    UserError for a box of an image that no group of networks keeps, and for one that does not lie within its image.
    """
    groups: dict[str, list[_Kept]] = {}
    others = {one.row for one in refused}
    for one in _keeping(row for row in rows if row.number not in others):
        if one.row.model != BICUBIC:
            groups.setdefault(_title(one.row), []).append(one)
    references = [one for one in _keeping(rows) if one.row.model == BICUBIC]
    found: list[CropSet] = []
    for title, group in list(groups.items())[:MOST_GROUPS]:
        like = [one for one in references if _lr(one.row) == _lr(group[0].row)]
        found += _of_group(title, [*like[:1], *group[:MOST_NETWORKS]], chosen)
    known = {name for one in found for name in (one.image, f"{one.dataset}/{one.image}")}
    for name in chosen:
        if name not in known:
            near = f"; there are {', '.join(sorted(known))}" if known else ""
            raise UserError(f"report.crops: {name}: no image that all networks of a table keep{near}")
    return tuple(found)


def _keeping(rows: Iterable[TableRow]) -> Iterator[_Kept]:
    for row in rows:
        folder = next((one.run.folder for one in row.members if one.record), None)
        if folder and (folder / IMAGES).is_dir():
            yield _Kept(row, folder)


def _title(row: TableRow) -> str:
    about = f"{row.model} · {row.ablation}" if row.ablation else "networks"
    return f"{about} {row.conditions}"


def _lr(row: TableRow) -> tuple[object, ...]:
    return row.scale, row.degradations


def _of_group(title: str, group: Sequence[_Kept], chosen: Boxes) -> Iterator[CropSet]:
    networks = [one for one in group if one.row.model != BICUBIC]
    shared = set.intersection(*({*_images(one.folder)} for one in networks))
    scores = score_frame([one.folder for one in group])
    by_hand = {place: box for place in sorted(shared) if (box := chosen.get("/".join(place), chosen.get(place[1])))}
    for place in by_hand or _telling(scores, [one.folder.name for one in networks], shared):
        found = _crop_set(title, place, group, scores, by_hand.get(place))
        if found:
            yield found


def _images(folder: Path) -> Iterator[Place]:
    for file in (folder / IMAGES).glob("*/*.png"):
        yield file.parent.name, file.stem


def _telling(scores: DataFrame, runs: Sequence[str], shared: set[Place]) -> list[Place]:
    """The images on which the networks' PSNR spreads most."""
    own = scores[scores.run.isin(runs)]
    if own.empty or "psnr" not in own:
        return sorted(shared)[:IMAGES_EACH]
    spread = own.groupby(["dataset", "image"], observed=True).psnr.agg(lambda psnr: psnr.max() - psnr.min())
    ordered = spread.sort_values(ascending=False, kind="stable").index
    return [(str(dataset), str(image)) for dataset, image in ordered if (dataset, image) in shared][:IMAGES_EACH]


def _crop_set(
    title: str, place: Place, group: Sequence[_Kept], scores: DataFrame, chosen: Box | None
) -> CropSet | None:
    """None where no image of it can be read."""
    dataset, image = place
    own = scores[(scores.dataset == dataset) & (scores.image == image)]
    files = [one.folder / HR / dataset / f"{image}.png" for one in group if one.row.model == BICUBIC]
    hr = next((pixels for file in files if isinstance(pixels := _read(file), np.ndarray)), None)
    found = [_read(one.image(place)) for one in group]
    of_networks = (pixels for one, pixels in zip(group, found, strict=True) if one.row.model != BICUBIC)
    networks = [pixels for pixels in of_networks if isinstance(pixels, np.ndarray)]
    if not networks:
        return None
    whole = networks[0] if hr is None else hr
    box = _inside(chosen, image, whole) if chosen else _most_different(networks, group[-1].row.scale or 1)
    first = Crop("HR", None, {}, NO_HR) if hr is None else Crop("HR", _cut(hr, box), {})
    crops = (_crop(one, pixels, box, own, whole.shape) for one, pixels in zip(group, found, strict=True))
    return CropSet(title, dataset, image, box, chosen is not None, whole, (first, *crops))


def _read(file: Path) -> np.ndarray | str:
    """The image, or why there is none."""
    try:
        return read_image(file)
    except UserError as reason:
        return str(reason)


def _crop(one: _Kept, pixels: np.ndarray | str, box: Box, scores: DataFrame, size: tuple[int, ...]) -> Crop:
    row = one.row
    label = row.model if row.model == BICUBIC else f"{row.label}{' (baseline)' if row.baseline else ''}"
    numbers = scores[scores.run == one.folder.name].iloc[:1].to_dict("list")
    known = {name: number for name in METRICS for number in numbers.get(name, ()) if number == number}
    if isinstance(pixels, str):
        return Crop(label, None, known, pixels)
    if pixels.shape != size:
        return Crop(label, None, known, f"its image is {pixels.shape[1]}×{pixels.shape[0]}")
    return Crop(label, _cut(pixels, box), known)


def _inside(box: Box, image: str, whole: np.ndarray) -> Box:
    x, y, width, height = box
    if min(x, y) < 0 or min(width, height) < 1 or x + width > whole.shape[1] or y + height > whole.shape[0]:
        raise UserError(
            f"report.crops: {image}: [x, y, width, height] = {list(box)} does not lie within "
            f"{whole.shape[1]}×{whole.shape[0]}"
        )
    return box


def _cut(image: np.ndarray, box: Box) -> np.ndarray:
    x, y, width, height = box
    return np.ascontiguousarray(image[y : y + height, x : x + width])


def _most_different(images: Sequence[np.ndarray], scale: int) -> Box:
    """Where the variance of luma over the networks, as a mean over the box, is largest; at a multiple of the scale."""
    alike = [image for image in images if image.shape == images[0].shape]
    height, width = alike[0].shape[:2]
    total, squares = np.zeros((2, height, width), np.float32)
    for image in alike:  # one at a time, as thirty large ones would take gigabytes
        luma = image.astype(np.float32) @ LUMA
        total += luma
        squares += luma**2
    side = min(SIDE, height, width)
    variance = uniform_filter(squares / len(alike) - (total / len(alike)) ** 2, side, mode="constant")
    # A filter's value stands at the middle of its box: those whose box reaches beyond the image are left out.
    before = side // 2
    inner = variance[before : height - side + before + 1, before : width - side + before + 1]
    y, x = np.unravel_index(int(inner.argmax()), inner.shape)
    return int(x) // scale * scale, int(y) // scale * scale, side, side
