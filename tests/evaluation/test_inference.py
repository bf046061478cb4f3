import logging
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from torch import nn

from srbench.core.errors import UserError
from srbench.data.images import write_image
from srbench.data.pairs import ImagePair
from srbench.data.resize import imresize
from srbench.evaluation.evaluate import evaluate
from srbench.evaluation.inference import (
    SuperResolver,
    check_size,
    memory_of,
    on_multiples,
    overlap_for,
    self_ensembled,
    spans,
    tiled,
)
from srbench.evaluation.settings import Inference
from srbench.metrics.cost import peak_memory
from srbench.metrics.protocol import Protocol
from srbench.metrics.scorer import make_scorer
from srbench.models.bicubic import Bicubic
from srbench.models.carn import CARN
from srbench.models.classsr import ClassSR
from srbench.models.fsrcnn import FSRCNN
from srbench.models.gfmn import GFMN
from srbench.models.mdrn import MDRN
from srbench.models.mossnet import MossNet
from srbench.models.nearest import Nearest
from srbench.models.safmn import SAFMN
from srbench.models.traits import Traits


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def as_tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def seam(model, lr, tile, overlap):
    """The largest difference to the whole image, in levels of 255."""
    with torch.inference_mode():
        return 255 * (tiled(model, lr, tile, overlap) - model(lr)).abs().max().item()


@given(length=integers(1, 3000), steps=integers(1, 12), sixteens=integers(0, 8), rest=integers(0, 47))
@settings(deadline=None)
def test_tiles_cover_an_axis_on_the_grid_within_their_size_and_far_from_their_edges(length, steps, sixteens, rest):
    overlap = 16 * sixteens
    tile = overlap + 48 * steps + rest
    cut = spans(length, tile, overlap)
    assert (cut[0].start, cut[0].first, cut[-1].stop, cut[-1].last) == (0, 0, length, length)
    for one, other in pairwise(cut):
        assert one.last == other.first
        assert one.stop - one.last == other.first - other.start == overlap // 2
    for one in cut:
        assert one.start % 48 == 0
        assert one.start <= one.first < one.last <= one.stop
        assert min(length, overlap + 1) <= one.stop - one.start <= tile
    lengths = [one.stop - one.start for one in cut]
    assert max(lengths) - min(lengths) <= 48
    assert len(cut) == 1 + max(0, -(-(length - tile) // 48 // steps))


def test_a_network_with_a_receptive_field_within_the_overlap_gives_the_whole_images_output():
    torch.manual_seed(0)
    model = CARN(width=8, mean_shift=False).eval()  # an LR pixel sees 20 pixels far
    lr = as_tensor(noise(131, 150))
    assert seam(model, lr, 112, 48) <= 255e-5
    assert seam(model, lr, 112, 0) > 0.1


@pytest.mark.parametrize("network", [SAFMN, GFMN])
def test_networks_that_pool_see_the_whole_images_grid(network):
    torch.manual_seed(0)
    assert seam(network(2, blocks=1).eval(), as_tensor(noise(176, 304)), 160, 72) <= 255e-5  # overlaps by 80


def test_mossnet_sees_its_own_tiles_and_the_whole_images_thumbnail_in_every_tile():
    torch.manual_seed(0)
    model = MossNet().eval()
    nn.init.normal_(model.unet.head.weight, std=0.2)
    with torch.no_grad():
        for parameter in (*model.context.parameters(), *model.decoder.parameters()):
            parameter.mul_(4)
    lr = noise(150, 290)
    lr[:, :100] //= 4  # a tile's own thumbnail is another
    whole = SuperResolver(model, "cpu", Inference(tile=None))(lr)
    in_tiles = SuperResolver(model, "cpu", Inference(tile=160))(lr)
    assert np.abs(whole.astype(int) - in_tiles).max() <= 1  # a sum in another order may round the other way
    assert (whole != in_tiles).mean() < 1e-4
    assert seam(model, as_tensor(lr), 160, 64) > 2


def test_bicubic_and_nearest_are_the_same_in_tiles():
    lr = noise(100, 130)
    for model in (Bicubic(3), Nearest(2)):
        whole, in_tiles = (SuperResolver(model, "cpu", Inference(tile, overlap=16))(lr) for tile in (None, 64))
        np.testing.assert_array_equal(whole, in_tiles)


class Recorder(nn.Module):
    """Nearest neighbour that notes what it is given, and says what it takes."""

    def __init__(self, smallest=1, multiple=1):
        super().__init__()
        self.traits, self.seen = Traits(smallest_input=smallest, multiple=multiple), []

    def forward(self, lr):
        self.seen.append(tuple(lr.shape[-2:]))
        return lr.repeat_interleave(2, 2).repeat_interleave(2, 3)


def test_no_tile_is_larger_than_asked_or_smaller_than_the_network_takes():
    model, lr = Recorder(smallest=30), noise(97, 300)
    sr = SuperResolver(model, "cpu", Inference(tile=96, overlap=0))(lr)
    np.testing.assert_array_equal(sr, lr.repeat(2, 0).repeat(2, 1))
    assert max(max(size) for size in model.seen) <= 96
    assert min(min(size) for size in model.seen) >= 30
    with pytest.raises(ValueError, match="tile=79: 80 or more, as tiles here overlap by 32"):
        overlap_for(model, Inference(tile=79, overlap=0))


def test_an_image_whose_sides_are_no_multiples_is_padded_and_cropped():
    model, lr = Recorder(multiple=8), as_tensor(noise(13, 21))
    sr = on_multiples(model, lr)
    assert model.seen == [(16, 24)]
    torch.testing.assert_close(sr, lr.repeat_interleave(2, 2).repeat_interleave(2, 3), rtol=0, atol=0)


def test_auto_takes_the_largest_tiles_that_fit_into_the_memory_and_none_where_the_image_does():
    model = CARN(width=16).eval()
    whole = peak_memory(model, 1000, 800).bytes / 1e9
    assert SuperResolver(model, "cpu", Inference(memory_gb=whole * 1.01)).tile(1000, 800) is None
    allowed = whole / 3
    tile = SuperResolver(model, "cpu", Inference(memory_gb=allowed)).tile(1000, 800)
    assert peak_memory(model, tile, tile).bytes <= 1e9 * allowed < peak_memory(model, tile + 2, tile + 2).bytes
    with pytest.raises(UserError, match=r"memory_gb=0.001: CARN takes more for the least tiles, of 112; set 0\.0\d$"):
        SuperResolver(model, "cpu", Inference(memory_gb=0.001)).tile(1000, 800)


def test_the_memory_of_a_network_that_looks_at_values_is_measured():
    torch.manual_seed(0)
    model = ClassSR([FSRCNN(d=d, s=12, m=4, scale=4) for d in (16, 36, 56)]).eval()
    fixed, each = memory_of(model)
    assert fixed == 4 * sum(p.numel() for p in model.parameters())
    assert 2 * 4 * 3 * 16 < each < 1 << 14  # more than two copies of the output


class CornerAdder(nn.Module):
    """Adds 1 to the top left pixel."""

    def forward(self, lr):
        return lr + nn.functional.pad(torch.ones(1, 1, 1, 1), (0, lr.shape[-1] - 1, 0, lr.shape[-2] - 1))


def test_the_self_ensemble_is_the_mean_of_eight_each_turned_back():
    lr = torch.rand(1, 3, 3, 5)
    expected = lr.clone()
    expected[..., ::2, ::4] += 1 / 4  # each corner is the top left one in two of the eight
    torch.testing.assert_close(self_ensembled(CornerAdder(), lr), expected)
    thumbnail = torch.rand(1, 3, 3, 5)
    torch.testing.assert_close(self_ensembled(torch.add, lr, thumbnail), lr + thumbnail)


def test_the_self_ensemble_changes_a_network_but_not_bicubic():
    torch.manual_seed(0)
    lr = noise(20, 24)
    for model, changes in ((CARN(width=8).eval(), True), (Bicubic(2), False)):
        plain, mean = (SuperResolver(model, "cpu", Inference(self_ensemble=each))(lr) for each in (False, True))
        assert plain.shape == mean.shape
        assert (plain != mean).any() == changes


def test_tiles_of_a_network_with_statistics_of_the_whole_image_are_warned_of_once(caplog):
    resolver = SuperResolver(MDRN(width=16, blocks=1).eval(), "cpu", Inference(tile=112))
    with caplog.at_level(logging.WARNING):
        resolver(noise(20, 100))
        assert not caplog.records
        for _ in range(2):
            resolver(noise(20, 130))
    assert [record.message for record in caplog.records] == [
        "MDRN takes statistics of the whole image, so tiles change its result",
        "LR of 130×20: MDRN takes 0.0014 GB (memory_gb) to run whole",
    ]


@pytest.mark.parametrize("size", [(1, 60), (60, 1), (1, 1), (3, 2)])
def test_strips_work_where_the_network_takes_them(size):
    for model in (CARN(width=8).eval(), MossNet().eval(), Bicubic(2)):
        sr = SuperResolver(model, "cpu", Inference())(noise(*size))
        assert sr.shape == (2 * size[0], 2 * size[1], 3)
        check_size(model, sr, None)


def test_an_image_that_is_too_small_for_the_network_is_refused_by_name(tmp_path):
    write_image(tmp_path / "strip.png", noise(28, 80))
    pairs = {"x": [ImagePair("strip", tmp_path / "strip.png", None, 2)]}
    expected = r"strip.png: LR of 40×14 is too small for MDRN, which needs 15×15 or more"
    with pytest.raises(UserError, match=expected):
        evaluate(MDRN(), pairs, make_scorer([], Protocol("y", "luma"), []), "cpu", print, print)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"tile": 0}, "tile=0: auto, null (never any tiles) or a number of pixels"),
        ({"tile": "big"}, "tile=big: auto"),
        ({"overlap": -1}, "overlap=-1: a number of pixels from 0 on"),
        ({"overlap": 1.5}, "overlap=1.5"),
        ({"self_ensemble": "x8"}, "self_ensemble=x8: true or false"),
        ({"memory_gb": 0}, "memory_gb=0: a number above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, line):
    with pytest.raises(ValueError, match="=") as error:
        Inference(**settings)
    assert str(error.value).startswith(line)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bicubic_has_the_bits_of_lr_whatever_it_was_built_for(dtype):
    lr = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (9, 12, 3)).astype(dtype)
    for built_for in (8, 16):
        sr = SuperResolver(Bicubic(2, image_bits=built_for), "cpu", Inference())(lr)
        np.testing.assert_array_equal(sr, imresize(lr, 2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_white_of_16_bits_is_white_in_every_precision(dtype):
    class Rounds(Nearest):
        def forward(self, lr):
            return super().forward(lr).to(dtype)

    lr = np.full((5, 6, 3), 65535, np.uint16)
    assert (SuperResolver(Rounds(2), "cpu", Inference())(lr) == 65535).all()
