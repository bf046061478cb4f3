"""Perceptual losses: their features are torchvision's, LPIPS is the metric, and their networks are not trained."""

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from srbench.core.errors import UserError
from srbench.data.images import read_image
from srbench.metrics.perceptual import LPIPS
from srbench.models.layers.normalize import MEAN, STD
from srbench.recipes.feature_losses import LPIPSLoss, Perceptual, Style
from srbench.recipes.fit import fit
from srbench.recipes.losses import L1
from srbench.recipes.vgg19 import LAYERS
from tests.recipes.toys import a_session, a_stage, small_carn, supervised

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def images(side=32):
    torch.manual_seed(1)
    return torch.rand(2, 3, side, side, requires_grad=True), torch.rand(2, 3, side, side)


def features(vgg19, place, image, colours=IMAGENET):
    """torchvision's own, whose ReLUs change what is before them in place."""
    mean, std = (torch.tensor(one)[:, None, None] for one in colours)
    return nn.Sequential(*list(vgg19.features)[: place + 1])((image - mean) / std).clone()


def test_the_layers_are_those_of_torchvision(vgg19):
    kinds = {name: type(vgg19.features[place]).__name__ for name, place in LAYERS.items()}
    assert kinds == {name: "Conv2d" if name.startswith("conv") else "ReLU" for name in LAYERS}
    assert len(LAYERS) == 2 * 16
    assert (LAYERS["conv5_4"], LAYERS["relu5_4"], LAYERS["conv1_1"], LAYERS["conv3_4"]) == (34, 35, 0, 16)


@pytest.mark.parametrize(("criterion", "distance"), [("l1", nn.L1Loss()), ("mse", nn.MSELoss())])
@pytest.mark.parametrize(("normalization", "colours"), [("imagenet", IMAGENET), ("published", (MEAN, STD))])
def test_value_and_gradient_are_those_of_torchvisions_network(
    vgg19, weights_dir, criterion, distance, normalization, colours
):
    layers = {"conv5_4": 2.0, "relu2_2": 0.5, "conv2_2": 1.0}
    sr, hr = images()
    value = Perceptual("vgg19", weights_dir, layers, criterion, normalization)(sr, hr)
    (gradient,) = torch.autograd.grad(value, sr)
    places = {34: 2.0, 8: 0.5, 7: 1.0}
    expected = sum(
        weight * distance(features(vgg19, place, sr, colours), features(vgg19, place, hr, colours))
        for place, weight in places.items()
    )
    (theirs,) = torch.autograd.grad(expected, sr)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, theirs, rtol=1e-4, atol=1e-4 * theirs.abs().max().item())


def test_style_compares_gram_matrices(vgg19, weights_dir):
    sr, hr = images()
    value = Style("vgg19", weights_dir, {"relu3_1": 3.0})(sr, hr)
    grams = []
    for image in (sr, hr):
        f = features(vgg19, LAYERS["relu3_1"], image)
        c, h, w = f.shape[1:]
        grams.append(torch.einsum("nchw,ndhw->ncd", f, f) / (c * h * w))
    torch.testing.assert_close(value, 3 * nn.L1Loss()(*grams))
    assert torch.autograd.grad(value, sr)[0].abs().sum() > 0


def test_lpips_is_the_metric_and_has_a_gradient(shared):
    weights = shared / "weights"
    pixels = [read_image(shared / "data/lpips_example" / f"{name}.png") for name in ("ex_ref", "ex_p0", "ex_p1")]
    reference, *others = (torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255 for image in pixels)
    loss = LPIPSLoss("alexnet", str(weights))
    values = [loss(other.requires_grad_(), reference) for other in others]
    assert [round(value.item(), 3) for value in values] == [0.722, 0.138]  # as published
    metric = LPIPS([weights]).distances([(image, pixels[0]) for image in pixels[1:]])
    assert [value.item() for value in values] == pytest.approx(metric, abs=1e-5)
    both = loss(torch.cat(others), torch.cat([reference] * 2))
    assert both.item() == pytest.approx(np.mean(metric), abs=1e-5)
    before, sr = values[1].item(), others[1]
    (gradient,) = torch.autograd.grad(values[1], sr)
    assert loss(sr - 0.01 * gradient / gradient.abs().max(), reference) < before


def test_the_gradient_of_lpips_is_finite_where_no_feature_is_active(tmp_path):
    alexnet = torchvision.models.alexnet(weights=None).features
    for module in alexnet:
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.bias, -1e3)
    save_file({f"features.{k}": v for k, v in alexnet.state_dict().items()}, tmp_path / "alexnet_features.safetensors")
    sr, hr = images(64)
    LPIPSLoss("alexnet", str(tmp_path))(sr, hr).backward()
    assert torch.equal(sr.grad, torch.zeros_like(sr))


def test_a_network_is_neither_trained_nor_kept_nor_put_in_training_mode(files, tmp_path, weights_dir, vgg19):
    loss = Perceptual("vgg19", weights_dir, {"conv2_1": 1.0}, weight=0.1)
    assert not list(loss.parameters())
    assert not loss.state_dict()
    validations = [30.0]  # the second fails, and last.ckpt is of the first
    recipe = supervised(loss={"l1": L1(), "perceptual": loss})
    with pytest.raises(IndexError):
        fit(small_carn(), [a_stage(files, recipe=recipe)], tmp_path, a_session(lambda _: validations.pop()))
    assert not any(module.training for module in loss.modules() if module is not loss)
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert all(name.startswith("model.") for name in checkpoint["state_dict"])
    torch.testing.assert_close(dict(loss.network.named_buffers())["features.0.weight"], vgg19.features[0].weight)


def test_a_loss_draws_nothing(weights_dir):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    Perceptual("vgg19", weights_dir, {"conv1_1": 1.0})
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"layers": {"conv5_5": 1.0}}, r"VGG19 has no layer conv5_5, did you mean conv5_\d\?"),
        ({"layers": {}}, "no layer is named"),
        ({"layers": {"conv5_4": 0}}, r"layers\.conv5_4 is 0; it must be a number above 0"),
        ({"layers": {"conv5_4": "much"}}, r"layers\.conv5_4 is much"),
        ({"layers": "conv5_4"}, "layers is conv5_4; it must map layers to weights"),
        ({"criterion": "l3"}, "criterion is l3; choose from l1, mse"),
        ({"normalization": "none"}, "normalization is none; choose from imagenet, published"),
        ({"backbone": "vgg16"}, "backbone is vgg16; choose from vgg19"),
    ],
)
def test_what_is_no_perceptual_loss_is_refused(weights_dir, changed, line):
    with pytest.raises(ValueError, match=line):
        Perceptual(**({"backbone": "vgg19", "weights_dir": weights_dir, "layers": {"conv5_4": 1.0}} | changed))


@pytest.mark.parametrize("content", [b"no weights", "another network"])
def test_a_file_of_other_weights_is_refused_with_its_name(tmp_path, content):
    file = tmp_path / "vgg19_features.safetensors"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        save_file({"features.0.weight": torch.zeros(64, 3, 11, 11)}, file)
    with pytest.raises(UserError, match=f"^backbone=vgg19: {file} does not hold its weights .*; move it away"):
        Perceptual("vgg19", str(tmp_path), {"conv5_4": 1.0})


def test_weights_that_are_absent_are_told_with_what_brings_them(tmp_path):
    for make, name in ((lambda n, d: Perceptual(n, d, {"conv5_4": 1.0}), "vgg19"), (LPIPSLoss, "alexnet")):
        with pytest.raises(UserError, match=rf"{name}_features.*looked in {tmp_path}.*srbench data get {name} brings"):
            make(name, str(tmp_path))


def test_lpips_says_what_it_takes(shared):
    with pytest.raises(ValueError, match="backbone is vgg19; choose from alexnet, vgg16, squeezenet"):
        LPIPSLoss("vgg19", "")
    with pytest.raises(ValueError, match="LPIPS takes patches of 31 pixels or more, not of 24"):
        LPIPSLoss("alexnet", str(shared / "weights"))(*images(24))
