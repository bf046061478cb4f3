"""How much memory training takes, against what is predicted before it starts: python -m benchmarks.training_memory

Each network at two batch sizes in the fast precision and in float32, each repeat in a process of its own: by how much
it grows over three steps of srbench's loop.
"""

import logging
import re
import tempfile
from itertools import product
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median

import torch
from torch import nn

from benchmarks.measured import command, in_own_process, measuring
from benchmarks.training import ADAM
from srbench.core import hardware
from srbench.core.allocator import keep_freed_memory
from srbench.data.patches import Patches
from srbench.data.photos import Photos
from srbench.data.supply import Supply
from srbench.models.carn import CARN
from srbench.models.edsr import EDSR
from srbench.models.mdrn import MDRN
from srbench.recipes.fit import Session, fit
from srbench.recipes.length import Length
from srbench.recipes.schedules import constant
from srbench.recipes.stages import Stage
from srbench.recipes.supervised import Supervised
from srbench.recipes.training_memory import training_memory

NETWORKS = {"CARN": CARN, "EDSR": EDSR, "MDRN": MDRN}
LOADS = [(16, 96), (32, 96)]  # patches, and their pixels of HR a side


def resident() -> int:
    """Bytes of this process in memory."""
    return 1024 * int(re.findall(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))[0])


def measure(name: str, batch: int, patch: int, precision: str) -> tuple[int, int]:
    """Bytes that are predicted, and by which this process grows."""
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    keep_freed_memory()
    length = Length(3, batch, patch, val_every=0)
    source = Patches(Supply(Photos().train(), 2, None, batch, patch, seed=0))

    def recipe(model: nn.Module, length: Length) -> Supervised:
        return Supervised(model, length, nn.L1Loss(), ADAM, constant)

    session = Session(seed=0, device="cpu", precision=precision, validate=lambda _: 0.0, tell=lambda *_: None)
    predicted = training_memory(model := NETWORKS[name](), recipe(model, length), precision, "cpu")
    before = resident()
    with tempfile.TemporaryDirectory() as folder:
        fit(model, [Stage("all", recipe, lambda: source, length, epoch_steps=1)], Path(folder), session)
    return predicted, 1024 * getrusage(RUSAGE_SELF).ru_maxrss - before


def main() -> None:
    asked = command(__file__, __doc__, repeats=3).parse_args()
    precisions = dict.fromkeys([hardware.pick_precision("auto", "cpu"), "32-true"])
    with measuring(asked, threads=1) as note:
        for name, (batch, patch), precision in product(NETWORKS, LOADS, precisions):
            found = [in_own_process(measure, name, batch, patch, precision) for _ in range(asked.repeats)]
            what = f"{name}, batch {batch}, HR patch {patch}, {precision}"
            note(what, "MiB", [grown / 2**20 for _, grown in found])
            predicted, grown = (median(column) for column in zip(*found, strict=True))
            print(
                f"{what}: {predicted / 2**20:.0f} MiB predicted, {grown / 2**20:.0f} measured, {predicted / grown:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
