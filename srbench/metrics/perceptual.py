"""LPIPS: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.

Version 0.1. Its authors recommend AlexNet for comparing, VGG16 as a loss. Nets and linear layers are the `lpips`
package's; the backbones' weights are read from a folder, because the package would download them.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

Net = Literal["alex", "vgg", "squeeze"]

BACKBONES: dict[Net, str] = {
    "alex": "alexnet_features.safetensors",
    "vgg": "vgg16_features.safetensors",
    "squeeze": "squeezenet_features.safetensors",
}
SMALLEST: dict[Net, int] = {"alex": 31, "vgg": 16, "squeeze": 17}  # pixels: below, the last pooling has nothing left


class MetricUnavailable(Exception):  # noqa: N818  a state of the machine, not a mistake
    """A metric cannot be computed here; the message is the reason, one sentence that names the fix."""


class LPIPS:
    """Callable: the perceptual distance of two images, uint8 (H, W, 3) → float. Lower is better, 0 if equal.

    `net`: the backbone, "alex" (AlexNet), "vgg" (VGG16) or "squeeze" (SqueezeNet 1.1), with torchvision's ImageNet
    weights. Distances of different nets do not compare.
    Raises MetricUnavailable when none of `weights_dirs` holds the weights.
    """

    def __init__(self, weights_dirs: Sequence[Path], net: Net = "alex") -> None:
        if net not in BACKBONES:
            raise ValueError(f"LPIPS has no net {net}: choose from {', '.join(get_args(Net))}.")
        self._smallest = SMALLEST[net]
        fix = f"get it with: python -m srbench data get {BACKBONES[net].partition('_')[0]}"
        backbone = find_weights(weights_dirs, BACKBONES[net], "LPIPS", fix)
        self._net = _load(net, backbone).to(memory_format=torch.channels_last)  # 1.3 times as fast

    @torch.inference_mode()
    def __call__(self, sr: np.ndarray, hr: np.ndarray) -> float:
        """The distance of two whole images. One pair at a time: on a CPU, a batch of images is no faster.

        Raises ValueError for images of different shapes, or below 31×31 pixels (VGG16 16×16, SqueezeNet 17×17).
        """
        if sr.shape != hr.shape:
            raise ValueError(f"LPIPS compares images of one shape, not {sr.shape} and {hr.shape}.")
        if min(sr.shape[:2]) < self._smallest:
            raise ValueError(
                f"LPIPS takes images of {self._smallest}×{self._smallest} pixels or more, "
                f"not {sr.shape[0]}×{sr.shape[1]}."
            )
        return self._net(_to_tensor(sr), _to_tensor(hr)).item()


def find_weights(weights_dirs: Sequence[Path], name: str, metric: str, fix: str) -> Path:
    """The first file `name` in the folders. MetricUnavailable, for `metric` and with the `fix`, if none holds it."""
    for folder in weights_dirs:
        if (folder / name).is_file():
            return folder / name
    folders = ", ".join(map(str, weights_dirs)) or "no folder at all"
    raise MetricUnavailable(f"{metric} needs {name}, looked for in {folders}; {fix}, or set weights_dir")


def _load(net: Net, backbone: Path) -> nn.Module:
    """The package's LPIPS with the weights from `backbone`; every weight comes from one of the two files."""
    import lpips  # takes seconds: it imports torchvision, scikit-image and matplotlib

    with torch.device("meta"), warnings.catch_warnings():
        # On the meta device the package does not spend a second on drawing up to 138 million random weights.
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision.models._utils")
        model = lpips.LPIPS(net=net, version="0.1", pretrained=False, pnet_rand=True, verbose=False)
    model.net.load_state_dict(_to_slices(load_file(backbone), model.net), assign=True)
    linear = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    weights = torch.load(linear, map_location="cpu", weights_only=True)
    for index, layer in enumerate(model.lins):
        layer.load_state_dict({"model.1.weight": weights[f"lin{index}.model.1.weight"]}, assign=True)
    return model.eval().requires_grad_(False)


def _to_slices(weights: dict[str, Tensor], sliced: nn.Module) -> dict[str, Tensor]:
    """torchvision's `features.3.weight` is `slice2.3.weight` in the package, which cuts the net after some ReLUs."""
    names = {f"features.{name.partition('.')[2]}": name for name in sliced.state_dict()}
    return {names.get(name, name): tensor for name, tensor in weights.items()}


def _to_tensor(image: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) → (1, 3, H, W) in [−1, 1], in the memory order of the image, which is channels_last."""
    return torch.tensor(image).permute(2, 0, 1)[None].float() / 127.5 - 1
