"""What srbench stands on is installed with it, pinned, and imported only where it is used."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
DIRECT = [*PROJECT["dependencies"], *(one for group in PROJECT["optional-dependencies"].values() for one in group)]
# Of extras that no test installs.
UNTESTED = {"huggingface-hub", "openai-clip", "timm"}


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert found
    return found[0].lower().replace("_", "-")


@pytest.mark.parametrize("package", ["fvcore", "wandb"])
def test_the_first_command_installs_them(package):
    assert package in map(name_of, PROJECT["dependencies"])
    assert package not in PROJECT["optional-dependencies"]


@pytest.mark.parametrize("requirement", sorted(set(DIRECT)))
def test_what_is_required_is_pinned(requirement):
    assert name_of(requirement) in {*PINNED, *UNTESTED}


def test_no_extra_brings_what_is_there_already():
    base = set(map(name_of, PROJECT["dependencies"]))
    for extra, requirements in PROJECT["optional-dependencies"].items():
        assert requirements, extra
        assert not base & set(map(name_of, requirements)), extra


@pytest.mark.parametrize(
    "code",
    [
        "import srbench.evaluation.benchmark, srbench.recipes.fit, srbench.experiments.run, srbench.reports.write",
        "import srbench.__main__ as door; sys.argv = ['srbench', '--help']; door.main()",
        "import srbench.__main__ as door; sys.argv = ['srbench', 'profile', '--help']; door.main()",
    ],
    ids=["the package", "help", "help of profile"],
)
def test_they_are_imported_only_where_they_are_used(code):
    program = f"import sys\ntry:\n    {code}\nfinally:\n    print()\n    print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "srbench" in loaded
    assert not {"wandb", "fvcore"} & set(loaded)
