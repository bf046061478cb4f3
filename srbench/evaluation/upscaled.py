"""What a network makes of one image, from wherever it comes."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from srbench.core.hardware import pick_device
from srbench.data.any_image import AnyImage, pixels_of
from srbench.evaluation.inference import SuperResolver, check_size
from srbench.evaluation.own_network import check_network, check_values, in_float32
from srbench.evaluation.settings import Inference
from srbench.evaluation.translated import in_eval_mode
from srbench.metrics.usual_torch import usual_torch
from srbench.models.traits import image_channels_of


@usual_torch()
def upscale(
    model: nn.Module,
    image: AnyImage,
    *,
    tile: int | Literal["auto"] | None = "auto",
    overlap: int = 64,
    self_ensemble: bool = False,
    memory_gb: float = 2.0,
    device: str | torch.device = "auto",
) -> np.ndarray:
    """SR of an image, uint8 (sH, sW, 3) in RGB: what the protocol scores. uint16 of an image of 16 bits.

    `model`: any module from LR (N, 3, H, W) in [0, 1] to SR; one with `image_channels` of 1 takes and gives images of
    one channel. `image`: a path, an array (H, W, 3) or a tensor (3, H, W), uint8, uint16 or floating-point in [0, 1].
    `tile`: the largest side of a tile in pixels of LR, None for never any, or auto:
    in tiles where the whole image would take more than `memory_gb` (10⁹ bytes); `overlap`: of tiles. `self_ensemble`:
    the mean over the eight flips and rotations. `device`: auto, cpu, cuda, cuda:1; the model stays there, in eval mode.
    It computes in float32, in which its weights stay, too.

    Raises ValueError for an image that is none, UserError for one that is smaller than the model takes, and for a model
    that is none or makes no SR of it.

    Examples:
        >>> import numpy as np, srbench
        >>> lr = np.zeros((16, 24, 3), np.uint8)
        >>> srbench.upscale(srbench.load("bicubic", scale=2), lr).shape
        (32, 48, 3)
    """
    check_network(model)
    check_values(model)
    lr, chosen = pixels_of(image, channels=image_channels_of(model)), pick_device(str(device))
    network = in_float32(in_eval_mode(model).to(chosen), chosen).to(memory_format=torch.channels_last)
    check_size(network, lr, Path(image) if isinstance(image, str | Path) else Path("image"))
    return SuperResolver(network, chosen, Inference(tile, overlap, self_ensemble, memory_gb))(lr)
