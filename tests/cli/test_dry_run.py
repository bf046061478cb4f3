"""`dry_run=true` through the real command line: what it prints, and that it leaves nothing."""

import signal

from tests.cli.conftest import TINY
from tests.cli.held import wait_for

FUSSY = """
from srbench.models.carn import CARN


class Fussy(CARN):
    def __init__(self, scale):
        super().__init__(scale=scale, width=8, blocks=1, units=1, atrous=[1])

    def forward(self, lr):
        if self.training and len(lr) > 2:
            raise RuntimeError("three are too many")
        return super().forward(lr)
"""


def test_a_dry_run_tells_steps_time_and_memory_of_each_run_and_of_all(srbench):
    (srbench.folder / "fussy.py").write_text(FUSSY)
    words = ["-m", *srbench.data, "seed=0,1", "budget.batch_size=3"]
    done = srbench(*words, *TINY, "dry_run=true", "jobs=2")
    assert done.returncode == 0, done.stderr
    head, bicubic, first, second, count, total = done.stdout.splitlines()
    assert head.split() == ["run", "parameters", "steps", "time", "memory", "what", "it", "is", "compared", "in"]
    assert bicubic.split()[1:] == ["0", "–", "–", "–"]
    assert first.split()[2] == "6"
    assert first.endswith("MB")
    assert first.split()[2:] == second.split()[2:]
    assert count == "3 runs, 3 of them to do"
    assert total.startswith("training: ")
    assert "in all, 2 at once with ≈ " in total
    assert not (srbench.folder / "runs").exists()
    told = srbench(*words, "model._target_=fussy.Fussy", "dry_run=true").stdout.splitlines()
    assert told[-2] == "nothing is known of what their trainings take"
    assert told[-1].endswith(" and 1 more: RuntimeError: three are too many")


WAITING = """
import time
from pathlib import Path
from srbench.models.carn import CARN


class Waiting(CARN):
    def __init__(self, scale):
        super().__init__(scale=scale, width=8, blocks=1, units=1, atrous=[1])

    def forward(self, lr):
        while self.training and len(lr) > 2:
            Path("begun").touch()
            time.sleep(0.01)
        return super().forward(lr)
"""


def test_ctrl_c_leaves_what_was_measured(srbench):
    (srbench.folder / "waiting.py").write_text(WAITING)
    words = [*srbench.data, "budget.batch_size=3", "model._target_=waiting.Waiting", "dry_run=true"]
    process = srbench.start(*words)
    wait_for((srbench.folder / "begun").exists)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "srbench: interrupted; what was not measured until then is left out\n"
    assert out.splitlines()[-1].endswith(": not measured")
    assert not (srbench.folder / "runs/single").exists()
