"""ClassSR, its branches and its sub-images give the outputs of the published code, from its weights."""

import pytest
import torch
from torch import Tensor, nn

from srbench.models.carn import CARN
from srbench.models.classsr import Classifier, ClassSR
from srbench.models.fsrcnn import FSRCNN
from srbench.models.layers.sub_images import covered, merge_mean
from srbench.models.layers.tiles import split
from srbench.models.rcan import RCAN
from srbench.models.srresnet import SRResNet
from srbench.recipes.routed import AverageLoss, ClassLoss
from tests.conftest import Parity, assert_matches


def run(model: nn.Module, weights: dict[str, Tensor], image: Tensor) -> Tensor:
    model.load_state_dict(weights)
    with torch.inference_mode():
        return model.eval()(image)


@pytest.mark.parametrize("d", [16, 56])
def test_fsrcnn(d, parity):
    reference = parity(f"fsrcnn_d{d}")
    assert_matches(run(FSRCNN(d=d), reference.weights, reference["input"]), reference["output"])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_srresnet(scale, parity):
    reference = parity(f"srresnet_x{scale}")
    model = SRResNet(scale, width=16, blocks=3)
    assert_matches(run(model, reference.weights, reference["input"]), reference["output"])


@pytest.mark.parametrize(("name", "width", "reduction", "rgb_range"), [("r1", 36, 16, 1), ("r255", 20, 8, 255)])
def test_rcan(name, width, reduction, rgb_range, parity):
    reference = parity(f"rcan_{name}")
    model = RCAN(width=width, groups=2, blocks=2, reduction=reduction, rgb_range=rgb_range)
    output = run(model, RCAN.from_published(reference.weights), reference["input"] / rgb_range)
    assert_matches(rgb_range * output, reference["output"])


def test_a_new_rcan_has_the_published_mean_shift(parity):
    weights = RCAN.from_published(parity("rcan_r255").weights)
    new = RCAN(width=20, groups=2, blocks=2, reduction=8).state_dict()
    shift = [name for name in weights if "shifter" in name]
    assert len(shift) == 4
    assert all(torch.equal(new[name], weights[name]) for name in shift)


def test_carn_with_normalised_fusions(parity):
    reference = parity("carn_m_classsr_bn")
    model = CARN(
        scale=4,
        width=16,
        unit="efficient",
        unit_groups=4,
        share_units=True,
        upsampler_groups=4,
        fusion_norm="batch",
        train_mean_shift=True,
    )
    assert_matches(run(model, CARN.from_published(reference.weights), reference["input"]), reference["output"])


def test_our_own_names_stay_as_they_are():
    own = CARN(scale=4, width=4, fusion_norm="batch").state_dict()
    assert list(CARN.from_published(own)) == list(own)


def test_the_classifier(parity):
    reference = parity("classsr_classifier")
    logits = run(Classifier(), reference.weights, reference["input"])
    assert_matches(logits, reference["logits"])
    assert_matches(logits.softmax(1), reference["prob"])


def of_three_fsrcnns() -> ClassSR:
    return ClassSR([FSRCNN(d=d) for d in (16, 36, 56)])


def of_three_small_rcans() -> ClassSR:
    return ClassSR([RCAN(width=w, groups=1, blocks=1, reduction=8) for w in (16, 20, 24)], patch=16, step=14)


@pytest.mark.parametrize(
    ("name", "make", "white"),
    [("classsr_fsrcnn_e2e", of_three_fsrcnns, 1), ("classsr_rcan_reduced_e2e", of_three_small_rcans, 255)],
)
def test_classsr_end_to_end(name, make, white, parity):
    """The RCAN file holds 0…255 and, as the published code, mean shifts for a white of 1."""
    reference = parity(name)
    model, images = make(), reference["input"] / white
    for prefix in ("", "module."):
        published = {prefix + name: tensor for name, tensor in reference.weights.items()}
        assert_matches(white * run(model, ClassSR.from_published(published), images), reference["output_hard"])
    with torch.inference_mode():
        output_soft, probabilities = model.soft(images)
        assert_matches(white * output_soft, reference["output_soft"])
        assert_matches(white * model.train()(images), reference["output_soft"])
        assert_matches(probabilities, reference["prob"])
        assert torch.equal(model.routes(images), reference["branch"][:, None])


def test_each_branch_of_classsr(parity):
    reference = parity("classsr_fsrcnn_e2e")
    model = of_three_fsrcnns().eval()
    model.load_state_dict(ClassSR.from_published(reference.weights))
    with torch.inference_mode():
        for number, branch in enumerate(model.branches, 1):
            first = branch(reference["input"][:1])
            assert_matches(first, reference[f"branch_output_{number}_first_patch"])


def channels_first(images: Tensor) -> Tensor:
    return images.movedim(-1, -3).float()


def published_test_images(reference: Parity) -> tuple[Tensor, int, int]:
    """The covered part of the image, and its height and width."""
    config = reference.config
    image = channels_first(reference["image"])[None]
    height, width = (covered(length, config["patch"], config["step"]) for length in image.shape[-2:])
    return image[..., :height, :width], height, width


def test_sub_images_without_the_remainder(parity):
    reference = parity("classsr_crop_merge")
    patch, step = reference.config["patch"], reference.config["step"]
    image, height, width = published_test_images(reference)
    assert (height, width) == (reference["covered_h"].item(), reference["covered_w"].item())
    sub_images = split(image, patch, patch - step)[0]
    assert len(sub_images) == reference["num_h"].item() * reference["num_w"].item()
    assert torch.equal(sub_images, channels_first(reference["patches"]))


def test_sub_images_averaged_back(parity):
    reference = parity("classsr_crop_merge")
    scale, step = reference.config["scale"], reference.config["step"]
    _, height, width = published_test_images(reference)
    merged = merge_mean(channels_first(reference["sr_patches"])[None], scale * height, scale * width, scale * step)
    assert_matches(merged[0], channels_first(reference["merged"]))


@pytest.mark.parametrize("kind", ["", "_onehot", "_uniform"])
@pytest.mark.parametrize(("name", "loss"), [("class_loss", ClassLoss()), ("average_loss", AverageLoss())])
def test_the_losses_of_the_probabilities(kind, name, loss, parity):
    reference = parity("classsr_losses")
    expected = reference[f"{name}{kind}"].item()
    assert loss(reference[f"prob{kind}"]).item() == pytest.approx(expected, rel=1e-6, abs=1e-6)
