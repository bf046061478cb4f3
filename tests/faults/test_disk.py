"""A disk that is full, or cannot be written: one clear line, nothing lost or half written, and on it goes with room."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from srbench.cli.dispatch import perform
from srbench.core.errors import UserError
from srbench.core.heartbeat import heartbeat
from srbench.experiments.grid import carry_out, plan_of
from srbench.experiments.messages import one_line
from srbench.experiments.store.record import read_record
from tests.cli.conftest import TINY
from tests.cli.held import weights_of
from tests.faults.small_disk import small_disk_at
from tests.tiny_runs import carried_out

ELSEWHERE = "make room or name another place (of runs: runs_dir=DIR, of reports: reports_dir=DIR)"


@pytest.fixture
def disk(tmp_path):
    with small_disk_at(tmp_path / "disk") as disk:
        yield disk


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_wherever_a_run_meets_a_full_disk_it_says_so_and_goes_on_with_room(carn, disk):
    calm, fell = carn("budget.val_every=1"), 0
    carried_out(calm)
    expected = files(calm.folder)
    for free in (0, 4, 8, 12, 16, 24, 32, 48, 64, 80, 96, 112, 120, 124, 128, 132):
        spec = carn("budget.val_every=1", f"runs_dir={disk.folder}/{free}")
        with disk.almost_full(free):
            try:
                carried_out(spec)
            except OSError as error:
                fell += 1
                told = one_line(error)
                assert f"cannot write {spec.folder}/" in told
                assert told.endswith(f": No space left on device; {ELSEWHERE}")
                there = files(disk.folder / str(free))
                assert not [name for name in there if Path(name).name.startswith((".", "heartbeat", "progress"))]
        record = carried_out(carn("budget.val_every=1", f"runs_dir={disk.folder}/{free}"))
        assert record.status == "done"
        there = files(spec.folder)
        assert there.keys() == expected.keys()
        assert all(there[name] == expected[name] for name in ("losses.csv", "validation.csv", "scores.csv"))
        ours, theirs = (load_file(one.folder / "weights.safetensors") for one in (spec, calm))
        assert all((ours[key] == theirs[key]).all() for key in theirs)
        shutil.rmtree(disk.folder / str(free))
    assert fell > 8


def test_a_claim_that_could_not_be_written_keeps_nobody_waiting(disk):
    with disk.almost_full(0), pytest.raises(OSError, match="heartbeat-1"), heartbeat(disk.folder, print):
        pass
    assert not list(disk.folder.glob("heartbeat-*"))


def test_a_grid_on_a_full_disk_ends_in_a_line_and_goes_on_with_room(srbench):
    words = ["-m", *srbench.data, *TINY, "seed=0,1", "study=mine"]
    assert srbench(*words).returncode == 0
    calm = weights_of(srbench.folder)
    with small_disk_at(srbench.folder / "disk") as disk:
        small = [*words, "runs_dir=disk/runs", "reports_dir=disk/reports"]
        with disk.almost_full(120):
            full = srbench(*small)
        assert full.returncode in (1, 2)  # a run failed, or there was no room for the report either
        assert "No space left on device" in full.stderr
        assert "Traceback" not in full.stderr
        assert full.stderr.strip().splitlines()[-1].startswith("srbench: ")
        assert not [name for name in files(disk.folder) if Path(name).name.startswith(".")]
        assert srbench(*small).returncode == 0
        ours = weights_of(disk.folder)
        assert (disk.folder / "reports/mine/table.md").is_file()
    assert ours.keys() == calm.keys()
    assert all((ours[name][key] == tensor).all() for name in calm for key, tensor in calm[name].items())


def planned_and_launched(spec, launch):
    carry_out([spec], plan_of(None, [spec], "the command"), launch, lambda _: [])


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_trained(carn, disk):
    launched = []
    with disk.read_only():
        for key in ("runs_dir", "reports_dir"):
            spec = carn(f"{key}={disk.folder}/there")
            with pytest.raises(UserError) as told:
                planned_and_launched(spec, launched.extend)
            assert str(told.value) == f"{key}={disk.folder}/there: {disk.folder} cannot be written; set {key}=DIR"
    assert not launched
    assert not Path("runs").exists()


def test_a_study_that_cannot_be_written_is_looked_at_all_the_same(carn, disk, capsys, monkeypatch):
    spec = carn(f"runs_dir={disk.folder}", "study=mine", "eval.save_images=all")
    planned_and_launched(spec, lambda runs: [carried_out(one) for one in runs])
    monkeypatch.setenv("XDG_CACHE_HOME", str(disk.folder / "cache"))
    study = str(disk.folder / "mine")
    with disk.read_only():
        for verb in ("status", "report", "verify", "explain"):
            assert perform([verb, study]), capsys.readouterr().out
        for verb in ("report", "explain"):
            with pytest.raises(UserError, match="disk cannot be written; set reports_dir=DIR"):
                perform([verb, study, f"reports_dir={disk.folder}/reports"])
        with pytest.raises(OSError, match="Read-only") as error:
            carried_out(carn(f"runs_dir={disk.folder}", "study=mine", "seed=1"))
    assert one_line(error.value) == f"cannot write {error.value.filename}: Read-only file system; {ELSEWHERE}"
    assert read_record(spec.folder).status == "done"
