"""A network of one's own through the public functions: whatever is set around the call, and without a trace."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.core.errors import UserError
from srbench.data.images import write_image
from srbench.evaluation.benchmark import benchmark
from srbench.evaluation.cost_of_network import cost
from srbench.evaluation.export import export
from srbench.evaluation.scores_of_images import score
from srbench.evaluation.upscaled import upscale
from srbench.metrics.usual_torch import usual_torch
from srbench.models.carn import CARN
from srbench.models.traits import Traits

LR = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)


class Plain(nn.Module):
    """×2, with dropout and statistics that training changes; `spoil` changes what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)
        self.norm, self.drop = nn.BatchNorm2d(8), nn.Dropout()

    def spoil(self, sr: Tensor) -> object:
        return sr

    def forward(self, lr: Tensor) -> object:
        return self.spoil(F.pixel_shuffle(self.last(self.drop(self.norm(self.first(lr)))), 2))


class Pair(Plain):
    def spoil(self, sr: Tensor) -> object:
        return sr, sr


class Grey(Plain):
    def spoil(self, sr: Tensor) -> object:
        return sr[:, :1]


@pytest.fixture
def root(tmp_path):
    """Of the data, with one set of one image."""
    image = np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8)
    (tmp_path / "benchmark/Tiny/HR").mkdir(parents=True)
    write_image(tmp_path / "benchmark/Tiny/HR/0.png", image)
    return tmp_path


def row(model, root, **settings):
    table = benchmark(model, ["tiny"], metrics=["psnr"], data_root=root, device="cpu", **settings)
    return table.drop(columns=["latency_ms"]).to_dict("records")[-1]


def numbers_drawn():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


SETTINGS = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "float64": lambda: default_dtype(torch.float64),
    "meta": lambda: torch.device("meta"),
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_the_program_around_change_no_number(name, root):
    model = Plain()
    expected = row(model, root), cost(model), upscale(model, LR).tolist(), score(LR, LR[::-1], 2)
    with SETTINGS[name]():
        found = row(model, root), cost(model), upscale(model, LR).tolist(), score(LR, LR[::-1], 2)
        assert torch.get_default_dtype() == (torch.float64 if name == "float64" else torch.float32)
        assert torch.get_default_device().type == ("meta" if name == "meta" else "cpu")
    assert repr(found) == repr(expected)


def test_nothing_of_the_network_and_no_random_number_is_changed(root):
    model = Plain()
    model.norm.eval()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    modes, drawn = [one.training for one in model.modules()], numbers_drawn()
    row(model, root), cost(model, latency=True), score(LR, LR, 2, ["psnr"])
    assert [one.training for one in model.modules()] == modes
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert model.first.weight.is_contiguous()
    assert numbers_drawn() == drawn


def test_of_threads_at_one_time_the_last_to_leave_puts_settings_back():
    begun, entered, left = Event(), Event(), Event()

    def first():
        with usual_torch():
            begun.set()
            entered.wait()
        left.set()

    drawn = numbers_drawn()
    with default_dtype(torch.float64), ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(first)
        begun.wait()
        with usual_torch():
            entered.set()
            left.wait()
            torch.rand(1)
            assert torch.get_default_dtype() == torch.float32
        waiting.result()
        assert torch.get_default_dtype() == torch.float64
    assert numbers_drawn() == drawn


@pytest.mark.parametrize("kind", [torch.float16, torch.float64])
def test_a_network_of_another_type_computes_in_float32_and_keeps_its_type(kind, root):
    model = Plain().to(kind).eval()
    expected = row(Plain(), root)
    found = row(model, root)
    assert {**found, "tiny.psnr": 0, "weights_sha256": ""} == {**expected, "tiny.psnr": 0, "weights_sha256": ""}
    assert {one.dtype for one in model.parameters()} == {kind}
    assert upscale(model, LR).shape == (40, 48, 3)


def test_a_network_of_several_scales_is_one_of_the_scale_asked_for_and_then_as_before(root):
    model, of_three = CARN(width=8, scales=(2, 3), scale=2), CARN(width=8, scales=(2, 3), scale=3)
    assert cost(model, 3) == cost(of_three)
    assert row(model, root, scale=3)["scale"] == 3
    assert model.scale == 2


def test_what_wraps_a_network_for_several_devices_hides_none_of_its_traits(root):
    class Windows(CARN):
        traits = Traits(scales=(2, 3), multiple=8)

    wrapped, bare = nn.DataParallel(Windows(width=8, scales=(2, 3), scale=2)), Windows(width=8, scales=(2, 3), scale=2)
    assert cost(wrapped, 3) == cost(bare, 3)
    assert wrapped.module.scale == 2
    assert row(wrapped, root, scale=3)["flops_720p"] == cost(bare, 3)["flops_720p"]


def test_a_scale_that_the_network_does_not_make_is_told(root):
    model = Plain()
    with pytest.raises(ValueError, match=r"^Plain makes 64 pixels of 32, which is scale=2, not scale=3$"):
        cost(model, 3)
    model.scale = 1  # of its residuals, say
    with pytest.raises(ValueError, match="which is scale=2, not scale=1"):
        row(model, root)
    assert cost(model, 2)["missing"] == {}


def test_a_network_that_enlarges_height_and_width_differently_has_no_scale():
    with pytest.raises(ValueError, match="makes 64×96 pixels of 32×32: give scale=N"):
        cost(nn.Upsample(scale_factor=(3, 2)))


@pytest.mark.parametrize("scale", ["2", 2.5, 0, -2, True])
def test_what_is_no_scale_is_told(scale):
    for function in (lambda: score(LR, LR, scale), lambda: cost(Plain(), scale)):
        with pytest.raises(UserError, match=rf"^scale={scale!r}: a whole number from 1 on is needed$"):
            function()


def test_whole_numbers_of_other_libraries_are_scales():
    assert score(LR, LR[::-1], np.int64(2)) == score(LR, LR[::-1], 2.0) == score(LR, LR[::-1], 2)


def test_a_name_is_not_taken_for_a_list_of_letters(root):
    with pytest.raises(UserError, match=r'^datasets="tiny": a list is needed, \["tiny"\]$'):
        benchmark(Plain(), "tiny", data_root=root)
    with pytest.raises(UserError, match=r'^metrics="psnr": a list is needed, \["psnr"\]$'):
        score(LR, LR, 2, "psnr")
    assert score(LR, LR, 2, (name for name in ("psnr",))) == {"psnr": float("inf")}


@pytest.mark.parametrize(("kind", "told"), [(Pair, "gives a tuple, not a tensor"), (Grey, r"gives \(1, 1, 32, 48\)")])
def test_what_is_no_sr_is_told(kind, told, root):
    with pytest.raises(UserError, match=f"^{kind.__name__} {told}"):
        row(kind(), root, scale=2)
    with pytest.raises(UserError, match=rf"^{kind.__name__} gives "):
        upscale(kind(), LR, self_ensemble=True)


class Windowed(Plain):
    """Of windows of 8 pixels, which its class does not say."""

    def forward(self, lr: Tensor) -> object:
        height, width = lr.shape[-2:]
        windows = lr.reshape(len(lr), 3, height // 8, 8, width // 8, 8)
        return super().forward(windows.reshape(lr.shape))


class Floored(Plain):
    """Takes 30 pixels and more."""

    def forward(self, lr: Tensor) -> object:
        return super().forward(F.pad(lr, (29, 29, 29, 29), mode="reflect")[..., 29:-29, 29:-29])


class Positioned(Plain):
    """Knows 200×200 positions, and no more."""

    def forward(self, lr: Tensor) -> object:
        return super().forward(lr + torch.zeros(200, 200)[: lr.shape[2], : lr.shape[3]])


class Dazzled(Plain):
    def forward(self, lr: Tensor) -> object:
        if (lr > 0.9).all():
            raise ValueError("too bright\nfor me")
        return super().forward(lr)


class Broken(Plain):
    def forward(self, lr: Tensor) -> object:
        raise RuntimeError("of nothing")


class Filling(Plain):
    def forward(self, lr: Tensor) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory")


LR_OF_64 = np.zeros((64, 64, 3), np.uint8)
OF_WINDOWS = (
    r"^Windowed fails on LR of {}: RuntimeError: shape '\[.*\]' is invalid for input of size \d+; LR whose sides are "
    r'multiples of 8 does work: say so in the class, traits = {{"multiple": 8}}, and srbench pads$'
)


def test_a_network_of_windows_that_does_not_say_so_is_told_in_one_line_wherever_it_runs(root):
    write_image(root / "benchmark/Tiny/HR/0.png", np.zeros((30, 44, 3), np.uint8))
    with pytest.raises(UserError, match=OF_WINDOWS.format("22×15")) as told:
        row(Windowed(), root)
    assert isinstance(told.value.__cause__, RuntimeError)  # torch's own, for who looks for the line
    with pytest.raises(UserError, match=OF_WINDOWS.format("24×20")):
        upscale(Windowed(), LR)
    with pytest.raises(UserError, match=OF_WINDOWS.format("24×20")):
        upscale(nn.DataParallel(Windowed()), LR)
    with pytest.raises(UserError, match=OF_WINDOWS.format("97×112")):  # the first tile is of 112×112
        upscale(Windowed(), np.zeros((112, 145, 3), np.uint8), tile=112)
    with pytest.raises(UserError, match=OF_WINDOWS.format("64×73")):
        export(Windowed(), "Windowed", {}, root / "net.safetensors", None)


def test_what_the_line_says_of_windows_makes_them_work_wherever_they_run(root):
    class Told(Windowed):
        scale, traits = 2, {"multiple": 8}

    write_image(root / "benchmark/Tiny/HR/0.png", np.zeros((30, 44, 3), np.uint8))
    assert row(Told(), root)["tiny.psnr"] > 0
    assert upscale(Told(), LR).shape == (40, 48, 3)
    assert upscale(Told(), np.zeros((112, 145, 3), np.uint8), tile=112).shape == (224, 290, 3)
    assert "the same picture within" in export(Told().eval(), "Told", {}, root / "net.safetensors", None)


@pytest.mark.parametrize(
    ("kind", "image", "told"),
    [
        (Floored, LR, r'LR of 30 pixels a side and more does work: .* traits = {"smallest_input": 30}$'),
        (
            Positioned,
            np.zeros((8, 300, 3), np.uint8),
            r"RuntimeError: The size .*; LR of 192×192 does work: set tile=192 ",
        ),
        (Dazzled, LR_OF_64 + 255, "ValueError: too bright; noise of that size does work: mend what its forward does"),
        (Broken, LR, "RuntimeError: of nothing; mend its forward, or say in the class what it takes"),
    ],
)
def test_a_network_that_fails_is_told_with_what_helps(kind, image, told):
    with pytest.raises(UserError, match=rf"^{kind.__name__} fails on LR of \d+×\d+: .*{told}"):
        upscale(kind(), image)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_scripted_network_of_windows_tells_torch_s_own_line_and_a_class_around_it_helps(root):
    class Windows(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 12, 1)

        def forward(self, lr: Tensor) -> Tensor:
            height, width = lr.shape[2] // 8, lr.shape[3] // 8
            windows = lr.reshape(1, 3, height, 8, width, 8)
            return F.pixel_shuffle(self.conv(windows.reshape(1, 3, 8 * height, 8 * width)), 2)

    class Around(nn.Module):
        traits = Traits(multiple=8)

        def __init__(self, held):
            super().__init__()
            self.held = held

        def forward(self, lr):
            return self.held(lr)

    scripted = torch.jit.script(Windows())
    told = r"^Windows fails on LR of 24×20: RuntimeError: shape .* is invalid .* say so in a class around it, traits = "
    with pytest.raises(UserError, match=told):
        upscale(scripted, LR)
    assert upscale(Around(scripted), LR).shape == (40, 48, 3)


def test_an_exported_network_runs_on_the_sizes_that_it_was_written_for(root):
    model = Plain().eval()
    exported = torch.export.export(model, (torch.rand(1, 3, 16, 24),)).module()
    np.testing.assert_array_equal(upscale(exported, LR[:16]), upscale(model, LR[:16]))
    assert row(exported, root, scale=2)["tiny.psnr"] == row(model, root, scale=2)["tiny.psnr"]
    with pytest.raises(
        UserError, match=r"^GraphModule fails on LR of 24×20: .*; it is as torch.export fixed it: give "
    ):
        upscale(exported, LR)
    with pytest.raises(UserError, match=r"needed, not a ExportedProgram; its module\(\) is one$"):
        upscale(torch.export.export(model, (torch.rand(1, 3, 16, 24),)), LR)


def test_memory_that_has_run_out_is_no_matter_of_sizes():
    with pytest.raises(torch.OutOfMemoryError, match=r"^CUDA out of memory$"):
        upscale(Filling(), LR)


def test_a_picture_smaller_than_lr_is_no_sr():
    with pytest.raises(UserError, match=r"^Conv2d gives \(1, 3, 18, 22\) for LR \(1, 3, 20, 24\)"):
        upscale(nn.Conv2d(3, 3, 3), LR)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("carn", r'^model: a torch\.nn\.Module is needed, not a str; srbench\.load\("carn"\) gives one'),
        (nn.LazyConv2d(3, 1), "^model: weight has no size yet, as its layer is lazy"),
        (nn.Conv2d(3, 3, 1, device="meta"), "^model: weight has no values, as it is on torch's meta device"),
    ],
)
def test_what_is_no_network_that_runs_is_told(model, told, root):
    for function in (lambda: row(model, root), lambda: upscale(model, LR)):
        with pytest.raises(UserError, match=told):
            function()


def test_a_network_that_cannot_be_copied_is_measured_all_the_same(root):
    class Held(Plain):
        def __deepcopy__(self, memo):
            raise TypeError("cannot pickle a handle of another library")

    found = row(Held(), root, scale=2)
    assert found["tiny.psnr"] > 0
    assert "cannot pickle a handle" in found["missing"]["flops"]


def test_a_device_of_torch_names_a_device(root):
    assert row(Plain(), root)["params"] == benchmark(Plain(), [], device=torch.device("cpu")).params.iloc[-1]


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (LR / 127.5 - 1, r"reaches from -1 to 1, where \[0, 1\] is needed; bring it to \[0, 1\] first, from \[-1, 1\]"),
        ((LR // 32).astype(np.float32), r"reaches from 0 to 7, where \[0, 1\] is needed; divide by 255"),
        (torch.zeros(3, 8, 8).to_sparse(), "a tensor with all its values is needed"),
        (torch.zeros(3, 8, 8, device="meta"), "a tensor with all its values is needed"),
    ],
)
def test_an_image_of_another_range_is_not_clipped_in_silence(image, told):
    with pytest.raises(ValueError, match=f"^hr: {told}"):
        score(LR, image, 2)
    with pytest.raises(ValueError, match=f"^image: {told}"):
        upscale(Plain(), image)


def test_an_image_of_a_resizer_may_overshoot():
    assert upscale(Plain().eval(), LR / 255 * 1.2 - 0.1).shape == (40, 48, 3)


def test_windows_of_a_trait_are_padded_to(root):
    class Windows(Plain):
        traits = Traits(multiple=8)

    assert upscale(Windows(), LR[:, :21]).shape == (40, 42, 3)
