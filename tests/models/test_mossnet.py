import inspect
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf

from srbench.metrics.cost import complexity, dead_parameters, parameters
from srbench.models.layers.thumbnail import make_thumbnail
from srbench.models.mossnet import MossNet

CONFIGS = Path(__file__).parents[2] / "conf" / "model"
M = {
    "widths": (48, 72, 104),
    "context_widths": (24, 32, 48, 64),
    "embedding": 64,
    "decoder_hidden": 8,
    "context_channels": 4,
}
CONTEXTS = ["on", "zero", "learned", "constant", "shuffled", "wide"]


def random_mossnet(**arguments) -> MossNet:
    """In float64 and eval mode, its head away from zero."""
    torch.manual_seed(0)
    model = MossNet(**arguments).double().eval()
    for parameter in model.unet.head.parameters():
        torch.nn.init.normal_(parameter)
    return model


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, 64_153),
        (M, 642_259),
        ({"context": "zero"}, 52_333),
        ({"context": "learned"}, 54_253),
        ({"context": "constant"}, 64_153),
        ({"context": "shuffled"}, 64_153),
        ({"context": "wide"}, 64_314),  # with widths of 16, 20 and 39
        ({"context": "wide", **M}, 642_360),
        ({"atrous": (2, 4)}, 64_153),
    ],
)
def test_mossnet_has_the_specified_number_of_parameters(arguments, expected):
    model = MossNet(**arguments)
    assert parameters(model).trainable == expected
    assert dead_parameters(model) == {}


@pytest.mark.parametrize("widths", [(8, 8, 8), (12, 16, 20), (16, 22, 28), (24, 32, 48), (32, 32, 32), (64, 96, 128)])
@pytest.mark.parametrize("shape", [{}, {"convs": (2, 1, 1), "atrous": (1,)}, {"embedding": 64, "context_channels": 8}])
def test_wide_has_as_many_parameters_as_on_whatever_the_widths(widths, shape):
    with torch.device("meta"):
        wide, on = (MossNet(widths=widths, context=context, **shape) for context in ("wide", "on"))
    assert parameters(wide).trainable == pytest.approx(parameters(on).trainable, rel=0.01)
    assert not hasattr(wide, "context")
    assert wide.unet.head.in_channels == widths[0]


def test_wide_is_nearest_among_its_neighbours():
    """By counting: no other width of the coarsest level, beside the middle one that was chosen, comes nearer."""
    with torch.device("meta"):
        wanted = parameters(MossNet(**M)).trainable
        wide = MossNet(context="wide", **M)
        middle, coarse = wide.unet.down1[0].out_channels, wide.unet.down2[0].out_channels
        near = [MossNet(**M | {"widths": (48, middle, coarse + n), "context": "zero"}) for n in (-1, 0, 1)]
    errors = [abs(parameters(one).trainable - wanted) for one in near]
    assert errors[1] == min(errors) == abs(parameters(wide).trainable - wanted)


def test_where_no_unet_has_as_many_parameters_wide_is_refused():
    with pytest.raises(ValueError, match=r"wide: no U-Net near \[4, 4, 4\] has the 13539 parameters"):
        MossNet(widths=(4, 4, 4), context="wide")


@pytest.mark.parametrize(
    ("arguments", "giga"),
    [
        ({"overlap": 0}, 3.3152),
        ({"overlap": 0, "context": "zero"}, 3.3142),
        ({"overlap": 0, "atrous": (2, 4)}, 3.3152),
        ({"overlap": 0, "context": "wide"}, 3.341),
        ({}, 5.180),
        ({"overlap": 24}, 7.46),
        ({"overlap": 32}, 10.15),
        ({"tile": 128}, 7.46),
        ({"overlap": 0, **M}, 31.968),
        (M, 49.95),
    ],
)
def test_mossnet_has_the_specified_multiply_adds_at_256(arguments, giga):
    digits = len(str(giga).split(".")[1])
    assert complexity(MossNet(**arguments), 256, 256).flops / 1e9 == pytest.approx(giga, abs=0.51 * 10**-digits)


@pytest.mark.parametrize("base", ["bicubic", "bilinear"])
@pytest.mark.parametrize("context", CONTEXTS)
def test_an_untrained_mossnet_is_its_interpolation(context, base):
    lr = torch.rand(2, 3, 70, 51)
    model = MossNet(context=context, base=base)
    expected = F.interpolate(lr, scale_factor=2, mode=base)
    with torch.inference_mode():
        assert torch.equal(model.eval()(lr), expected)
        assert torch.equal(model.train()(lr[..., :50, :]), F.interpolate(lr[..., :50, :], scale_factor=2, mode=base))


@pytest.mark.parametrize(("atrous", "radius"), [((1, 1), 13), ((2, 2), 17), ((2, 4), 21)])
def test_a_pixel_of_the_residual_depends_on_the_specified_radius(atrous, radius):
    model = random_mossnet(context="zero", atrous=atrous)
    lr = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
    residual = model.whole(lr) - model.interpolated(lr)
    reach = []
    for phase in range(4):  # the U-Net halves the 2N grid twice
        pixel = 96 + phase
        (gradient,) = torch.autograd.grad(residual[0, :, pixel, pixel].sum(), lr, retain_graph=True)
        rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
        reach += [pixel // 2 - rows.min().item(), rows.max().item() - pixel // 2]
    assert max(reach) == radius


@pytest.mark.parametrize(("atrous", "halo"), [((1, 1), 13), ((2, 4), 21)])
def test_with_a_constant_context_a_crop_equals_the_full_frame_but_for_its_halo(atrous, halo):
    model = random_mossnet(context="constant", atrous=atrous)
    lr = torch.rand(1, 3, 100, 120, dtype=torch.float64)
    thumbnail = make_thumbnail(lr, 64)
    crop = lr[..., 20:84, 30:94]  # even corners, so that the strides keep their phase
    with torch.inference_mode():
        frame = model.whole(lr, thumbnail) - model.interpolated(lr)
        tile = model.whole(crop, thumbnail) - model.interpolated(crop)
    error = (tile - frame[..., 40:168, 60:188]).abs()

    def inside(halo: int) -> float:
        return error[..., 2 * halo : 128 - 2 * halo, 2 * halo : 128 - 2 * halo].max().item()

    assert inside(halo) < 1e-13
    assert inside(halo - 1) > 1e-10


def test_a_decoded_context_differs_between_a_tile_and_the_full_frame():
    model = random_mossnet()
    lr = torch.rand(1, 3, 100, 120, dtype=torch.float64)
    with torch.inference_mode():
        on_tiles, whole = model(lr), model.whole(lr)
    assert (on_tiles - whole)[..., 80:120, 100:140].abs().max() > 1e-3


def test_blending_takes_away_nine_tenths_of_the_seams():
    lr = torch.rand(1, 3, 64, 160, dtype=torch.float64)

    def error(overlap: int) -> float:
        model = random_mossnet(context="constant", overlap=overlap)
        with torch.inference_mode():
            return (model(lr) - model.whole(lr)).abs().mean().item()

    assert 0 < error(16) < error(0) / 10


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (31, 64), (63, 65), (64, 64), (65, 130), (101, 3)])
def test_any_size_is_doubled(size):
    model = random_mossnet()
    lr = torch.rand(1, 3, *size, dtype=torch.float64)
    with torch.inference_mode():
        assert model.eval()(lr).shape == (1, 3, 2 * size[0], 2 * size[1])
        assert model.train()(lr).shape == (1, 3, 2 * size[0], 2 * size[1])


def test_what_pads_an_odd_image_is_its_reflection():
    model = random_mossnet(context="constant")
    lr = torch.rand(1, 3, 71, 99, dtype=torch.float64)
    thumbnail = make_thumbnail(lr, 64)
    reflected = torch.cat((lr, lr[..., -2:-1, :]), dim=-2)
    reflected = torch.cat((reflected, reflected[..., -2:-1]), dim=-1)
    with torch.inference_mode():
        odd, even = model(lr, thumbnail) - model.interpolated(lr), model(reflected, thumbnail)
        even -= model.interpolated(reflected)
    torch.testing.assert_close(odd, even[..., :142, :198], rtol=0, atol=1e-13)


def test_a_training_crop_is_one_tile_of_its_own_size():
    model = random_mossnet().train()
    lr = torch.rand(2, 3, 24, 31, dtype=torch.float64)
    with torch.inference_mode():
        assert torch.equal(model(lr), model.whole(lr))
        assert not torch.allclose(model(lr), model.eval()(lr))  # eval pads it to 64


def test_the_images_of_a_batch_do_not_mix():
    model = random_mossnet(tile=16, overlap=4)
    lr = torch.rand(3, 3, 34, 18, dtype=torch.float64)  # 6 tiles each, 16 at once: the third image is split
    with torch.inference_mode():
        torch.testing.assert_close(model(lr), torch.cat([model(image[None]) for image in lr]), rtol=0, atol=1e-12)


def test_the_thumbnail_is_the_whole_image_made_small():
    torch.testing.assert_close(make_thumbnail(torch.full((1, 3, 200, 90), 0.25), 64), torch.full((1, 3, 64, 64), 0.25))
    ramp = torch.arange(128.0).expand(1, 3, 128, 128)
    inner = make_thumbnail(ramp, 64)[0, 0, 5, 1:-1]
    torch.testing.assert_close(inner, torch.arange(2.5, 126, 2))  # the mean of two columns and their neighbours


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_thumbnail_matters_where_it_is_asked_for_and_nowhere_else(context):
    model = random_mossnet(context=context)
    lr, other = torch.rand(2, 1, 3, 64, 64, dtype=torch.float64)
    with torch.inference_mode():
        own, given, foreign = model(lr), model(lr, make_thumbnail(lr, 64)), model(lr, make_thumbnail(other, 64))
    assert torch.equal(own, given)
    assert model.traits.thumbnail == (None if context in ("zero", "learned", "wide") else 64)
    assert torch.equal(own, foreign) == (model.traits.thumbnail is None)
    assert model.traits.shuffle_thumbnails == (context == "shuffled")


def test_shuffled_is_trained_as_on():
    torch.manual_seed(1)
    on = MossNet()
    torch.manual_seed(1)
    shuffled = MossNet(context="shuffled")
    assert all(torch.equal(a, b) for a, b in zip(on.parameters(), shuffled.parameters(), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_training_stays_in_channels_last(dtype):
    model = MossNet().to(memory_format=torch.channels_last)
    layouts = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv2d) and not name.startswith("decoder"):  # the decoder starts from a vector

            def note(module, inputs, output, name=name):
                layouts[name] = inputs[0].is_contiguous(memory_format=torch.channels_last)

            module.register_forward_hook(note)
    lr = torch.rand(4, 3, 32, 32).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        sr = model(lr)
    assert [name for name, kept in layouts.items() if not kept] == []
    assert sr.is_contiguous(memory_format=torch.channels_last)
    assert sr.dtype == torch.float32  # bfloat16 for the residual only


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 4}, "MossNet exists for scale 2 only, not for 4."),
        ({"context": "off"}, "on, zero, learned, constant, shuffled, wide"),
        ({"context": True}, 'in YAML, write "on" in quotes'),
        ({"base": "nearest"}, "base is one of bicubic, bilinear, not nearest."),
        ({"atrous": (1, 2, 1)}, "one rate for each of the 2 coarsest convolutions."),
        ({"widths": (16, 22)}, "widths and convs need three entries each."),
        ({"tile": 63}, "they are 63 and 16."),
        ({"overlap": 15}, "they are 64 and 15."),
        ({"overlap": 64}, "they are 64 and 64."),
    ],
)
def test_a_wrong_argument_is_told_in_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=r"\.$") as told:
        MossNet(**arguments)
    assert message in str(told.value)


def test_the_configs_are_the_defaults_and_the_teacher():
    defaults = {name: p.default for name, p in inspect.signature(MossNet).parameters.items()}
    for name, changes in (("mossnet", {}), ("mossnet_m", M)):
        config = OmegaConf.merge({"scale": 2, "model": OmegaConf.load(CONFIGS / f"{name}.yaml")})
        model = OmegaConf.to_container(config.model, resolve=True)
        assert model.pop("_target_") == "srbench.models.mossnet.MossNet"
        assert {key: tuple(v) if isinstance(v, list) else v for key, v in model.items()} == defaults | changes
