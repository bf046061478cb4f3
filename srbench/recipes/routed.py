"""ClassSR's training of a classifier and its branches: Kong et al., "ClassSR: A General Framework to Accelerate
Super-Resolution Networks by Data Characteristic", CVPR 2021, §3.3, and its published code.

Losses as the code computes them. The paper's Class-Loss lacks the constant, which has no gradient, and its Average-Loss
the divisor.
"""

from collections.abc import Mapping
from functools import reduce
from itertools import combinations

import torch
from torch import Tensor, nn

from srbench.data.supply import Batch
from srbench.models.classsr import ClassSR
from srbench.recipes.length import Length
from srbench.recipes.losses import Loss, as_sum, weighted
from srbench.recipes.recipe import MakeOptimizer, MakeSchedule
from srbench.recipes.supervised import Supervised, as_images


class RoutingLoss(Loss):
    """Of the probabilities (N, M) of N samples for M classes."""


class ClassLoss(RoutingLoss):
    """How undecided they are: the mean over the samples of M − 1 − Σ |p_i − p_j| over all pairs of classes. From 0, one
    class is certain, to M − 1, all are alike."""

    def forward(self, probabilities: Tensor) -> Tensor:
        pairs = combinations(probabilities.unbind(1), 2)
        apart = reduce(torch.add, ((one - other).abs() for one, other in pairs))
        return (probabilities.shape[1] - 1 - apart).mean()


class AverageLoss(RoutingLoss):
    """How unevenly those of a batch fall on the classes: Σ |Σ p_i − N / M| over the classes, divided by its largest
    value, 2 N (M − 1) / M. From 0, evenly, to 1, all on one."""

    def forward(self, probabilities: Tensor) -> Tensor:
        samples, classes = probabilities.shape
        even = samples / classes
        output: Tensor = (probabilities.sum(0) - even).abs().sum() / (2 * even * (classes - 1))
        return output


class Routed(Supervised):
    """Trains a ClassSR, each sub-image of a batch through all branches, weighted by their probabilities (`soft`).

    `loss`: by name, of (sr, hr), and of the probabilities where it is a RoutingLoss; their weighted sum is trained. The
    rest as Supervised. Raises ValueError for a model that has nothing to route, and for losses without one of each.
    """

    freezes_branches = False
    capturable = True

    def __init__(
        self,
        model: nn.Module,
        length: Length,
        loss: Mapping[str, nn.Module],
        optimizer: MakeOptimizer,
        schedule: MakeSchedule,
        gradient_clip: float | None = None,
        ema: float | None = None,
        accumulate: int = 1,
    ) -> None:
        if not isinstance(model, ClassSR) or len(model.branches) < 2:
            told = f"a {type(model).__name__}" + (" of one branch" if isinstance(model, ClassSR) else "")
            raise ValueError(f"this stage trains a ClassSR of two branches or more, as model=classsr, not {told}.")
        named = loss if isinstance(loss, Mapping) else {}
        routing = {name: one for name, one in named.items() if isinstance(one, RoutingLoss)}
        of_image = {name: one for name, one in named.items() if name not in routing}
        if not routing or not of_image:
            raise ValueError("loss needs terms by name of the image and of the probabilities; a weight may be 0.")
        super().__init__(model, length, of_image, optimizer, schedule, gradient_clip, ema, accumulate)
        self.routing = as_sum(routing)
        self.parts = (*self.loss.weights, *self.routing.weights)
        self.frozen = (*self.frozen, self.routing)
        if self.freezes_branches:
            self.frozen = (*self.frozen, *(branch.requires_grad_(False) for branch in model.branches))

    def losses(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, and its terms without their weights, detached."""
        sr, probabilities = self.model.soft(as_images(batch.lr))  # type: ignore[operator]
        terms = self.loss.values(sr.float(), as_images(batch.hr)) | self.routing.values(probabilities.float())
        return weighted(terms, self.loss.weights | self.routing.weights)


class ClassifierAlone(Routed):
    """The same with the branches frozen and in eval mode, so that the statistics of their batch normalisation do not
    move either."""

    freezes_branches = True
    capturable = True
