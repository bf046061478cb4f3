"""last.ckpt, from which an interrupted stage goes on, and the weights that a finished stage leaves."""

import json
import logging
import pickle
from collections.abc import Mapping
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from srbench.core.files import write_file
from srbench.recipes.outcome import StageOutcome
from srbench.recipes.stages import Stage

log = logging.getLogger(__name__)

CHECKPOINT = "last.ckpt"


class OneStepCheckpoints(TorchCheckpointIO):
    """For Lightning's `plugins`: its own writes pass through another folder, and may be cut off on the way back."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Replaces the file in one step."""
        content = BytesIO()  # torch's own writer tells nothing of a full disk
        torch.save(checkpoint, content)
        write_file(Path(path), content.getvalue())


def resumable_step(path: Path, identity: Mapping[str, Any], weights: Mapping[str, Tensor]) -> int:
    """The step from which a checkpoint goes on; 0, told in one line, for a file that is broken, of another stage than
    `identity` says, or of other tensors than `weights`. Such a file is removed."""
    if not path.is_file():
        return 0
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        found, tensors, step = content["identity"], content["state_dict"], int(content["step"])
        same = {k: v.shape for k, v in tensors.items() if isinstance(v, Tensor)} == {
            k: v.shape for k, v in weights.items() if isinstance(v, Tensor)
        }
        reason = f"it is of {found}" if found != identity else "" if same else "it holds other weights"
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, TypeError, KeyError) as error:
        reason = f"it cannot be read ({type(error).__name__})"
    if reason:
        log.warning("stage %s begins anew, not from %s: %s", identity["stage"], path, reason)
        path.unlink()
        return 0
    log.info("stage %s: going on from step %d (%s)", identity["stage"], step, path)
    return step


def stage_file(folder: Path, number: int, stage: Stage) -> Path:
    """Where the weights of the stage lie; `number`: from 1."""
    return folder / "stages" / f"{number}-{stage.name}.safetensors"


def keep_stage(path: Path, model: nn.Module, outcome: StageOutcome) -> None:
    """Writes the whole model's weights, and how the stage went with them, in one step."""
    tensors = {name: value.contiguous() for name, value in model.cpu().state_dict().items()}
    path.parent.mkdir(exist_ok=True)
    write_file(path, save(tensors, {"outcome": json.dumps(asdict(outcome))}))


def finished_outcome(path: Path, stage: Stage) -> StageOutcome | None:
    """How a stage went that is done; None for one that is not. A file that is broken, or of a stage of another name or
    length, is told in one line and counts for nothing."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            outcome = StageOutcome(**json.loads(file.metadata()["outcome"]))
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        log.warning("stage %s is trained again: %s cannot be read (%s)", stage.name, path, type(error).__name__)
        return None
    length = stage.length
    if (outcome.name, outcome.steps, outcome.batch_size, outcome.hr_patch) != (
        stage.name, length.steps, length.batch_size, length.hr_patch
    ):  # fmt: skip
        log.warning("stage %s is trained again: %s is of another length", stage.name, path)
        return None
    return outcome
