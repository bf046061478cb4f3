"""Batches that a device cuts are, byte for byte, those that the host cuts; here the device is the CPU."""

import numpy as np
import pytest
import torch

from srbench.core.pixel_format import PixelFormat
from srbench.data.chains import Degradation
from srbench.data.device_patches import DevicePatches
from srbench.data.images import write_image
from srbench.data.patches import Patches
from srbench.data.supply import Supply
from srbench.models.layers.thumbnail import make_thumbnail

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for number, (height, width) in enumerate([(40, 52), (61, 37), (36, 36)]):
        write_image(folder / f"{number}.png", random.integers(0, 256, (height, width, 3), np.uint8))
    return sorted(folder.iterdir())


def same(one, other):
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("turns", [8, 1, [3, 6]])
@pytest.mark.parametrize("stage", [0, 1])
def test_crops_and_pictures_are_those_of_the_host(files, turns, stage):
    supply = Supply(files, 2, None, 6, 24, seed=3, stage=stage, thumbnail=lambda lr: make_thumbnail(lr, size=8))
    patches = Patches(supply, turns=turns)
    fed = DevicePatches(patches, CPU)
    for step in range(12):
        assert same(fed.cut(*fed.batch(step)), patches.batch(step))


def test_so_are_those_of_several_scales(files):
    patches = Patches(Supply(files, 2, (2, 3, 4), 5, 24, seed=0), multi_scale=True)
    fed = DevicePatches(patches, CPU)
    found = [fed.cut(*fed.batch(step)) for step in range(12)]
    assert all(same(batch, patches.batch(step)) for step, batch in enumerate(found))
    assert {batch.scale for batch in found} == {2, 3, 4}


@pytest.mark.parametrize("form", [PixelFormat(16, 3), PixelFormat(16, 1), PixelFormat(8, 1)])
def test_so_are_those_of_16_bits_and_of_one_channel(tmp_path, form):
    random = np.random.default_rng(0)
    for number, shape in enumerate([(40, 52), (61, 37)]):
        pixels = random.integers(0, 2**form.bits, (*shape, form.channels), form.dtype)
        write_image(tmp_path / f"{number}.png", pixels)
    supply = Supply(
        sorted(tmp_path.iterdir()), 2, None, 6, 24, seed=3, thumbnail=lambda lr: make_thumbnail(lr, size=8), form=form
    )
    patches = Patches(supply)
    assert DevicePatches.fits(patches, 10**6)
    fed = DevicePatches(patches, CPU)
    for step in range(6):
        found = fed.cut(*fed.batch(step))
        assert found.hr.dtype == torch.from_numpy(np.empty(0, form.dtype)).dtype
        assert same(found, patches.batch(step))


def test_images_stay_on_the_host_where_they_are_too_many_or_changed(files):
    patches = Patches(Supply(files, 2, None, 2, 24, seed=0))
    size = sum(image.nbytes for images in (patches.lr[2], patches.hr[2]) for image in images)
    assert DevicePatches.fits(patches, size)
    assert not DevicePatches.fits(patches, size - 1)
    assert not DevicePatches.fits(Patches(patches.supply, degrade=lambda hr, random: hr[::2, ::2]), size)
    noisy = Supply(files, 2, None, 2, 24, seed=0, degradation=Degradation(()))
    assert not DevicePatches.fits(Patches(noisy), size)
