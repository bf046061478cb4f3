"""The verb `explain`: why is my number different? The same SR images under every convention that people use.

What is stored of SR is rounded to uint8. What came before the rounding, and what becomes of another LR, is computed
again by the run's network, and only where its weights still give the stored images.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import count, product
from math import inf, isnan, nan
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from pandas import DataFrame, Index
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from srbench import machine, results
from srbench.data.images import read_image
from srbench.data.pairs import ImagePair
from srbench.data.resize import imresize
from srbench.data.resizers import CANDIDATES
from srbench.data.shrinking import as_uint8
from srbench.errors import UserError
from srbench.metrics.cost import exact_float32
from srbench.metrics.fidelity import Protocol, psnr, ssim, ssim_global
from srbench.plan import PlannedRun, build
from srbench.progress import Listener
from srbench.suggest import did_you_mean
from srbench.tiling import Inference, SuperResolver, on_multiples, self_ensembled, tiled
from srbench.verifying import Row, load, open_run, pairs_of, read_rows, sr_file, weights_file

MOST_RUNS = 4
NEAR = 0.02  # dB
MARK = "► "
NO_NETWORK = "what its network would have to compute is missing"

Colour = Literal["luma", "luma_rounded", "opencv", "rgb"]
Similarity = Literal["gaussian", "scikit-image", "global"]

COLOURS: dict[Colour, str] = {
    "luma": "float luma",
    "luma_rounded": "rounded luma",
    "opencv": "OpenCV's luma",
    "rgb": "RGB",
}
BORDERS: tuple[int | str, ...] = (0, "scale", 4, "scale + 6")
LR_BY = (
    *("matlab-symmetric", "matlab-replicate", "matlab-float", "pil-bicubic"),
    *("opencv-cubic", "torch-bicubic", "torch-bicubic-antialias"),
)
STORED, TRUNCATED, UNROUNDED = "stored", "truncated", "not rounded"
BY_OPENCV, OF_LUMA = "bicubic by OpenCV", "bicubic of luma"

LEGEND = (
    "float luma: BT.601 as MATLAB's rgb2ycbcr, not rounded (BasicSR); rounded luma: in integers, as MATLAB on uint8",
    "OpenCV's luma: cvtColor(BGR2YCrCb), full range 0-255, in integers; so is Pillow's convert('L')",
    "border = scale + 6: EDSR's code on DIV2K; truncated: cut off to uint8, as .byte() does, in place of rounded",
    "mean error: the PSNR of the mean squared error of all images, in place of the mean of their PSNR",
    "scikit-image: structural_similarity's default, a uniform window of 7×7; global: one window, the whole image",
    "LR by: what the network makes of LR that is made from HR anew; scores under the run's protocol",
    "–: unknown, as a note tells; or too little is left of an image within the border",
)


@dataclass(frozen=True)
class Convention:
    """One way to PSNR and SSIM. `sr`: one of the names above, or what makes LR anew, one of CANDIDATES. `colour` and
    `border` None: those of the run's protocol. `pooled`: the PSNR of the mean error."""

    title: str
    sr: str = STORED
    colour: Colour | None = None
    border: int | str | None = None
    similarity: Similarity = "gaussian"
    pooled: bool = False


def _conventions() -> Iterator[Convention]:
    yield Convention("the run's protocol")
    for (colour, name), border in product(COLOURS.items(), BORDERS):
        title = f"{name}, border {border}" if isinstance(border, int) else f"{name}, border = {border}"
        yield Convention(title, colour=colour, border=border)
    kinds: tuple[tuple[str, Colour | None], ...] = (("the run's protocol", None), ("RGB", "rgb"))
    for kind, of_kind in kinds:
        yield Convention(f"{kind}, SR truncated", TRUNCATED, of_kind)
        yield Convention(f"{kind}, SR not rounded", UNROUNDED, of_kind)
        yield Convention(f"{kind}, mean error", colour=of_kind, pooled=True)
    yield Convention("RGB, border 0, SSIM of scikit-image", colour="rgb", border=0, similarity="scikit-image")
    yield Convention("RGB, border 0, global SSIM", colour="rgb", border=0, similarity="global")
    for name in LR_BY:
        yield Convention(f"LR by {name}", name)


CONVENTIONS = tuple(_conventions())
OF_BICUBIC = (
    Convention("bicubic by OpenCV or torch (a = −0.75)", BY_OPENCV),
    # The row "Bicubic" of most papers, 33.66 / 0.9299 on Set5 ×2: the code of SRCNN (Dong et al., ECCV 2014) shrinks
    # and enlarges nothing but the luma, in floats that are rounded once, at the end.
    Convention("bicubic of luma alone (SRCNN's code)", OF_LUMA, "luma_rounded"),
)

Scores = dict[Convention, tuple[float, float]]  # PSNR and SSIM of one image


@dataclass(frozen=True)
class Explanation:
    """`table`: a row for each convention, run and data set, NaN where it could not be computed: convention, run,
    dataset, scale, protocol, lr (what made it), images, psnr, ssim. `notes`: why, and what was left out."""

    study: str
    table: DataFrame
    notes: tuple[str, ...]

    def near(self, mine: float) -> DataFrame:
        """The rows whose PSNR is within NEAR of `mine`."""
        return self.table[(self.table.psnr - mine).abs() <= NEAR + 1e-9]


class Network:
    """A run's network, run as it was. Callable: LR (h, w, 3) on 0–255 → SR float32 (sh, sw, 3), clipped to 0–255."""

    def __init__(self, model: nn.Module, device: str, inference: Inference) -> None:
        self.model = model.eval().to(device).to(memory_format=torch.channels_last)
        self.resolver = SuperResolver(self.model, device, inference)

    @torch.inference_mode()
    def __call__(self, lr: np.ndarray) -> np.ndarray:
        image = torch.from_numpy(lr).permute(2, 0, 1)[None]
        tile = self.resolver.tile(*lr.shape[:2])
        thumbnails = []
        if tile and getattr(self.model, "thumbnail", None):
            thumbnails = [self.model.make_thumbnail(image.float() / 255).to(self.resolver.device)]  # type: ignore[operator]
        with exact_float32():
            sr = tiled(partial(self._output, thumbnails), image, tile or max(lr.shape), self.resolver.overlap)
        pixels: np.ndarray = sr[0].permute(1, 2, 0).numpy()
        return pixels

    def _output(self, thumbnails: list[Tensor], lr: Tensor) -> Tensor:
        image = lr.to(self.resolver.device, torch.float32, memory_format=torch.channels_last) / 255
        network = partial(on_multiples, self.model)
        sr = self_ensembled(network, image, *thumbnails) if self.resolver.ensemble else network(image, *thumbnails)
        return sr.clamp(0, 1).mul_(255)


@dataclass(frozen=True)
class Comparison:
    """One image on 0–255: LR, the SR that was made of it and stored, and HR; `raw`: SR as it left the network, None
    where that is unknown."""

    pair: ImagePair
    lr: np.ndarray
    sr: np.ndarray
    hr: np.ndarray
    raw: np.ndarray | None
    network: Network | None
    protocol: Protocol

    def scores(self, conventions: Sequence[Convention]) -> Scores:
        """NaN for what is unknown, and where the border leaves too little."""
        groups = defaultdict[tuple[str, Colour], list[Convention]](list)
        for convention in conventions:
            groups[convention.sr, convention.colour or self.protocol.channels].append(convention)
        made, found = {self.lr.tobytes(): self.sr}, Scores()
        for (name, colour), members in groups.items():
            sr, hr = self._planes(name, colour, made), planes(self.hr, colour)
            # Conventions that differ in their mean alone, and borders that are equal at this scale, are measured once.
            once = cache(partial(compare, sr, hr)) if sr is not None else lambda border, similarity: (nan, nan)
            found |= {one: once(self._border(one.border), one.similarity) for one in members}
        return found

    def _planes(self, name: str, colour: Colour, made: dict[bytes, np.ndarray]) -> Tensor | None:
        if name == OF_LUMA:
            return None if self.pair.degradation else bicubic_of_luma(self.hr, self.pair.scale)
        image = self._image(name, made)
        return None if image is None else planes(image, colour)

    def _image(self, name: str, made: dict[bytes, np.ndarray]) -> np.ndarray | None:
        """`made`: SR by the bytes of the LR that it was made of, to which this adds."""
        if name == STORED:
            return self.sr
        if name == BY_OPENCV:
            size = (self.sr.shape[1], self.sr.shape[0])
            enlarged: np.ndarray = cv2.resize(as_uint8(self.lr), size, interpolation=cv2.INTER_CUBIC)
            return enlarged
        if name in (TRUNCATED, UNROUNDED):
            return self.raw.astype(np.uint8) if self.raw is not None and name == TRUNCATED else self.raw
        lr = self._lr_by(name)
        if lr is not None and lr.tobytes() not in made and self.network:
            made[lr.tobytes()] = as_uint8(self.network(lr))
        return None if lr is None else made.get(lr.tobytes())

    def _lr_by(self, resizer: str) -> np.ndarray | None:
        """None where the run's degradation has a resizer of its own, which no other can stand in for."""
        lr, degradation = CANDIDATES[resizer][0](self.hr, self.pair.scale), self.pair.degradation
        if not degradation:
            return lr
        return None if degradation.shrinks else degradation(lr, self.pair.scale, degradation.random_of(self.pair.name))

    def _border(self, border: int | str | None) -> int:
        border = self.protocol.border if border is None else border
        return border if isinstance(border, int) else {"scale": 0, "scale + 6": 6}[border] + self.pair.scale


def bicubic_of_luma(hr: np.ndarray, scale: int) -> Tensor:
    """HR's rounded luma, shrunk and enlarged by MATLAB's bicubic in floats, then rounded: as `planes`."""
    luma = planes(hr, "luma_rounded")[0, 0].numpy()
    enlarged = imresize(imresize(luma, 1 / scale), scale)
    return torch.from_numpy(np.floor(255 * enlarged + 0.5).clip(0, 255))[None, None] / 255


def planes(image: np.ndarray, colour: Colour) -> Tensor:
    """(H, W, 3) on 0–255, uint8 or not rounded → float64 (1, C, H, W) in [0, 1]."""
    if colour == "opencv":
        return torch.from_numpy(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[None, None, ..., 0]).double() / 255
    if image.dtype == np.uint8:
        return Protocol("", colour, border=0).prepare(image, 1)
    pixels = image.astype(np.float64)
    if colour == "rgb":
        return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    luma = 16 + pixels @ [65.481 / 255, 128.553 / 255, 24.966 / 255]
    return torch.from_numpy(luma if colour == "luma" else np.floor(luma + 0.5))[None, None] / 255


def compare(sr: Tensor, hr: Tensor, border: int, similarity: Similarity) -> tuple[float, float]:
    """PSNR and SSIM of two images' `planes`; NaN where the border leaves nothing, or less than SSIM's window."""
    height, width = sr.shape[2:]
    if min(height, width) <= 2 * border:
        return nan, nan
    sr, hr = (images[..., border : height - border, border : width - border] for images in (sr, hr))
    try:
        similar = SIMILARITIES[similarity](sr, hr)
    except ValueError:
        similar = nan
    return psnr(sr, hr).item(), similar


SIMILARITIES: dict[Similarity, Callable[[Tensor, Tensor], float]] = {
    "gaussian": lambda sr, hr: ssim(sr, hr).item(),
    "scikit-image": lambda sr, hr: structural_similarity(sr[0].numpy(), hr[0].numpy(), channel_axis=0, data_range=1),
    "global": lambda sr, hr: ssim_global(sr, hr).item(),
}


@dataclass(frozen=True)
class StoredSet:
    """The SR images that a run keeps of a data set: `rows` of its scores.csv, out of `total`."""

    folder: Path
    planned: PlannedRun
    record: dict[str, Any]
    dataset: str
    rows: list[Row]
    total: int

    @property
    def conventions(self) -> tuple[Convention, ...]:
        """Those that apply."""
        return CONVENTIONS + OF_BICUBIC if self.planned.class_name == "Bicubic" else CONVENTIONS

    def network(self) -> Network:
        """Raises UserError where it cannot be had as it was."""
        path, model = weights_file(self.planned, self.folder), build(self.planned.config.model, "model")
        if path:
            load(self.planned, self.folder, model, path)
        if getattr(model, "shuffle_thumbnails", False):
            raise UserError("model.context=shuffled gives it other images' thumbnails")
        settings = {key: value for key, value in (self.record.get("inference") or {}).items() if key != "tiled"}
        return Network(model, machine.pick_device("auto"), Inference(**settings))

    def comparison(self, row: Row, pair: ImagePair, network: Network | None) -> Comparison:
        """Without the network where that no longer gives what is stored. UserError for images that do not fit."""
        path = sr_file(self.folder, row)
        (lr, hr), sr = pair.read(), read_image(path)
        if sr.shape != hr.shape:
            raise UserError(f"{path}: {sr.shape[1]}×{sr.shape[0]}, but HR is {hr.shape[1]}×{hr.shape[0]}")
        raw = network(lr) if network else None
        if raw is not None and np.abs(np.rint(raw) - sr).max() > 1:
            raw = network = None
        return Comparison(pair, lr, sr, hr, raw, network, Protocol(**self.record["protocol"]))


def explain(study_dir: Path, run: str, dataset: str, tell: Listener) -> Explanation:
    """The scores of `run`'s images (empty: of the first MOST_RUNS that keep some) in `dataset` (empty: in all).

    Raises UserError where there are none.
    """
    study = results.read_study(study_dir)
    keeping = [name for name in study.runs.run[study.runs.status == "done"] if (study_dir / name / "images").is_dir()]
    if run and run not in keeping:
        raise UserError(f"explain: run={run}: no such run with SR images{did_you_mean(run, keeping)}")
    chosen = [run] if run else keeping[:MOST_RUNS]
    kept = [one for name in chosen for one in _stored_sets(study_dir / name)]
    sets = [one for one in kept if dataset.lower() in ("", one.dataset)]
    if not sets:
        there = ", ".join(dict.fromkeys(one.dataset for one in kept)) or "nothing (eval.save_images=0)"
        raise UserError(f"explain: dataset={dataset}: no SR images in {study_dir}; there are those of {there}")
    rows, notes, numbers = list[dict[str, Any]](), list[str](), count(1)
    if not run and len(keeping) > MOST_RUNS:
        notes.append(f"{len(keeping) - MOST_RUNS} more runs keep images; choose one by run=NAME")
    total = sum(len(one.rows) for one in sets)
    for one in sets:
        scores, remarks = _measured(one, lambda stage: tell(stage, next(numbers), total))
        rows += _table(one, scores)
        notes += [f"{one.folder.name} {one.dataset}: {remark}" for remark in dict.fromkeys(remarks)]
    if not rows:
        raise UserError(f"explain: {notes[-1]}")
    return Explanation(study.plan["study"], DataFrame(rows), tuple(notes))


def _stored_sets(folder: Path) -> Iterator[StoredSet]:
    """One for each data set of which a run keeps images. Raises UserError for a run whose files cannot be read."""
    (planned, record), rows = open_run(folder), read_rows(folder)
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        scored = [row for row in rows if row["dataset"] == dataset]
        there = [row for row in scored if sr_file(folder, row).is_file()]
        if there:
            yield StoredSet(folder, planned, record, dataset, there, len(scored))


def _measured(one: StoredSet, hear: Callable[[str], None]) -> tuple[list[Scores], list[str]]:
    """The scores of each image that could be compared, and what to say of the others and of the network."""
    scores, remarks, network = list[Scores](), list[str](), None
    if len(one.rows) < one.total:
        remarks.append(f"means over the {len(one.rows)} images that are kept, of {one.total}")
    try:
        network = one.network()
    except UserError as reason:
        remarks.append(f"{NO_NETWORK}: {reason}")
    try:
        pairs = pairs_of(one.planned, one.dataset)
    except UserError as reason:
        return scores, [*remarks, str(reason)]
    for row in one.rows:
        hear(f"{one.folder.name} {one.dataset}")
        try:
            if row["image"] not in pairs:
                raise UserError(f"{row['image']}: the HR image is missing")
            comparison = one.comparison(row, pairs[row["image"]], network)
        except UserError as reason:
            remarks.append(str(reason))
            continue
        if network and not comparison.network:
            remarks.append(f"{NO_NETWORK}: with the weights that are there it gives other images")
        scores.append(comparison.scores(one.conventions))
    return scores, remarks


def _table(one: StoredSet, scores: list[Scores]) -> Iterator[dict[str, Any]]:
    known = one.record["protocol"]
    about = {
        "run": one.folder.name,
        "dataset": one.dataset,
        "scale": one.record["scale"],
        "protocol": f"{known['name']} ({known['channels']}, border {known['border']})",
        "lr": " and ".join(dict.fromkeys(row.get("resizer", "unknown") for row in one.rows)),
        "images": len(scores),
    }
    for convention in one.conventions if scores else ():
        psnrs, ssims = np.array([of_image[convention] for of_image in scores]).T
        if convention.pooled:
            error = np.mean(10 ** (-psnrs / 10))
            psnrs = -10 * np.log10(error) if error else np.array(inf)
        yield {"convention": convention.title} | about | {"psnr": float(psnrs.mean()), "ssim": float(ssims.mean())}


def as_text(explained: Explanation, mine: float | None) -> str:
    """For a terminal, a table a data set; with `mine`, the PSNR near it marked and named below."""
    near = explained.near(mine) if mine is not None else explained.table[:0]
    lines = []
    for dataset, rows in explained.table.groupby("dataset", sort=False):
        heads, titles, cells = _cells(rows, near.index)
        widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
        lines += [str(dataset), *heads, ""]
        for title, *numbers in (titles, *cells):
            aligned = (text.rjust(width) for text, width in zip(numbers, widths[1:], strict=True))
            lines.append("  ".join([title.ljust(widths[0]), *aligned]))
        lines.append("")
    lines += LEGEND
    lines += [f"note: {note}" for note in explained.notes]
    return "\n".join(lines + (_answer(explained.table, near, mine) if mine is not None else []))


def as_markdown(explained: Explanation) -> str:
    """The same for a report."""
    lines = [f"# Why is my number different? {explained.study}", "", "The same SR images under other conventions."]
    for dataset, rows in explained.table.groupby("dataset", sort=False):
        heads, titles, cells = _cells(rows, explained.table.index[:0])
        lines += ["", f"## {dataset}", "", *(f"- {head}" for head in heads), "", f"| {' | '.join(titles)} |"]
        lines += [f"| --- |{' ---: |' * (len(titles) - 1)}", *(f"| {' | '.join(row)} |" for row in cells)]
    lines += ["", *(f"- {line}" for line in [*LEGEND, *explained.notes])]
    return "\n".join(lines) + "\n"


def _cells(rows: DataFrame, marked: Index) -> tuple[list[str], list[str], list[list[str]]]:
    """A data set's table: a line on each run, the titles of the columns, and the rows."""
    heads, titles = [], ["convention"]
    lines: dict[str, list[str]] = {convention: [convention] for convention in rows.convention}
    for number, (run, part) in enumerate(rows.groupby("run", sort=False), 1):
        first = part.iloc[0]
        heads.append(f"[{number}] {run}: {first.protocol}, {first.images} images (LR: {first.lr})")
        titles += [f"[{number}] PSNR", "SSIM"]
        figures = {row.convention: [_figure(row.psnr, 3), _figure(row.ssim, 4)] for row in part.itertuples()}
        for convention in rows.convention[rows.index.isin(marked) & (rows.run == run)]:
            figures[convention][0] = MARK + figures[convention][0]
        for convention, line in lines.items():
            line += figures.get(convention, ["–", "–"])
    return heads, titles, list(lines.values())


def _figure(value: Any, decimals: int) -> str:
    return "–" if isnan(value) else "∞" if value == inf else f"{value:.{decimals}f}"


def _answer(table: DataFrame, near: DataFrame, mine: float) -> list[str]:
    """What the reader's number may have come from."""
    head = f"within {NEAR} dB of {mine:g}:"
    if near.empty:
        near = table.loc[[(table.psnr - mine).abs().idxmin()]]
        head = f"no convention comes within {NEAR} dB of {mine:g}; the nearest:"
    return ["", head, *(f"  {row.convention}: {row.psnr:.3f} ({row.run} {row.dataset})" for row in near.itertuples())]


def write(explained: Explanation, reports_dir: Path) -> Path:
    """The folder of the study's report, now with explain.csv and explain.md."""
    folder = reports_dir / explained.study
    folder.mkdir(parents=True, exist_ok=True)
    results.write_file(folder / "explain.csv", explained.table.to_csv(index=False, float_format="%.6f").encode())
    results.write_file(folder / "explain.md", as_markdown(explained).encode())
    return folder
