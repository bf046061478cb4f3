"""DISTS against torchmetrics's own network; the real VGG16 where it is at hand."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchmetrics.functional.image import deep_image_structure_and_texture_similarity as theirs
from torchmetrics.functional.image import dists as their_module
from torchvision.models import vgg16

from srbench.core.paths import default_places, weights_folders
from srbench.metrics import pieces
from srbench.metrics.available import MetricUnavailable
from srbench.metrics.dists import DISTS
from srbench.metrics.scorer import RGB, make_scorer
from srbench.metrics.table import METRICS

FILE = METRICS["dists"].weights


@pytest.fixture(scope="module")
def backbone() -> torch.nn.Module:
    """torchvision's VGG16 with seeded random weights, scaled so that every layer tells something."""
    with torch.device("meta"):
        network = vgg16(weights=None)
    network.classifier = torch.nn.Sequential()
    network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        deviation = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.1
        torch.nn.init.normal_(parameter, 0, deviation, generator)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def dists(backbone, tmp_path_factory) -> DISTS:
    folder = tmp_path_factory.mktemp("weights")
    save_file({f"features.{key}": tensor for key, tensor in backbone.features.state_dict().items()}, folder / FILE)
    return DISTS([folder])


@pytest.fixture
def torchmetrics_dists(backbone, monkeypatch) -> Callable[[np.ndarray, np.ndarray], float]:
    """The package's own function, on the same backbone instead of the one that it would download."""
    monkeypatch.setattr(their_module, "vgg16", lambda **_: backbone)

    def distance(sr: np.ndarray, hr: np.ndarray) -> float:
        images = (torch.tensor(image).permute(2, 0, 1)[None].float() / 255 for image in (sr, hr))
        return theirs(*images).item()

    return distance


def noisy_pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    hr = rng.integers(0, 256, (height, width, 3), np.uint8)
    noise = rng.integers(-60, 61, hr.shape) * (np.arange(height) > height // 3)[:, None, None]  # no two pieces alike
    return np.clip(hr + noise, 0, 255).astype(np.uint8), hr


@pytest.mark.parametrize("size", [(64, 48), (61, 95), (16, 16), (3, 5)])
def test_it_is_what_torchmetrics_computes(size, dists, torchmetrics_dists):
    sr, hr = noisy_pair(*size)
    expected = torchmetrics_dists(sr, hr)
    assert expected > 0.005
    assert dists(sr, hr) == pytest.approx(expected, abs=2e-5)
    assert dists(sr, sr) == 0


def test_pieces_of_a_large_image_give_the_distance_of_the_whole(dists, monkeypatch):
    sr, hr = noisy_pair(289, 36)
    turned = [image.transpose(1, 0, 2) for image in (sr, hr)]
    whole = [dists(sr, hr), dists(*turned)]
    monkeypatch.setattr(pieces, "WHOLE", 289 * 36 - 1)
    monkeypatch.setattr(pieces, "PIECE", 96)
    assert [dists(sr, hr), dists(*turned)] == pytest.approx(whole, rel=2e-6)


def test_flat_images_that_differ_in_brightness_keep_their_structure(dists):
    """Variances of nothing but rounding would give any structure."""
    dark, bright = (np.full((40, 40, 3), value, np.uint8) for value in (90, 92))
    assert 0 < dists(dark, bright) < 0.05


def test_images_of_different_shapes_are_refused(dists):
    with pytest.raises(ValueError, match=r"one shape, not \(40, 40, 3\) and \(40, 41, 3\)"):
        dists(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 41, 3), np.uint8))


def test_without_vgg16_the_column_says_how_to_get_it(tmp_path):
    scorer = make_scorer(["dists"], RGB, [tmp_path])
    (missing,) = scorer.missing
    assert (missing.what, missing.kind) == ("dists", "weights")
    assert f"looked for in {tmp_path}; get it with: python -m srbench data get vgg16" in missing.reason


def test_a_backbone_of_another_net_is_refused(tmp_path, shared):
    (tmp_path / FILE).symlink_to(shared / "weights" / "alexnet_features.safetensors")
    with pytest.raises(MetricUnavailable, match=r"vgg16_features\.safetensors: not the weights that dists needs \("):
        DISTS([tmp_path])


def test_the_real_vgg16_ranks_a_blurred_photograph_below_a_sharp_one(shared, golden):
    folders = [*weights_folders(default_places()["weights_dir"]), shared / "weights"]
    if not any((folder / FILE).is_file() for folder in folders):
        pytest.skip(f"{FILE} is in none of {', '.join(map(str, folders))}; python -m srbench data get vgg16 brings it")
    dists = DISTS(folders)
    distances = [dists(*golden("butterfly", scale)[:2]) for scale in (2, 3, 4)]
    assert 0.02 < distances[0] < distances[1] < distances[2] < 0.5
