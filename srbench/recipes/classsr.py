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
from srbench.recipes.losses import Loss, as_sum
from srbench.recipes.recipe import MakeOptimizer, MakeSchedule
from srbench.recipes.supervised import Supervised, as_images


class ClassLoss(Loss):
    """How undecided the probabilities (N, M) are: the mean over the samples of M − 1 − Σ |p_i − p_j| over all pairs of
    classes. From 0, one class is certain, to M − 1, all are alike."""

    def forward(self, probabilities: Tensor) -> Tensor:
        pairs = combinations(probabilities.unbind(1), 2)
        apart = reduce(torch.add, ((one - other).abs() for one, other in pairs))
        return (probabilities.shape[1] - 1 - apart).mean()


class AverageLoss(Loss):
    """How unevenly a batch's probabilities (N, M) fall on the classes: Σ |Σ p_i − N / M| over the classes, divided by
    its largest value, 2 N (M − 1) / M. From 0, evenly, to 1, all on one."""

    def forward(self, probabilities: Tensor) -> Tensor:
        samples, classes = probabilities.shape
        even = samples / classes
        output: Tensor = (probabilities.sum(0) - even).abs().sum() / (2 * even * (classes - 1))
        return output


class Routed(Supervised):
    """Trains a ClassSR, each sub-image of a batch through all branches, weighted by their probabilities (`soft`).

    `loss`: of the image, (sr, hr); `routing`: of the probabilities, (N, M); each is one loss or several by name, and
    the weighted sum of all is trained. `freeze_branches`: trains the classifier alone; the branches stay in eval mode,
    so that the statistics of their batch normalisation do not move. The rest as Supervised.
    """

    def __init__(
        self,
        model: nn.Module,
        length: Length,
        loss: nn.Module | Mapping[str, nn.Module],
        routing: nn.Module | Mapping[str, nn.Module],
        optimizer: MakeOptimizer,
        schedule: MakeSchedule,
        freeze_branches: bool = False,
        gradient_clip: float | None = None,
        ema: float | None = None,
        accumulate: int = 1,
    ) -> None:
        if not isinstance(model, ClassSR) or len(model.branches) < 2:
            raise ValueError(
                f"this stage trains a ClassSR of two branches or more, as model=classsr, not {_told(model)}."
            )
        super().__init__(model, length, loss, optimizer, schedule, gradient_clip, ema, accumulate)
        self.routing = as_sum(routing)
        if doubled := self.loss.weights.keys() & self.routing.weights.keys():
            raise ValueError(f"loss and routing both have a term {min(doubled)}; give each a name of its own.")
        self.parts = (*self.loss.weights, *self.routing.weights)
        self.frozen = (*self.frozen, self.routing)
        if freeze_branches:
            self.frozen = (*self.frozen, *(branch.requires_grad_(False) for branch in model.branches))

    def training_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        """The loss of one batch, after its update, and its terms without their weights."""
        sr, probabilities = self.model.soft(as_images(batch.lr))  # type: ignore[operator]
        sr, hr, probabilities = sr.float(), as_images(batch.hr), probabilities.float()
        terms = {name: loss(sr, hr) for name, loss in self.loss.losses.items()}
        terms |= {name: loss(probabilities) for name, loss in self.routing.losses.items()}
        weights = self.loss.weights | self.routing.weights
        loss = reduce(torch.add, (terms[name] * weights[name] for name in self.parts))
        (optimizer,) = self.all_optimizers
        self.update(optimizer, loss, self.gradient_clip)
        return {"loss": loss.detach(), **{name: term.detach() for name, term in terms.items()}}


def _told(model: nn.Module) -> str:
    return f"a {type(model).__name__}" + (" of one branch" if isinstance(model, ClassSR) else "")
