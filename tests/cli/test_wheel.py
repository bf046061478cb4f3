"""An installed, not editable srbench brings its configs and sweeps along."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_works_without_the_checkout(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-m", "srbench", "-m", "ablation=atrous", "budget.steps=1", "dry_run=true"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "carn-1-2-4-2-1-x2-s0-" in done.stdout
    command = [sys.executable, "-c", "import srbench.core.paths as l; print(l.conf_folder(), *l.sweep_folders())"]
    places = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment).stdout.split()
    assert places[0] == str(tmp_path / "site/srbench/conf")
    assert (Path(places[2]) / "carn_study.yaml").is_file()
