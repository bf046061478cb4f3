import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers

from srbench.core.errors import UserError
from srbench.data.chains import parse_degradation
from srbench.data.degradations import ShrinkAndJpeg
from srbench.data.patches import FixedPatches, Patches, turned
from srbench.data.resize import imresize
from srbench.data.supply import Supply


def supply(files, batch_size, hr_patch, seed=0, scale=2, **more):
    return Supply(files, scale, more.pop("scales", None), batch_size, hr_patch, seed, **more)


def test_a_batch_depends_on_seed_and_step_alone(files):
    first, second = (Patches(supply(files, 4, 16, seed=7)) for _ in range(2))
    second.batch(3)
    assert torch.equal(first.batch(5).hr, second.batch(5).hr)
    assert torch.equal(first.batch(5).lr, second.batch(5).lr)
    assert not torch.equal(first.batch(5).hr, first.batch(6).hr)
    assert not torch.equal(first.batch(5).hr, Patches(supply(files, 4, 16, seed=8)).batch(5).hr)


def digest(source, steps):
    pixels = b"".join(
        tensor.numpy().tobytes() for step in steps for tensor in (source.batch(step).lr, source.batch(step).hr)
    )
    return hashlib.sha256(pixels).hexdigest()[:16]


def test_the_first_stage_draws_what_releases_without_stages_drew(files):
    """Digests of release 0.1.0 at 96a7fb9, of the same images, seed and steps."""
    assert digest(Patches(supply(files, 4, 16, seed=7)), range(3)) == "551f4950b7f237d2"
    several = supply(files, 2, 24, scales=(2, 3, 4))
    assert digest(Patches(several, multi_scale=True), range(5)) == "f3763afba6a73da4"
    noisy = supply(files, 4, 24, seed=7, degradation=parse_degradation("noise"))
    assert digest(Patches(noisy), range(3)) == "b7ca83380689f3bd"
    shuffled = FixedPatches(supply(files, 3, 32), 12, lambda hr, random: hr[::2, ::2] ^ np.uint8(random.integers(256)))
    assert digest(shuffled, range(9)) == "e49a1a0e5329889c"


@pytest.mark.parametrize("step", [0, 1, 5])
def test_each_stage_draws_numbers_of_its_own(files, step):
    batches = [Patches(supply(files, 4, 16, seed=7, stage=stage)).batch(step).hr for stage in range(4)]
    batches.append(Patches(supply(files, 4, 16, seed=7)).batch(step + 1).hr)
    assert len({batch.numpy().tobytes() for batch in batches}) == 5
    again = Patches(supply(files, 4, 16, seed=7, stage=2)).batch(step).hr
    assert torch.equal(again, batches[2])


def places(image, crop):
    """Where `crop` stands in `image`, as (top, left, turn)."""
    found = []
    for turn in range(8):
        whole = turned(image, turn)
        windows = np.lib.stride_tricks.sliding_window_view(whole, crop.shape)[:, :, 0]
        found += [(int(y), int(x), turn) for y, x in np.argwhere((windows == crop).all(axis=(2, 3, 4)))]
    return found


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_and_hr_show_the_same_place_turned_alike(files, scale):
    source = Patches(supply(files, 6, 24, seed=1, scale=scale))
    batch = source.batch(0)
    assert batch.hr.shape == (6, 24, 24, 3)
    turns = set()
    for lr, hr in zip(batch.lr.numpy(), batch.hr.numpy(), strict=True):
        ((image, (top, left, turn)),) = [(i, p) for i in range(3) for p in places(source.hr[scale][i], hr)]
        assert (top // scale, left // scale, turn) in places(source.lr[scale][image], lr)
        turns.add(turn)
    assert len(turns) > 1


def test_lr_is_cut_from_the_shrunk_whole_image(files):
    source = Patches(supply(files, 1, 16))
    for hr, lr in zip(source.hr[2], source.lr[2], strict=True):
        np.testing.assert_array_equal(lr, imresize(hr, 1 / 2))


def test_a_patch_that_the_scale_does_not_divide_shrinks_to_one_that_it_does(files):
    batch = Patches(supply(files, 1, 16, scale=3)).batch(0)
    assert (batch.lr.shape[1], batch.hr.shape[1]) == (5, 15)


def test_the_thumbnail_is_the_whole_images_turned_as_the_crop(files):
    def mean_colour(lr):
        return lr.mean((2, 3), keepdim=True) + torch.arange(4.0).reshape(2, 2)

    source = Patches(supply(files, 8, 16, seed=3, thumbnail=mean_colour))
    batch = source.batch(0)
    for thumbnail, hr in zip(batch.thumbnail.numpy(), batch.hr.numpy(), strict=True):
        ((image, (_, _, turn)),) = [(i, p) for i in range(3) for p in places(source.hr[2][i], hr)]
        np.testing.assert_array_equal(thumbnail, turned(source.thumbnails[2][image], turn))


def test_several_scales_take_turns_by_the_step(files):
    source = Patches(supply(files, 2, 24, scales=(2, 3, 4)), multi_scale=True)
    batches = [source.batch(step) for step in range(60)]
    counts = {scale: sum(batch.scale == scale for batch in batches) for scale in (2, 3, 4)}
    assert min(counts.values()) > 10
    assert all(batch.hr.shape[1] == batch.lr.shape[1] * batch.scale for batch in batches)


def test_an_image_smaller_than_a_patch_is_named(files):
    with pytest.raises(UserError, match=r"0\.png: 50×40 is smaller than a training patch \(budget\.hr_patch=41\)"):
        Patches(supply(files, 1, 41))


def test_a_model_of_one_scale_has_no_several(files):
    assert {Patches(supply(files, 2, 24, scales=(2, 4))).batch(step).scale for step in range(20)} == {2}
    with pytest.raises(ValueError, match="multi_scale=true needs a model of several scales"):
        Patches(supply(files, 2, 24), multi_scale=True)


@given(height=integers(1, 6), width=integers(1, 6), turn=integers(0, 7))
@settings(deadline=None)
def test_the_eight_turns_differ_and_keep_every_pixel(height, width, turn):
    image = np.arange(height * width).reshape(height, width)
    assert sorted(turned(image, turn).ravel()) == list(range(height * width))
    if height > 1 and width > 1:
        assert len({turned(image, other).tobytes() + bytes(turned(image, other).shape) for other in range(8)}) == 8


def fixed(files, seed=0, stage=0):
    return FixedPatches(supply(files, 3, 32, seed, stage=stage), count=12, degrade=ShrinkAndJpeg(2))


def test_fixed_patches_are_the_same_ones_each_epoch_in_another_order(files):
    source = fixed(files)
    epochs = [torch.cat([source.batch(step).hr for step in range(4 * e, 4 * e + 4)]) for e in range(2)]
    as_sets = [sorted(patch.numpy().tobytes() for patch in epoch) for epoch in epochs]
    assert as_sets[0] == as_sets[1]
    assert len(set(as_sets[0])) > 8
    assert not torch.equal(*epochs)


def test_fixed_patches_depend_on_seed_and_step_alone(files):
    first, second = fixed(files), fixed(files)
    second.batch(9)
    assert torch.equal(first.batch(2).lr, second.batch(2).lr)
    assert not torch.equal(first.batch(2).hr, fixed(files, seed=1).batch(2).hr)
    assert not torch.equal(first.batch(2).hr, fixed(files, stage=1).batch(2).hr)


def test_fewer_fixed_patches_than_a_batch_are_refused(files):
    with pytest.raises(ValueError, match="count is 2, fewer than the 3 patches of a batch"):
        FixedPatches(supply(files, 3, 32), count=2, degrade=ShrinkAndJpeg(2))


def test_jpeg_of_low_quality_is_farther_from_the_image(files):
    hr = np.kron(np.random.default_rng(0).integers(0, 256, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    mild, harsh = (
        np.mean(
            [
                np.abs(ShrinkAndJpeg(2, q, q)(hr, np.random.default_rng(i)) - imresize(hr, 0.5).astype(float))
                for i in range(8)
            ]
        )
        for q in (1, 80)
    )
    assert mild < harsh
    assert ShrinkAndJpeg(2)(hr, np.random.default_rng(0)).shape == (32, 32, 3)


def test_fixed_patches_are_not_turned(files):
    source = fixed(files)
    images = Patches(supply(files, 1, 32)).hr[2]
    for patch in source.hr:
        assert any(turn == 0 for image in images for _, _, turn in places(image, patch))


@pytest.mark.parametrize("turns", [[3], [0, 5]])
def test_turns_are_drawn_from_those_that_are_named(files, turns):
    source = Patches(supply(files, 12, 16), turns=turns)
    found = {turn for hr in source.batch(0).hr.numpy() for image in source.hr[2] for _, _, turn in places(image, hr)}
    assert found == set(turns)


@pytest.mark.parametrize("turns", [0, 9, [], [8], [-1]])
def test_turns_that_there_are_none_of_are_refused(files, turns):
    with pytest.raises(ValueError, match=r"turns is .*; it must be a number from 1 to 8, or a list"):
        Patches(supply(files, 2, 16), turns=turns)
