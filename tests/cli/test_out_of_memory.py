"""A run that finds no memory left on its device beside others is done again beside fewer; alone it fails."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.held import held_in, wait_for, with_held_network

NETWORK = """
import time
from pathlib import Path

import torch

from held import Held

RUNS = Path("runs")


class Big(Held):
    # With seed 0, a validation after the first checkpoint finds no memory while the file `full` is there, once as many
    # trainings have begun as it says. With another seed it waits as Held does.

    def __init__(self, scale):
        super().__init__(scale)
        self.is_big = torch.initial_seed() == 0

    def forward(self, lr):
        if not self.is_big:
            return super().forward(lr)
        if not self.training and list(RUNS.rglob("Big-*-s0-*/last.ckpt")) and Path("full").exists():
            while len(list(RUNS.rglob("losses.csv"))) < int(Path("full").read_text()):
                time.sleep(0.01)
            raise torch.OutOfMemoryError("there is none left")
        return super(Held, self).forward(lr)
"""
STEPS = list(range(1, 41))


@pytest.fixture
def full(srbench: Shell) -> Path:
    """The file that says that no memory is left, once so many trainings have begun."""
    (with_held_network(srbench).folder / "big.py").write_text(NETWORK)
    return srbench.folder / "full"


def words_of(shell: Shell, *words: str) -> list[str]:
    budget = ["budget.steps=40", "budget.val_every=10"]
    return [*shell.data, *budget, "model._target_=big.Big", "study=held", "device=cpu", *words]


def of_seed(shell: Shell, seed: int) -> Path:
    (run,) = (shell.folder / "runs/held").glob(f"Big-*-s{seed}-*")
    return run


def test_a_run_that_ran_out_of_memory_beside_another_goes_on_alone(srbench, full):
    hold = held_in(srbench)
    full.write_text("2")
    said = srbench.folder / "said"
    with said.open("w") as file:
        process = srbench.start("-m", *words_of(srbench, "seed=0,1", "jobs=2"), stdout=file, stderr=file)
    line = "ran out of memory beside 1 other on cpu: again alone\n"
    wait_for(lambda: line in said.read_text())
    full.unlink()
    hold.unlink()
    process.wait(timeout=240)
    assert process.returncode == 0, said.read_text()
    assert {(record["status"], record["error"]) for record in srbench.records("held").values()} == {("done", None)}
    big = of_seed(srbench, 0)
    assert said.read_text().index(f"{of_seed(srbench, 1).name}: val PSNR") < said.read_text().index(
        f"{big.name}: val PSNR"
    )
    assert "going on from step 10" in (big / "run.log").read_text()
    assert [int(row.split(",")[1]) for row in (big / "losses.csv").read_text().splitlines()[1:]] == STEPS


ALONE = r"ran out of memory alone on cpu, where [\d.]+ GB are free now; lower budget.batch_size or budget.hr_patch"


def test_a_run_of_a_grid_that_ran_out_of_memory_alone_fails_and_says_what_to_lower(srbench, full):
    full.write_text("1")
    done = srbench("-m", *words_of(srbench, "seed=0", "jobs=1"))
    assert done.returncode == 1
    told = srbench.records("held")[of_seed(srbench, 0).name]["error"]
    assert re.fullmatch(ALONE, told)
    assert f"failed: {told} (" in done.stderr
    assert "again" not in done.stderr.replace("tries them again", "")


def test_so_does_a_single_run_in_one_line(srbench, full):
    full.write_text("1")
    done = srbench(*words_of(srbench, "seed=0"))
    assert done.returncode == 1
    run = of_seed(srbench, 0)
    assert srbench.records("held")[run.name]["error"] == "OutOfMemoryError: there is none left"
    log = re.escape(str(run.relative_to(srbench.folder) / "run.log"))
    assert re.fullmatch(rf"srbench: {run.name}: {ALONE} \({log}\)", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr
    full.unlink()
    assert srbench(*words_of(srbench, "seed=0")).returncode == 0
    assert "going on from step 10" in (of_seed(srbench, 0) / "run.log").read_text()


def test_a_verb_on_a_full_gpu_ends_in_one_line(srbench):
    code = "import torch\nclass Full(torch.nn.Upsample):\n    scale = 2\n    def forward(self, lr):\n"
    code += "        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.\\nmore')\n"
    (srbench.folder / "full.py").write_text(code)
    done = srbench("upscale", "hr", "sr", "model._target_=full.Full", "~model.scale")
    assert done.returncode == 1
    told = "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
    assert done.stderr == f"srbench: {told}; give less at once, free the GPU of others, or use device=cpu\n"


WIDE = """
from pathlib import Path

import torch

from srbench.models.carn import CARN


class Wide(CARN):
    # Finds no memory for the input of latencies while the file `full` is there.

    def forward(self, lr):
        if not lr.is_meta and lr.shape[-1] >= 200 and Path("full").exists():
            raise torch.OutOfMemoryError("there is none left")
        return super().forward(lr)
"""


@pytest.mark.parametrize("grid", [[], ["-m"]])
def test_a_latency_that_finds_no_memory_is_missing_and_is_tried_again(srbench, grid):
    (srbench.folder / "wide.py").write_text(WIDE)
    data = [word for word in srbench.data if not word.startswith("eval.latency")]
    sizes = ["+model.width=8", "+model.blocks=1", "+model.atrous=[1]", "+model.units=1"]
    words = [*grid, *data, "model._target_=wide.Wide", *sizes, "study=held", "device=cpu"]
    full = srbench.folder / "full"
    full.touch()
    for _ in range(2):
        done = srbench(*words)
        assert done.returncode == 0, done.stderr
        (missing,) = [
            one for record in srbench.records("held").values() for one in record["missing"] if one["what"] == "latency"
        ]
        assert missing["kind"] == "memory"
    full.unlink()
    assert srbench(*words).returncode == 0
    (record,) = [one for one in srbench.records("held").values() if one["model"] != "bicubic"]
    assert record["latency"][0]["median_ms"] > 0
