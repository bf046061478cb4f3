"""A user's mistake: one line that says what, where and what to do; status 2; nothing lost."""

import re
import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from srbench.cli import verbs
from srbench.core.errors import UserError
from srbench.data.images import write_image
from srbench.experiments.messages import explain
from srbench.experiments.preflight import check
from srbench.experiments.spec import build_on_meta
from tests.cli.conftest import TINY, make_images


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["model=crn"], "model=crn: no such model, did you mean carn? (also: "),
        (["-m", "model=carn,mosnet"], "model=mosnet: no such model, did you mean mossnet? (also: "),
        (["-m", "ablation=atros"], "ablation=atros: no such ablation, did you mean atrous? (also: "),
        (["-m", "ablation=atrous,sse"], "ablation=sse: no such ablation, did you mean se?"),
        (["-m", "sweep=waifu"], "sweep=waifu: no such sweep"),
        (["recipe=supervized"], "recipe=supervized: no such recipe, did you mean supervised?"),
        (["model.atros=[1,1,1]"], "model.atros: no such key in model, did you mean atrous? (also: "),
        (["sede=1"], "sede: no such key, did you mean seed?"),
        (["model.width=[1"], "model.width=[1"),
        (["data=folder"], "data.root: must be given"),
        (["data=folder", "data.root=nowhere"], "data.root=nowhere: no such folder"),
        (["ablation=atrous"], "ablation=atrous: ablation expands into several runs; add -m: python -m srbench -m"),
        (["sweep=waifu2x_study"], "add -m"),
        (["-m", "model=carn", "ablation=context"], "ablation=context: applies to MossNet only, none of which is CARN"),
        (["-m", "ablation=atrous", "model.atrous=[2,2,2]"], "model.atrous: is varied by ablation=atrous"),
        (["-m", "protocol=y,rgb"], "protocol: runs that differ in nothing else are one run"),
        (["scale=5"], "model=carn: CARN has no scale 5: choose from 2, 3, 4 and 8"),
        (["-m", "model=mossnet", "scale=3,4"], "nothing is left to run"),
        (["model.atrous=[1,2]"], "model=carn: atrous has 2 rates for 3 blocks"),
        (["-m", "model.fusion_groups=3"], "fusion_groups"),
        (["eval.datasets=[set5]"], "eval.datasets=[set5]: no data/benchmark/set5/HR"),
        (["eval.metrics=[psnr,vmaf]"], "eval.metrics=[vmaf]: no such metric (there are lpips, "),
        (["checkpoint=nothing.pth"], "checkpoint=nothing.pth: no such file (looked in "),
        (["budget=none"], "budget=none: model=carn needs weights to evaluate; give checkpoint=FILE"),
        (["precision=8"], "precision=8: no such precision"),
        (["precision=16", "device=cpu"], "precision=16: half precision trains on a GPU only"),
        (["device=tpu"], "device=tpu: no such device"),
        (["threads=0"], "threads=0: auto, or a number from 1 on"),
        (["-m", "jobs=0"], "jobs=0: auto, or a number from 1 on"),
        (["data=null"], "data=null: choose one of df2k, div2k, folder, photos"),
        (["runs_dir=/proc/x"], "cannot write /proc/x: "),
        (["-m", "seed=0,null"], "seed=null: a whole number from 0 on"),
        (["report", "runs/none"], "runs/none: no such study"),
        (["resize", "hr/0.png"], "2 places are needed, not 1; usage: python -m srbench resize IN OUT"),
        (["resize", "hr/0.png", "out.png", "scale=half"], "resize: scale=half: a number or a fraction is needed"),
        (["resize", "none.png", "out.png", "scale=1/2"], "none.png: no such image"),
    ],
)
def test_is_told_in_one_line(fails, words, line):
    assert line in fails(*words)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["report"], "1 place is needed, not 0; usage: python -m srbench report runs/STUDY"),
        (["report", "runs/none", "reports_dir=file/x"], "reports_dir=file/x: file is no folder; set reports_dir=DIR"),
        (["score", "hr", "hr", "scale=2", "out=none/x.csv"], "score: out=none/x.csv: no such folder: none"),
        (["score", "hr", "hr", "scale=2", "out=hr"], "score: out=hr: is a folder"),
    ],
)
def test_a_verb_is_told_before_it_begins(tmp_path, monkeypatch, words, line):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    make_images(Path("hr"), 1)
    with pytest.raises(UserError, match=f"^{re.escape(line)}"):
        getattr(verbs, words[0])(words[1:])


def test_a_protocol_that_is_none_is_told_before_a_run_begins(plan):
    run = plan("model=bicubic", "budget=none", "protocol.border=1.5")
    with pytest.raises(UserError, match=r"^protocol: A protocol's border is a number of pixels or .*, not 1\.5"):
        check(run, build_on_meta(run))


@pytest.mark.parametrize("word", ["model=null", "+recipe=7", "logger=true", "recipe/schedule=null"])
def test_a_group_that_is_no_choice_lists_what_there_is(plan, monkeypatch, word):
    monkeypatch.setattr("sys.argv", ["srbench", "study=x", "data=photos", word])
    with pytest.raises(ValueError, match="Config group override") as error:
        plan(word.lstrip("+"))
    assert explain(error.value).startswith(f"{word}: choose one of ")


def test_only_a_folder_that_cannot_be_made_is_of_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        (tmp_path / "none").read_text()
    assert explain(error.value) is None


def test_a_checkpoint_of_another_network_lists_the_keys(srbench, fails):
    save_file({"b1.weight": torch.zeros(3)}, srbench.folder / "other.safetensors")
    line = fails(*srbench.data, *TINY, "budget=none", "checkpoint=other.safetensors")
    assert "not weights of this CARN: " in line
    assert "1 unexpected (b1.weight)" in line


@pytest.mark.parametrize("content", [b"", b"not an image"])
def test_an_image_that_cannot_be_read_is_named(srbench, fails, content):
    (srbench.folder / "hr" / "1.png").write_bytes(content)
    assert "hr/1.png: cannot be read as an image" in fails(*srbench.data, *TINY)


def test_lr_of_another_size_is_named(srbench, fails):
    for name, size in (("HR/a.png", 16), ("LR_bicubic/X2/ax2.png", 9)):
        path = srbench.folder / "data/benchmark/Own" / name
        path.parent.mkdir(parents=True)
        write_image(path, np.zeros((size, size, 3), np.uint8))
    assert "ax2.png: 9×9 is not 1/2 of a.png, 16×16" in fails("model=bicubic", "budget=none", "eval.datasets=[own]")


def test_a_disk_that_cannot_be_written_is_named(srbench, fails):
    (srbench.folder / "full").touch()
    assert "cannot write full" in fails(*srbench.data, *TINY, "runs_dir=full")


def test_a_disk_that_fills_up_while_training_ends_in_one_line(srbench):
    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = srbench.start(*srbench.data, *TINY, "eval.save_images=0", preexec_fn=small_disk)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert "cannot write" in lines[0]
    assert "make room or set runs_dir=DIR" in lines[0]


def test_a_mistake_found_by_the_second_run_keeps_the_first(srbench):
    first = srbench(*srbench.data, *TINY)
    assert first.returncode == 0, first.stderr
    before = srbench.records("single")
    assert srbench(*srbench.data, *TINY, "eval.datasets=[none]").returncode == 2
    assert srbench.records("single") == before
