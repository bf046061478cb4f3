"""ONNX files in lower precision: they run, and what they cost is what the pictures say."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from srbench.core.errors import UserError
from srbench.data.images import write_image
from srbench.data.pairs import ImagePair
from srbench.evaluation.export import Lowering, check_export_place, export
from srbench.evaluation.onnx_files import OnnxFile
from srbench.evaluation.precision_cost import Taken, precision_cost
from srbench.models.carn import CARN
from srbench.models.safmn import SAFMN


@pytest.fixture
def pairs(tmp_path):
    rng = np.random.default_rng(0)
    found = []
    for number, sides in enumerate([(40, 56), (64, 48)]):
        file = tmp_path / f"{number}.png"
        ramp = np.linspace(0, 200, sides[1])[None, :, None]
        write_image(file, (ramp + rng.integers(0, 56, (*sides, 3))).astype(np.uint8))
        found.append(ImagePair(str(number), file, None, 2))
    return found


def network() -> CARN:
    torch.manual_seed(0)
    return CARN(width=8, blocks=1, atrous=[1], units=1).eval()


def test_half_precision_costs_little_and_is_half_as_large(tmp_path, pairs):
    line = export(network(), "carn", {}, tmp_path / "h.onnx", None, Lowering("fp16", [], pairs, "two images"))
    assert line.startswith(f"{tmp_path / 'h.onnx'}: carn ×2, LR of any size; fp16: ")
    assert "PSNR-Y on two images " in line
    model = onnx.load(tmp_path / "h.onnx")
    kinds = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4}
    assert kinds == {onnx.TensorProto.FLOAT16}
    lr = torch.rand(1, 3, 31, 50)
    with torch.inference_mode():
        full = network()(lr)
    error = (OnnxFile(tmp_path / "h.onnx")(lr) - full).abs().max().item()
    assert 1e-7 < error < 0.01


def test_int8_quantises_every_convolution_and_costs_more(tmp_path, pairs):
    model = network()
    costs = {}
    for precision in ("fp16", "int8"):
        out = tmp_path / f"{precision}.onnx"
        export(model, "carn", {}, out, None, Lowering(precision, pairs, pairs, "two images"))
        costs[precision] = precision_cost(model, OnnxFile(out), pairs, None)
    assert 20 < costs["int8"].same < costs["fp16"].same - 10 < 120
    assert costs["int8"].before == costs["fp16"].before
    graph = onnx.load(tmp_path / "int8.onnx").graph
    weights = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    made_by = {node.output[0]: node for node in graph.node}
    assert weights
    assert {made_by[name].op_type for name in weights} == {"DequantizeLinear"}
    kinds = {tensor.name: tensor for tensor in graph.initializer}
    scales = [kinds[made_by[name].input[1]] for name in weights]
    assert all(len(scale.dims) == 1 for scale in scales)  # one for each output channel
    assert max(scale.dims[0] for scale in scales) > 1


def test_a_file_of_the_network_itself_costs_nothing(pairs):
    model = network()
    cost = precision_cost(model, model, pairs, None)
    assert cost.same == np.inf
    assert cost.before == cost.after


def test_what_it_costs_is_psnr_by_hand(tmp_path):
    """A network that repeats pixels, and a file that is brighter by 5/255."""
    hr = np.full((16, 16, 3), 100, np.uint8)
    write_image(tmp_path / "flat.png", hr)
    repeated = nn.Upsample(scale_factor=2)
    cost = precision_cost(
        repeated, lambda lr: repeated(lr) + 5 / 255, [ImagePair("a", tmp_path / "flat.png", None, 2)], None
    )
    assert cost.same == pytest.approx(20 * np.log10(255 / 5), abs=1e-3)
    assert cost.before == np.inf
    luma = 5 * (65.481 + 128.553 + 24.966) / 255  # of 0–255
    assert cost.after == pytest.approx(20 * np.log10(255 / luma), abs=1e-6)


def test_a_network_for_one_size_is_measured_on_that_of_each_image(tmp_path, pairs):
    torch.manual_seed(0)
    safmn = SAFMN(scale=2, blocks=1).eval()
    line = export(safmn, "safmn", {}, tmp_path / "s.onnx", 24, Lowering("int8", pairs, pairs, "two images"))
    assert "LR of 24×24 only; int8: " in line
    assert "on two images, of at most 24×24 pixels of each LR " in line
    assert OnnxFile(tmp_path / "s.onnx").side == 24


def test_what_a_file_takes_of_an_image():
    lr = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    assert Taken(None).input(lr).shape == (1, 3, 5, 7)
    assert Taken(None, 4).input(lr).shape == (1, 3, 8, 8)
    assert Taken(6).input(lr).shape == (1, 3, 6, 6)
    torch.testing.assert_close(Taken(6).input(lr)[0, 0, :5] * 255, torch.tensor(lr[:, :6, 0]).float())
    assert Taken(6, 4).picture(nn.Upsample(scale_factor=2), lr, 2).shape == (1, 3, 10, 12)


def test_only_onnx_has_a_lower_precision(tmp_path):
    with pytest.raises(UserError, match=r"out\.pt2: precision=int8 is for \.onnx files"):
        check_export_place(tmp_path / "out.pt2", "int8")


class Sum(nn.Module):
    scale = 1

    def forward(self, x):
        return x.sum((2, 3))


@pytest.mark.parametrize("content", [b"", b"no network"])
def test_a_file_that_is_no_network_is_one_line(tmp_path, content):
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(UserError, match=r"^\S+x\.onnx: (onnxruntime cannot read it|takes and gives other)"):
        OnnxFile(tmp_path / "x.onnx")


def test_a_file_of_something_else_is_told(tmp_path):
    torch.onnx.export(
        Sum().eval(), (torch.rand(1, 3, 8, 8),), tmp_path / "sum.onnx", external_data=False, verbose=False
    )
    with pytest.raises(UserError, match=r"sum\.onnx: takes and gives other than images \(N, 3, H, W\)"):
        OnnxFile(tmp_path / "sum.onnx")
