"""Squeeze and excitation along channels and space: Roy, Navab and Wachinger, "Concurrent Spatial and Channel 'Squeeze &
Excitation' in Fully Convolutional Networks", MICCAI 2018, as the CARN study in yu45020/Waifu2x combines them: by sum.
Initialisation: PyTorch's default.
"""

from typing import Literal

from torch import Tensor, nn


class SCSE(nn.Module):
    """(N, C, H, W) → (N, C, H, W): the input times the sum of its gates, each between 0 and 1.

    The channel gate (N, C, 1, 1) is a perceptron of `hidden` nodes on the channels' means, the spatial gate
    (N, 1, H, W) a 1×1 convolution without bias. `kind`: both gates ("scse"), or one of them.
    """

    def __init__(self, channels: int, hidden: int = 4, kind: Literal["scse", "channel", "spatial"] = "scse") -> None:
        super().__init__()
        if kind != "spatial":
            self.channel_excite = nn.Sequential(
                nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels), nn.Sigmoid()
            )
        if kind != "channel":
            self.spatial_excite = nn.Sequential(nn.Conv2d(channels, 1, 1, bias=False), nn.Sigmoid())
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor
        if self.kind == "spatial":
            output = x * self.spatial_excite(x)
            return output
        channel_gate = self.channel_excite(x.mean((2, 3)))[:, :, None, None]
        if self.kind == "channel":
            output = x * channel_gate
            return output
        output = x * (channel_gate + self.spatial_excite(x))
        return output
