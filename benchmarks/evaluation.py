"""What overlapping gains an evaluation: python -m benchmarks.evaluation [THREADS]

The same images read, super-resolved by CARN and scored with PSNR, SSIM and NIQE: by srbench's `evaluate`, which reads
the next image and scores the last while the network computes, and by a loop that does one after the other. In turns, in
one process. Above 1 srbench is faster.
"""

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch

from benchmarks.measured import command, measuring
from srbench.core.allocator import keep_freed_memory
from srbench.data.images import write_image
from srbench.data.pairs import ImagePair
from srbench.data.resize import imresize
from srbench.evaluation.evaluate import evaluate
from srbench.evaluation.inference import SuperResolver
from srbench.evaluation.settings import Inference
from srbench.metrics.protocol import protocol_named
from srbench.metrics.scorer import make_scorer
from srbench.models.carn import CARN

IMAGES = 6
SIZE = (680, 1020)  # half the sides of a DIV2K image
METRICS = ["psnr", "ssim", "niqe"]


def overlapped(model: CARN, pairs: list[ImagePair]) -> list[dict[str, float]]:
    scorer = make_scorer(METRICS, protocol_named("y"), [])
    rows = evaluate(model, {"images": pairs}, scorer, "cpu", lambda *_: None, lambda *_: None)
    return [row.scores for row in rows]


def one_after_the_other(model: CARN, pairs: list[ImagePair]) -> list[dict[str, float]]:
    scorer = make_scorer(METRICS, protocol_named("y"), [])
    resolver = SuperResolver(model.eval().to(memory_format=torch.channels_last), "cpu", Inference())
    scores = []
    for pair in pairs:
        lr, hr = pair.read()
        scores.append(scorer(resolver(lr), hr, pair.scale))
    return scores


def write_images(folder: Path) -> list[ImagePair]:
    rng = np.random.default_rng(0)
    pairs = []
    for number in range(IMAGES):
        smooth = imresize(rng.integers(0, 256, (SIZE[0] // 4, SIZE[1] // 4, 3), np.uint8), 4.0)
        hr = np.clip(smooth + rng.normal(0, 5, smooth.shape), 0, 255).round().astype(np.uint8)
        write_image(folder / f"{number}.png", hr)
        write_image(folder / f"{number}x2.png", imresize(hr, 0.5))
        pairs.append(ImagePair(str(number), folder / f"{number}.png", folder / f"{number}x2.png", 2))
    return pairs


def main() -> None:
    asked = command(__file__, __doc__, repeats=5, threads=2).parse_args()
    torch.set_num_threads(asked.threads)
    keep_freed_memory()  # as a run does
    torch.manual_seed(0)
    model = CARN(scale=2, unit="efficient", unit_groups=4, share_units=True, upsampler_groups=4)
    seconds: dict[str, list[float]] = {overlapped.__name__: [], one_after_the_other.__name__: []}
    with tempfile.TemporaryDirectory() as folder, measuring(asked, asked.threads) as note:
        pairs = write_images(Path(folder))
        for _ in range(asked.repeats):
            results = []
            for form in (overlapped, one_after_the_other):
                start = perf_counter()
                results.append(form(model, pairs))
                seconds[form.__name__].append(perf_counter() - start)
            assert results[0] == results[1]
        ours, theirs = seconds.values()
        ratios = [plain / own for own, plain in zip(ours, theirs, strict=True)]
        note(f"{IMAGES} images", "s", ours)
        note("speed of one after the other's", "×", ratios, lower_is_better=False)
    print(
        f"{IMAGES} images of {SIZE[1]}×{SIZE[0]}, {torch.get_num_threads()} threads: {median(ours):.2f} s; "
        f"{median(ratios):.2f} times as fast as one after the other (least {min(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
