"""ClassSR's sizes, costs, routing and sub-images. Sources: Kong et al., CVPR 2021, and its published code, built and
counted; the constants of its code for the FLOPs of one 32×32 sub-image."""

import inspect
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from torch import Tensor, nn

from srbench.metrics.cost import Parameters, complexity, dead_parameters, parameters
from srbench.models.classsr import CPU_AT_ONCE, Classifier, ClassSR
from srbench.models.fsrcnn import FSRCNN
from srbench.models.layers.sub_images import covered, merge_mean
from srbench.models.layers.tiles import positions, split
from tests.presets import preset

CLASSIFIER = 60_035


class ByBrightness(nn.Module):
    """Logits that prefer branch 0, 1 or 2 for a dark, a medium or a bright sub-image."""

    def forward(self, sub_images: Tensor) -> Tensor:
        return -10 * (sub_images.mean((1, 2, 3))[:, None] - torch.tensor([1 / 6, 1 / 2, 5 / 6])).square()


def random_classsr() -> ClassSR:
    """In float64 and eval mode; the outputs of its branches are far apart."""
    torch.manual_seed(0)
    model = ClassSR([FSRCNN(d=d, s=2, m=1) for d in (2, 3, 4)]).double().eval()
    model.classifier = ByBrightness()
    for shift, branch in enumerate(model.branches):
        for parameter in branch.parameters():
            nn.init.normal_(parameter, std=0.3)
        nn.init.constant_(branch.tail_conv.bias, shift)
    return model


def dark_to_bright(count: int, height: int, width: int) -> Tensor:
    """Noisy images (count, 3, height, width) that grow brighter from the left to the right."""
    return torch.rand(count, 3, height, width, dtype=torch.double) / 4 + torch.linspace(0, 0.75, width).double()


def one_by_one(model: ClassSR, lr: Tensor) -> Tensor:
    """The hard route of one image (3, H, W), H and W a window at least, as a loop over its windows."""
    height, width = lr.shape[-2:]
    total = lr.new_zeros(3, 4 * height, 4 * width)
    count = lr.new_zeros(4 * height, 4 * width)
    overlap = model.patch - model.step
    for y in positions(height, model.patch, overlap):
        for x in positions(width, model.patch, overlap):
            window = lr[None, :, y : y + model.patch, x : x + model.patch]
            branch = model.branches[model.classifier(window).argmax().item()]
            area = (slice(4 * y, 4 * (y + model.patch)), slice(4 * x, 4 * (x + model.patch)))
            total[:, *area] += branch(window)[0]
            count[area] += 1
    return total / count


# Per branch: parameters; 2 × multiply-adds of convolutions in millions, a transposed one counted at its output's
# resolution (16 times too often at ×4) as the constants in the published code are; then that code's constant.
FAMILIES = {
    "classsr_fsrcnn": [(10_755, 141.3, 141), (17_635, 304.6, 304), (24_515, 467.9, 468)],
    "classsr_carn": [(94_851, 380.5, 380), (195_651, 771.9, 770), (294_939, 1155.2, 1150)],
    "classsr_srresnet": [(481_683, 1658.2, 1660), (1_002_771, 3438.0, 3440), (1_517_571, 5194.0, 5200)],
    "classsr_rcan": [(4_940_707, 10_330, 10_330), (9_521_827, 19_908, 19_900), (15_592_379, 32_600, 32_600)],
}
TOTALS = {
    "classsr_fsrcnn": 112_940,
    "classsr_carn": 645_476,
    "classsr_srresnet": 3_062_060,
    "classsr_rcan": 30_114_948,
}


def transposed(branch: nn.Module) -> int:
    """Multiply-adds of transposed convolutions for one 32×32 sub-image."""
    return sum(layer.weight.numel() * 32**2 for layer in branch.modules() if isinstance(layer, nn.ConvTranspose2d))


@pytest.mark.parametrize("family", FAMILIES)
def test_published_sizes_and_flops_of_every_family(family):
    with torch.device("meta"):
        model = preset(family, 4).build("model")
    assert parameters(model) == Parameters(TOTALS[family], 0)
    assert parameters(model.classifier) == Parameters(CLASSIFIER, 0)
    for branch, (count, megaflops, constant) in zip(model.branches, FAMILIES[family], strict=True):
        published = 2 * (complexity(branch, 32, 32).products + 15 * transposed(branch)) / 1e6
        assert parameters(branch) == Parameters(count, 0)
        assert published == pytest.approx(megaflops, abs=0.05 if megaflops < 10_000 else 0.5)
        assert published == pytest.approx(constant, rel=0.005)


@pytest.mark.parametrize("family", ["classsr_fsrcnn", "classsr_carn", "classsr_srresnet"])
def test_training_reaches_every_parameter(family):
    with torch.device("meta"):
        assert dead_parameters(preset(family, 4).build("model")) == {}


def test_the_classifier_s_multiply_adds():
    """By hand, at 8×8 positions. The published code adds 7.4 M for them; twice the count is 7.6 M."""
    by_hand = (3 * 4**2 * 128 + 3 * 128**2 + 128 * 32) * 8**2 + 32 * 3
    assert complexity(Classifier(), 32, 32).products == by_hand == 3_801_184


def test_the_published_average_of_test8k_and_what_it_really_saves():
    """The FSRCNN family with the split 61/23/16 %: 238 M, 51 % of its largest, in the published count; the true
    multiply-adds, the classifier's included, are 74.5 % of its largest."""
    split = (0.61, 0.23, 0.16)
    published = sum(share * row[2] for share, row in zip(split, FAMILIES["classsr_fsrcnn"], strict=True)) + 7.4
    assert (round(published), round(100 * published / 468)) == (238, 51)
    branches = [complexity(FSRCNN(d=d), 32, 32).flops for d in (16, 36, 56)]
    true = sum(share * flops for share, flops in zip(split, branches, strict=True)) + 3_801_184
    assert 100 * true / branches[2] == pytest.approx(74.5, abs=0.05)


def test_costs_that_depend_on_values_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="ClassSR does not run without values"):
        complexity(random_classsr(), 64, 64)


def test_costs_that_depend_on_no_values_are_counted_over_all_windows():
    branches = [FSRCNN(d=d) for d in (2, 3)]
    window = [complexity(branch, 32, 32).flops for branch in branches]
    chosen = complexity(Classifier(2), 32, 32).flops
    assert complexity(ClassSR(branches, routing="full"), 32, 60).flops == 2 * window[1]
    assert complexity(ClassSR(branches, routing="soft"), 32, 60).flops == 2 * (sum(window) + chosen)


@pytest.mark.parametrize("size", [(32, 32), (33, 61), (60, 88), (71, 130)])
def test_batched_routing_equals_one_window_at_a_time(size):
    model = random_classsr()
    images = dark_to_bright(2, *size)
    with torch.inference_mode():
        expected = torch.stack([one_by_one(model, lr) for lr in images])
        torch.testing.assert_close(model(images), expected, rtol=0, atol=1e-12)


def test_every_branch_gets_its_own_sub_images_few_at_a_time():
    model = random_classsr()
    lr = dark_to_bright(1, 200, 300)
    seen: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for index, branch in enumerate(model.branches):
        branch.register_forward_hook(lambda _, inputs, __, index=index: seen[index].append(len(inputs[0])))
    with torch.inference_mode():
        model(lr)
        routes = model.routes(lr)
    assert routes.shape == (1, 7 * 11)
    assert {index: sum(sizes) for index, sizes in seen.items()} == dict(enumerate(routes[0].bincount().tolist()))
    assert {index: max(sizes) for index, sizes in seen.items()} == dict.fromkeys(range(3), CPU_AT_ONCE)


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (31, 32), (32, 5), (33, 32)])
def test_any_size_is_enlarged_by_the_scale(size):
    lr = torch.rand(1, 3, *size, dtype=torch.double)
    with torch.inference_mode():
        assert random_classsr()(lr).shape == (1, 3, 4 * size[0], 4 * size[1])


def test_an_image_smaller_than_a_window_is_the_corner_of_its_reflection():
    model = random_classsr()
    lr = torch.rand(1, 3, 31, 30, dtype=torch.double)
    reflected = torch.cat((lr, lr[..., -2:-1, :]), dim=-2)
    reflected = torch.cat((reflected, reflected[..., [-2, -3]]), dim=-1)
    with torch.inference_mode():
        torch.testing.assert_close(model(lr), model(reflected)[..., :124, :120], rtol=0, atol=1e-12)


def test_the_published_test_drops_the_remainder_and_rounds_before_it_averages():
    model = random_classsr()
    lr = torch.rand(1, 3, 62, 40, dtype=torch.double)
    with torch.inference_mode():
        upper, lower = (model(lr[..., y : y + 32, :32]).mul(255).round().clamp(0, 255) / 255 for y in (0, 28))
        sr = model.published(lr)
        assert model(lr).min() < 0
        assert model(lr).max() > 1
    expected = torch.cat((upper[..., :112, :], (upper[..., 112:, :] + lower[..., :16, :]) / 2, lower[..., 16:, :]), 2)
    torch.testing.assert_close(sr, expected, rtol=0, atol=1e-12)
    assert sr.shape == (1, 3, 240, 128)


@settings(max_examples=50, deadline=None)
@given(height=integers(5, 40), width=integers(5, 40), patch=integers(1, 5), step=integers(1, 5))
def test_sub_images_merge_into_the_image_that_they_are_cut_from(height, width, patch, step):
    step = min(step, patch)
    image = torch.rand(2, 3, height, width, dtype=torch.double)
    sub_images = split(image, patch, patch - step)
    torch.testing.assert_close(merge_mean(sub_images, height, width, step), image, rtol=0, atol=1e-14)


def test_a_pixel_is_the_mean_of_the_windows_that_cover_it():
    windows = torch.arange(6.0).view(1, 6, 1, 1, 1).expand(-1, -1, -1, 4, 4)  # 2 rows of 3: at 0, 1 and 0, 3, 4
    merged = merge_mean(windows, 5, 8, step=3)[0, 0]
    left, middle = [0, 0, 0, 0.5, 1.5, 1.5, 1.5, 2], [3, 3, 3, 3.5, 4.5, 4.5, 4.5, 5]
    between = [(a + b) / 2 for a, b in zip(left, middle, strict=True)]
    assert merged.tolist() == [left, between, between, between, middle]


@pytest.mark.parametrize(("length", "reach"), [(32, 32), (59, 32), (60, 60), (87, 60), (88, 88)])
def test_what_full_windows_cover(length, reach):
    assert covered(length, 32, 28) == reach


def test_in_train_mode_a_sub_image_is_the_mixture_of_all_branches():
    model = random_classsr().train()
    images = torch.rand(3, 3, 32, 24, dtype=torch.double)
    probabilities = model.classifier(images).softmax(1)
    expected = sum(probabilities[:, n].view(3, 1, 1, 1) * branch(images) for n, branch in enumerate(model.branches))
    torch.testing.assert_close(model(images), expected, rtol=0, atol=1e-12)


def test_the_classifier_starts_small_and_its_last_layer_as_torch_s():
    torch.manual_seed(0)
    classifier = Classifier()
    for layer in classifier.CondNet:
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.weight[0].numel()
            assert layer.weight.std().item() == pytest.approx(0.1 * (2 / fan_in) ** 0.5, rel=0.05)
            assert layer.bias.count_nonzero() == 0
    assert 0.9 * 32**-0.5 < classifier.lastOut.weight.abs().max() <= 32**-0.5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"branches": {"hard": None}}, "ClassSR needs a branch; branches has none."),
        ({"scale": 2}, "branch 1 has scale 4, but ClassSR's is 2: make them equal."),
        ({"patch": 3}, "patch must be 4 or more and step from 1 to patch; they are 3 and 28."),
        ({"routing": "best"}, "routing is 'best': choose from hard, soft, full, random, psnr."),
        ({"step": 33}, "patch must be 4 or more and step from 1 to patch; they are 32 and 33."),
    ],
)
def test_a_wrong_argument_is_told_in_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        ClassSR(**{"branches": [FSRCNN(d=1), FSRCNN(d=2)], **arguments})


@pytest.mark.parametrize("family", FAMILIES)
def test_the_presets_repeat_the_constructor_s_defaults(family):
    defaults = {name: p.default for name, p in inspect.signature(ClassSR).parameters.items()}
    found = preset(family, 4)
    assert found.target == "srbench.models.classsr.ClassSR"
    assert list(found.arguments["branches"]) == ["easy", "medium", "hard"]
    assert found.arguments == defaults | {"branches": found.arguments["branches"]}


def test_the_preset_without_a_family_is_of_fsrcnns():
    assert preset("classsr", 4) == preset("classsr_fsrcnn", 4)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_branches_of_a_preset_follow_the_scale_and_can_be_varied(scale):
    model = preset("classsr", scale, "model.branches.hard.d=40").build("model").eval()
    assert [branch.head_conv[0].out_channels for branch in model.branches] == [16, 36, 40]
    with torch.inference_mode():
        assert model(torch.rand(1, 3, 40, 33)).shape == (1, 3, scale * 40, scale * 33)


def routed_as(routing: str) -> ClassSR:
    model = random_classsr()
    made = ClassSR(model.branches, routing=routing).double().eval()
    made.classifier = model.classifier
    return made


def test_full_routing_is_the_last_branch_on_every_window_which_has_no_classifier_alone():
    model, lr = random_classsr(), dark_to_bright(1, 60, 88)
    alone = ClassSR([None, model.branches[-1]]).double().eval()
    assert alone.classifier is None
    assert [name for name, _ in alone.named_children()] == ["net1"]
    with torch.inference_mode():
        for made in (routed_as("full"), alone):
            windows = made.windows(lr)
            expected = model.branches[-1](windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
            torch.testing.assert_close(made(lr), merge_mean(expected, 240, 352, 112), rtol=0, atol=1e-12)
        assert torch.equal(alone.soft(lr)[1], torch.ones(1, 1, dtype=torch.double))


def test_soft_routing_at_test_is_the_mixture_of_training():
    model, lr = routed_as("soft"), dark_to_bright(1, 60, 88)
    with torch.inference_mode():
        windows = model.windows(lr)
        expected = model.soft(windows.flatten(0, 1))[0].unflatten(0, windows.shape[:2])
        torch.testing.assert_close(model(lr), merge_mean(expected, 240, 352, 112), rtol=0, atol=1e-12)


@pytest.mark.parametrize("routing", ["random", "psnr"])
def test_controls_give_each_branch_an_equal_part_of_every_image_alike_each_time(routing):
    model, images = routed_as(routing), dark_to_bright(2, 88, 116)
    with torch.inference_mode():
        routes = model.routes(images)
        assert torch.equal(routes, model.routes(images))
        assert torch.equal(routes[1:], model.routes(images[1:]))
        model(images)
    assert [row.bincount().tolist() for row in routes] == [[4, 4, 4]] * 2


def test_by_psnr_flat_windows_are_easy_and_noisy_ones_hard():
    lr = torch.full((1, 3, 32, 88), 0.5, dtype=torch.double)
    lr[..., 32:60] += torch.linspace(-0.02, 0.02, 28)
    lr[..., 60:] = torch.rand(3, 32, 28, dtype=torch.double)
    assert routed_as("psnr").routes(lr).tolist() == [[0, 1, 2]]
