"""One run through the real command line, the verbs, and the front door."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from srbench.data.images import read_image, write_image
from srbench.data.resize import imresize
from tests.cli.conftest import TINY, make_images
from tests.warm_interpreter import HERE


def test_a_run_leaves_its_record_and_is_not_repeated(srbench):
    done = srbench(*srbench.data, *TINY)
    assert done.returncode == 0, done.stderr
    (folder,) = (srbench.folder / "runs/single").glob("carn-*")
    files = {path.name for path in folder.iterdir()}
    expected = {"config.yaml", "losses.csv", "weights.safetensors", "result.json", "scores.csv", "images", "run.log"}
    assert expected <= files
    assert "last.ckpt" not in files
    record = json.loads((folder / "result.json").read_text())
    assert record["cost"]["params"] > 0
    assert record["train"]["steps"] == 6
    assert record["threads"] == int(HERE["OMP_NUM_THREADS"])
    assert folder.name == f"carn-default-x2-s0-{record['config_hash'][:8]}"
    sr = read_image(folder / "images/val/0.png")
    assert sr.shape == (40, 48, 3)
    weights = (folder / "weights.safetensors").stat().st_mtime_ns
    assert srbench(*srbench.data, *TINY).returncode == 0
    assert (folder / "weights.safetensors").stat().st_mtime_ns == weights
    assert srbench(*srbench.data, *TINY, "force=true").returncode == 0
    assert (folder / "weights.safetensors").stat().st_mtime_ns > weights


def test_a_network_that_was_edited_since_is_told_and_its_weights_stay(srbench):
    code = "import torch\nclass Net(torch.nn.Upsample):\n"
    code += "    def __init__(self, scale):\n        super().__init__(scale_factor=2)\n        self.scale = scale\n"
    code += "        self.w = torch.nn.Parameter(torch.ones(1))\n"
    code += "    def forward(self, lr):\n        return super().forward(lr) * self.w\n"
    (srbench.folder / "edited.py").write_text(code)
    words = (*srbench.data, "model._target_=edited.Net")
    for done in (srbench(*words), srbench(*words)):
        assert (done.returncode, "is not the code" in done.stderr) == (0, False), done.stderr
    (srbench.folder / "edited.py").write_text(code.replace("* self.w", "* self.w * 0.5"))
    done = srbench(*words)
    assert done.returncode == 0
    assert "edited.Net is not the code that Net-default-x2-s0-" in done.stderr
    before, *_ = [one for one in srbench.records("single").values() if one["class"] == "Net"]
    assert srbench(*words, "eval.metrics=[psnr,ssim,rmse]").returncode == 0
    (after,) = [one for one in srbench.records("single").values() if one["class"] == "Net"]
    assert before["scores"]["val"]["psnr"] > after["scores"]["val"]["psnr"] > 0
    (code,) = after["certificates"]["val"]["code"].values()
    assert (after["own_code"], after["weights_sha256"]) == (before["own_code"], before["weights_sha256"])
    (own,) = after["own_code"].values()
    told = f"val scored by edited.Net as edited since ({code}, not {own})"
    assert told in (srbench.folder / "reports/single/table.md").read_text()
    for done in (srbench(*words, "force=true"), srbench(*words)):
        assert (done.returncode, "is not the code" in done.stderr) == (0, False), done.stderr


def test_weights_of_one_run_are_evaluated_by_another(srbench):
    assert srbench(*srbench.data, *TINY).returncode == 0
    (folder,) = (srbench.folder / "runs/single").glob("carn-*")
    checkpoint = f"checkpoint={folder / 'weights.safetensors'}"
    plain = [word for word in srbench.data if not word.startswith("budget.")]
    done = srbench(*plain, *TINY, "budget=none", checkpoint, "study=other")
    assert done.returncode == 0, done.stderr
    (record,) = [r for r in srbench.records("other").values() if r["model"] == "carn"]
    assert record["scores"] == json.loads((folder / "result.json").read_text())["scores"]
    assert (record["train"]["steps"], record["train"]["stages"]) == (0, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on(srbench, number):
    words = [*srbench.data, *TINY, "budget.steps=400", "budget.val_every=20"]
    process = srbench.start(*words)
    deadline = time.monotonic() + 90
    while not list(srbench.folder.glob("runs/single/carn-*/last.ckpt")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), err
    if number == signal.SIGINT:
        assert err.endswith("srbench: interrupted; the same command goes on from here\n")
    assert srbench(*words).returncode == 0
    (folder,) = (srbench.folder / "runs/single").glob("carn-*")
    steps = [line.split(",")[1] for line in (folder / "losses.csv").read_text().splitlines()[1:]]
    assert steps == [str(step) for step in range(1, 401)]
    assert "going on from step" in (folder / "run.log").read_text()


def test_mossnet_trains_with_thumbnails_and_shuffles_them_when_evaluated(srbench):
    words = ["model=mossnet", *srbench.data, "eval.save_images=0"]
    assert "val has one image only" in srbench(*words, "model.context=shuffled").stderr
    make_images(srbench.folder / "hr/valid", 2)
    scores = {}
    for context in ("on", "shuffled"):
        done = srbench(*words, f"model.context={context}", "recipe.optimizer.lr=0.01")
        assert done.returncode == 0, done.stderr
        records = srbench.records("single").values()
        (scores[context],) = [r for r in records if f"model.context={context}" in r["overrides"]]
    losses = [path.read_bytes() for path in srbench.folder.glob("runs/single/mossnet-*/losses.csv")]
    assert losses[0] == losses[1]
    assert scores["on"]["scores"]["val"]["psnr"] == pytest.approx(scores["shuffled"]["scores"]["val"]["psnr"], abs=3)


def test_bars_are_shown_at_a_terminal_only(srbench):
    ours, theirs = pty.openpty()
    process = srbench.start(*srbench.data, *TINY, "budget.steps=300", stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:
            break
    process.communicate(timeout=60)
    assert b"loss 0." in shown
    assert b"/300" in shown
    assert "\x1b" not in srbench(*srbench.data, *TINY, "force=true").stderr


def test_a_dry_run_trains_nothing(srbench):
    done = srbench(*srbench.data, "dry_run=true")
    assert " 964,163" in done.stdout
    assert not (srbench.folder / "runs/single").exists()


def test_hydras_own_flags_work(srbench):
    assert "ablation: atrous" in srbench("--help").stdout
    shown = srbench("model=mossnet", "scale=4", "--cfg", "job").stdout
    assert "srbench.models.mossnet.MossNet" in shown
    assert "scale: 4" in shown


def test_resize_equals_the_function(srbench):
    done = srbench("resize", "hr/0.png", "small.png", "scale=1/3", "edge=replicate")
    assert done.stdout == "small.png: 16×14\n"
    expected = imresize(read_image(srbench.folder / "hr/0.png"), 1 / 3, edge="replicate")
    np.testing.assert_array_equal(read_image(srbench.folder / "small.png"), expected)
    srbench("resize", "hr", "out", "scale=2")
    assert [path.name for path in sorted((srbench.folder / "out").iterdir())] == ["0.png", "1.png", "2.png", "3.png"]


def test_a_bicubic_run_scores_benchmark_sets(srbench):
    for name, image in (("a", 3), ("b", 5)):
        path = srbench.folder / f"data/benchmark/Own/HR/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, np.random.default_rng(image).integers(0, 256, (33, 40, 3), np.uint8))
    done = srbench(
        "model=bicubic", "budget=none", "eval.datasets=[OWN]", "eval.metrics=[psnr,lpips]", "eval.latency=false"
    )
    assert done.returncode == 0, done.stderr
    (record,) = srbench.records("single").values()
    assert record["scores"]["own"].keys() == {"psnr"}
    (missing,) = (one for one in record["missing"] if one["what"] == "lpips")
    assert "alexnet_features.safetensors" in missing["reason"]
    rows = next(srbench.folder.glob("runs/single/*/scores.csv")).read_text().splitlines()
    assert rows[1].startswith("own,a,")
    assert ",y,matlab-symmetric," in rows[1]


@pytest.mark.parametrize(
    "module",
    ["srbench", "srbench.__main__", "srbench.cli.app", "srbench.experiments.store.study", "srbench.reports.write"],
)
def test_nothing_heavy_is_imported_before_it_is_needed(module):
    code = f"import sys, {module}; print([name for name in ('torch', 'lightning', 'lpips') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_help_imports_neither_torch_nor_pandas(srbench):
    code = "import sys; sys.argv = ['srbench', '--help']; from srbench.__main__ import main\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'pandas', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=srbench.folder)
    assert done.stdout.endswith("[]\n")


NETWORK = """from torch import nn

class MyNet(nn.Sequential):
    def __init__(self, scale, width=4):
        super().__init__(
            nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3 * scale**2, 1), nn.PixelShuffle(scale)
        )
"""


def test_a_network_outside_the_project_is_trained_and_scored(srbench):
    (srbench.folder / "my_package.py").write_text(NETWORK)
    done = srbench("model._target_=my_package.MyNet", "+model.width=3", *srbench.data)
    assert done.returncode == 0, done.stderr
    assert any(line.startswith("MyNet ") for line in done.stdout.splitlines())
    (record,) = (r for name, r in srbench.records("single").items() if name.startswith("MyNet-"))
    assert record["cost"]["params"] == 3 * 3 * 9 + 3 + 3 * 12 + 12
    assert record["scores"]["val"].keys() == {"psnr", "ssim"}


def test_a_run_holds_to_the_limit_on_pixels_and_to_one_that_is_lifted(srbench):
    refused = srbench(*srbench.data, *TINY, "max_megapixels=0.001")
    assert refused.returncode == 2
    assert ".png: 48×40 are 0 megapixels, more than max_megapixels=0.001; where that is meant, set" in refused.stderr
    assert srbench(*srbench.data, *TINY, "max_megapixels=0.002").returncode == 0


def test_a_run_that_diverges_ends_with_a_line_that_names_the_fix_and_keeps_no_weights(srbench):
    done = srbench(*srbench.data, *TINY, "recipe.optimizer.lr=1e20", "precision=32")
    assert done.returncode == 1, done.stderr
    line = done.stderr.splitlines()[-1]
    assert re.fullmatch(
        r"srbench: the (loss|gradient's norm) is (inf|nan) at step \d of stage pixel; lower "
        r"recipe\.stages\.pixel\.optimizer\.lr, set recipe\.stages\.pixel\.gradient_clip, or train with precision=32",
        line,
    )
    (folder,) = (srbench.folder / "runs/single").glob("carn-*")
    assert not list(folder.rglob("*.safetensors"))
    assert json.loads((folder / "result.json").read_text())["error"] == line.removeprefix("srbench: ")


@pytest.mark.parametrize("asked", ["perceptual", "[perceptual,niqe_pyiqa]"])
def test_a_run_takes_the_name_of_a_set_of_metrics(srbench, asked):
    words = ("model=bicubic", "budget=none", "study=named", "eval.latency=false", f"eval.metrics={asked}")
    done = srbench(*words)
    assert done.returncode == 0, done.stderr
    (record,) = srbench.records("named").values()
    assert record["scores"]["val"].keys() == {"niqe_pyiqa", "niqe"}
    told = [one["what"] for one in record["missing"] if one["kind"] == "weights"]
    assert told == ["lpips", "dists", "clipiqa", "maniqa", "musiq", "ntire_perceptual"]
    assert srbench(*words, "dry_run=true").stdout.splitlines()[-1] == "1 runs, 0 of them to do"
