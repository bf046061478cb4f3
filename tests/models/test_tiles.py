from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers

from srbench.models.layers.tiles import merge, pad_to, positions, split


@composite
def cuts(draw):
    tile = draw(integers(1, 12))
    return draw(integers(tile, 40)), draw(integers(tile, 40)), tile, draw(integers(0, tile - 1))


def test_tiles_start_every_tile_minus_overlap_and_the_last_is_flush_with_the_end():
    assert positions(256, 64, 0) == [0, 64, 128, 192]
    assert positions(256, 64, 16) == [0, 48, 96, 144, 192]
    assert positions(256, 64, 24) == [0, 40, 80, 120, 160, 192]
    assert positions(64, 64, 16) == [0]
    assert positions(66, 64, 16) == [0, 2]


@given(integers(2, 40), integers(1, 20), integers(0, 19))
def test_tiles_start_at_even_positions_and_leave_no_gap(half_length, half_tile, half_overlap):
    half_tile = min(half_tile, half_length)
    length, tile, overlap = 2 * half_length, 2 * half_tile, 2 * min(half_overlap, half_tile - 1)
    starts = positions(length, tile, overlap)
    assert starts[0] == 0
    assert starts[-1] == length - tile
    assert all(start % 2 == 0 for start in starts)
    assert all(0 < after - before <= tile - overlap for before, after in pairwise(starts))


@pytest.mark.parametrize(("length", "tile", "overlap"), [(10, 16, 0), (32, 16, 16), (32, 16, -2)])
def test_an_impossible_cut_is_told(length, tile, overlap):
    with pytest.raises(ValueError, match=rf"^Tiles of {tile} that overlap by {overlap} cannot cover .* {length}\.$"):
        positions(length, tile, overlap)


def test_tiles_come_row_by_row():
    image = torch.arange(24.0).reshape(1, 1, 4, 6)
    tiles = split(image, 4, 2)
    assert tiles.shape == (1, 2, 1, 4, 4)
    assert torch.equal(tiles[0, 0], image[0, ..., :4])
    assert torch.equal(tiles[0, 1], image[0, ..., 2:])
    assert torch.equal(split(image, 2, 0)[0, :, 0, 0, 0], torch.tensor([0.0, 2, 4, 12, 14, 16]))


@settings(deadline=None)  # the first call into torch is slow
@given(cuts())
def test_merging_what_was_split_gives_the_image_back(cut):
    height, width, tile, overlap = cut
    image = torch.rand(2, 3, height, width, dtype=torch.float64)
    merged = merge(split(image, tile, overlap), height, width, overlap)
    torch.testing.assert_close(merged, image, rtol=0, atol=1e-14)


@settings(deadline=None)  # the first call into torch is slow
@given(cuts(), integers(1, 3))
def test_tiles_enlarged_one_by_one_merge_into_the_enlarged_image(cut, scale):
    height, width, tile, overlap = cut

    def enlarge(images):
        return images.repeat_interleave(scale, -2).repeat_interleave(scale, -1)

    image = torch.rand(1, 1, height, width, dtype=torch.float64)
    merged = merge(enlarge(split(image, tile, overlap)), scale * height, scale * width, scale * overlap)
    torch.testing.assert_close(merged, enlarge(image), rtol=0, atol=1e-14)


def test_the_blend_is_a_linear_ramp_over_the_overlap():
    tiles = torch.zeros(1, 2, 1, 8, 8)
    tiles[:, 1] = 1.0
    merged = merge(tiles, 8, 12, 4)  # two tiles side by side, columns 4 to 7 in both
    ramp = torch.tensor([0.0, 0, 0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1])
    torch.testing.assert_close(merged[0, 0], ramp.expand(8, 12))


def test_a_pixel_of_one_tile_alone_is_that_tiles_bit_for_bit():
    image = torch.rand(1, 3, 20, 20)
    merged = merge(split(image, 12, 4), 20, 20, 4)  # rows and columns 8 to 11 are blended
    assert torch.equal(merged[..., :8, :8], image[..., :8, :8])
    assert torch.equal(merged[..., 12:, 12:], image[..., 12:, 12:])


def test_padding_reflects_and_repeats_where_it_cannot():
    rows = torch.tensor([[[[1.0, 2, 3]]]]).expand(1, 1, 3, 3)
    assert pad_to(rows, 3, 5)[0, 0, 0].tolist() == [1, 2, 3, 2, 1]
    assert pad_to(rows.mT, 5, 3)[0, 0, :, 0].tolist() == [1, 2, 3, 2, 1]
    assert pad_to(rows, 3, 6)[0, 0, 0].tolist() == [1, 2, 3, 3, 3, 3]
    assert pad_to(rows.mT, 6, 3)[0, 0, :, 0].tolist() == [1, 2, 3, 3, 3, 3]
    assert pad_to(rows, 3, 3) is rows
