"""Weights & Biases and TensorBoard, for real: what they were told is read back from the files that they wrote."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from srbench.core.paths import PLUGINS, conf_folder
from srbench.experiments.spec import PlannedRun, planned
from srbench.experiments.trackers.guard import Logger, conclude_study

RECORD = {
    "scores": {"val": {"psnr": 31.25, "ssim": 0.9}, "set5": {"psnr": "inf"}},
    "cost": {"params": 1234, "activations_256": None},
    "train": {"steps": 6, "steps_per_second": 12.5},
    "latency": [{"batch": 1, "height": 256, "width": 256, "median_ms": 8.5, "q10_ms": 8.25, "q90_ms": 9.0}],
}
NUMBERS = {
    **{"scores/val/psnr": 31.25, "scores/val/ssim": 0.9, "scores/set5/psnr": float("inf"), "cost/params": 1234.0},
    **{"train/steps": 6.0, "train/steps_per_second": 12.5},
    **{f"latency/1x256x256/{key}": value for key, value in list(RECORD["latency"][0].items())[3:]},
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
    return [(row["step"], row[name]) for row in rows if name in row]


def summary(records: list[dict]) -> dict:
    merged: dict = {}
    for entry in of_kind(records, "summary"):
        merged |= entry["update"]
    return merged


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events(folder).Scalars(name)]


@pytest.fixture
def plan(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(PLUGINS))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))

    def make(*overrides: str) -> PlannedRun:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = compose("config", ["study=s", f"runs_dir={tmp_path}", *overrides], return_hydra_config=True)
        GlobalHydra.instance().clear()
        run = planned(config, config.hydra)
        run.folder.mkdir(parents=True, exist_ok=True)
        return run

    return make


def write(folder: Path, losses: list[float], psnrs: dict[int, float]) -> None:
    rows = "".join(f"{step},0,{loss}\n" for step, loss in enumerate(losses, 1))
    (folder / "losses.csv").write_text(f"step,epoch,loss\n{rows}")
    (folder / "validation.csv").write_text("step,psnr\n" + "".join(f"{step},{psnr}\n" for step, psnr in psnrs.items()))


def add(folder: Path, step: int, loss: float) -> None:
    with (folder / "losses.csv").open("a") as file:
        file.write(f"{step},0,{loss}\n")


def session(run: PlannedRun, losses: list[float], psnrs: dict[int, float], interrupted: bool = False) -> None:
    """A training that writes the last row apart from the others."""
    with Logger(run) as logger:
        logger.start()
        write(run.folder, losses[:-1], psnrs)
        logger.written()
        add(run.folder, len(losses), losses[-1])
        logger.written()
        if interrupted:
            raise KeyboardInterrupt
        logger.finish(RECORD)


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
    assert begun["config"]["update"]["model"]["atrous"] == list(run.config.model.atrous)


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


def test_a_run_that_starts_afresh_is_another_run(plan):
    run = plan("logger=tensorboard")
    session(run, [9.0, 8.0, 7.0], {})
    before = json.loads((run.folder / "logger.json").read_text())
    session(run, [3.0, 2.0], {})
    assert scalars(run.folder, "loss") == [(1, 3.0), (2, 2.0)]
    assert json.loads((run.folder / "logger.json").read_text())["id"] != before["id"]


class Breaks:
    """A sink that takes everything until the method that its class names."""

    method = ""

    def __init__(self, subject):
        self.called("__init__")

    def called(self, name):
        if name == self.method:
            raise OSError(28, "No space left on device")

    def rows(self, rows):
        self.called("rows")

    def results(self, values, steps):
        self.called("results")

    def close(self, status):
        self.called("close")


class Init(Breaks):
    method = "__init__"


class InRows(Breaks):
    method = "rows"


class InResults(Breaks):
    method = "results"


class InClose(Breaks):
    method = "close"


class Wandb(Breaks):
    """Breaks nowhere; its runs pass for W&B's."""


@pytest.mark.parametrize("sink", ["Init", "InRows", "InResults", "InClose"])
def test_a_sink_that_raises_is_told_in_one_line_and_switched_off(plan, capsys, caplog, sink):
    run = plan("logger=wandb", f"logger._target_=tests.experiments.test_trackers.{sink}")
    session(run, LOSSES, {})
    line = f"logger={sink.lower()} is switched off for this run: OSError: [Errno 28] No space left on device"
    assert caplog.messages == [line]
    assert capsys.readouterr().err == f"{run.folder.name}: {line}\n"
    assert json.loads((run.folder / "logger.json").read_text())["error"] == line.partition(": ")[2]


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
    own = "logger._target_=tests.experiments.test_trackers.Wandb"
    run, other = plan(f"logger={name}"), plan("seed=1", f"logger={name}", own)
    for each in (run, other):
        session(each, LOSSES, {})
    line = f"{name} is not installed; get it with: pip install 'srbench[{name}]'"
    assert capsys.readouterr().err == f"{run.folder.name}: logger={name} is switched off for this run: {line}\n"
    unlogged, unsent = conclude_study("s", run.study_dir, run.study_dir, [run.folder.name, other.folder.name])
    assert unlogged == f"logger={name}: 1 of 2 runs are not logged to the end: {line}"
    reason = line if name == "wandb" else "FileNotFoundError: "  # table.csv
    assert unsent.startswith(f"logger=wandb: the report is not sent: {reason}")


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
