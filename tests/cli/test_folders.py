"""The folder that srbench is called in: another program's conf/, and files that are named as modules are."""

from pathlib import Path

import pytest

from tests.cli.conftest import TINY

TRAP = "from pathlib import Path\nPath('sprung').touch()\nraise SystemExit('of the current folder')\n"


@pytest.mark.parametrize("verb", ["status", "report", "verify", "explain"])
def test_a_verb_that_reads_a_study_runs_no_module_beside_it(srbench, verb):
    for name in ("pandas", "torch", "signal", "yaml", "numpy", "rich", "pathlib", "json", "matplotlib"):
        (srbench.folder / f"{name}.py").write_text(TRAP)
    done = srbench(verb, "runs/none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("srbench: runs/none: no such study")
    assert not (srbench.folder / "sprung").exists()


@pytest.fixture
def other_project(tmp_path):
    """Another program of Hydra's."""
    for name, content in {
        "config.yaml": "defaults: [db: mysql]\nhydra: {help: {app_name: theirs}}\n",
        "db/mysql.yaml": "port: 3306\n",
    }.items():
        (tmp_path / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / name).write_text(content)


def test_the_config_of_another_program_is_left_alone_with_a_line(srbench, other_project):
    done = srbench(*srbench.data, *TINY, "dry_run=true")
    assert done.returncode == 0, done.stderr
    assert "carn-default-x2-s0-" in done.stdout
    assert done.stderr == (
        "conf/config.yaml: is not read: of ./conf srbench takes the groups (conf/model/, conf/ablation/, …)\n"
    )
    assert "srbench: benchmark and ablation framework" in srbench("--help").stdout


def test_groups_of_ones_own_conf_still_come_first(srbench, other_project):
    file = srbench.folder / "conf/model/mine.yaml"
    file.parent.mkdir()
    file.write_text("_target_: srbench.models.fsrcnn.FSRCNN\nscale: ${scale}\n")
    assert "mine-default-x2-s0-" in srbench(*srbench.data, "model=mine", "dry_run=true").stdout


def test_a_file_of_ones_own_conf_that_is_none_of_srbenchs_is_named(mistake):
    Path("conf/logger").mkdir(parents=True)
    Path("conf/logger/csv.yaml").write_text(
        "csv: {_target_: lightning.pytorch.loggers.CSVLogger, save_dir: x}\n", encoding="utf-8"
    )
    assert mistake("dry_run=true").endswith("(./conf gives logger=csv)")
