"""last.ckpt, from which an interrupted stage goes on, and the weights that a finished stage leaves."""

import json
import logging
import pickle
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor, nn

from srbench.core.files import write_file
from srbench.models.kept_weights import UnreadableError, read_kept, write_kept
from srbench.recipes.outcome import StageOutcome, TrainingSession
from srbench.recipes.stages import Stage

log = logging.getLogger(__name__)

CHECKPOINT = "last.ckpt"

# What torch and JSON raise for files that are empty, cut off, damaged or something else.
_UNREADABLE = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError, TypeError),
    *(LookupError, AttributeError),
)


class OneStepCheckpoints(TorchCheckpointIO):
    """For Lightning's `plugins`: its own writes pass through another folder, and may be cut off on the way back."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Replaces the file in one step."""
        content = BytesIO()  # torch's own writer tells nothing of a full disk
        torch.save(checkpoint, content)
        write_file(Path(path), content.getvalue())


@dataclass(frozen=True)
class Resumption:
    """Where a stage goes on: after `step` steps, which took `sessions`. None of these: at its beginning."""

    step: int = 0
    sessions: tuple[TrainingSession, ...] = ()


def resumption(path: Path, identity: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Resumption:
    """Where a checkpoint goes on; at the beginning, told in one line, for a file that is broken, of another stage than
    `identity` says, or of other tensors than `weights`. Such a file is removed."""
    if not path.is_file():
        return Resumption()
    try:
        _refuse_damage(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        found, tensors = content["identity"], content["state_dict"]
        *earlier, last = _sessions(content["sessions"])
        last = replace(last, memory_format=last.memory_format or content.get("layout"))  # of older checkpoints
        begun = Resumption(int(content["step"]), (*earlier, last))
        same = _shapes(tensors) == _shapes(weights)
        reason = f"it is of {found}" if found != identity else "" if same else "it holds other weights"
    except _UNREADABLE as error:
        reason = f"it cannot be read ({type(error).__name__})"
    if reason:
        log.warning("stage %s begins anew, not from %s: %s", identity["stage"], path, reason)
        path.unlink()
        return Resumption()
    log.info("stage %s: going on from step %d (%s)", identity["stage"], begun.step, path)
    return begun


def _refuse_damage(path: Path) -> None:
    """torch reads a file without a look at its checksums: zeros in the middle would become weights."""
    with zipfile.ZipFile(path) as file:
        if damaged := file.testzip():
            raise zipfile.BadZipFile(damaged)


def _shapes(weights: Mapping[str, Any]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in weights.items() if isinstance(value, Tensor)}


def _sessions(content: Sequence[Mapping[str, Any]]) -> tuple[TrainingSession, ...]:
    return tuple(TrainingSession(**session) for session in content)


def stage_file(folder: Path, number: int, stage: Stage) -> Path:
    """Where the weights of the stage lie; `number`: from 1."""
    return folder / "stages" / f"{number}-{stage.name}.safetensors"


def keep_stage(path: Path, model: nn.Module, outcome: StageOutcome) -> None:
    """Writes the whole model's weights, and how the stage went with them, in one step."""
    path.parent.mkdir(exist_ok=True)
    write_kept(path, model.cpu().state_dict(), {"outcome": json.dumps(asdict(outcome))})


def finished_outcome(path: Path, stage: Stage, model: nn.Module) -> StageOutcome | None:
    """How a stage went that is done; None for one that is not. A file that is broken, or of a stage of another name or
    length, or of another model, is told in one line and counts for nothing."""
    if not path.is_file():
        return None
    try:
        about, tensors = read_kept(path)
        content = json.loads(about["outcome"])
        outcome = StageOutcome(**content | {"sessions": _sessions(content["sessions"])})
    except _UNREADABLE as error:
        reason = str(error) if isinstance(error, UnreadableError) else type(error).__name__
        log.warning("stage %s is trained again: %s cannot be read (%s)", stage.name, path, reason)
        return None
    length = stage.length
    if (outcome.name, outcome.steps, outcome.batch_size, outcome.hr_patch, outcome.kept) != (
        stage.name, length.steps, length.batch_size, length.hr_patch, stage.keep
    ):  # fmt: skip
        log.warning("stage %s is trained again: %s is of another length, or of other weights", stage.name, path)
        return None
    if _shapes(tensors) != _shapes(model.state_dict()):
        log.warning("stage %s is trained again: %s is of another model", stage.name, path)
        return None
    return outcome
