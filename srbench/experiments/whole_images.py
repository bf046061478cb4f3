"""The picture of the whole LR image that comes with each patch of a stage."""

import torch
from torch import nn

from srbench.experiments.component import component
from srbench.experiments.spec import StageSpec
from srbench.models.traits import traits_of


def picture_side(stage: StageSpec, model: nn.Module) -> int | None:
    """Its side in pixels, as the model, or else a teacher in use beside it, asks for it; None where neither looks at
    one."""
    side, teacher = traits_of(model).thumbnail, stage.recipe_in_use.arguments.get("teacher")
    if side or not teacher:
        return side
    key = f"recipe.stages.{stage.name}.teacher"
    with torch.device("meta"):
        return traits_of(component(teacher, key).build(key)).thumbnail
