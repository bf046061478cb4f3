"""Distillation: a student learns from HR and from what a teacher, whose weights stay, makes of the same LR.

Source: MossNet's page, which distils its XS from a larger network and says no more. The terms, their weights and the
controls are srbench's.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from srbench.core.errors import UserError
from srbench.core.progress import silent
from srbench.data.supply import Batch
from srbench.models import hub
from srbench.models.traits import image_channels_of, traits_of
from srbench.recipes.constants import as_constants
from srbench.recipes.length import Length
from srbench.recipes.losses import checked_weight, weighted
from srbench.recipes.recipe import MakeOptimizer, MakeSchedule
from srbench.recipes.supervised import Supervised, as_images, as_thumbnails, sr_of

log = logging.getLogger(__name__)

TERMS = ("hr", "output", "embedding")
OF_TEACHER = {"output", "embedding"}


class Distillation(Supervised):
    """Trains `model`, the student, as Supervised does, on a sum of three terms, each times its number in `weights`:

    - `hr`: the `loss` of the student's SR against HR;
    - `output`: the same loss against the teacher's SR;
    - `embedding`: 1 − cos(W e_S, e_T), the mean over the batch, of the vectors that both networks make of the whole LR
      image (their trait `embedding`); W is a linear map that is trained along and left behind. There is no such term
      where one of the two makes no vector.

    A term of weight 0 is not computed, and the teacher is not asked for where both of its own are. `teacher`: a network
    of the student's scale; `teacher_checkpoint`: its weights, a file or a published name, looked for as those of
    `checkpoint=` are. It sees the LR of the student, and the picture of the whole LR image, in eval mode. The other
    arguments are Supervised's.

    Raises ValueError for weights that are none, for a teacher of another scale or other channels, and for one whose
    own weights are not given, not there or do not fit.
    """

    capturable = True

    def __init__(
        self,
        model: nn.Module,
        length: Length,
        loss: nn.Module | Mapping[str, nn.Module],
        optimizer: MakeOptimizer,
        schedule: MakeSchedule,
        teacher: nn.Module,
        teacher_checkpoint: str | None,
        weights: Mapping[str, float],
        weights_dir: str = "",
        gradient_clip: float | None = None,
        ema: float | None = None,
        accumulate: int = 1,
    ) -> None:
        super().__init__(model, length, loss, optimizer, schedule, gradient_clip, ema, accumulate)
        self.weights = _used(weights)
        self.teacher: nn.Module | None = None
        self.embedding: nn.Linear | None = None
        if self.weights.keys() & OF_TEACHER:
            self.teacher = _with_weights(teacher, teacher_checkpoint, weights_dir, model)
        if self.teacher and "embedding" in self.weights:
            self.embedding = _between(model, self.teacher)
            if self.embedding is None:
                log.info("no embedding term: %s and %s do not both have one", *map(_name, (model, self.teacher)))
                del self.weights["embedding"]
        self.parts, self.frozen = tuple(self.weights), (self.loss, *([self.teacher] if self.teacher else []))

    def losses(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, and its terms without their weights, detached."""
        terms: dict[str, Tensor] = {}
        sr, hr = self.images(batch)
        if "hr" in self.weights:
            terms["hr"], _ = self.loss(sr, hr)
        if self.teacher and "output" in self.weights:
            with torch.no_grad():
                target = sr_of(self.teacher, batch)
            terms["output"], _ = self.loss(sr, target)
        if self.teacher and self.embedding:
            lr = as_images(batch.lr)
            thumbnail = None if batch.thumbnail is None else as_thumbnails(batch.thumbnail)
            mapped = self.embedding(self.model.embed(lr, thumbnail))  # type: ignore[operator]
            with torch.no_grad():
                theirs = self.teacher.embed(lr, thumbnail)  # type: ignore[operator]
            terms["embedding"] = 1 - F.cosine_similarity(mapped.float(), theirs.float()).mean()
        return weighted(terms, self.weights)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Lightning's hook: the optimizer of the student's parameters and W, and its schedule."""
        trained = [self.model, *([self.embedding] if self.embedding else [])]
        optimizer = self.make_optimizer([p for module in trained for p in module.parameters() if p.requires_grad])
        return self.with_schedule(optimizer, self.make_schedule)


def _with_weights(teacher: nn.Module, checkpoint: str | None, weights_dir: str, student: nn.Module) -> nn.Module:
    """The teacher as it stays. ValueError as Distillation."""
    if not isinstance(teacher, nn.Module):
        raise ValueError(f"teacher is {teacher}, where a network is needed, as in model@recipe.teacher=mossnet_m.")
    ours, theirs = _scales(student), _scales(teacher)
    if ours and theirs and not set(ours) <= set(theirs):
        told, asked = (" ".join(f"×{scale}" for scale in scales) for scales in (theirs, ours))
        raise ValueError(f"the teacher, {_name(teacher)}, is for {told}, and its student for {asked}.")
    takes, given = image_channels_of(teacher), image_channels_of(student)
    if takes != given:
        raise ValueError(
            f"the teacher, {_name(teacher)}, takes images of {takes} channels, and its student of {given}."
        )
    if not checkpoint:
        raise ValueError(
            f"the teacher, {_name(teacher)}, has no weights; train it first, and give recipe.teacher_checkpoint=FILE."
        )
    scale = next(iter((*_scales(student), *_scales(teacher))), 0)
    try:
        hub.bring(teacher, checkpoint, weights_dir, scale, silent)
    except UserError as error:
        raise ValueError(f"teacher_checkpoint: {error}") from error
    return as_constants(teacher)


def _scales(model: nn.Module) -> tuple[int, ...]:
    """All that a network is for; none where it does not say."""
    one: Any = getattr(model, "scale", None)
    return traits_of(model).scales or ((one,) if one else ())


def _name(model: nn.Module) -> str:
    return type(model).__name__


def _used(weights: Mapping[str, float]) -> dict[str, float]:
    """Those above 0, in the order of TERMS. ValueError for one that is none, and where SR is in no term."""
    if not isinstance(weights, Mapping):
        raise ValueError(f"weights is {weights}; it must map terms to numbers, as in {{hr: 0.5, output: 0.5}}.")
    for name, weight in weights.items():
        if name not in TERMS:
            raise ValueError(f"weights.{name}: no such term; there are {', '.join(TERMS)}.")
        checked_weight(f"weights.{name}", weight)
    used = {name: float(weights[name]) for name in TERMS if weights.get(name)}
    if not used.keys() & {"hr", "output"}:
        raise ValueError("weights.hr and weights.output are 0, so that nothing trains SR; set one of them.")
    return used


def _between(student: nn.Module, teacher: nn.Module) -> nn.Linear | None:
    """The map from the student's embedding to the teacher's."""
    ours, theirs = traits_of(student).embedding, traits_of(teacher).embedding
    return nn.Linear(ours, theirs, bias=False) if ours and theirs else None
