"""A network as what ranks ClassSR's windows (data/classsr.py)."""

from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from srbench import checkpoints, machine
from srbench.data.classsr import Upscale
from srbench.metrics.cost import exact_float32
from srbench.plan import PlannedRun
from srbench.presets import ready_model
from srbench.progress import Listener

CPU_AT_ONCE = 8  # windows; more would leave the cache
GPU_AT_ONCE = 256


def identity(run: PlannedRun) -> dict[str, Any]:
    """What fixes the network and its weights, as JSON."""
    config = run.config
    weights = config.checkpoint and checkpoints.identity(config.checkpoint, config.weights_dir, config.scale)
    return {"model": OmegaConf.to_container(config.model, resolve=True), "checkpoint": weights}


def upscaler(run: PlannedRun, threads: int, tell: Listener) -> Upscale:
    """The run's network on uint8 windows, on the run's device."""
    torch.set_num_threads(threads)
    device = machine.pick_device(run.config.device)
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
