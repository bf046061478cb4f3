"""Images to train on, and networks whose features losses compare."""

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from tests.recipes.toys import write_images


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="session")
def vgg19() -> nn.Module:
    """torchvision's, with random weights: nobody downloads for a test."""
    torch.manual_seed(0)
    network: nn.Module = torchvision.models.vgg19(weights=None).eval().requires_grad_(False)
    return network


@pytest.fixture(scope="session")
def weights_dir(vgg19: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with that VGG19 and an AlexNet, as `srbench data get` leaves them."""
    folder = tmp_path_factory.mktemp("weights")
    for name, network in (("vgg19", vgg19), ("alexnet", torchvision.models.alexnet(weights=None))):
        kept = {key: tensor for key, tensor in network.state_dict().items() if key.startswith("features.")}
        save_file(kept, folder / f"{name}_features.safetensors")
    return str(folder)
