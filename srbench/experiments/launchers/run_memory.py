"""How much of a GPU's memory runs take, predicted on the meta device: what decides how many of them share one."""

from collections.abc import Sequence

from srbench.core import hardware
from srbench.data.images import image_size
from srbench.data.patches import Patches
from srbench.experiments.component import imported
from srbench.experiments.compose import build_on_meta
from srbench.experiments.spec import RunSpec, StageSpec
from srbench.models.layers.reparameterised import in_training_form
from srbench.models.traits import traits_of
from srbench.recipes.fit import IMAGES_SHARE
from srbench.recipes.training_memory import UNCERTAIN, training_memory

PROCESS = 800_000_000  # bytes of a process beside its tensors: CUDA's context, kernels, workspaces of libraries
FEW = 4  # of the runs of a grid, that are predicted


def most_memory(runs: Sequence[RunSpec], device: str, free: int) -> int:
    """The bytes that the run takes that takes the most, among the FEW with the most weights times pixels of a batch.
    `free`: bytes of the device. Raises whatever their networks do on the meta device."""
    return max(run_memory(run, device, free) for run in sorted(runs, key=_size, reverse=True)[:FEW])


def run_memory(run: RunSpec, device: str, free: int) -> int:
    """The bytes that one run takes, its process included: those of its largest stage, and `eval.memory_gb` for a pass
    of its evaluation, which may be more than its images need. Raises as `most_memory`."""
    stages = (_of_stage(run, stage, device, free) for stage in run.stages)
    return PROCESS + max(stages, default=0) + round(run.evaluation.inference.memory_gb * 1e9)


def _size(run: RunSpec) -> int:
    pixels = max((stage.length.batch_size * stage.length.hr_patch**2 for stage in run.stages), default=0)
    return pixels * (1 + sum(weight.numel() for weight in build_on_meta(run).parameters()))


def _of_stage(run: RunSpec, stage: StageSpec, device: str, free: int) -> int:
    model = build_on_meta(run)
    trained = model.get_submodule(stage.part or "")
    with in_training_form(trained):
        recipe = stage.recipe.build(f"recipe.stages.{stage.name}", model=trained, length=stage.length)
        tensors = training_memory(trained, recipe, hardware.pick_precision(run.precision, device), device)
    return round((1 + UNCERTAIN) * tensors) + images_on_gpu(stage, scales_of(run, stage), free)


def scales_of(run: RunSpec, stage: StageSpec) -> tuple[int, ...]:
    """Of the stage's batches."""
    several = stage.batches.arguments.get("multi_scale")
    return traits_of(build_on_meta(run)).scales if several else (run.scale,)


def images_on_gpu(stage: StageSpec, scales: Sequence[int], free: int) -> int:
    """The bytes of the stage's training images, HR and LR of each scale, where they are to lie on a GPU with so many
    `free` bytes; 0 where they stay on the host."""
    batches, told = imported(stage.batches.target), stage.batches.arguments
    cuts = batches is Patches
    if not cuts or told.get("degrade") or stage.data.degradation:
        return 0
    needed = image_bytes(stage, scales)
    return needed if needed <= IMAGES_SHARE * free else 0


def image_bytes(stage: StageSpec, scales: Sequence[int]) -> int:
    """Of the stage's training images, HR and LR of each scale, as they are cut."""
    pixels = sum(height * width for height, width in map(image_size, stage.data.train_files()))
    each: int = stage.data.form.channels * stage.data.form.dtype.itemsize
    return round(each * pixels * sum(1 + 1 / scale**2 for scale in scales))
