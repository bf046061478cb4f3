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

from collections.abc import Mapping, Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.classsr_names import from_classsr
from srbench.models.layers.initialise import start_small
from srbench.models.layers.sub_images import covered, merge_mean
from srbench.models.layers.tiles import pad_to, split

CPU_AT_ONCE = 8  # sub-images; more would leave the cache
GPU_AT_ONCE = 64  # sub-images; bounds the memory of a large image


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
    cut into windows of `patch` at every `step`, the last ones flush with its edges; each window goes through the one
    branch that the classifier prefers, and what overlaps is averaged. An image smaller than a window is padded to one
    by reflection. What runs depends on values, so costs are counted branch by branch, at patch × patch.

    `branches`: networks of one scale, from easy to hard, whatever their names; called net1, net2, … as in the
    published weights.
    """

    from_published = staticmethod(from_classsr)

    def __init__(
        self,
        branches: Mapping[str, nn.Module] | Sequence[nn.Module],
        scale: int = 4,
        patch: int = 32,
        step: int = 28,
    ) -> None:
        super().__init__()
        branches = list(branches.values()) if isinstance(branches, Mapping) else branches
        if len(branches) < 2:
            raise ValueError(f"ClassSR chooses between 2 branches or more, not {len(branches)}.")
        if patch < 4 or not 1 <= step <= patch:
            raise ValueError(f"patch must be 4 or more and step from 1 to patch; they are {patch} and {step}.")
        for number, branch in enumerate(branches, 1):
            if branch.scale != scale:
                raise ValueError(
                    f"branch {number} has scale {branch.scale}, but ClassSR's is {scale}: make them equal."
                )
            self.add_module(f"net{number}", branch)
        self.scale, self.patch, self.step = scale, patch, step
        self.names = [f"net{number}" for number in range(1, len(branches) + 1)]
        self.classifier = Classifier(len(branches))

    @property
    def branches(self) -> list[nn.Module]:
        """From easy to hard."""
        return [self.get_submodule(name) for name in self.names]

    def forward(self, lr: Tensor) -> Tensor:
        return self.soft(lr)[0] if self.training else self.hard(lr)

    def soft(self, sub_images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, h, w) → all branches' outputs weighted by their probabilities, and these: (N, 3, sh, sw), (N, B)."""
        probabilities = self.classifier(sub_images).softmax(1)
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
        """(N, T) int64: the branch of each window of each image, row by row, 0 the easiest."""
        windows = self.windows(self.at_least_a_window(lr))
        output: Tensor = self.choose(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return output

    def choose(self, sub_images: Tensor) -> Tensor:
        """(M, 3, patch, patch) → the index of each one's branch, (M,)."""
        output: Tensor = self.classifier(sub_images).argmax(1)
        return output

    def super_resolve(self, windows: Tensor) -> Tensor:
        """(N, T, 3, patch, patch) → (N, T, 3, s·patch, s·patch), each through its branch."""
        sub_images = windows.flatten(0, 1)
        choices = self.choose(sub_images)
        members = choices.argsort(stable=True).split(F.one_hot(choices, len(self.names)).sum(0).tolist())
        at_once = CPU_AT_ONCE if sub_images.device.type == "cpu" else GPU_AT_ONCE
        sr = sub_images.new_empty(len(sub_images), 3, self.scale * self.patch, self.scale * self.patch)
        for branch, own in zip(self.branches, members, strict=True):
            for part in own.split(at_once):
                if len(part):
                    sr[part] = branch(sub_images[part]).to(sr.dtype)
        output: Tensor = sr.unflatten(0, windows.shape[:2])
        return output

    def windows(self, lr: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, T, 3, patch, patch), row by row."""
        return split(lr, self.patch, self.patch - self.step)

    def at_least_a_window(self, lr: Tensor) -> Tensor:
        return pad_to(lr, max(lr.shape[-2], self.patch), max(lr.shape[-1], self.patch))
