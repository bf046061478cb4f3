"""The features of VGG19 that losses compare: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale
Image Recognition", ICLR 2015, with torchvision's ImageNet weights."""

from collections.abc import Iterator, Mapping
from itertools import islice

import torch
from torch import Tensor, nn

from srbench.core.suggest import did_you_mean

BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))  # convolutions and their channels; a pooling follows each


def _places() -> Iterator[tuple[str, int]]:
    place = 0
    for block, (convolutions, _) in enumerate(BLOCKS, 1):
        for number in range(1, convolutions + 1):
            yield from ((f"conv{block}_{number}", place), (f"relu{block}_{number}", place + 1))
            place += 2
        place += 1


# By the field's names: convB_N is before its ReLU, reluB_N after it. The places are those of torchvision's `features`.
LAYERS = dict(_places())


class WrongWeightsError(Exception):
    """Weights are not VGG19's; the message names one that is missing."""


class VGG19Features(nn.Module):
    """(N, 3, H, W), normalised → the features of `layers` by name, (N, C, h, w) each.

    What lies behind the last of them is not computed. `weights`: torchvision's, by its names. ValueError for a layer
    that VGG19 has not and for none, WrongWeightsError for weights of another network.
    """

    def __init__(self, layers: tuple[str, ...], weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        for layer in layers:
            if layer not in LAYERS:
                raise ValueError(f"VGG19 has no layer {layer}{did_you_mean(layer, LAYERS)}.")
        if not layers:
            raise ValueError("no layer is named; the usual one is conv5_4.")
        self.names = {LAYERS[layer]: layer for layer in layers}
        with torch.device("meta"):  # random weights would take time, and random numbers that others draw
            self.features = nn.Sequential(*islice(_modules(), max(self.names) + 1))
        own = self.state_dict()
        for name, tensor in own.items():
            if name not in weights or weights[name].shape != tensor.shape:
                raise WrongWeightsError(f"{name} of shape {tuple(tensor.shape)} is missing")
        self.load_state_dict({name: weights[name] for name in own}, assign=True)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        features = images
        for place, module in enumerate(self.features):
            features = module(features)
            if place in self.names:
                found[self.names[place]] = features
        return found


def _modules() -> Iterator[nn.Module]:
    inputs = 3
    for convolutions, width in BLOCKS:
        for _ in range(convolutions):
            yield nn.Conv2d(inputs, width, 3, padding=1)
            yield nn.ReLU()
            inputs = width
        yield nn.MaxPool2d(2)
