"""A network as what ranks ClassSR's windows (data/classsr_windows.py)."""

import numpy as np
import torch
from torch import nn

from srbench.core.progress import silent
from srbench.data.classsr_windows import SCALE
from srbench.metrics.exact_float32 import exact_float32
from srbench.models import hub
from srbench.models.weights import digest

CPU_AT_ONCE = 8  # windows; more would leave the cache
GPU_AT_ONCE = 256


class WindowUpscaler:
    """Callable: uint8 (N, 32, 32, 3) → uint8 (N, 128, 128, 3), by a network in eval mode on `device`."""

    def __init__(self, network: nn.Module, device: str) -> None:
        self.network = network.eval().to(device).to(memory_format=torch.channels_last)
        self.device, self.at_once = device, GPU_AT_ONCE if device.startswith("cuda") else CPU_AT_ONCE

    @torch.inference_mode()
    def __call__(self, lr: np.ndarray) -> np.ndarray:
        parts = []
        for part in torch.from_numpy(lr).split(self.at_once):
            with exact_float32():
                sr = self.network(part.to(self.device).permute(0, 3, 1, 2).float() / 255)
            parts.append((sr.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu())
        whole: np.ndarray = torch.cat(parts).numpy()
        return whole


class NetworkRanking(WindowUpscaler):
    """Ranks by a network of ×4 with the weights of `checkpoint`, on the CPU, for `batches.ranking` of a recipe."""

    def __init__(self, model: nn.Module, checkpoint: str, weights_dir: str) -> None:
        super().__init__(model, "cpu")
        hub.bring(model, checkpoint, weights_dir, SCALE, silent)
        self.identity = [type(model).__name__, digest(model.state_dict())]
