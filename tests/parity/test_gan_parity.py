"""SRGAN, ESRGAN and MESRGAN give the outputs of NeonSky/computer-vision-MESRGAN from random weights (none are public).

The reference's generators are smaller than the defaults, its discriminators narrower.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from srbench.models.esrgan import ESRGAN
from srbench.models.layers.discriminator import Discriminator
from srbench.models.mesrgan import MESRGAN
from srbench.models.srgan import SRGAN
from tests.conftest import Parity, assert_matches

WIDTHS, HIDDEN, PATCH = (12, 12, 24, 40, 64), 48, 64


def generator(name: str, reference: Parity) -> nn.Module:
    config = reference.config
    if name == "srgan_generator":
        model, weights = SRGAN(blocks=config["n_blocks"]), reference.weights
    else:
        expansion = {"expansion": config["t"]} if "t" in config else {}
        model = (MESRGAN if expansion else ESRGAN)(blocks=config["n_rdb"], growth=config["gc"], **expansion)
        weights = model.from_published(reference.weights)
    model.load_state_dict(weights)
    return model.eval()


def discriminator(name: str, reference: Parity) -> Discriminator:
    of_srgan = name == "srgan_discriminator"
    model = Discriminator(PATCH, first_bias=not of_srgan, sigmoid=of_srgan, widths=WIDTHS, hidden=HIDDEN)
    model.load_state_dict(model.from_published(reference.weights))
    return model.eval()


NETWORKS = {
    "srgan_generator": generator,
    "esrgan_generator": generator,
    "mesrgan_generator_t1": generator,
    "mesrgan_generator_t2": generator,
    "srgan_discriminator": discriminator,
    "esrgan_discriminator": discriminator,
    "mesrgan_discriminator": discriminator,
}
WITH_ODD = ["esrgan_generator", "mesrgan_generator_t2"]
WITH_NORM = ["srgan_generator", *(name for name in NETWORKS if name.endswith("discriminator"))]


def inner(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """The published network, which takes normalised colours."""
    return model.judge if isinstance(model, Discriminator) else model.generate


def assert_equal_in_float64(output: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "image", "output"),
    [*((name, "x", "y") for name in NETWORKS), *((name, "x_odd", "y_odd") for name in WITH_ODD)],
)
def test_the_published_output(name, image, output, parity):
    reference = parity(name)
    model = NETWORKS[name](name, reference)
    with torch.inference_mode():
        assert_matches(inner(model)(reference[image]), reference[output])
        assert_equal_in_float64(inner(model.double())(reference[image].double()), reference[f"{output}64"])


@pytest.mark.parametrize("name", WITH_NORM)
def test_the_published_output_and_statistics_with_batch_normalisation_in_training(name, parity):
    reference = parity(name)
    model = NETWORKS[name](name, reference)
    for module in model.modules():
        module.train(isinstance(module, nn.BatchNorm2d))  # RReLU stays at its fixed slope
    with torch.inference_mode():
        assert_matches(inner(model)(reference["x"]), reference["y_bntrain"])
    statistics = {key: tensor for key, tensor in model.named_buffers() if not key.startswith("normalize.")}
    assert {f"sd_after_bntrain/{key}" for key in statistics} == {key for key in reference.arrays if "bntrain/" in key}
    for key, tensor in statistics.items():
        torch.testing.assert_close(tensor, reference[f"sd_after_bntrain/{key}"].reshape(tensor.shape))
    with torch.inference_mode():
        assert_equal_in_float64(inner(model.double())(reference["x"].double()), reference["y64_bntrain"])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_modules_of_the_published_network(name, parity):
    reference = parity(name)
    model = NETWORKS[name](name, reference)
    expected = {key.removeprefix("mid/"): reference[key] for key in reference.arrays if key.startswith("mid/")}
    seen: dict[str, Tensor] = {}
    for key in expected:
        # A copy: the published code adds the skip to a new tensor, ours in place.
        model.get_submodule(key).register_forward_hook(lambda _, __, out, key=key: seen.update({key: out.clone()}))
    with torch.inference_mode():
        inner(model)(reference["x"])
    shared_slope = {"upsamples.0"} if name == "esrgan_generator" else set()  # follows the stage, is not part of it
    for key in expected.keys() - shared_slope:
        assert_matches(seen[key], expected[key])


@pytest.mark.parametrize("name", ["esrgan_generator", "mesrgan_generator_t1"])
def test_slopes_that_differ_are_refused(name, parity):
    weights = parity(name).weights
    weights["upsamples.1.2.weight"] = weights["prelu.weight"] + 1e-3
    with pytest.raises(ValueError, match=r"^The slopes of the PReLUs differ: the network has one slope for all\.$"):
        ESRGAN.from_published(weights)
