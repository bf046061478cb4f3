"""Weights & Biases and TensorBoard, for real: what they were told is read back from the files that they wrote."""

import csv
import json
import os
import re
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from srbench.experiments.compose import compose_run
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.record import Training
from srbench.experiments.trackers import guard
from srbench.experiments.trackers.guard import GuardedLogger
from srbench.experiments.trackers.study_report import conclude_study
from srbench.experiments.trackers.subject import Subject
from srbench.experiments.tracking import final_numbers, logged_subject
from srbench.metrics.figures import Cost
from tests.builders import latency, record
from tests.experiments.trackers.test_curve_rows import STAGES

RECORD = record(
    scores={"val": {"psnr": 31.25, "ssim": 0.9}, "set5": {"psnr": float("inf")}},
    cost=Cost(params=1234),
    train=Training(steps=6, steps_per_second=12.5),
    latency=(latency(median_ms=8.5, q10_ms=8.25, q90_ms=9.0),),
)
NUMBERS = {
    **{"scores/val/psnr": 31.25, "scores/val/ssim": 0.9, "scores/set5/psnr": float("inf"), "cost/params": 1234.0},
    **{"train/steps": 6.0, "train/steps_per_second": 12.5, "train/data_wait": 0.0},
    **{f"latency/1x256x256/{key}": value for key, value in (("median_ms", 8.5), ("q10_ms", 8.25), ("q90_ms", 9.0))},
}
LABELS = "labels=[{ablation:atrous,variant:1-2-1,baseline:false},{ablation:depth,variant:'3',baseline:true}]"


def wandb_records(folder: Path) -> list[list[dict]]:
    """The records of every offline run in `folder`/wandb, the oldest first, by W&B's own reader."""
    from wandb.util import get_core_path

    found = []
    for file in sorted(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda file: file.stat().st_mtime_ns):
        command = [get_core_path(), "leet", "inspect", "--no-observability", "--json", "--run-file", str(file)]
        lines = subprocess.run([*command, str(file.parents[1])], capture_output=True, text=True, check=True).stdout
        found.append([json.loads(line) for line in lines.splitlines()])
    return found


def of_kind(records: list[dict], kind: str) -> list[dict]:
    return [record[kind] for record in records if record["type"] == kind]


def curve(records: list[dict], name: str) -> list[tuple[int, float]]:
    rows = [entry["item"] for entry in of_kind(records, "history")]
    return [(row["trainer/global_step"], row[name]) for row in rows if name in row]


def summary(records: list[dict]) -> dict:
    merged: dict = {}
    for entry in of_kind(records, "summary"):
        merged |= entry["update"]
    return merged


def config(records: list[dict]) -> dict:
    merged: dict = {}
    for entry in of_kind(records, "config"):
        merged |= entry["update"]
    return merged


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events(folder).Scalars(name)]


@pytest.fixture(autouse=True)
def no_account(monkeypatch, tmp_path):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def plan(tmp_path):
    def make(*words: str) -> RunSpec:
        run = compose_run(["study=s", f"runs_dir={tmp_path}", *words])
        run.folder.mkdir(parents=True, exist_ok=True)
        return run

    return make


def subject(folder: Path, logger: str, **arguments: str) -> Subject:
    """A run in `folder`, told to a class of Lightning's."""
    folder.mkdir(exist_ok=True)
    target = {"_target_": f"lightning.pytorch.loggers.{logger}", **arguments}
    return Subject(folder.name, "s", folder, "run", [], {}, target)


def write(folder: Path, losses: list[float], psnrs: dict[int, float]) -> None:
    rows = "".join(f"{step},0,{loss}\n" for step, loss in enumerate(losses, 1))
    (folder / "losses.csv").write_text(f"step,epoch,loss\n{rows}")
    (folder / "validation.csv").write_text("step,psnr\n" + "".join(f"{step},{psnr}\n" for step, psnr in psnrs.items()))


def add(folder: Path, step: int, loss: float) -> None:
    with (folder / "losses.csv").open("a") as file:
        file.write(f"{step},0,{loss}\n")


def session(run: RunSpec | Subject, losses: list[float], psnrs: dict[int, float], interrupted: bool = False) -> None:
    """A training that writes the last row apart from the others."""
    with GuardedLogger(run if isinstance(run, Subject) else logged_subject(run)) as logger:
        logger.start()
        write(run.folder, losses[:-1], psnrs)
        logger.written()
        add(run.folder, len(losses), losses[-1])
        logger.written()
        if interrupted:
            raise KeyboardInterrupt
        logger.finish(final_numbers(RECORD), 6)


LOSSES = [0.5, 0.25, 0.75, 0.125, 0.375, 0.0625]


def test_wandb_holds_each_row_once_and_the_scores_of_a_run_that_goes_on(plan):
    run = plan("logger=wandb", LABELS)
    (run.folder / "last.ckpt").touch()
    with pytest.raises(KeyboardInterrupt):
        session(run, LOSSES[:4], {2: 20.5}, interrupted=True)
    session(run, LOSSES, {2: 20.5, 4: 21.5})
    first, second = wandb_records(run.folder)
    assert curve(first, "loss") == list(enumerate(LOSSES[:4], 1))
    assert curve(second, "loss") == [(5, 0.375), (6, 0.0625)]
    assert [curve(each, "validation/psnr") for each in (first, second)] == [[(2, 20.5)], [(4, 21.5)]]
    assert [of_kind(each, "exit")[0]["exit_code"] for each in (first, second)] == [130, 0]
    final = summary(second)
    assert {name: float(final[name]) for name in NUMBERS} == NUMBERS
    (begun,), (resumed,) = of_kind(first, "run"), of_kind(second, "run")
    assert begun["run_id"] == resumed["run_id"]
    assert resumed["resume"]
    assert (begun["display_name"], begun["run_group"], begun["project"]) == (run.folder.name, "s", "srbench")
    assert set(begun["tags"]) == {"atrous=1-2-1", "depth=3", "baseline"}
    assert config(first)["model"]["atrous"] == run.config["model"]["atrous"]


def test_a_run_after_one_that_was_switched_off_is_a_run_of_its_own(tmp_path):
    off, on = subject(tmp_path / "off", "WandbLogger"), subject(tmp_path / "on", "WandbLogger")
    with GuardedLogger(off) as logger:
        logger.start()
        (off.folder / "losses.csv").write_text("step,epoch,loss\nno number,0,0.5\n")
        logger.written()
    session(on, LOSSES, {})
    assert "ValueError" in json.loads((off.folder / "logger.json").read_text())["error"]
    (records,) = wandb_records(on.folder)
    assert of_kind(records, "run")[0]["display_name"] == "on"
    assert curve(records, "loss") == list(enumerate(LOSSES, 1))


def test_wandb_is_told_nothing_of_the_repository(tmp_path):
    run = subject(tmp_path / "run", "WandbLogger")
    session(run, LOSSES, {})
    (records,) = wandb_records(run.folder)
    assert "git" not in of_kind(records, "run")[0]
    assert not list(run.folder.glob("wandb/**/*.patch"))


def test_tensorboard_holds_each_row_once_and_the_scores_of_a_run_that_goes_on(plan):
    run = plan("logger=tensorboard")
    (run.folder / "last.ckpt").touch()
    with pytest.raises(KeyboardInterrupt):
        session(run, LOSSES[:4], {2: 20.5}, interrupted=True)
    session(run, LOSSES, {2: 20.5, 4: 21.5})
    assert scalars(run.folder, "loss") == list(enumerate(LOSSES, 1))
    assert scalars(run.folder, "validation/psnr") == [(2, 20.5), (4, 21.5)]
    for name, value in NUMBERS.items():
        assert scalars(run.folder, name) == [(6, pytest.approx(value))]


KILLED = """
import os, signal, sys
from pathlib import Path
from srbench.experiments.trackers.guard import GuardedLogger
from srbench.experiments.trackers.subject import Subject

folder = Path(sys.argv[1])
logger = GuardedLogger(Subject(folder.name, "s", folder, "run", [], {}, {"_target_": sys.argv[2]}))
logger.start()
(folder / "losses.csv").write_text("step,epoch,loss\\n1,0,0.5\\n2,0,0.25\\n")
logger.written()
with (folder / "losses.csv").open("a") as file:
    file.write("3,0,0.75\\n4,0,0.125\\n")
logger.written()
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(run: Subject) -> None:
    """A training that is killed after its fourth step."""
    (run.folder / "last.ckpt").touch()
    alone = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}  # which W&B would share
    command = [sys.executable, "-c", KILLED, run.folder, run.logger["_target_"]]
    done = subprocess.run(command, capture_output=True, env=alone)
    assert done.returncode == -9, done.stderr


def test_wandb_lacks_no_row_of_a_run_that_was_killed_and_goes_on(tmp_path):
    run = subject(tmp_path / "run", "WandbLogger")
    killed(run)
    session(run, LOSSES, {2: 20.5})
    first, second = wandb_records(run.folder)
    # The first has what W&B wrote of it before the process was killed: nothing, if that took less than 15 seconds.
    assert set(curve(first, "loss")) <= set(enumerate(LOSSES[:4], 1))
    assert curve(second, "loss") == list(enumerate(LOSSES, 1))
    assert len({file.name for file in run.folder.glob("wandb/offline-run-*/*.wandb")}) == 1  # one run, by its id


def test_tensorboard_holds_each_row_once_of_a_run_that_was_killed_and_goes_on(tmp_path):
    run = subject(tmp_path / "run", "TensorBoardLogger")
    killed(run)
    assert scalars(run.folder, "loss") == list(enumerate(LOSSES[:4], 1))
    # TensorBoard sorts its files by the second in their names, which no process begins and ends in.
    for file in run.folder.glob("tensorboard/events.*"):
        file.rename(re.sub(r"tfevents\.\d+", "tfevents.1000000000", str(file)))
    session(run, LOSSES, {2: 20.5})
    assert scalars(run.folder, "loss") == list(enumerate(LOSSES, 1))
    assert scalars(run.folder, "validation/psnr") == [(2, 20.5)]


def test_what_is_surely_stored_is_not_told_again_after_a_kill(tmp_path, monkeypatch):
    """As logger.json says while the run goes on: the rows that were told a while before the last."""
    monkeypatch.setattr(guard, "STORED_SECONDS", 0.0)
    run = subject(tmp_path / "run", "WandbLogger")
    told = []
    with GuardedLogger(run) as logger:
        logger.start()
        write(run.folder, [], {})
        for step in range(1, 6):
            add(run.folder, step, 0.5)
            logger.written()
            told.append(json.loads((run.folder / "logger.json").read_text())["told"])
    before = [{}, {}, *({"losses.csv": {"stage": "", "step": step}} for step in (1, 2, 3))]
    assert told == before
    assert json.loads((run.folder / "logger.json").read_text())["told"] == {"losses.csv": {"stage": "", "step": 5}}


def test_any_logger_of_lightning_is_told_each_row(tmp_path):
    run = subject(tmp_path / "run", "CSVLogger", save_dir=str(tmp_path), name="csv")
    session(run, LOSSES, {2: 20.5})
    with (tmp_path / "csv" / "version_0" / "metrics.csv").open(newline="") as file:
        rows = [{key: float(text) for key, text in row.items() if text} for row in csv.DictReader(file)]
    assert [(row["step"], row["loss"]) for row in rows if "loss" in row] == list(enumerate(LOSSES, 1))
    assert [(row["step"], row["validation/psnr"]) for row in rows if "validation/psnr" in row] == [(2, 20.5)]
    assert {name: rows[-1][name] for name in NUMBERS} == NUMBERS


def test_a_process_with_a_number_of_a_cluster_s_is_logged(tmp_path, monkeypatch):
    """Lightning takes it for one of several that train together, of which the first logs."""
    monkeypatch.setattr(rank_zero_only, "rank", 3)
    session(subject(tmp_path / "run", "TensorBoardLogger"), LOSSES, {})
    assert scalars(tmp_path / "run", "loss") == list(enumerate(LOSSES, 1))


TOTALS = {
    "loss": [(1, 0.5), (2, 0.25), (3, 3.0), (4, 5.0), (5, 0.125)],
    "pixel": [(1, 0.5), (2, 0.25), (3, 1.0), (4, 2.0), (5, 0.125)],
    "critic": [(3, 2.0), (4, 3.0)],
    "validation/psnr": [(1, 20.0), (3, 21.0)],
}


def test_the_steps_of_a_stage_follow_those_of_the_stages_before(tmp_path):
    run = subject(tmp_path / "run", "TensorBoardLogger")
    (run.folder / "validation.csv").write_text("stage,step,psnr\n")
    with GuardedLogger(run) as logger, (run.folder / "losses.csv").open("w") as file:
        logger.start()
        for line in STAGES.splitlines(keepends=True):
            file.write(line)
            file.flush()
            if line.startswith(("pixel,2", "gan,2")):  # of the step before
                with (run.folder / "validation.csv").open("a") as validation:
                    validation.write("pixel,1,20\n" if line.startswith("pixel") else "gan,1,21\n")
            logger.written()
        logger.finish({}, 5)
    assert {name: scalars(run.folder, name) for name in TOTALS} == TOTALS
    assert set(events(run.folder).Tags()["scalars"]) == set(TOTALS)  # no text, and not where the row belongs


def test_tensorboard_s_file_holds_what_is_written(tmp_path):
    run = subject(tmp_path / "run", "TensorBoardLogger")
    with GuardedLogger(run) as logger:
        logger.start()
        write(run.folder, [0.5] * 500, {})
        logger.written()
        assert len(scalars(run.folder, "loss")) == 500


def test_a_run_that_starts_afresh_is_another_run(plan):
    run = plan("logger=tensorboard")
    session(run, [9.0, 8.0, 7.0], {})
    before = json.loads((run.folder / "logger.json").read_text())
    session(run, [3.0, 2.0], {})
    assert scalars(run.folder, "loss") == [(1, 3.0), (2, 2.0)]
    assert json.loads((run.folder / "logger.json").read_text())["id"] != before["id"]


class Breaks(Logger):
    """A logger that takes everything until what its class names."""

    name, version, breaks_at = "breaks", 0, ""

    def __init__(self) -> None:
        self.reaches("opening")

    def reaches(self, place: str) -> None:
        if place == self.breaks_at:
            raise OSError(28, "No space left on device")

    def log_hyperparams(self, params: Mapping[str, Any]) -> None:
        self.reaches("config")

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.reaches("rows" if "loss" in metrics else "results")

    def finalize(self, status: str) -> None:
        self.reaches("closing")


class BreaksOpening(Breaks):
    breaks_at = "opening"


class BreaksAtConfigLogger(Breaks):
    breaks_at = "config"


class BreaksAtRows(Breaks):
    breaks_at = "rows"


class BreaksAtResults(Breaks):
    breaks_at = "results"


class BreaksClosing(Breaks):
    breaks_at = "closing"


class Wandb(Breaks):
    """Breaks nowhere; its runs pass for W&B's."""


@pytest.mark.parametrize(
    "logger", ["BreaksOpening", "BreaksAtConfigLogger", "BreaksAtRows", "BreaksAtResults", "BreaksClosing"]
)
def test_a_logger_that_raises_is_told_in_one_line_and_switched_off(plan, capsys, caplog, logger):
    run = plan("logger=wandb", f"logger._target_=tests.experiments.trackers.test_trackers.{logger}")
    session(run, LOSSES, {})
    name = logger.removesuffix("Logger").lower()
    line = f"logger={name} is switched off for this run: OSError: [Errno 28] No space left on device"
    assert caplog.messages == [line]
    assert capsys.readouterr().err == f"{run.folder.name}: {line}\n"
    assert json.loads((run.folder / "logger.json").read_text())["error"] == line.partition(": ")[2]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of TensorBoard's writer
def test_a_full_disk_switches_tensorboard_off(tmp_path, caplog):
    before, threads = resource.getrlimit(resource.RLIMIT_FSIZE), set(threading.enumerate())
    with GuardedLogger(subject(tmp_path / "run", "TensorBoardLogger")) as logger:
        logger.start()
        write(tmp_path / "run", [0.5] * 200, {})
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
        try:
            logger.written()
            logger.finish({}, 200)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for thread in set(threading.enumerate()) - threads:
        thread.join(60)  # else pytest may hear its end in another test
    assert caplog.messages == ["logger=tensorboard is switched off for this run: OSError: [Errno 27] File too large"]


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
def test_a_file_in_the_way_switches_it_off(plan, caplog, name):
    run = plan(f"logger={name}")
    (run.folder / name).touch()
    session(run, LOSSES, {})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "srbench.experiments.trackers.guard"]
    assert line.startswith(f"logger={name} is switched off for this run: ")
    assert str(run.folder / name) in line


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
def test_a_package_that_is_missing_is_named_with_its_cure(plan, capsys, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    own = "logger._target_=tests.experiments.trackers.test_trackers.Wandb"
    run, other = plan(f"logger={name}"), plan("seed=1", f"logger={name}", own)
    for each in (run, other):
        session(each, LOSSES, {})
    line = f"{name} is not installed; get it with: pip install 'srbench[{name}]'"
    assert capsys.readouterr().err == f"{run.folder.name}: logger={name} is switched off for this run: {line}\n"
    study, names = run.places.study_dir, [run.folder.name, other.folder.name]
    unlogged, unsent = conclude_study("s", study, study, names)
    assert unlogged == f"logger={name}: 1 of 2 runs are not logged to the end: {line}"
    reason = line if name == "wandb" else "FileNotFoundError: "  # table.csv
    assert unsent.startswith(f"logger=wandb: the report is not sent: {reason}")


@pytest.mark.parametrize(
    ("logger", "reason"),
    [
        ("MLFlowLogger", "ModuleNotFoundError: Requirement 'mlflow>=1.0.0' not met. HINT: Try running `pip install -U"),
        ("NoLogger", "AttributeError: module 'lightning.pytorch.loggers' has no attribute 'NoLogger'"),
    ],
)
def test_another_logger_that_cannot_be_had_is_told_in_one_line(tmp_path, caplog, logger, reason):
    session(subject(tmp_path / "run", logger), LOSSES, {})
    (line,) = caplog.messages
    assert line.startswith(f"logger={logger.removesuffix('Logger').lower()} is switched off for this run: {reason}")


def test_the_default_adds_nothing_to_the_files(plan):
    run = plan()
    session(run, LOSSES, {})
    assert {path.name for path in run.folder.iterdir()} == {"losses.csv", "validation.csv"}


def test_the_logger_does_not_tell_runs_apart(plan):
    assert plan("logger=wandb").config_hash == plan("logger=tensorboard").config_hash == plan().config_hash


def test_nothing_is_imported_before_it_is_needed():
    code = "import sys, srbench.experiments.trackers.guard, srbench.cli.finish\n"
    code += "print([name for name in ('wandb', 'tensorboard', 'torch') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
