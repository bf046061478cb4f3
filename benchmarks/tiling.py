"""What tiles cost: python -m benchmarks.tiling [seams|batches|8k]

- seams: the largest and the mean absolute difference, in levels of 255, between a photograph (astronaut as LR, 512×512)
  run in tiles of 256 and run whole, for several overlaps. In brackets: blended over the overlaps by linear ramps,
  instead of cropped in their middle. Then for 507×509 pixels, no multiples of the grids that some networks pool on.
- batches: the time that four tiles of 128 or 256 pixels take in one batch, divided by that of one after another.
- 8k: seconds and peak memory of a process that upscales 3840×2160 to 7680×4320.

One thread. Published weights are looked for in $SRBENCH_WEIGHTS; MossNet has none: its last layer is drawn at random.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from skimage.data import astronaut
from torch import Tensor, nn

from benchmarks.measured import Note, command, in_own_process, measuring
from srbench.data.images import write_image
from srbench.data.resize import imresize
from srbench.evaluation.inference import Span, spans, tiled
from srbench.experiments.compose import build_model, compose_run, ready_model
from srbench.models.hub import at_hand
from srbench.models.layers.thumbnail import thumbnail_maker
from srbench.models.traits import traits_of

SCALES = {"carn_m": 2, "mossnet": 2, "safmn": 2, "gfmn": 4, "mdrn": 2, "safmn_ntire": 4}
OVERLAPS = (0, 16, 32, 64, 112)
TILE = 256


def networks() -> Iterator[tuple[str, nn.Module]]:
    for name, scale in SCALES.items():
        words = [f"model={name}", f"scale={scale}"]
        if name == "mossnet":
            torch.manual_seed(0)
            model: nn.Module = build_model(compose_run(words)).eval()
            nn.init.normal_(model.get_parameter("unet.head.weight"), std=0.05)
        else:
            run = compose_run([*words, f"checkpoint={name}"])
            if at_hand(name, run.places.weights_dir, scale) is None:
                print(f"{name}: its weights are not in {run.places.weights_dir}")
                continue
            model = ready_model(run, lambda *_: None)
        yield name, model.to(memory_format=torch.channels_last)


def blended(network: Callable[[Tensor], Tensor], lr: Tensor, overlap: int, scale: int) -> Tensor:
    """As `tiled`, but for ramps over the whole overlap."""
    height, width = lr.shape[-2:]
    sr = torch.zeros(1, 3, scale * height, scale * width)
    for y, x in product(spans(height, TILE, overlap), spans(width, TILE, overlap)):
        weights = ramp(y, scale * height, scale)[:, None] * ramp(x, scale * width, scale)
        piece = network(lr[..., y.start : y.stop, x.start : x.stop]) * weights
        sr[..., scale * y.start : scale * y.stop, scale * x.start : scale * x.stop] += piece
    return sr


def ramp(span: Span, length: int, scale: int) -> Tensor:
    places = torch.arange(scale * span.start, scale * span.stop) + 0.5
    weights = torch.ones(len(places))
    for cut, edge, sign in ((span.first, span.start, 1), (span.last, span.stop, -1)):
        if 0 < scale * cut < length:
            weights *= (sign * (places - scale * cut) / (2 * scale * max(abs(cut - edge), 1e-6)) + 0.5).clamp(0, 1)
    return weights


def seams(_: int, note: Note) -> None:
    photograph = torch.from_numpy(astronaut()).permute(2, 0, 1)[None].float() / 255
    for name, model in networks():
        for lr in (photograph, photograph[..., :509, :507]):
            thumbnail = thumbnail_maker(traits_of(model).thumbnail)
            network = partial(model, thumbnail=thumbnail(lr)) if thumbnail else model
            whole = network(lr).clamp(0, 1)
            cells = []
            for overlap in OVERLAPS:
                forms = tiled(network, lr, TILE, overlap), blended(network, lr, overlap, SCALES[name])
                crop, ramps = (255 * (sr.clamp(0, 1) - whole).abs() for sr in forms)
                note(f"{name}, {lr.shape[-1]}×{lr.shape[-2]}, overlap {overlap}: mean", "levels", [crop.mean().item()])
                cells.append(f"{overlap}: {crop.max():.2g}, {crop.mean():.1g} ({ramps.max():.2g}, {ramps.mean():.1g})")
            print(f"{name:12} {lr.shape[-1]}×{lr.shape[-2]}  " + "  ".join(cells), flush=True)


def batches(repeats: int, note: Note) -> None:
    for (name, model), side in product(networks(), (128, 256)):
        lr = torch.rand(4, 3, side, side).contiguous(memory_format=torch.channels_last)
        ratios = []
        for _ in range(repeats + 1):
            times = []
            for parts in (lr.split(1), lr.split(4)):
                start = perf_counter()
                for part in parts:
                    model(part)
                times.append(perf_counter() - start)
            ratios.append(times[1] / times[0])
        note(f"{name}, {side}×{side}: one batch against one after another", "×", ratios[1:])
        print(f"{name:12} {side}×{side}  {median(ratios[1:]):.2f}", flush=True)


def large(repeats: int, note: Note) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_image(Path(folder) / "lr.png", imresize(astronaut()[:288], 7.5))
        for name in ("safmn", "carn_m"):
            words = [f"{folder}/lr.png", f"{folder}/{name}.png", f"model={name}", f"checkpoint={name}", "threads=1"]
            found = [in_own_process(upscaled, words) for _ in range(repeats)]
            seconds, peaks = ([*column] for column in zip(*found, strict=True))
            note(f"8K by {name}", "s", seconds)
            note(f"8K by {name}: memory", "MiB", peaks)
            print(f"{name}: {median(seconds):.0f} s, {max(peaks):.0f} MiB", flush=True)


def upscaled(words: list[str]) -> tuple[float, float]:
    """Seconds and peak memory, in MiB, of the command, the only one of this process."""
    start = perf_counter()
    subprocess.run([sys.executable, "-m", "srbench", "upscale", *words], check=True)
    return perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    ways = {"seams": seams, "batches": batches, "8k": large}
    parser = command(__file__, __doc__, repeats=3)
    parser.add_argument("ways", nargs="*", metavar="WAY", help=f"default: {', '.join(ways)}")
    asked = parser.parse_args()
    for way in asked.ways:
        if way not in ways:
            parser.error(f"{way}: no such way; there are {', '.join(ways)}")
    torch.set_num_threads(1)
    with torch.inference_mode(), measuring(asked, threads=1) as note:
        for way in dict.fromkeys(asked.ways or ways):
            ways[way](asked.repeats, note)


if __name__ == "__main__":
    main()
