"""What `make dist` makes works where there is no checkout, in an environment that has nothing else of srbench."""

import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import numpy
import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = Path(numpy.__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with an sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Runs a Python that has the wheel, and of the packages of this one what it needs, in an empty folder."""
    folder, environment = tmp_path_factory.mktemp("elsewhere"), tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False)
    (site,) = environment.glob("lib/python*/site-packages")
    (wheel,) = built.glob("*.whl")
    target = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(target, check=True, capture_output=True)
    # Its packages without its .pth files, by which an editable srbench is found.
    (site / "packages.pth").write_text(f"{PACKAGES}\n")
    variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}

    def run(*words: str) -> str:
        command = [str(environment / "bin/python"), *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_is_the_wheel_that_runs(installed):
    place = installed("-c", "import srbench; print(srbench.__file__)")
    assert not Path(place.strip()).is_relative_to(ROOT)
    assert "py.typed" in installed("-c", "import srbench, os; print(os.listdir(os.path.dirname(srbench.__file__)))")


def test_the_first_command_runs(installed):
    told = installed("-m", "srbench", "-m", "model=mossnet", "ablation=atrous", "budget.steps=1", "eval.latency=false")
    assert "mossnet" in told
    files = installed("-c", "import os; print(sorted(os.listdir('reports/mossnet_atrous')))")
    assert "index.html" in files


def test_a_verb_a_saved_sweep_and_the_public_api_run(installed):
    assert "fsrcnn" in installed("-m", "srbench", "models", "fsrcnn")
    plan = installed("-m", "srbench", "-m", "sweep=published", "eval.datasets=[]", "dry_run=true")
    assert "carn_m" in plan
    assert installed("-c", "import srbench; print(srbench.load('fsrcnn', 2, weights=None).scale)") == "2\n"


def test_the_sdist_holds_what_the_tests_need_and_nothing_that_was_made_here(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = [name.partition("/")[2] for name in file.getnames()]
    assert {"README.md", "conf/config.yaml", "tests/conftest.py", "srbench/py.typed"} <= {*names}
    assert not [name for name in names if name.startswith((".venv", "runs/", "data/"))]
