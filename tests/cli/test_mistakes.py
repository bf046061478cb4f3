"""A user's mistake: one line that says what, where and what to do; status 2; nothing lost."""

import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from srbench.core.errors import UserError
from srbench.data.images import write_image
from srbench.experiments.messages import one_line
from tests.cli.conftest import BUDGET, EVAL, TINY, make_images
from tests.core.test_yaml_files import BOMB


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["model=crn"], "model=crn: no such model, did you mean carn? (also: "),
        (["-m", "ablation=atrous,sse"], "ablation=sse: no such ablation, did you mean se?"),
        (["data=folder", "data.root=nowhere"], "data.root=nowhere: no such folder"),
        (["runs_dir=/proc/x"], "cannot write /proc/x: "),
        (
            ["resize", "hr/0.png"],
            "resize: IN and OUT are needed, not 1 place (hr/0.png); see: python",
        ),
    ],
)
def test_the_command_line_tells_a_mistake_in_one_line_and_ends_with_status_2(fails, words, line):
    assert fails(*words).startswith(f"srbench: {line}")


GRID = ["-m", "dry_run=true"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([*GRID, "model=carn,mosnet"], "model=mosnet: no such model, did you mean mossnet? (also: "),
        ([*GRID, "ablation=atros"], "ablation=atros: no such ablation, did you mean atrous? (also: "),
        ([*GRID, "sweep=waifu"], "sweep=waifu: no such sweep"),
        (["recipe=supervized"], "recipe=supervized: no such recipe, did you mean supervised?"),
        (["model.atros=[1,1,1]"], "model.atros: no such key in model, did you mean atrous? (also: "),
        (["sede=1"], "sede: no such key, did you mean seed?"),
        (["model.width=[1"], "model.width=[1"),
        (["data=folder"], "data.root: must be given"),
        (["ablation=atrous"], "ablation=atrous: ablation expands into several runs; add -m: python -m srbench -m"),
        (["sweep=carn_study"], "sweep=carn_study: sweep expands into several runs; add -m"),
        ([*GRID, "model=carn", "ablation=context"], "ablation=context: applies to MossNet only, none of which is CARN"),
        ([*GRID, "ablation=atrous", "model.atrous=[2,2,2]"], "model.atrous: is varied by ablation=atrous"),
        ([*GRID, "protocol=y,rgb"], "protocol: runs that differ in nothing else are one run"),
        (["scale=5"], "model=carn: CARN has no scale 5: choose from 2, 3, 4 and 8"),
        ([*GRID, "model=mossnet", "scale=3,4"], "nothing is left to run"),
        (["model.atrous=[1,2]"], "model=carn: atrous has 2 rates for 3 blocks"),
        ([*GRID, "model.fusion_groups=3"], "model=carn: fusion_groups"),
        (["eval.datasets=[set5]"], "eval.datasets=[set5]: no data/benchmark/set5/HR"),
        (["eval.metrics=[psnr,vmaf]"], "eval.metrics=[vmaf]: no such metric (there are clipiqa, dists, lpips, "),
        (["checkpoint=nothing.pth"], "checkpoint=nothing.pth: no such file (looked in "),
        (["budget=none"], "budget=none: model=carn needs weights to evaluate; give checkpoint=FILE"),
        (["precision=8"], "precision=8: no such precision"),
        (["precision=16", "device=cpu"], "precision=16: half precision trains on a GPU only"),
        (["device=tpu"], "device=tpu: no such device"),
        (["threads=0"], "threads=0: auto, or a number from 1 on"),
        (["max_megapixels=0"], "max_megapixels=0: a number above 0"),
        (
            ["score", "hr", "hr", "scale=2", "metrics=psnr", "max_megapixels=0.0001"],
            "hr/0.png: 48×40 are 0 megapixels, more than max_megapixels=0.0001; where that",
        ),
        ([*GRID, "jobs=0"], "jobs=0: auto, or a number from 1 on"),
        (["+recipe=7"], "recipe=7: no such recipe (there are "),
        (["logger=true"], "logger=true: no such logger (there are csv, tensorboard, wandb)"),
        (["data=null"], "data=null: choose one of df2k, div2k, div2k_lsdir, folder, photos"),
        ([*GRID, "seed=0,null"], "seed=null: a whole number from 0 on"),
        (["reprot", "runs/x"], "reprot: no such command, did you mean report? (also: "),
        (["report", "runs/none"], "runs/none: no such study"),
        (["resize", "none.png", "out.png", "scale=1/2"], "resize: none.png: no such image or folder"),
        (["upscale", "hr", "out", "model=crn"], "model=crn: no such model, did you mean carn? (also: "),
        (["profile", "model=crn"], "model=crn: no such model, did you mean carn? (also: "),
        (["data", "prepare", "hr", "classsr=true", "model=nope"], "model=nope: no such model"),
        (["data", "get", "bsd100"], "data: bsd100: no such data set, did you mean b100?"),
        (
            ["score", "hr", "hr", "scale=2", "protocol=yy"],
            "score: protocol=yy: no such protocol, did you mean y? (also",
        ),
        (["score", "hr", "hr", "scale=2", "metrics=psn"], "score: metrics=psn: no such metric, did you mean psnr?"),
        (["report", "runs/none", "reports_dir=file/x"], "reports_dir=file/x: file is no folder; set reports_dir=DIR"),
    ],
)
def test_a_mistake_is_told_in_one_line(mistake, words, line):
    make_images(Path("hr"), 1)
    Path("file").touch()
    assert mistake(*words).startswith(line)
    assert not [*Path().rglob("result.json"), *Path().rglob("table.csv")]


def test_a_protocol_that_is_none_is_told_before_a_run_begins(plan):
    with pytest.raises(UserError, match=r"^protocol: A protocol's border is a number of pixels or .*, not 1\.5"):
        plan("model=bicubic", "budget=none", "protocol.border=1.5")


@pytest.mark.parametrize("word", ["model=null", "recipe/schedule=null"])
def test_a_group_that_is_no_choice_lists_what_there_is(plan, monkeypatch, word):
    monkeypatch.setattr("sys.argv", ["srbench", "study=x", "data=photos", word])
    with pytest.raises(ValueError, match="Config group override") as error:
        plan(word.lstrip("+"))
    assert one_line(error.value).startswith(f"{word}: choose one of ")


def test_only_a_folder_that_cannot_be_made_is_of_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        (tmp_path / "none").read_text()
    assert one_line(error.value) is None


@pytest.mark.parametrize(
    "words",
    [
        (f"runs_dir={'x' * 300}", "model=carn"),
        (f"data_root={'x' * 300}", "eval.datasets=[set5]"),
        (f"checkpoint={'x' * 300}",),
        ("-m", f"sweep={'x' * 300}"),
        ("report", "x" * 300),
        ("status", "x" * 5000),
        ("resize", f"{'x' * 300}.png", "out.png", "scale=2"),
        ("data", "check", "x" * 300),
    ],
)
def test_a_path_that_can_lead_nowhere_is_named(mistake, words):
    assert mistake(*words).endswith("File name too long; name another place")


@pytest.fixture
def training(mistake) -> list[str]:
    """The words for a short training on four images in hr/, in the folder of `mistake`."""
    make_images(Path("hr"), 4)
    return ["data=folder", "data.root=hr", *BUDGET, *EVAL, *TINY]


def test_a_checkpoint_of_another_network_lists_the_keys(mistake, training):
    save_file({"b1.weight": torch.zeros(3)}, "other.safetensors")
    line = mistake(*training, "budget=none", "checkpoint=other.safetensors")
    assert "not weights of this CARN: " in line
    assert "1 unexpected (b1.weight)" in line


@pytest.mark.parametrize("content", [b"", b"not an image"])
def test_an_image_that_cannot_be_read_is_named(mistake, training, content):
    Path("hr/1.png").write_bytes(content)
    assert "hr/1.png: cannot be read as an image" in mistake(*training)


def test_lr_of_another_size_is_named(mistake):
    for name, size in (("HR/a.png", 16), ("LR_bicubic/X2/ax2.png", 9)):
        path = Path("data/benchmark/Own") / name
        path.parent.mkdir(parents=True)
        write_image(path, np.zeros((size, size, 3), np.uint8))
    assert "ax2.png: 9×9 is not 1/2 of a.png, 16×16" in mistake("model=bicubic", "budget=none", "eval.datasets=[own]")


def test_a_disk_that_cannot_be_written_is_named(mistake, training):
    Path("full").touch()
    assert mistake(*training, "runs_dir=full").startswith("cannot write full")


def test_a_disk_that_fills_up_while_training_ends_in_one_line(srbench):
    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = srbench.start(*srbench.data, *TINY, "eval.save_images=0", preexec_fn=small_disk)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert "cannot write" in lines[0]
    assert "make room or name another place (of runs: runs_dir=DIR" in lines[0]


def test_a_mistake_found_by_the_second_run_keeps_the_first(srbench):
    first = srbench(*srbench.data, *TINY)
    assert first.returncode == 0, first.stderr
    before = srbench.records("single")
    assert srbench(*srbench.data, *TINY, "eval.datasets=[none]").returncode == 2
    assert srbench.records("single") == before


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("conf/ablation/bomb.yaml", ("-m", "ablation=bomb")),
        ("conf/model/bomb.yaml", ("model=bomb",)),
        ("sweeps/bomb.yaml", ("-m", "sweep=bomb")),
        ("conf/model/bomb.yaml", ("upscale", "in.png", "out.png", "model=bomb")),
        ("own/model/bomb.yaml", ("--config-dir", "own", "model=bomb")),
        ("own/ablation/bomb.yaml", ("hydra.searchpath=[own]", "-m", "ablation=bomb")),
    ],
)
def test_a_yaml_bomb_is_refused(mistake, tmp_path, file, words):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(BOMB)
    (tmp_path / "in.png").touch()
    assert mistake(*words).endswith(f"{file}: cannot be read: its aliases (*name) stand for more than 100,000 values")


@pytest.mark.parametrize("file", ["conf/recipe/loss/mine.yaml", "conf/ablation/mine.yaml", "own/model/mine.yaml"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"l1:\n\t_target_: torch.nn.L1Loss\n", "while scanning for the next token found character '\\t'"),
        (b"title: a\ntitle: b\n", "while constructing a mapping in "),
        (b"[1, 2]", "keys with their values are needed, not a list"),
        (b"\xff\xfe", "'utf-8' codec can't decode byte"),
        (b"[" * 5000, "it is nested too deeply"),
    ],
)
def test_an_option_that_is_no_yaml_is_named(mistake, tmp_path, file, content, reason):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_bytes(content)
    (tmp_path / "own").mkdir(exist_ok=True)
    group = "/".join(Path(file).parts[1:-1])
    assert f"{tmp_path / file}: cannot be read: {reason}" in mistake("--config-dir", "own", "-m", f"{group}=mine")
