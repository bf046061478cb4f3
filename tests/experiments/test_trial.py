"""A network of one's own is tried before anything is trained, and the line says what to change."""

import re
import sys

import pytest

from srbench.core.errors import UserError
from srbench.experiments.trial import try_network

NETS = """
import torch
from torch import nn
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self, scale=2, out=3):
        super().__init__()
        self.scale, self.conv = scale, nn.Conv2d(3, out * scale**2, 3, padding=1)
    def forward(self, x):
        return F.pixel_shuffle(self.conv(x), self.scale)

class Window(Net):
    side = 8
    def forward(self, x):
        b, c, h, w = x.shape
        return super().forward(x.view(b, c, h // self.side, self.side, w // self.side, self.side).reshape(b, c, h, w))

class DeclaredWindow(Window):
    traits = {"multiple": 8}

class OddWindow(Window):
    side = 7

class Floor(Net):
    floor = 75
    def forward(self, x):
        assert min(x.shape[2:]) >= self.floor, "too small"
        return super().forward(x)

class FloorOfPatches(Floor):
    floor = 42

class FloorOfWindows(FloorOfPatches, DeclaredWindow):
    pass

class DeclaredFloor(Floor):
    traits = {"smallest_input": 75}

class Pooled(Net):
    def forward(self, x):
        return super().forward(F.interpolate(F.avg_pool2d(x, 2), scale_factor=2))

class Pair(Net):
    def forward(self, x):
        return super().forward(x), x

class PairInTraining(Net):
    def forward(self, x):
        return (super().forward(x), x) if self.training else super().forward(x)

class Upscale(Net):
    def __init__(self, upscale=4):
        super().__init__(upscale)

class Grey(Net):
    def __init__(self, scale=2):
        super().__init__(scale, out=1)

class Turned(Net):
    def forward(self, x):
        return super().forward(x).transpose(2, 3)

class Bytes(Net):
    def forward(self, x):
        return (super().forward(x) * 255).byte()

class NotANumber(Net):
    def forward(self, x):
        return super().forward(x) / 0 * 0

class Detached(Net):
    def forward(self, x):
        return super().forward(x.detach()).detach()

class Loud(Net):
    def forward(self, x):
        return super().forward(x) + 255 * F.interpolate(x, scale_factor=2)

class Unbatched(Net):
    def forward(self, x):
        return super().forward(x)[0]

class Frozen(Net):
    def __init__(self, scale=2):
        super().__init__(scale)
        self.requires_grad_(False)

class Items(Net):
    def forward(self, x):
        return super().forward(x) * (1.0 if x.mean().item() < 2 else 0.0)
"""
SMALLEST = 'traits = {{"smallest_input": {}}}'


@pytest.fixture
def tried(plan, tmp_path, monkeypatch):
    (tmp_path / "nets_on_trial.py").write_text(NETS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda net, *words: try_network(plan(f"model._target_=nets_on_trial.{net}", *words))
    sys.modules.pop("nets_on_trial", None)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["Window"], 'multiples of 8 does work: say so in the class, traits = {"multiple": 8}'),
        (["OddWindow"], 'traits = {"multiple": 7}'),
        (["Floor"], "small; LR of 75 pixels a side and more does work: say so in the class, " + SMALLEST.format(75)),
        (["FloorOfPatches"], "in training: fails on LR of 32×32: AssertionError: too small; LR of 42 pixels a side"),
        (["FloorOfPatches"], SMALLEST.format(42) + "; set budget.hr_patch=84"),
        (["FloorOfWindows"], SMALLEST.format(48) + "; set budget.hr_patch=96"),
        (["DeclaredFloor"], "does not take LR patches of 32×32; set budget.hr_patch=150"),
        (["Pooled"], 'traits = {"multiple": 2}'),
        (["Pair"], "model=Pair: gives a tuple, not a tensor; return SR alone"),
        (["PairInTraining"], "in training: gives a tuple, not a tensor"),
        (["Upscale", "~model.scale"], "×4, where scale=2; set scale=4, or tell its constructor"),
        (["Grey"], "gives 1 channels; SR has three"),
        (["Turned"], "gives SR of 96×192 for LR of 96×48, not 192×96 (scale=2)"),
        (["Bytes"], "gives torch.uint8, not floating-point numbers in [0, 1]"),
        (["NotANumber"], "gives values that are not finite"),
        (["Detached"], "in training: no gradient reaches its weights"),
        (["Unbatched"], "gives a tensor of shape (3, 96, 192) for LR (N, 3, H, W)"),
        (["DeclaredWindow", "budget.hr_patch=50"], "does not take LR patches of 25×25; set budget.hr_patch=64"),
    ],
)
def test_a_network_that_does_not_fit_is_told_with_what_to_change(tried, words, line):
    with pytest.raises(UserError, match=re.escape(line)):
        tried(*words)


@pytest.mark.parametrize(
    "words",
    [
        ["Net"],
        ["Net", "scale=3"],
        ["DeclaredWindow"],
        ["Upscale", "~model.scale", "+model.upscale=2"],
        ["Upscale", "~model.scale", "scale=4"],
        ["Frozen", "budget=none"],
        ["Items"],
    ],
)
def test_a_network_that_fits_is_let_through(tried, words):
    tried(*words)


def test_values_of_another_range_are_told(tried, capsys):
    tried("Loud")
    assert "model=Loud: gives values up to 25" in capsys.readouterr().err


def test_networks_of_srbench_are_not_tried(plan, monkeypatch):
    monkeypatch.setattr("srbench.experiments.trial._try", lambda *words: pytest.fail("tried"))
    try_network(plan("model=fsrcnn"))
