"""A check finds what is wrong with a network, names it, and says what to do; what is right stays green."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim

from srbench.audits.fitness import check
from srbench.audits.metric_fitness import check_metric
from srbench.audits.ticks import Fitness
from srbench.core.errors import UserError
from srbench.metrics import table
from srbench.metrics.scorer import MAKERS
from srbench.metrics.table import Metric
from srbench.models.mossnet import MossNet

MUSTS = {
    "shape and values",
    "scales",
    "odd and smallest sizes",
    "batches",
    "no state",
    "deterministic",
    "weights",
    "ten steps of training",
    "resumed training",
}


class Net(nn.Module):
    """×2, a few hundred weights; `spoil` changes its features."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 2
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)

    def spoil(self, x: Tensor) -> Tensor:
        return x

    def forward(self, lr: Tensor) -> Tensor:
        return F.pixel_shuffle(self.last(self.spoil(F.relu(self.first(lr)))), 2)


class Counts(Net):
    """Keeps a number that no file of weights holds, and computes with it."""

    passes = 0

    def spoil(self, x: Tensor) -> Tensor:
        if self.training:
            self.passes += 1
        return x * (1 + 0.01 * self.passes)


class Ages(Net):
    """Keeps a number of its own, by which it gives another picture after some."""

    seen = 0

    def spoil(self, x: Tensor) -> Tensor:
        self.seen += 1
        return x if self.seen < 3 else 2 * x


class Tuple(Net):
    def forward(self, lr: Tensor) -> Tensor:
        return super().forward(lr), lr


class Notes(Net):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def spoil(self, x: Tensor) -> Tensor:
        self.seen += 1
        return x


class LooksAround(Net):
    def spoil(self, x: Tensor) -> Tensor:
        return x - x.mean((0, 2, 3), keepdim=True)


class Noisy(Net):
    def spoil(self, x: Tensor) -> Tensor:
        return x + 0.1 * torch.randn_like(x)


class Hidden(Net):
    """Its gain is no parameter and no buffer, and is made of a parameter as it is now."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((1,), 2.0))
        self.kept = self.gain.detach() * 3

    def load_state_dict(self, state, strict=True, assign=False):
        found = super().load_state_dict(state, strict, assign)
        self.kept = self.kept + 1
        return found

    def spoil(self, x: Tensor) -> Tensor:
        return x * self.kept * self.gain


class EvenSides(Net):
    def spoil(self, x: Tensor) -> Tensor:
        return F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0)


class Diverges(Net):
    def spoil(self, x: Tensor) -> Tensor:
        return x.log() if self.training else x


class OfBytes(Net):
    def spoil(self, x: Tensor) -> Tensor:
        return x * 1e4


class Dead(Net):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Conv2d(3, 3, 3)


class WholeImage(Net):
    def spoil(self, x: Tensor) -> Tensor:
        return x * (1 + 5 * x.abs().mean((2, 3), keepdim=True))


class ByValues(Net):
    def spoil(self, x: Tensor) -> Tensor:
        return x if x.mean().item() > -1e9 else -x


class OfDoubles(Net):
    def spoil(self, x: Tensor) -> Tensor:
        return 1.01 * x if x.dtype == torch.float32 else x


def red(found: Fitness) -> set[str]:
    return {tick.name for tick in found.ticks if tick.state == "red"}


def test_a_sound_network_has_nothing_red_and_nothing_is_changed():
    model = Net()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    found = check(model)
    assert found.fit
    assert not red(found)
    assert len(found.ticks) == 19
    assert {tick.name for tick in found.ticks if tick.must} == MUSTS
    left_out = {tick.name for tick in found.ticks if tick.state == "left out"}
    assert left_out == (set() if torch.cuda.is_available() else {"captured on a GPU"})
    assert model.training
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert str(found).startswith("Net ×2: ")
    assert "✓ parameters: 1,100, none of them dead" in str(found)


def test_settings_of_the_program_around_make_nothing_red():
    model = Net()
    before = torch.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"), torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
            found = check(model)
    finally:
        torch.set_default_dtype(torch.float32)
    assert not red(found), str(found)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_no_network_is_told():
    with pytest.raises(UserError, match=r"^model: a torch\.nn\.Module is needed, not a str"):
        check("carn")
    with pytest.raises(UserError, match=r"^scale='2': a whole number"):
        check(Net(), "2")


def test_a_network_with_a_thumbnail_is_fit():
    found = check(MossNet(scale=2))
    assert found.fit, str(found)


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (EvenSides, "odd and smallest sizes", "LR of 1×1: RuntimeError"),
        (LooksAround, "batches", "two images together differ from each alone by"),
        (Notes, "no state", "forward changes seen"),
        (Noisy, "deterministic", "two passes differ by"),
        (Ages, "deterministic", "it gives another picture than before it had seen other images"),
        (Tuple, "shape and values", "gives a tuple, not a tensor"),
        (Hidden, "weights", "another picture once its weights were saved and loaded"),
        (Diverges, "ten steps of training", "NotFiniteError"),
        (Counts, "resumed training", "ends with other weights or losses than an uninterrupted one"),
        (OfBytes, "shape and values", "values from"),
    ],
)
def test_what_must_not_be_is_red_with_its_cure(kind, name, told):
    found = check(kind())
    tick = next(one for one in found.ticks if one.name == name)
    assert (tick.state, tick.must) == ("red", True), str(found)
    assert told in tick.told
    assert tick.cure
    assert not found.fit
    assert f"✗ {name} (must): " in str(found)


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (Dead, "parameters", "84 of 1,184 are never reached by training: idle.weight, idle.bias"),
        (Dead, "every parameter learns", "2 of 6 tensors stay as they are: idle.weight, idle.bias"),
        (WholeImage, "tiles", "differ from the whole by"),
        (ByValues, "FLOPs", "does not run without values"),
        (OfDoubles, "precision", "float32 differs from float64 by"),
    ],
)
def test_what_should_not_be_is_red_and_leaves_the_network_fit(kind, name, told):
    found = check(kind())
    tick = next(one for one in found.ticks if one.name == name)
    assert (tick.state, tick.must) == ("red", False), str(found)
    assert told in tick.told
    assert found.fit, str(found)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("translated", [torch.jit.script, lambda net: torch.jit.trace(net, torch.rand(1, 3, 16, 16))])
def test_of_a_network_of_torch_jit_training_and_other_forms_are_left_out(translated):
    found = check(translated(Net().eval()), 2)
    assert str(found).startswith("Net ×2: ")
    left_out = {tick.name: tick.told for tick in found.ticks if tick.state == "left out"}
    assert not [tick for tick in found.ticks if tick.state == "red"]
    for name in ("ten steps of training", "export .pt2", "export .onnx"):
        assert left_out[name].endswith("look at the module that it was made of")
    assert "latency" not in left_out


@pytest.mark.parametrize(
    ("sizes", "red"),
    [
        ({2: Dim("height", min=16, max=4096), 3: Dim("width", min=16, max=4096)}, {"batches", "ten steps of training"}),
        ({}, {"shape and values"}),
    ],
)
def test_of_an_exported_network_the_cure_is_how_to_export_it(sizes, red):
    exported = torch.export.export(Net().eval(), (torch.rand(1, 3, 64, 64),), dynamic_shapes=(sizes,)).module()
    found = [tick for tick in check(exported, 2).ticks if tick.state == "red"]
    assert red <= {tick.name for tick in found}
    assert all("give that dynamic_shapes for N, H and W" in tick.cure for tick in found)


def test_a_compiled_network_is_looked_at_as_what_it_is_made_of():
    found = check(torch.compile(Net(), backend="eager"), 2)
    assert not [str(tick) for tick in found.ticks if tick.state == "red"]


def test_a_frozen_network_is_looked_at_without_training():
    found = check(Net().requires_grad_(False))
    assert found.fit
    told = {tick.name: tick.told for tick in found.ticks if tick.state == "left out"}
    assert told["ten steps of training"] == "it has nothing to train"


@pytest.mark.parametrize("metric", ["psnr", "ssim", "rmse", "niqe", "ssim_global"])
def test_the_metrics_of_the_project_are_fit(metric):
    found = check_metric(metric, [])
    assert found.fit, str(found)
    assert not red(found)
    assert len(found.ticks) == 8


def test_a_metric_whose_weights_are_not_here_is_left_out(tmp_path):
    found = check_metric("lpips", [tmp_path])
    assert {tick.state for tick in found.ticks} == {"left out"}
    assert "data get alexnet" in found.ticks[0].told


def test_a_metric_that_goes_the_wrong_way_and_looks_at_its_neighbours_is_red(monkeypatch):
    def wrong(pairs):
        return [float(abs(pair.sr.astype(int) - pair.hr).sum()) + len(pairs) for pair in pairs]

    monkeypatch.setitem(MAKERS, "wrong", lambda *_: wrong)
    monkeypatch.setitem(table.METRICS, "wrong", Metric("wrong", True, 2))
    found = check_metric("wrong", [])
    assert red(found) == {"equal images", "direction", "one by one"}
    assert not found.fit


def test_a_metric_that_always_says_the_same_is_red(monkeypatch):
    monkeypatch.setitem(MAKERS, "same", lambda *_: lambda pairs: [1.0 for _ in pairs])
    monkeypatch.setitem(table.METRICS, "same", Metric("same", True, 2))
    assert red(check_metric("same", [])) == {"direction"}


def test_a_metric_that_does_not_exist_is_told():
    with pytest.raises(UserError, match="metric=psn: no such metric, did you mean psnr"):
        check_metric("psn", [])
