"""The network of a run as what ranks ClassSR's windows (data/classsr_windows.py)."""

from functools import partial
from typing import Any

import torch

from srbench.core import hardware
from srbench.core.progress import Listener
from srbench.data.classsr_windows import Upscale
from srbench.data.prepare.make import Ranker
from srbench.evaluation.window_upscaler import WindowUpscaler
from srbench.experiments.compose import ready_model
from srbench.experiments.spec import RunSpec
from srbench.models import hub


def ranker(run: RunSpec) -> Ranker:
    """The run's network, to rank windows by."""
    return Ranker(run.name, _identity(run), partial(_upscaler, run))


def _identity(run: RunSpec) -> dict[str, Any]:
    """What fixes the network and its weights, as JSON."""
    weights = hub.identity(run.checkpoint, run.places.weights_dir, run.scale) if run.checkpoint else None
    return {"model": run.network.identity, "checkpoint": weights}


def _upscaler(run: RunSpec, threads: int, tell: Listener) -> Upscale:
    """The run's network on uint8 windows, on the run's device."""
    torch.set_num_threads(threads)
    return WindowUpscaler(ready_model(run, tell), hardware.pick_device(run.device))
