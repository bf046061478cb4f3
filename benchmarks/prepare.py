"""What mapping the training images saves, and what it costs: python benchmarks/prepare.py

24 images of DIV2K's size, made of photographs, in memory and mapped from `data prepare cache=true`'s piles. Printed are
the seconds until the first batch could be made, the memory that is the process's own, and, the two taking turns, the
median milliseconds of a batch of 16 patches of 192 at ×2, with the ratio to in memory.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from srbench.data import cache
from srbench.data.images import read_image, write_image
from srbench.data.patches import Patches
from srbench.data.photos import Photos
from srbench.data.supply import Supply

IMAGES = 24
BATCHES = 200


def make(folder: Path) -> list[Path]:
    photographs = [read_image(file) for file in Photos().train()]
    for i in range(IMAGES):
        photograph = np.roll(photographs[i % 3], 7 * i, axis=1)
        repeats = (-(-1356 // photograph.shape[0]), -(-2040 // photograph.shape[1]), 1)
        write_image(folder / f"{i:02}.png", np.tile(photograph, repeats)[:1356, :2040])
    return sorted(folder.iterdir())


def own_memory() -> float:
    """Of this process, in MB: what is mapped from files can be dropped and does not count."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))


def main() -> None:
    with TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = f"{scratch}/cache"
        folder = Path(scratch, "HR")
        folder.mkdir()
        files = make(folder)
        cache.keep(folder, [2], 1, lambda *_: None)
        supply = Supply(files, 2, None, 16, 192, 0)
        Patches(supply)  # LR images come from the user's cache, as from the second run on
        sources, times = {}, {}
        for name, in_memory in (("mapped", 0), ("in memory", 1 << 40)):
            before, start = own_memory(), perf_counter()
            sources[name] = Patches(supply, in_memory=in_memory)
            print(f"{name}: {perf_counter() - start:.2f} s to begin, {own_memory() - before:.0f} MB")
            times[name] = list[float]()
        for step in range(BATCHES):
            for name, source in sources.items():
                start = perf_counter()
                source.batch(step)
                times[name].append(perf_counter() - start)
        ours, theirs = median(times["mapped"]), median(times["in memory"])
        print(f"a batch: mapped {ours * 1e3:.1f} ms, in memory {theirs * 1e3:.1f} ms ({ours / theirs:.2f}×)")


if __name__ == "__main__":
    main()
