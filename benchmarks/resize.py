"""How fast `imresize` is: python -m benchmarks.resize

Against Pillow's bicubic (C, fixed-point, other numbers) and the plain form of the same numbers, a dense matrix for
each axis. The three take turns; printed are medians for a 2040×1356 image on one thread, and ratios to ours.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is imported

from statistics import median
from time import perf_counter

import numpy as np
from PIL import Image

from benchmarks.measured import command, measuring
from srbench.data.resize import _weights, imresize


def dense(image: np.ndarray, scale: float) -> np.ndarray:
    """The same resize with dense matrices: O(length²) a row."""
    vertical, horizontal = (_weights(length, scale, "symmetric").toarray() for length in image.shape[:2])
    tall = np.einsum("oh,hwc->owc", vertical, image, optimize=True)
    tall = np.floor(tall.clip(0, 255) + 0.5)
    result: np.ndarray = np.floor(np.einsum("ow,hwc->hoc", horizontal, tall, optimize=True).clip(0, 255) + 0.5).astype(
        np.uint8
    )
    return result


def pillow(image: np.ndarray, scale: float) -> np.ndarray:
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def main() -> None:
    asked = command(__file__, __doc__, repeats=7).parse_args()
    image = np.random.default_rng(0).integers(0, 256, (1356, 2040, 3), np.uint8)
    with measuring(asked, threads=1) as note:
        for scale in (1 / 2, 1 / 3, 1 / 4, 2.0):
            assert (imresize(image, scale) == dense(image, scale)).all()
            seconds: dict[str, list[float]] = {"imresize": [], "pillow": [], "dense": []}
            for _ in range(asked.repeats):
                for resize, times in zip((imresize, pillow, dense), seconds.values(), strict=True):
                    start = perf_counter()
                    resize(image, scale)
                    times.append(perf_counter() - start)
            ours = median(seconds["imresize"])
            row = ", ".join(
                f"{name} {median(times) * 1e3:.0f} ms ({median(times) / ours:.2f}×)" for name, times in seconds.items()
            )
            print(f"×{scale:.3g}: {row}", flush=True)
            for name, times in seconds.items():
                note(f"×{scale:.3g}: {name}", "s", times)


if __name__ == "__main__":
    main()
