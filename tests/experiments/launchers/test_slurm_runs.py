"""What of SLURM's launcher can be seen without SLURM; tests/cluster has the rest."""

from dataclasses import fields

import cloudpickle
import pytest
import yaml
from hydra_plugins.hydra_submitit_launcher.config import SlurmQueueConf

from srbench.core.errors import UserError
from srbench.core.paths import conf_folder
from srbench.experiments.launchers.endings import DONE, IN_VAIN
from srbench.experiments.launchers.slurm_queue import SubmittedJob
from srbench.experiments.launchers.slurm_runs import run_all_on_slurm
from srbench.experiments.launchers.worker import Answer


@pytest.fixture
def job(tmp_path) -> SubmittedJob:
    (tmp_path / "12_3").mkdir()
    return SubmittedJob("12_3", f"{tmp_path}/%j")


@pytest.fixture
def result(job):
    """The file in which submitit leaves what a job has returned, or its traceback."""
    return job.log.with_name("12_3_0_result.pkl")


def test_the_settings_are_those_of_the_plugin():
    settings = yaml.safe_load((conf_folder() / "hydra/launcher/submitit_slurm.yaml").read_text())
    assert settings.keys() == {field.name for field in fields(SlurmQueueConf)}


def test_without_slurm_there_is_one_line(plan, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"^hydra/launcher=submitit_slurm: there is no sbatch here"):
        run_all_on_slurm([plan()], {})


def test_a_job_that_has_not_ended_has_no_answer(job, result):
    assert job.answer() is None
    result.touch()  # being written
    assert job.answer() is None


def test_the_answer_of_a_job_is_its_workers(job, result):
    result.write_bytes(cloudpickle.dumps(("success", Answer(DONE))))
    assert job.answer() == Answer(DONE)


def test_a_worker_that_could_not_begin_is_told_by_the_last_line_of_its_traceback(job, result):
    result.write_bytes(cloudpickle.dumps(("error", "Traceback:\n  …\nModuleNotFoundError: No module named 'torch'\n")))
    assert job.answer() == Answer(IN_VAIN, f"job 12_3: ModuleNotFoundError: No module named 'torch' ({job.log})")
