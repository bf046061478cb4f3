"""What ClassSR's hard routing saves: python -m benchmarks.classsr

For every family, on a photograph and one thread: FLOPs and time against all sub-images through the largest branch, and
time against the whole image through it at once. There are no trained weights here, so the split is forced: sub-images
are ranked by their contrast, and the shares that Kong et al. (CVPR 2021) report for Test8K go to the three branches.
The classifier runs, but is not followed. The ways take turns; printed are medians of their ratios, below 1 where
routing is faster.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported

from statistics import median
from time import perf_counter

import torch
from skimage.data import astronaut
from torch import Tensor, nn

from benchmarks.measured import Note, command, measuring
from srbench.data.resize import imresize
from srbench.experiments.compose import build_model, compose_run
from srbench.metrics.cost import complexity
from srbench.models.classsr import ClassSR

TEST8K = (0.61, 0.23, 0.16)  # of the FSRCNN family, from easy to hard
CLASSIFIER = 7.4e6  # what the published count adds, for the FSRCNN family alone
FAMILIES = ("classsr_fsrcnn", "classsr_carn", "classsr_srresnet", "classsr_rcan")


def preset(family: str) -> ClassSR:
    """For ×4, with random weights."""
    model = build_model(compose_run([f"model={family}", "scale=4"]))
    assert isinstance(model, ClassSR)
    return model.eval().to(memory_format=torch.channels_last)


class Ranked(ClassSR):
    """Routes by contrast, the shares of Test8K to each branch."""

    def choose(self, sub_images: Tensor) -> Tensor:
        super().choose(sub_images)  # paid for, not followed
        ranks = sub_images.std((1, 2, 3)).argsort().argsort()
        bounds = torch.tensor(TEST8K).cumsum(0)[:-1] * len(sub_images)
        return torch.bucketize(ranks, bounds, right=True)


class Largest(ClassSR):
    """Routes all to the last branch, and saves itself the classifier."""

    def choose(self, sub_images: Tensor) -> Tensor:
        return torch.full((len(sub_images),), len(self.branches) - 1)


def show_flops(family: str, model: ClassSR, counts: list[int]) -> None:
    def average(each: list[int]) -> float:
        return sum(count * one for count, one in zip(counts, each, strict=True)) / sum(counts)

    costs = [complexity(branch, model.patch, model.patch) for branch in model.branches]
    published = [cost.counts["classsr"].flops for cost in costs]
    mean = average(published) + (CLASSIFIER if family == "classsr_fsrcnn" else 0)
    print(
        f"  published count: {mean / 1e6:.0f} M of {published[-1] / 1e6:.0f} M a sub-image ({mean / published[-1]:.1%})"
    )
    assert model.classifier
    true = [2 * cost.products for cost in costs]
    mean = average(true) + 2 * complexity(model.classifier, model.patch, model.patch).products
    print(f"  true count, classifier included: {mean / 1e6:.1f} M of {true[-1] / 1e6:.1f} M ({mean / true[-1]:.1%})")


def seconds(network: nn.Module, lr: Tensor) -> float:
    start = perf_counter()
    with torch.inference_mode():
        network(lr)
    return perf_counter() - start


def compare(family: str, rounds: int, note: Note) -> None:
    model = preset(family)
    small = imresize(astronaut(), 1 / 4 if family == "classsr_rcan" else 1 / 2)
    lr = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    ranked, largest = Ranked(model.branches).eval(), Largest(model.branches).eval()
    ways = [ranked, largest, model.branches[-1]]
    counts = ranked.routes(lr).flatten().bincount().tolist()
    print(f"{family}: LR {lr.shape[-1]}×{lr.shape[-2]}, forced {'/'.join(map(str, counts))} sub-images", flush=True)
    show_flops(family, model, counts)
    for way in ways:
        seconds(way, lr)
    times = [[seconds(way, lr) for way in ways] for _ in range(rounds)]
    note(f"{family}: routed", "s", [row[0] for row in times])
    for name, index in (("all sub-images through the largest", 1), ("the whole image through it", 2)):
        ratios = [row[0] / row[index] for row in times]
        note(f"{family}: time against {name}", "×", ratios)
        print(f"  time against {name}: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


def main() -> None:
    asked = command(__file__, __doc__, repeats=5).parse_args()
    torch.set_num_threads(1)
    print("no trained weights: the split is that of Kong et al. on Test8K (61/23/16 %), forced by ranking contrast")
    with measuring(asked, threads=1) as note:
        for family in FAMILIES:
            compare(family, asked.repeats, note)


if __name__ == "__main__":
    main()
