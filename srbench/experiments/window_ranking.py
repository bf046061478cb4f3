"""A network as what ranks ClassSR's windows (data/classsr_windows.py)."""

from functools import partial
from typing import Any

import numpy as np
import torch

from srbench.core import hardware
from srbench.core.progress import Listener
from srbench.data.classsr_windows import Upscale
from srbench.data.prepare.make import Ranker
from srbench.experiments.compose import ready_model
from srbench.experiments.spec import RunSpec
from srbench.metrics.cost import exact_float32
from srbench.models import hub

CPU_AT_ONCE = 8  # windows; more would leave the cache
GPU_AT_ONCE = 256


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
    device = hardware.pick_device(run.device)
    at_once = GPU_AT_ONCE if device.startswith("cuda") else CPU_AT_ONCE
    network = ready_model(run, tell).to(device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def upscale(lr: np.ndarray) -> np.ndarray:
        parts = []
        for part in torch.from_numpy(lr).split(at_once):
            with exact_float32():
                sr = network(part.to(device).permute(0, 3, 1, 2).float() / 255)
            parts.append((sr.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu())
        whole: np.ndarray = torch.cat(parts).numpy()
        return whole

    return upscale
