"""The protocol under which SR is compared with HR, as a value: read without torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Channels = Literal["luma", "luma_rounded", "rgb"]

USUAL: dict[str, Channels] = {"y": "luma", "y_uint8": "luma_rounded", "rgb": "rgb", "ntire": "rgb"}


@dataclass(frozen=True)
class Protocol:
    """How SR is compared with HR. `border`: pixels cropped from each side before, or "scale" for as many as the scale.

    `channels`: "luma" is the Y of MATLAB's rgb2ycbcr (BT.601) on RGB, kept as it comes (as BasicSR does);
    "luma_rounded" rounds it to integers (as MATLAB does on uint8, and on uint16); "rgb" takes all three channels
    jointly. Of a grey image all three are that image.
    """

    name: str
    channels: Channels
    border: int | Literal["scale"] = "scale"

    def __post_init__(self) -> None:
        if self.channels not in get_args(Channels):
            raise ValueError(f"A protocol's channels are one of {', '.join(get_args(Channels))}, not {self.channels}.")
        if self.border != "scale" and not (type(self.border) is int and self.border >= 0):
            raise ValueError(f'A protocol\'s border is a number of pixels or "scale", not {self.border}.')

    @property
    def label(self) -> str:
        """The name, with what it stands for where that is not what the project's protocol of that name is."""
        usual = USUAL.get(self.name) == self.channels and self.border == "scale"
        return self.name if usual else str(self)

    def __str__(self) -> str:
        return f"{self.name} ({self.channels}, border {self.border})"

    def prepare(self, image: "np.ndarray", scale: int) -> "Tensor":
        """The image cropped and converted once, for every metric: uint8 or uint16, (H, W, 3) or (H, W, 1) → float64
        (1, C, H', W') in [0, 1].

        Raises ValueError for another dtype or shape, and for an image of which the border leaves nothing.
        """
        from srbench.metrics.fidelity import planes_of

        return planes_of(image, self.channels, scale if self.border == "scale" else self.border)


def protocol_named(name: str, key: str = "protocol") -> Protocol:
    """The project's protocol of that name, one of conf/protocol. UserError, which calls the name `key`, for another."""
    if name not in USUAL:
        raise UserError(f"{key}={name}: no such protocol{did_you_mean(name, USUAL)}")
    return Protocol(name, USUAL[name])
