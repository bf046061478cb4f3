"""ClassSR: Kong et al., "ClassSR: A General Framework to Accelerate Super-Resolution Networks by Data Characteristic",
CVPR 2021, §3. A classifier looks at each 32×32 sub-image and one of several branches, from small to large, upscales it.

Departs from the published code in these points, none of which changes what it computes for one square sub-image:

- The classifier averages over its whole map; there, over a square as high as the map.
- Sub-images run in batches; there, one by one. Where branches with batch normalisation are trained, this changes the
  statistics; frozen branches belong in eval mode, or their running statistics go on changing.
- The last windows are flush with the image's edges. There, what full windows do not reach is dropped: see `published`.
- Every branch takes [0, 1]. There, the RCAN family takes 0…255 and its classifier a 255th of that. (Its branches are
  built for a white of 1 none the less, which their own weights then put right.)

Published for ×4. Initialisation of the classifier: as `start_small`; its linear layer as PyTorch's default.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.classsr_names import from_classsr
from srbench.models.layers.initialise import start_small
from srbench.models.layers.sub_images import covered, merge_mean
from srbench.models.layers.tiles import pad_to, split
from srbench.models.traits import Traits

CPU_AT_ONCE = 8  # sub-images; more would leave the cache
GPU_AT_ONCE = 64  # sub-images; bounds the memory of a large image

Routing = Literal["hard", "soft", "full", "random", "psnr"]


class Classifier(nn.Module):
    """Sub-images (N, 3, h, w) in [0, 1], at least 4×4 → logits (N, classes), from easy to hard."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.CondNet = nn.Sequential(
            nn.Conv2d(3, 128, 4, stride=4),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(128, 128, 1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(128, 128, 1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(128, 128, 1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(128, 32, 1),
        )
        self.lastOut = nn.Linear(32, classes)
        start_small(self.CondNet)

    def forward(self, sub_images: Tensor) -> Tensor:
        output: Tensor = self.lastOut(self.CondNet(sub_images).mean((2, 3)))
        return output


class ClassSR(nn.Module):
    """(N, 3, H, W) in [0, 1] → (N, 3, sH, sW), not clipped.

    In train mode each image of the batch is one sub-image, and the output is that of `soft`. In eval mode an image is
    cut into windows of `patch` at every `step`, the last ones flush with its edges; each window goes through a branch,
    and what overlaps is averaged. An image smaller than a window is padded to one by reflection. Where what runs
    depends on values, costs are counted branch by branch, at patch × patch.

    `branches`: networks of one scale, from easy to hard, whatever their names, None for one that is left out; called
    net1, net2, … as in the published weights. One alone has no classifier.

    `routing`: of a window in eval mode, which the weights do not depend on. "hard": through the branch that the
    classifier prefers; "soft": through all, weighted by their probabilities, as in training; "full": through the last
    one. As controls, an image's windows in equal parts to the branches: "random", drawn from a fixed seed; "psnr", the
    easiest to the first branch. HR being unknown, easy is a window that loses little when it is itself made 1/scale as
    large and enlarged again, both by torch's bicubic, antialiased.
    """

    from_published = staticmethod(from_classsr)
    traits = Traits(untrained_arguments=("routing",))

    def __init__(
        self,
        branches: Mapping[str, nn.Module | None] | Sequence[nn.Module | None],
        scale: int = 4,
        patch: int = 32,
        step: int = 28,
        routing: Routing = "hard",
    ) -> None:
        super().__init__()
        check_choice("routing", routing, *get_args(Routing))
        given = branches.values() if isinstance(branches, Mapping) else branches
        kept = [branch for branch in given if branch is not None]
        if not kept:
            raise ValueError("ClassSR needs a branch; branches has none.")
        if patch < 4 or not 1 <= step <= patch:
            raise ValueError(f"patch must be 4 or more and step from 1 to patch; they are {patch} and {step}.")
        for number, branch in enumerate(kept, 1):
            if branch.scale != scale:
                raise ValueError(
                    f"branch {number} has scale {branch.scale}, but ClassSR's is {scale}: make them equal."
                )
            self.add_module(f"net{number}", branch)
        self.scale, self.patch, self.step = scale, patch, step
        self.names = [f"net{number}" for number in range(1, len(kept) + 1)]
        self.routing = routing if len(kept) > 1 else "full"
        self.classifier = Classifier(len(kept)) if len(kept) > 1 else None

    @property
    def branches(self) -> list[nn.Module]:
        """From easy to hard."""
        return [self.get_submodule(name) for name in self.names]

    def forward(self, lr: Tensor) -> Tensor:
        return self.soft(lr)[0] if self.training else self.hard(lr)

    def soft(self, sub_images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, h, w) → all branches' outputs weighted by their probabilities, and these: (N, 3, sh, sw), (N, B)."""
        if self.classifier is None:
            return self.branches[0](sub_images), sub_images.new_ones(len(sub_images), 1)
        logits = self.classifier(sub_images)
        # In bfloat16 probabilities that are nearly alike would be equal, and their losses have no gradient.
        probabilities = logits.softmax(1, dtype=torch.promote_types(logits.dtype, torch.float32))
        weights = probabilities[..., None, None, None].unbind(1)
        weighted = [branch(sub_images) * weight for branch, weight in zip(self.branches, weights, strict=True)]
        return reduce(torch.add, weighted), probabilities

    def hard(self, lr: Tensor) -> Tensor:
        """As in eval mode."""
        height, width = lr.shape[-2:]
        padded = self.at_least_a_window(lr)
        sr = self.super_resolve(self.windows(padded))
        merged = merge_mean(sr, self.scale * padded.shape[-2], self.scale * padded.shape[-1], self.scale * self.step)
        return merged[..., : self.scale * height, : self.scale * width]

    def published(self, lr: Tensor) -> Tensor:
        """As the published test: what full windows do not reach is dropped, and each sub-image is clipped to [0, 1] and
        rounded to 255ths before the average, which is not rounded again.

        (N, 3, H, W), at least patch × patch → (N, 3, s·covered(H), s·covered(W)) in [0, 1].
        """
        height, width = (covered(length, self.patch, self.step) for length in lr.shape[-2:])
        sr = self.super_resolve(self.windows(lr[..., :height, :width]))
        rounded = sr.clamp_(0, 1).mul_(255).round_().div_(255)
        return merge_mean(rounded, self.scale * height, self.scale * width, self.scale * self.step)

    def routes(self, lr: Tensor) -> Tensor:
        """(N, T) int64: the branch of each window of each image, row by row, 0 the easiest; where all of them run, the
        one that the classifier prefers."""
        return self.route(self.windows(self.at_least_a_window(lr)))

    def route(self, windows: Tensor) -> Tensor:
        """(N, T, 3, patch, patch) → the index of each one's branch, (N, T)."""
        if self.routing == "full":
            return torch.full(windows.shape[:2], len(self.names) - 1, device=windows.device)
        if self.routing == "random":
            drawn = torch.rand(windows.shape[1], generator=torch.Generator().manual_seed(0))
            return self.in_equal_parts(drawn.to(windows.device).expand(windows.shape[:2]))
        if self.routing == "psnr":
            return self.in_equal_parts(own_loss(windows.flatten(0, 1), self.scale).unflatten(0, windows.shape[:2]))
        output: Tensor = self.choose(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return output

    def in_equal_parts(self, difficulty: Tensor) -> Tensor:
        """(N, T) → each image's windows by their ranks, (N, T) int64."""
        ranks: Tensor = difficulty.argsort(stable=True, dim=1).argsort(1)
        return ranks * len(self.names) // difficulty.shape[1]

    def choose(self, sub_images: Tensor) -> Tensor:
        """(M, 3, patch, patch) → the branch that the classifier prefers for each, (M,)."""
        if self.classifier is None:
            return torch.zeros(len(sub_images), dtype=torch.int64, device=sub_images.device)
        output: Tensor = self.classifier(sub_images).argmax(1)
        return output

    def super_resolve(self, windows: Tensor) -> Tensor:
        """(N, T, 3, patch, patch) → (N, T, 3, s·patch, s·patch), each through its branch, or through all."""
        sub_images = windows.flatten(0, 1)
        at_once = CPU_AT_ONCE if sub_images.device.type == "cpu" else GPU_AT_ONCE
        sr = sub_images.new_empty(len(sub_images), 3, self.scale * self.patch, self.scale * self.patch)
        for network, own in self.members(windows):
            for part in own.split(at_once):
                if len(part):
                    sr[part] = network(sub_images[part]).to(sr.dtype)
        output: Tensor = sr.unflatten(0, windows.shape[:2])
        return output

    def members(self, windows: Tensor) -> Iterator[tuple[Callable[[Tensor], Tensor], Tensor]]:
        """What runs, each with the places of its windows among all, (M,) int64."""
        if self.routing in ("soft", "full"):  # whatever the values are, so that costs can be counted without any
            network = self.branches[-1] if self.routing == "full" else lambda part: self.soft(part)[0]
            yield network, torch.arange(windows[..., 0, 0, 0].numel(), device=windows.device)
            return
        choices = self.route(windows).flatten()
        sizes = F.one_hot(choices, len(self.names)).sum(0).tolist()
        yield from zip(self.branches, choices.argsort(stable=True).split(sizes), strict=True)

    def windows(self, lr: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, T, 3, patch, patch), row by row."""
        return split(lr, self.patch, self.patch - self.step)

    def at_least_a_window(self, lr: Tensor) -> Tensor:
        return pad_to(lr, max(lr.shape[-2], self.patch), max(lr.shape[-1], self.patch))


def own_loss(sub_images: Tensor, scale: int) -> Tensor:
    """(M, 3, h, w) → the mean squared difference of each to itself made 1/scale as large and enlarged again, (M,)."""
    size = sub_images.shape[-2:]
    small = F.interpolate(sub_images, [-(-side // scale) for side in size], mode="bicubic", antialias=True)
    again = F.interpolate(small, size, mode="bicubic", antialias=True)
    return (sub_images - again).square().mean((1, 2, 3))
