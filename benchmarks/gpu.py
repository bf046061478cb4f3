"""How fast training is on a GPU: python -m benchmarks.gpu [LINE …] [--runs N] [--mps off]

A line is one of LINES, or "evaluation". For each, in turns and in this process: srbench's training, a step of the same
network that is captured by hand as one CUDA graph, in either layout of memory, and fed from a batch that lies on the
device, and the loop that users write (AMP, channels_last, Adam, batches from the host). Printed are medians of steps a
second, and srbench's ratio to each; above 1 srbench is faster. `--compile`: also srbench's with compile=true. `--runs`:
as many trainings at once, each in a process of its own; their steps a second in all, and the ratio to those of one.
"evaluation": of images of DIV2K's size, read, upscaled and scored, against the network's passes alone.
"""

import logging
import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.measured import Note, command, measuring, natural, take_lines
from srbench.core import hardware
from srbench.core.paths import default_places
from srbench.core.progress import silent
from srbench.data.images import write_image
from srbench.data.pairs import ImagePair
from srbench.data.patches import Patches
from srbench.data.photos import Photos
from srbench.data.supply import Batch, Supply
from srbench.evaluation.evaluate import evaluate
from srbench.evaluation.inference import SuperResolver
from srbench.evaluation.settings import Inference
from srbench.experiments.compose import build_model, compose_run
from srbench.experiments.launchers.mps import multi_process_service
from srbench.metrics.protocol import Protocol
from srbench.metrics.scorer import make_scorer
from srbench.models.layers.thumbnail import thumbnail_maker
from srbench.models.traits import traits_of
from srbench.recipes.fit import Session, fit
from srbench.recipes.length import Length
from srbench.recipes.schedules import cosine
from srbench.recipes.stages import Stage
from srbench.recipes.stream import Stream
from srbench.recipes.supervised import Supervised, as_images

DEVICE = torch.device("cuda")
CAPTURED = 30  # steps, by which all is done that is done once
IMAGES, SIDES = 6, (1356, 2040)
ADAM = partial(torch.optim.Adam, lr=1e-4)


@dataclass(frozen=True)
class Line:
    """A network as its preset has it, and its batches."""

    model: str
    batch: int
    patch: int
    scale: int = 2

    def network(self) -> nn.Module:
        torch.manual_seed(0)
        return build_model(compose_run([f"model={self.model}", f"scale={self.scale}"])).train()

    def batches(self) -> Patches:
        looks = thumbnail_maker(traits_of(self.network()).thumbnail)
        return Patches(Supply(Photos().train(), self.scale, None, self.batch, self.patch, seed=0, thumbnail=looks))


LINES = {
    "carn_16_64": Line("carn", 16, 64),
    "carn_m_16_128": Line("carn_m", 16, 128),
    "mossnet_16_128": Line("mossnet", 16, 128),
    "fsrcnn_16_64": Line("fsrcnn", 16, 64),
    "carn_64_128": Line("carn", 64, 128),
    "mdrn_64_96": Line("mdrn", 64, 96),
    "safmn_64_128": Line("safmn", 64, 128),
    "mesrgan_16_128": Line("mesrgan", 16, 128, scale=4),
}


def ours(line: Line, seconds: float, compiled: bool = False) -> float:
    """Steps a second of srbench's training, between what its progress tells."""
    told = list[tuple[float, int]]()

    def tell(stage: str, done: int, total: int) -> None:
        if done >= CAPTURED:
            told.append((time.perf_counter(), done))
        if told and told[-1][0] - told[0][0] > seconds:
            raise KeyboardInterrupt

    length = Length(1_000_000, line.batch, line.patch, val_every=0)
    recipe = partial(Supervised, loss=nn.L1Loss(), optimizer=ADAM, schedule=cosine)
    stage = Stage("all", recipe, line.batches, length, epoch_steps=1000)
    precision = hardware.pick_precision("auto", "cuda")
    session = Session(0, "cuda", precision, lambda _: 0.0, tell, compile=compiled)
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        fit(line.network(), [stage], Path(folder), session)
    (began, first), (ended, last) = told[0], told[-1]
    return (last - first) / (ended - began)


def step_of(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    lr, hr = as_images(batch.lr), as_images(batch.hr)
    inputs = [lr] if batch.thumbnail is None else [lr, batch.thumbnail.permute(0, 3, 1, 2)]
    with torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
        sr = model(*inputs)
    functional.l1_loss(sr.float(), hr).backward()
    optimizer.step()
    optimizer.zero_grad()


def on_device(batch: Batch) -> Batch:
    lr, hr, thumbnail = (
        None if one is None else one.to(DEVICE, non_blocking=True) for one in (batch.lr, batch.hr, batch.thumbnail)
    )
    assert lr is not None
    assert hr is not None
    return Batch(lr, hr, batch.scale, thumbnail)


def by_hand(line: Line, seconds: float, channels_last: bool = True) -> float:
    """Of one graph of the whole step, replayed."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = line.network().to(DEVICE).to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(1e-4, device=DEVICE), fused=True, capturable=True)
    batch, stream = on_device(line.batches().batch(0)), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(11):
            step_of(model, optimizer, batch)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step_of(model, optimizer, batch)
    return pace(graph.replay, seconds)


def eager(line: Line, seconds: float) -> float:
    """Of the loop that users write."""
    model = line.network().to(DEVICE).to(memory_format=torch.channels_last)
    optimizer = ADAM(model.parameters())
    batches = iter(Stream(line.batches(), 0, Length(10_000, line.batch, line.patch, 0), pinned=True))

    def step() -> None:
        (batch,) = next(batches)
        assert isinstance(batch, Batch)
        step_of(model, optimizer, on_device(batch))

    return pace(step, seconds)


def pace(step: Callable[[], object], seconds: float) -> float:
    """Steps a second, after some that are not counted."""
    for _ in range(10):
        step()
    torch.cuda.synchronize()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for _ in range(5):
            step()
        torch.cuda.synchronize()
        done += 5
    return done / (time.perf_counter() - began)


def compare(name: str, asked: Namespace, note: Note) -> None:
    line, planar = LINES[name], partial(by_hand, channels_last=False)
    ways: dict[str, Callable[[Line, float], float]] = {
        "ours": ours,
        "by_hand": by_hand,
        "by_hand, contiguous": planar,
        "eager": eager,
    }
    if asked.compile:
        ways["compiled"] = partial(ours, compiled=True)
    rates = [{way: pace_of(line, asked.seconds) for way, pace_of in ways.items()} for _ in range(asked.repeats)]
    for way in ways:
        note(f"{name}: {way}", "steps/s", [each[way] for each in rates], lower_is_better=False)
    told = (f"{way} {median(column):.1f} (ratio {ratio:.3f})" for way, column, ratio in against_ours(rates))
    print(f"{name}: srbench {median(each['ours'] for each in rates):.1f} steps/s; {'; '.join(told)}", flush=True)


def against_ours(rates: list[dict[str, float]]) -> Iterator[tuple[str, list[float], float]]:
    """Of each other way its rates, and the median of srbench's ratio to it."""
    for way in list(rates[0])[1:]:
        yield way, [each[way] for each in rates], median(each["ours"] / each[way] for each in rates)


def many(name: str, asked: Namespace, note: Note) -> None:
    """Steps a second of so many trainings at once, in all, and as a ratio to those of one."""
    (alone,) = at_once(name, 1, asked.seconds, {})
    with tempfile.TemporaryDirectory() as folder, _service(asked.mps, Path(folder)) as variables:
        rates = [at_once(name, asked.runs, asked.seconds, variables) for _ in range(asked.repeats)]
    note(f"{name}: {asked.runs} at once", "steps/s", [sum(each) for each in rates], lower_is_better=False)
    spread = [rate for each in rates for rate in each]
    whole, by = median(map(sum, rates)), ", by MPS" if variables else ""
    print(
        f"{name}: {asked.runs} at once {whole:.0f} steps/s in all, {min(spread):.1f} to {max(spread):.1f} each{by}; "
        f"one {alone:.0f} (ratio {whole / alone:.2f})",
        flush=True,
    )


def _service(mps: str, folder: Path) -> AbstractContextManager[Mapping[str, str]]:
    return multi_process_service(folder, lambda _: True) if mps == "on" else nullcontext({})


def at_once(name: str, runs: int, seconds: float, variables: Mapping[str, str]) -> list[float]:
    """Steps a second of each of so many trainings, whose processes have these variables besides."""
    with tempfile.TemporaryDirectory() as folder:
        code = "from benchmarks.gpu import one_of_many; one_of_many(*{!r})"
        children = [
            subprocess.Popen(
                [sys.executable, "-c", code.format((name, seconds, folder, number))],
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | dict(variables),
            )
            for number in range(runs)
        ]
        while len(list(Path(folder).glob("ready*"))) < runs:
            if any(child.poll() for child in children):
                raise SystemExit("a training has ended before the others began")
            time.sleep(0.05)
        (Path(folder) / "go").touch()
        return [float(child.communicate()[0].split()[-1]) for child in children]


def evaluation(weights: Path, repeats: int, note: Note) -> None:
    """Seconds an image: evaluated with PSNR, SSIM and LPIPS, and the network alone, from LR to SR on the host."""
    model, random = LINES["carn_16_64"].network().eval(), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for number in range(IMAGES):
            noise = random.integers(0, 256, (SIDES[0] // 4, SIDES[1] // 4, 3), np.uint8)
            hr, lr = (Path(folder) / f"{kind}{number}.png" for kind in ("hr", "lr"))
            write_image(hr, noise.repeat(4, 0).repeat(4, 1))
            write_image(lr, noise.repeat(2, 0).repeat(2, 1))
            pairs.append(ImagePair(str(number), hr, lr, 2))
        scorer = make_scorer(["psnr", "ssim", "lpips"], Protocol("y", "luma"), [weights], "cuda")
        sets = {"val": pairs}
        resolver, images = SuperResolver(model, "cuda", Inference()), [pair.read()[0] for pair in pairs]
        whole, alone = [], []
        for _ in range(1 + repeats):
            whole.append(timed(lambda: evaluate(model, sets, scorer, "cuda", silent, lambda *_: None)))
            alone.append(timed(lambda: [resolver(image) for image in images]))
        del whole[0], alone[0]  # in which kernels are loaded and chosen
    note("evaluation: an image", "s", [seconds / IMAGES for seconds in whole])
    note("evaluation: an image, the network alone", "s", [seconds / IMAGES for seconds in alone])
    every, passes = (median(times) / IMAGES for times in (whole, alone))
    print(
        f"evaluation: {every:.3f} s an image, {passes:.3f} s the network alone (ratio {every / passes:.2f})", flush=True
    )


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def one_of_many(name: str, seconds: float, folder: str, number: int) -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    line, meeting = LINES[name], Path(folder)
    line.batches()
    ours(line, 0.2)  # what is done once
    (meeting / f"ready{number}").touch()
    while not (meeting / "go").exists():
        time.sleep(0.01)
    print(ours(line, seconds))


def main() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    parser = command(__file__, __doc__, repeats=2)
    take_lines(parser, [*LINES, "evaluation"], "all but the last")
    parser.add_argument("--seconds", type=float, default=3, help="of a measurement of steps (default: 3)")
    parser.add_argument("--compile", action="store_true", help="also with compile=true")
    parser.add_argument("--runs", type=natural, help="trainings at once")
    parser.add_argument("--mps", choices=("on", "off"), default="on", help="NVIDIA's service for --runs (default: on)")
    parser.add_argument("--weights", type=Path, default=default_places()["weights_dir"], help="AlexNet's folder")
    asked = parser.parse_args()
    print(f"{hardware.describe_device('cuda')}, torch {torch.__version__}", flush=True)
    with measuring(asked, torch.get_num_threads(), "cuda") as note:
        for name in dict.fromkeys(asked.lines or LINES):
            if name == "evaluation":
                evaluation(asked.weights.expanduser(), asked.repeats, note)
            elif asked.runs:
                many(name, asked, note)
            else:
                compare(name, asked, note)


if __name__ == "__main__":
    main()
