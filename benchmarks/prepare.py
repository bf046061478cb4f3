"""What mapping the training images saves, and what it costs: python -m benchmarks.prepare

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

from benchmarks.measured import command, measuring
from srbench.data import cache
from srbench.data.images import read_image, write_image
from srbench.data.patches import Patches
from srbench.data.photos import Photos
from srbench.data.supply import Supply

IMAGES = 24
BATCHES = 40  # of a repeat
KINDS = {"mapped": 0, "in memory": 1 << 40}  # and the bytes that may lie in memory


def make(folder: Path) -> list[Path]:
    photographs = [read_image(file) for file in Photos().train()]
    for i in range(IMAGES):
        photograph = np.roll(photographs[i % 3], 7 * i, axis=1)
        repeats = (-(-1356 // photograph.shape[0]), -(-2040 // photograph.shape[1]), 1)
        write_image(folder / f"{i:02}.png", np.tile(photograph, repeats)[:1356, :2040])
    return sorted(folder.iterdir())


def own_memory() -> float:
    """Of this process, in MiB: what is mapped from files can be dropped and does not count."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))


def main() -> None:
    asked = command(__file__, __doc__, repeats=5).parse_args()
    with TemporaryDirectory() as scratch, measuring(asked, threads=1) as note:
        os.environ["XDG_CACHE_HOME"] = f"{scratch}/cache"
        folder = Path(scratch, "HR")
        folder.mkdir()
        files = make(folder)
        cache.keep(folder, [2], 1, lambda *_: None)
        supply = Supply(files, 2, None, 16, 192, 0)
        Patches(supply)  # LR images come from the user's cache, as from the second run on
        begins: dict[str, list[float]] = {name: [] for name in KINDS}
        batches: dict[str, list[float]] = {name: [] for name in KINDS}
        for number in range(asked.repeats):
            sources = {}
            for name, in_memory in KINDS.items():
                before, start = own_memory(), perf_counter()
                sources[name] = Patches(supply, in_memory=in_memory)
                begins[name].append(perf_counter() - start)
                if not number:  # what is freed later is not always given back
                    megabytes = own_memory() - before
                    note(f"{name}: memory", "MiB", [megabytes])
                    print(f"{name}: {begins[name][0]:.2f} s to begin, {megabytes:.0f} MiB")
            for name, seconds in turns(sources).items():
                batches[name].append(median(seconds))
        for name in KINDS:
            note(f"{name}: to begin", "s", begins[name])
            note(f"{name}: a batch", "s", batches[name])
        ours, theirs = median(batches["mapped"]), median(batches["in memory"])
        print(f"a batch: mapped {ours * 1e3:.1f} ms, in memory {theirs * 1e3:.1f} ms ({ours / theirs:.2f}×)")


def turns(sources: dict[str, Patches]) -> dict[str, list[float]]:
    """Seconds of each batch, by source, which take turns."""
    times: dict[str, list[float]] = {name: [] for name in sources}
    for step in range(BATCHES):
        for name, source in sources.items():
            start = perf_counter()
            source.batch(step)
            times[name].append(perf_counter() - start)
    return times


if __name__ == "__main__":
    main()
