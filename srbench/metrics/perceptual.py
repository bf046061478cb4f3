"""LPIPS: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.

AlexNet, version 0.1, the setting that its authors recommend for comparing. Net and linear layers are the `lpips`
package's; AlexNet's weights are read from a folder, because the package would download them.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

BACKBONE = "alexnet_features.safetensors"
SMALLEST = 31  # pixels: below, nothing is left for AlexNet's second pooling


class MetricUnavailable(Exception):  # noqa: N818  a state of the machine, not a mistake
    """A metric cannot be computed here; the message is the reason, one sentence that names the fix."""


class LPIPS:
    """Callable: the perceptual distance of two images, uint8 (H, W, 3) → float. Lower is better, 0 if equal.

    Raises MetricUnavailable when none of `weights_dirs` holds AlexNet's weights.
    """

    def __init__(self, weights_dirs: Sequence[Path]) -> None:
        backbone = _find_backbone(weights_dirs)
        self._net = _load(backbone).to(memory_format=torch.channels_last)  # 1.3 times as fast

    @torch.inference_mode()
    def __call__(self, sr: np.ndarray, hr: np.ndarray) -> float:
        """The distance of two whole images. Raises ValueError for images of different shapes or below 31×31 pixels."""
        if sr.shape != hr.shape:
            raise ValueError(f"LPIPS compares images of one shape, not {sr.shape} and {hr.shape}.")
        if min(sr.shape[:2]) < SMALLEST:
            raise ValueError(
                f"LPIPS takes images of {SMALLEST}×{SMALLEST} pixels or more, not {sr.shape[0]}×{sr.shape[1]}."
            )
        return self._net(_to_tensor(sr), _to_tensor(hr)).item()


def _find_backbone(weights_dirs: Sequence[Path]) -> Path:
    for folder in weights_dirs:
        if (folder / BACKBONE).is_file():
            return folder / BACKBONE
    folders = ", ".join(map(str, weights_dirs)) or "no folder at all"
    raise MetricUnavailable(
        f"LPIPS needs {BACKBONE}, looked for in {folders}; "
        "set weights_dir to a folder that holds it (datasets.md says how to make it)"
    )


def _load(backbone: Path) -> nn.Module:
    """The package's LPIPS net with AlexNet's weights from `backbone`; every weight comes from one of the two files."""
    import lpips  # takes seconds: it imports torchvision, scikit-image and matplotlib

    with torch.device("meta"), warnings.catch_warnings():
        # On the meta device the package does not spend a second on drawing 61 million random weights.
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision.models._utils")
        net = lpips.LPIPS(net="alex", version="0.1", pretrained=False, pnet_rand=True, verbose=False)
    net.net.load_state_dict(_to_slices(load_file(backbone)), assign=True)
    linear = Path(lpips.__file__).parent / "weights" / "v0.1" / "alex.pth"
    weights = torch.load(linear, map_location="cpu", weights_only=True)
    for index, layer in enumerate(net.lins):
        layer.load_state_dict({"model.1.weight": weights[f"lin{index}.model.1.weight"]}, assign=True)
    return net.eval().requires_grad_(False)


def _to_slices(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's `features.3.weight` is `slice2.3.weight` in the package, which cuts AlexNet after each ReLU."""
    slices = {"0": 1, "3": 2, "6": 3, "8": 4, "10": 5}
    parts = ((name.split("."), tensor) for name, tensor in weights.items())
    return {f"slice{slices[layer]}.{layer}.{kind}": tensor for (_, layer, kind), tensor in parts}


def _to_tensor(image: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) → (1, 3, H, W) in [−1, 1], in the memory order of the image, which is channels_last."""
    return torch.tensor(image).permute(2, 0, 1)[None].float() / 127.5 - 1
