"""model × data sets × protocol → one result an image."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from srbench.core.allocator import LARGE
from srbench.core.errors import UserError
from srbench.core.pixel_format import white_of
from srbench.core.progress import Listener
from srbench.data.digests import image_digest
from srbench.data.pairs import ImagePair
from srbench.evaluation.inference import SuperResolver, check_size
from srbench.evaluation.settings import Inference
from srbench.metrics.missing import Missing
from srbench.metrics.perceptual import BATCH
from srbench.metrics.scorer import Scorer
from srbench.metrics.table import score_name
from srbench.models.layers.thumbnail import make_thumbnail
from srbench.models.traits import traits_of, use_scale

INFERENCE = Inference()

Item = TypeVar("Item")
Result = TypeVar("Result")
Keep = Callable[[str, int, str, np.ndarray], None]
MOST_HANDS = 8


@dataclass(frozen=True)
class ImageResult:
    """The scores of one image, and why a metric has none; `sr_sha256`: the `image_digest` of its SR; `tile`: the
    largest side, in pixels of LR, of the tiles that it was run in, None where it was run whole."""

    dataset: str
    image: str
    scores: dict[str, float]
    missing: tuple[Missing, ...]
    sr_sha256: str
    tile: int | None


@dataclass(frozen=True)
class Output:
    """What the network made of one image (H, W, C), with the HR that it is scored against."""

    dataset: str
    index: int
    pair: ImagePair
    sr: np.ndarray
    hr: np.ndarray
    tile: int | None


def evaluate(
    model: nn.Module,
    datasets: dict[str, list[ImagePair]],
    scorer: Scorer,
    device: str,
    tell: Listener,
    keep: Keep,
    inference: Inference = INFERENCE,
    as_it_lies: bool = False,
) -> list[ImageResult]:
    """One result an image, in order. `keep(dataset, index, image, sr)` receives every SR image, (H, W, C), with the
    bits of HR.

    The network computes in float32 (TF32 off), as `inference` says. Where the model shuffles thumbnails, each image is
    given the thumbnail of the next one of its data set. While it computes, the next image is read by one thread, and
    the last ones are kept and scored by another; beside a GPU, which would wait for them, by several. Raises UserError
    for an image that cannot be read, for one that is too small for the model, and for SR of another size than HR;
    FailedRunError for SR that is not finite.
    `as_it_lies`: leaves the weights where they are in the device's memory, for a model that is being trained there: a
    graph of its steps knows them by their addresses.
    """
    model = model.eval()
    if not as_it_lies:
        model = model.to(device).to(memory_format=torch.channels_last)
    total = sum(len(pairs) for pairs in datasets.values())
    rows: list[ImageResult] = []
    hands = _hands(device)
    with ThreadPoolExecutor(hands) as readers, ThreadPoolExecutor(hands) as judges:
        resolver = SuperResolver(model, device, inference)
        outputs = _outputs(model, datasets, resolver, _Overlapped(readers, hands))
        for found in _judged(_Overlapped(judges, hands), partial(_judge, scorer, keep), _groups(outputs)):
            rows += found
            tell(f"evaluates {found[-1].dataset}", len(rows), total)
    return rows


def _hands(device: str) -> int:
    """Threads that read, and as many that score."""
    return 1 if device == "cpu" else max(1, min(MOST_HANDS, torch.get_num_threads()))


@dataclass(frozen=True)
class _Overlapped:
    """`executor`'s work on some items, `ahead` at most, while the caller works on others."""

    executor: Executor
    ahead: int

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """`function` of each item, in order."""
        coming: deque[Future[Result]] = deque()
        for item in items:
            coming.append(self.executor.submit(function, item))
            if len(coming) > self.ahead:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _judged(
    overlapped: _Overlapped, judge: Callable[[list[Output]], list[ImageResult]], groups: Iterable[list[Output]]
) -> Iterator[list[ImageResult]]:
    """Each group's rows, overlapped but for LARGE images, whose network and scores would take memory at one time."""
    for large, alike in groupby(groups, key=lambda group: group[-1].sr[..., 0].size > LARGE):
        if large:
            yield from map(judge, alike)
        else:
            yield from overlapped(judge, alike)


def _outputs(
    model: nn.Module, datasets: dict[str, list[ImagePair]], resolver: SuperResolver, overlapped: _Overlapped
) -> Iterator[Output]:
    traits = traits_of(model)
    places = [(dataset, index) for dataset, pairs in datasets.items() for index in range(len(pairs))]
    images = overlapped(ImagePair.read, [datasets[dataset][index] for dataset, index in places])
    for (dataset, index), (lr, hr) in zip(places, images, strict=True):
        pair = datasets[dataset][index]
        check_size(model, lr, pair.lr_file or pair.hr_file)
        use_scale(model, pair.scale)  # a training on several leaves the last batch's
        thumbnail = None
        if traits.shuffle_thumbnails and traits.thumbnail:
            thumbnail = _of_another(datasets[dataset], index, traits.thumbnail)
        sr = resolver(lr, thumbnail, bits=pair.form.bits)
        if sr.shape != hr.shape:
            sizes = [f"{image.shape[1]}×{image.shape[0]}" for image in (lr, sr, hr)]
            raise UserError(
                f"{pair.hr_file}: {type(model).__name__} makes {sizes[1]} of {sizes[0]}, but HR is {sizes[2]}: is its "
                f"scale {pair.scale}?"
            )
        yield Output(dataset, index, pair, sr, hr, resolver.tile(*lr.shape[:2]))


def _groups(outputs: Iterable[Output]) -> Iterator[list[Output]]:
    """Those that follow each other, until they fill a batch of LPIPS: a large image alone, small ones together."""
    group: list[Output] = []
    for output in outputs:
        group.append(output)
        if sum(one.sr[..., 0].size for one in group) >= BATCH:
            yield group
            group = []
    if group:
        yield group


def _judge(scorer: Scorer, keep: Keep, group: list[Output]) -> list[ImageResult]:
    for output in group:
        keep(output.dataset, output.index, output.pair.name, output.sr)
    scores = scorer.of_images([(output.sr, output.hr, output.pair.scale) for output in group])
    return [
        ImageResult(one.dataset, one.pair.name, found.numbers, found.missing, image_digest(one.sr), one.tile)
        for one, found in zip(group, scores, strict=True)
    ]


def mean_scores(rows: Sequence[ImageResult]) -> dict[str, dict[str, float]]:
    """The mean over the images of each data set, by data set and metric; none of a metric that an image lacks."""
    means: dict[str, dict[str, float]] = {}
    for dataset in dict.fromkeys(row.dataset for row in rows):
        scores = [row.scores for row in rows if row.dataset == dataset]
        common = [metric for metric in scores[0] if all(metric in one for one in scores)]
        means[dataset] = {metric: float(np.mean([one[metric] for one in scores])) for metric in common}
    return means


def missing_means(rows: Sequence[ImageResult]) -> tuple[Missing, ...]:
    """Why a data set lacks the mean of a metric, as `<dataset>.<metric>`: the first image that has no score."""
    found: dict[str, Missing] = {}
    for row in rows:
        for missing in row.missing:
            what = score_name(row.dataset, missing.what)
            found.setdefault(what, Missing(what, missing.kind, f"{row.image}: {missing.reason}"))
    return tuple(found.values())


def _of_another(pairs: list[ImagePair], index: int, size: int) -> Tensor:
    other, _ = pairs[(index + 1) % len(pairs)].read()
    image = torch.from_numpy(other).permute(2, 0, 1)[None].float() / white_of(other.dtype)
    return make_thumbnail(image, size)
