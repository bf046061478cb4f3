"""Which srbench this is, to the byte."""

import subprocess
import sys
from pathlib import Path

import pytest

from srbench.core.code_version import code_version
from srbench.core.paths import PACKAGE

ASK = "from srbench.core.code_version import code_version as asked; print(asked().digest)"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The part of the package that the question needs."""
    for name in ("__init__.py", "core/__init__.py", "core/code_version.py", "core/paths.py", "core/errors.py"):
        file = tmp_path / "srbench" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((PACKAGE / name).read_bytes())
    return tmp_path


def digest_of(copy: Path) -> str:
    asked = [sys.executable, "-B", "-c", ASK]
    return subprocess.run(asked, cwd=copy, check=True, capture_output=True, text=True).stdout


def test_it_changes_with_any_byte_of_the_code_and_with_the_name_of_any_file(copy):
    first = digest_of(copy)
    assert digest_of(copy) == first
    (copy / "srbench/notes.txt").write_text("no code")
    assert digest_of(copy) == first
    new = copy / "srbench/core/new.py"
    new.touch()
    second = digest_of(copy)
    new.write_text("\n")
    third = digest_of(copy)
    new.rename(copy / "srbench/core/newer.py")
    assert len({first, second, third, digest_of(copy)}) == 4


def test_it_is_told_in_short():
    found = code_version()
    assert str(found) == f"{found.version} (code {found.digest[:8]})"
