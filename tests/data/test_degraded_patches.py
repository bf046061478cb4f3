"""Training batches with degraded LR: the crops stay, noise is new at every step and the same in every repetition."""

import numpy as np
import pytest
import torch

from srbench.data.chains import parse_degradation
from srbench.data.images import write_image
from srbench.data.patches import Patches
from srbench.data.resizers import RESIZERS
from srbench.data.supply import Supply
from srbench.recipes.supervised import as_images


def patches(files, given, seed=7, scales=None):
    supply = Supply(files, 2, scales, 4, 24, seed, degradation=parse_degradation(given))
    return Patches(supply, multi_scale=scales is not None)


def test_lr_is_degraded_after_cropping_and_turning(files):
    clean, blurred = patches(files, None).batch(3), patches(files, "blur").batch(3)
    assert torch.equal(clean.hr, blurred.hr)
    blur = parse_degradation("blur")
    expected = [blur(lr, 2, np.random.default_rng()) for lr in clean.lr.numpy()]
    np.testing.assert_array_equal(blurred.lr, np.stack(expected))


def test_noise_reaches_the_network_unrounded(files):
    clean, noisy = patches(files, None).batch(0), patches(files, "noise").batch(0)
    images = as_images(noisy.lr)
    assert (images.dtype, images.shape) == (torch.float32, (4, 3, 12, 12))
    assert 0 <= images.min() < images.max() <= 1
    assert (noisy.lr != noisy.lr.round()).float().mean() > 0.7
    inside = (noisy.lr > 0) & (noisy.lr < 255) & (clean.lr > 80) & (clean.lr < 175)
    assert (noisy.lr - clean.lr)[inside].std().item() == pytest.approx(25.5, rel=0.1)


def test_noise_depends_on_seed_and_step_alone(tmp_path):
    write_image(tmp_path / "grey.png", np.full((48, 60, 3), 128, np.uint8))
    files = [tmp_path / "grey.png"]  # all crops are alike, so what differs is the noise
    first, second = patches(files, "noise"), patches(files, "noise")
    second.batch(9)
    assert torch.equal(first.batch(5).lr, second.batch(5).lr)
    assert not torch.equal(first.batch(5).lr, first.batch(6).lr)
    assert not torch.equal(first.batch(5).lr, patches(files, "noise", seed=8).batch(5).lr)
    assert not torch.equal(*first.batch(5).lr[:2])


def test_a_resizer_shrinks_the_crop_of_hr(files):
    batch = patches(files, "pil-bicubic").batch(0)
    expected = [RESIZERS["pil-bicubic"](hr, 2) for hr in batch.hr.numpy()]
    np.testing.assert_array_equal(batch.lr, np.stack(expected))
    assert batch.lr.dtype == torch.uint8


def test_several_scales_are_degraded_each_at_its_own(files):
    source = patches(files, ["pil-bicubic", "noise"], scales=(2, 3, 4))
    batches = [source.batch(step) for step in range(20)]
    assert {batch.scale for batch in batches} == {2, 3, 4}
    assert all(batch.hr.shape[1] == 24 == batch.lr.shape[1] * batch.scale for batch in batches)


def test_what_a_sampler_does_to_lr_comes_in_place_of_the_degradation(files):
    supply = Supply(files, 2, None, 4, 24, 7, degradation=parse_degradation("noise"))
    batch = Patches(supply, degrade=lambda hr, random: hr[::2, ::2]).batch(0)
    assert torch.equal(batch.lr, batch.hr[:, ::2, ::2])
