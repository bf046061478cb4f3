"""LPIPS against the published example and golden scores."""

import json
import subprocess
import sys
from pathlib import Path

import lpips as package
import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file

from srbench.metrics import pieces
from srbench.metrics.available import MetricUnavailable
from srbench.metrics.perceptual import LPIPS

CASES = [(image, scale) for image in ("baby", "bird", "butterfly", "head", "woman") for scale in (2, 3, 4)]


def read(path):
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def lpips(shared, tmp_path_factory):
    return LPIPS([tmp_path_factory.mktemp("empty"), shared / "weights"])


@pytest.mark.parametrize(("image", "distance"), [("ex_p0", 0.722), ("ex_p1", 0.138)])
def test_the_published_example(image, distance, lpips, shared):
    folder = shared / "data" / "lpips_example"
    assert lpips(read(folder / f"{image}.png"), read(folder / "ex_ref.png")) == pytest.approx(distance, abs=5e-4)


@pytest.mark.parametrize(("image", "scale"), CASES)
def test_set5_scores(image, scale, lpips, shared):
    folder = shared / "reference" / "metrics"
    rows = json.loads((folder / "set5_bicubic.json").read_text())
    golden = next(row["lpips_alex"] for row in rows if (row["image"], row["scale"]) == (image, scale))
    sr = read(folder / f"{image}_bicubic_x{scale}.png")
    hr = read(shared / "data" / "benchmark" / "Set5" / "HR" / f"{image}.png")
    assert lpips(sr, hr[: sr.shape[0], : sr.shape[1]]) == pytest.approx(golden, abs=1e-4)


BACKBONES = {  # the ReLUs whose features count: conv1–5 of AlexNet, the last of VGG16's five groups, SqueezeNet's fires
    "alex": ("alexnet", "alexnet_features.safetensors", [1, 4, 7, 9, 11]),
    "vgg": ("vgg16", "vgg16_features.safetensors", [3, 8, 15, 22, 29]),
    "squeeze": ("squeezenet1_1", "squeezenet_features.safetensors", [1, 4, 7, 9, 10, 11, 12]),
}


def random_backbone(name):
    """torchvision's net with random weights, its convolutional part."""
    with torch.device("meta"):
        features = getattr(torchvision.models, name)(weights=None).features
    features.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in features.parameters():
        fan_in = parameter[0].numel()
        torch.nn.init.normal_(parameter, 0, (2 / fan_in) ** 0.5 if parameter.ndim > 1 else 0.1, generator)
    return features.requires_grad_(False)


def by_definition(features, taps, linear, sr, hr):
    """§3.1: features of unit length at each pixel, squared differences weighted by channel, mean over the pixels."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])  # ImageNet's
    x = torch.stack([((torch.tensor(image) / 255 - mean) / deviation).permute(2, 0, 1) for image in (sr, hr)])
    distance = 0.0
    for index, layer in enumerate(features[: taps[-1] + 1]):
        x = layer(x)
        if index in taps:
            weights = linear[f"lin{taps.index(index)}.model.1.weight"]
            ours, theirs = torch.nn.functional.normalize(x, dim=1)
            distance += ((ours - theirs).square() * weights[0]).sum(0).mean().item()
    return distance


@pytest.mark.parametrize("net", BACKBONES)
def test_every_net_gives_what_the_paper_defines(net, tmp_path):
    name, file, taps = BACKBONES[net]
    features = random_backbone(name)
    save_file({f"features.{key}": tensor for key, tensor in features.state_dict().items()}, tmp_path / file)
    file = Path(package.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    linear = torch.load(file, map_location="cpu", weights_only=True)
    sr, hr = np.random.default_rng(0).integers(0, 256, (2, 47, 64, 3), np.uint8)
    with torch.inference_mode():
        expected = by_definition(features, taps, linear, sr, hr)
    assert LPIPS([tmp_path], net)(sr, hr) == pytest.approx(expected, rel=1e-4)


@pytest.fixture
def with_random_weights(tmp_path):
    def make(net):
        name, file, _ = BACKBONES[net]
        weights = random_backbone(name).state_dict()
        save_file({f"features.{key}": tensor for key, tensor in weights.items()}, tmp_path / file)
        return LPIPS([tmp_path], net)

    return make


@pytest.mark.parametrize("net", BACKBONES)
def test_pieces_of_a_large_image_give_the_distance_of_the_whole(net, with_random_weights, monkeypatch):
    lpips = with_random_weights(net)
    sr, hr = np.random.default_rng(0).integers(0, 256, (2, 289, 36, 3), np.uint8)
    sr[:100] = hr[:100]  # no two pieces alike
    pairs = [(sr, hr), (sr.transpose(1, 0, 2), hr.transpose(1, 0, 2))]
    whole = lpips.distances(pairs)
    monkeypatch.setattr(pieces, "WHOLE", 289 * 36 - 1)
    monkeypatch.setattr(pieces, "PIECE", 96)
    assert lpips.distances(pairs) == pytest.approx(whole, rel=2e-6)


def test_a_batch_gives_the_distances_of_its_images(lpips):
    rng = np.random.default_rng(0)
    shapes = [(64, 48, 3)] * 60 + [(48, 64, 3)] + [(64, 48, 3)] * 2  # the first are more than a batch takes
    pairs = [tuple(rng.integers(0, 256, (2, *shape), np.uint8)) for shape in shapes]
    assert lpips.distances(pairs) == pytest.approx([lpips(*pair) for pair in pairs], rel=1e-5)
    assert lpips.distances([]) == []


@pytest.mark.parametrize(("net", "smallest"), [("alex", 31), ("vgg", 16), ("squeeze", 17)])
def test_every_net_names_the_smallest_image_that_it_takes(net, smallest, with_random_weights):
    lpips = with_random_weights(net)
    sr, hr = np.random.default_rng(0).integers(0, 256, (2, smallest, smallest, 3), np.uint8)
    assert lpips(sr, hr) > 0
    with pytest.raises(ValueError, match=f"{smallest}×{smallest} pixels or more, not {smallest - 1}×{smallest}"):
        lpips(sr[1:], hr[1:])


def test_a_backbone_of_another_net_is_refused(tmp_path, shared):
    (tmp_path / "vgg16_features.safetensors").symlink_to(shared / "weights" / "alexnet_features.safetensors")
    with pytest.raises(MetricUnavailable) as error:
        LPIPS([tmp_path], "vgg")
    told = str(error.value)
    assert told.startswith(f"{tmp_path / 'vgg16_features.safetensors'}: not the weights that lpips_vgg needs (")
    assert told.endswith("); move it away, then get it with: python -m srbench data get vgg16")
    assert error.value.missing.kind == "weights"


@pytest.mark.parametrize("content", [b"", b"no weights", bytes(4096)])
def test_a_broken_backbone_is_one_line(tmp_path, content):
    (tmp_path / "alexnet_features.safetensors").write_bytes(content)
    with pytest.raises(MetricUnavailable, match=r"^\S+alexnet_features\.safetensors: not the weights that lpips needs"):
        LPIPS([tmp_path])


def test_a_net_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^LPIPS has no net resnet: choose from alex, vgg, squeeze\.$"):
        LPIPS([tmp_path], "resnet")


def test_equal_images_have_no_distance(lpips):
    image = np.random.default_rng(0).integers(0, 256, (31, 31, 3), np.uint8)
    assert lpips(image, image) == 0


@pytest.mark.parametrize("net", BACKBONES)
def test_a_missing_backbone_is_named_with_its_folders_and_the_fix(net, tmp_path):
    with pytest.raises(MetricUnavailable) as error:
        LPIPS([tmp_path, tmp_path / "cache"], net)
    for part in (BACKBONES[net][1], f"{tmp_path}, {tmp_path / 'cache'}", "weights_dir"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("sr", "hr", "message"),
    [((40, 40, 3), (40, 41, 3), "one shape"), ((30, 64, 3), (30, 64, 3), "31×31 pixels or more, not 30×64")],
)
def test_images_that_cannot_be_compared_are_refused(sr, hr, message, lpips):
    with pytest.raises(ValueError, match=message):
        lpips(np.zeros(sr, np.uint8), np.zeros(hr, np.uint8))


def test_the_package_is_imported_only_when_it_is_needed():
    code = "import sys, srbench.metrics.perceptual; sys.exit('lpips' in sys.modules or 'torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
