"""What a CPU gets wrong in bfloat16 is computed in float32."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from srbench.models.layers.reparameterised import ReparameterisedConv2d, in_training_form
from srbench.models.mossnet import MossNet
from srbench.recipes.sound_convolutions import sound_convolutions


def poisoned() -> None:
    """Leaves nan in the memory that the next tensors are given."""
    for size in (1000, 5000, 20_000, 100_000, 300_000, 1_000_000):
        torch.full((size,), float("nan"))


def gradient(convolution: nn.Conv2d, half: bool, sound: bool = True) -> Tensor:
    convolution = deepcopy(convolution).to(memory_format=torch.channels_last)
    torch.manual_seed(0)
    x = torch.rand(4, convolution.in_channels, 32, 32).to(memory_format=torch.channels_last)
    precision = "bf16-mixed" if half else "32-true"
    with sound_convolutions(convolution, "cpu", precision if sound else "32-true"):
        poisoned()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            y = convolution(x)
        poisoned()
        (y.float() * torch.rand_like(y, dtype=torch.float32)).sum().backward()
    found = convolution.weight.grad
    assert found is not None
    return found


def dilated(channels: int, groups: int = 1, dilation: int = 2) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, groups=groups)


@pytest.mark.parametrize(("channels", "groups", "dilation"), [(28, 1, 2), (28, 1, 4), (24, 24, 2), (64, 8, 3)])
def test_the_gradient_of_a_dilated_convolution_is_that_of_float32(channels, groups, dilation):
    convolution = dilated(channels, groups, dilation)
    assert torch.equal(gradient(convolution, half=True), gradient(convolution, half=False))


def test_so_is_one_that_is_trained_in_another_form():
    layers = nn.Sequential(ReparameterisedConv2d(28, 28, "parallel", dilation=2))
    with in_training_form(layers), sound_convolutions(layers, "cpu", "bf16-mixed"):
        assert "forward" in vars(layers[0])


@pytest.mark.parametrize("convolution", [dilated(32), dilated(64, 4), dilated(28, dilation=1)])
def test_others_stay_in_bfloat16(convolution):
    half, full = gradient(convolution, half=True), gradient(convolution, half=False)
    assert torch.equal(half, gradient(convolution, half=True, sound=False))
    assert not torch.equal(half, full)
    assert (half - full).abs().max() < 0.01 * full.abs().max()


def test_a_network_is_as_it_was_afterwards_and_so_are_its_copies_meanwhile():
    model = MossNet(scale=2, atrous=(2, 4))
    convolution = model.unet.mid[0][0]
    with sound_convolutions(model, "cpu", "bf16-mixed"):
        assert "forward" in vars(convolution)
        copied = deepcopy(model)
        nn.init.zeros_(copied.unet.mid[0][0].weight)
        nn.init.zeros_(copied.unet.mid[0][0].bias)
        assert copied.unet.mid[0][0](torch.rand(1, 28, 8, 8)).abs().max() == 0
    assert "forward" not in vars(convolution)


@pytest.mark.parametrize(("device", "precision"), [("cpu", "32-true"), ("cuda", "bf16-mixed")])
def test_nothing_is_changed_where_nothing_is_wrong(device, precision):
    model = MossNet(scale=2, atrous=(2, 4))
    with sound_convolutions(model, device, precision):
        assert not any("forward" in vars(part) for part in model.modules())
