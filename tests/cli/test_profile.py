"""python -m srbench profile: what models cost, as a user asks for it."""

from importlib.metadata import version
from io import StringIO

import pandas as pd
import pytest
import torch
import yaml
from rich.console import Console
from torch import nn

from srbench.cli.cost_tables import load_text
from srbench.cli.dispatch import perform
from srbench.core import progress
from srbench.core.errors import UserError
from srbench.evaluation import model_costs
from srbench.evaluation.export import export
from srbench.evaluation.model_costs import table_of
from srbench.metrics.cost import peak_memory
from srbench.models.carn import CARN
from srbench.models.fsrcnn import FSRCNN
from srbench.models.traits import Traits

COUNTS = "latency=false"
CONV = ["+model.in_channels=3", "+model.out_channels=3", "+model.kernel_size=1"]


class Odd(nn.Module):
    """×2. Looks at values when it trains, takes an operator that no table knows, and fits into memory one by one."""

    traits = Traits(smallest_input=8, multiple=4)

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.conv = nn.Conv2d(3, 12, 3, padding="same")
        self.unused = nn.Parameter(torch.zeros(5))

    def forward(self, lr):
        if len(lr) > 1 and not self.training:
            raise torch.OutOfMemoryError
        if self.training and lr.mean() > 2:
            return lr
        return nn.functional.pixel_shuffle(torch.special.i0(self.conv(lr)), 2)


@pytest.fixture
def shown(capsys, tmp_path, monkeypatch):
    """Runs `profile` in an empty folder: what it prints, as one list of words for each line."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        perform(["profile", *words])
        return [line.split() for line in capsys.readouterr().out.splitlines()]

    return run


@pytest.fixture
def own_preset(tmp_path):
    (tmp_path / "conf/model").mkdir(parents=True)
    target = {"_target_": f"{Odd.__module__}.Odd", "scale": "${scale}"}
    (tmp_path / "conf/model/odd.yaml").write_text(yaml.safe_dump(target))


def rows_of(lines, model):
    return [line for line in lines if line and line[0] == model]


def test_the_command_line_prints_counts_and_latencies_and_writes_both(srbench):
    done = srbench("profile", "model=carn,fsrcnn", "cost=all", "size=16", "batch=1,2", "threads=1", "out=costs.csv")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = [line.split() for line in done.stdout.splitlines()]
    fvcore, ntire, classsr = rows_of(lines, "carn")[:3]
    assert fvcore == ["carn", "×2", "964,163", "fvcore", "222.83", "522.32", "63.383", "148.57"]
    assert ntire[3:] == ["ntire", "223.33", "+0.22", "%", "522.32", "63.526", "+0.22", "%", "148.57", "35"]
    assert classsr[3:] == ["classsr", "445.66", "+100.00", "%", "–", "126.77", "+100.00", "%", "–"]
    assert [line[:3] for line in rows_of(lines, "fsrcnn")[3:]] == [["fsrcnn", "×2", "1"], ["fsrcnn", "×2", "2"]]
    assert "threads 1" in done.stdout
    table = pd.read_csv(srbench.folder / "costs.csv")
    assert table[["model", "batch"]].to_numpy().tolist() == [["carn", 1], ["carn", 2], ["fsrcnn", 1], ["fsrcnn", 2]]
    assert table["fvcore.flops_720p"].to_list() == [222831129600] * 2 + [5607014400] * 2
    assert (table.q10_ms <= table.median_ms).all()
    assert (table.median_ms > 0).all()
    assert (table.memory_of == "tensors").all()
    expected = [peak_memory(model, 16, 16, batch).bytes for model in (CARN(), FSRCNN(scale=2)) for batch in (1, 2)]
    assert (table.peak_memory_mb * 2**20).to_list() == pytest.approx(expected, abs=600)  # printed to 1/1000 MiB


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["model=carn", "csot=all"], "profile: csot=: no such option, did you mean cost?"),
        (
            ["model=carn", "cost=all,ntir"],
            "profile: cost=all,ntir: ntir: no such choice, did you mean ntire? (also: all,",
        ),
        (["model=carn", "mdrn"], "profile: no place is needed, not 1 place (mdrn)"),
        (["model=carn,"], "profile: model=carn,: nothing between commas: a name is needed"),
        (["model=carn", "batch=1,0"], "profile: batch=1,0: 0: a whole number from 1 on"),
        (["model=carn", "size=big"], "profile: size=big: a whole number from 1 on"),
        (["model=carn", "latency=yes"], "profile: latency=yes: true or false"),
        (["model=carn", "out=no/costs.csv"], "profile: out=no/costs.csv: no such folder: no"),
        (["model=mossnet", "scale=4"], "profile: scale=4: model=mossnet: MossNet exists for scale 2 only, not for 4."),
        (["model=carn", "model.atrous=[1,2]"], "model=carn: atrous has 2 rates for 3 blocks"),
        (["model=carn", "threads=0"], "threads=0: auto, or a number from 1 on"),
        (["model=odd", "size=4"], "profile: size=4: model=odd takes 8 pixels or more, in multiples of 4"),
        (["model=odd", "size=9"], "profile: size=9: model=odd takes 8 pixels or more, in multiples of 4"),
    ],
)
def test_a_mistake_is_named(shown, own_preset, words, line):
    with pytest.raises(UserError) as error:
        shown(*words)
    assert str(error.value).startswith(line)


def test_a_network_of_one_scale_is_profiled_at_that_and_the_others_at_the_default(shown):
    lines = shown("model=carn,esrgan", COUNTS)
    assert [line[:2] for line in (*rows_of(lines, "carn"), *rows_of(lines, "esrgan"))] == [
        ["carn", "×2"],
        ["esrgan", "×4"],
    ]


def test_a_model_without_the_scale_asked_for_is_skipped_with_a_line(capsys):
    perform(["profile", "model=mossnet,carn", "scale=4", COUNTS])
    out, err = capsys.readouterr()
    assert err == "skipped: model=mossnet: MossNet exists for scale 2 only, not for 4.\n"
    lines = [line.split() for line in out.splitlines()]
    assert rows_of(lines, "carn")[0][:2] == ["carn", "×4"]
    assert rows_of(lines, "mossnet") == []


def test_a_models_arguments_can_be_given(shown):
    lines = shown("model=carn", "model.width=32", "cost=ntire", COUNTS)
    assert rows_of(lines, "carn")[0][2] == "242,467"


def test_a_network_from_elsewhere_is_profiled(shown, own_preset):
    lines = shown("model=custom", f"model._target_={Odd.__module__}.Odd", COUNTS)
    assert rows_of(lines, "Odd")[0][:3] == ["Odd", "×2", "341"]
    lines = shown("model=custom", "model._target_=torch.nn.Conv2d", "~model.scale", *CONV, COUNTS)
    assert rows_of(lines, "Conv2d")[0][1:3] == ["×2", "12"]


def test_what_must_be_known_of_a_count_is_told(shown, own_preset):
    lines = shown("model=odd,bicubic", "cost=all", COUNTS, "out=costs.csv")
    notes = {line[0]: " ".join(line[1:]) for line in lines if line and line[0].endswith(":")}
    assert notes["odd:"] == "FLOPs are not known: operators that no table knows: i0"
    assert rows_of(lines, "odd")[0][3:] == ["5", "fvcore", "–", "–", "–", "–"]
    assert notes["bicubic:"].startswith("FLOPs and memory are not known: Bicubic does not run without values")
    assert rows_of(lines, "bicubic")[0][3:] == ["0", "fvcore", "–", "–", "–", "–"]
    table = pd.read_csv("costs.csv").set_index("model")
    assert table.params_dead["odd"] == 5
    assert table["fvcore.flops_256"].isna()["bicubic"]


def test_dead_parameters_are_shown_where_there_are_any(shown, own_preset):
    lines = shown("model=odd", COUNTS)
    assert "dead" in lines[0]
    assert rows_of(lines, "odd")[0][2:4] == ["341", "5"]
    assert "dead" not in shown("model=carn", COUNTS)[0]


def test_batches_that_do_not_fit_are_named(shown, own_preset):
    lines = shown("model=odd", "size=8", "batch=1,2,4")
    one, two, four = rows_of(lines, "odd")[1:]
    assert float(one[3]) > 0
    assert two[2:] == ["2", "–", "–––", "–", "–"]
    assert four[2:] == ["4", "–", "–––", "–", "–"]
    assert "–: the device's memory is too small for the batch" in [" ".join(line) for line in lines]


def test_interrupted_it_prints_and_writes_what_it_has_measured(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    measured = []

    def memory(model, size, batch):
        if measured:
            raise KeyboardInterrupt
        measured.append(batch)
        return {}

    monkeypatch.setattr(model_costs, "_memory", memory)
    with pytest.raises(KeyboardInterrupt):
        perform(["profile", "model=fsrcnn", "size=16", "batch=1,2", "out=costs.csv"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:3] for line in rows_of(lines, "fsrcnn")[1:]] == [["fsrcnn", "×2", "1"]]
    assert pd.read_csv("costs.csv").batch.to_list() == [1]


def test_interrupted_while_it_counts_it_prints_and_writes_what_it_has_counted(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    counts, counted = model_costs._counts, []

    def interrupted(*about):
        if counted:
            raise KeyboardInterrupt
        counted.append(about)
        return counts(*about)

    monkeypatch.setattr(model_costs, "_counts", interrupted)
    with pytest.raises(KeyboardInterrupt):
        perform(["profile", "model=fsrcnn,carn", "out=costs.csv"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines if line and line[0] in ("fsrcnn", "carn")] == ["fsrcnn"]
    assert pd.read_csv("costs.csv").model.to_list() == ["fsrcnn"]


def test_at_a_terminal_each_latency_is_told_as_soon_as_it_is_had(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    terminal = Console(file=StringIO(), force_terminal=True, color_system=None, width=200)
    told, memory = [], model_costs._memory

    def looked_at(model, size, batch):
        told.append(terminal.file.getvalue())
        return memory(model, size, batch)

    monkeypatch.setattr(progress, "console", terminal)
    monkeypatch.setattr(model_costs, "_memory", looked_at)
    perform(["profile", "model=fsrcnn", "size=16", "batch=1,2", "threads=1"])
    assert ["fsrcnn ×2, batch 1: " in text for text in told] == [False, True]
    assert "fsrcnn ×2, batch 2: " in terminal.file.getvalue()


def test_where_memory_layouts_differ_each_latency_has_its_own():
    settings = {"scale": 2, "batch": 1, "q10_ms": 1.0, "median_ms": 2.0, "q90_ms": 3.0, "runtime": "torch"}
    loads = [settings | {"model": name, "memory_format": name} for name in ("channels_last", "contiguous")]
    alone, both = (
        [line.split() for line in load_text(table_of(some), 16, "cpu").splitlines()] for some in (loads[:1], loads)
    )
    assert "layout" not in alone[0]
    assert both[0][-1] == "layout"
    assert [line[-1] for line in both[1:3]] == ["channels_last", "contiguous"]


def test_fvcore_itself_is_run_where_it_is_asked_for_by_name(shown):
    lines = shown("model=fsrcnn", "model.d=16", "cost=fvcore", COUNTS, "out=costs.csv")
    (note,) = [" ".join(line) for line in lines if line and line[0] == "fsrcnn:"]
    assert note == f"fsrcnn: fvcore {version('fvcore')} itself was run: the same"
    table = pd.read_csv("costs.csv")
    assert table["fvcore_itself.flops_256"].to_list() == table["fvcore.flops_256"].to_list()
    assert table["fvcore_itself.activations_720p"].to_list() == table["fvcore.activations_720p"].to_list()


def test_what_fvcore_leaves_out_is_told_beside_its_own_count(shown):
    conv = ["+model.in_channels=3", "+model.out_channels=12", "+model.kernel_size=3", "+model.padding=same"]
    lines = shown("model=custom", "model._target_=torch.nn.Conv2d", "~model.scale", *conv, "cost=fvcore", COUNTS)
    (note,) = [" ".join(line) for line in lines if line and line[0] == "Conv2d:"]
    assert note.startswith("Conv2d: counted here, taken for zero by fvcore itself: _convolution_mode; fvcore ")
    assert note.endswith("itself was run: flops_720p 0, activations_720p 0, flops_256 0, activations_256 0")


def test_without_its_name_fvcore_is_not_run(shown):
    assert not [line for line in shown("model=fsrcnn", COUNTS) if line and line[0] == "fsrcnn:"]


@pytest.fixture
def exported(tmp_path):
    """exported(scale): the path of a small network's file; of a `side` alone where it is given."""

    def make(side=None):
        model = CARN(width=8, blocks=1, atrous=[1], units=1).eval()
        path = tmp_path / f"carn{side or ''}.onnx"
        export(model, "carn", {}, path, side)
        return path

    return make


def test_exported_files_stand_beside_the_networks(shown, exported, tmp_path):
    path = exported()
    lines = shown("model=fsrcnn", f"onnx={path}", "size=20", "batch=1,2", "threads=1", "out=t.csv")
    assert [line[:3] for line in rows_of(lines, str(path))] == [[str(path), "×2", "1"]]
    assert [line[2] for line in rows_of(lines, "fsrcnn")[1:]] == ["1", "2"]
    assert any(f"{path}: by onnxruntime, in the file's precision" in " ".join(line) for line in lines)
    table = pd.read_csv(tmp_path / "t.csv").set_index("runtime")
    assert table.model.to_dict() == {"torch": "fsrcnn", "onnxruntime": str(path)}
    file = table.loc["onnxruntime"]
    assert (file.height, file.width, file.batch, file.threads, file.device) == (20, 20, 1, 1, "cpu")
    assert 0 < file.q10_ms <= file.median_ms <= file.q90_ms
    assert pd.isna(file.params)


def test_a_file_alone_is_timed_without_counts(shown, exported):
    lines = shown(f"onnx={exported(24)}", "size=24")
    assert lines[0][:3] == ["model", "scale", "batch"]
    assert lines[1][1:3] == ["×2", "1"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], r"profile: nothing to measure; name networks, model=carn,mdrn, or exported files, onnx=net\.onnx"),
        (["onnx=none.onnx"], r"profile: onnx=none\.onnx: no such file"),
        (["onnx={path}", "size=20"], r"profile: size=20: \S+carn24\.onnx takes LR of 24×24 only"),
        (["onnx={path}", "latency=false"], "nothing but its latency is measured"),
    ],
)
def test_a_mistake_with_files_is_one_line(shown, exported, words, line):
    path = exported(24)
    with pytest.raises(UserError, match=line):
        shown(*(word.format(path=path) for word in words))
