"""The tutorials, done as they are written: files are made, commands typed, Python run, in an empty folder."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from srbench.data.images import write_image
from tests.cli.conftest import shell_in

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PAGES = sorted((DOCS / "tutorials").glob("*.md"))


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Language, title, and what stands in it."""
    yield from BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_does_what_it_says(page, tmp_path):
    shell = shell_in(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    for folder in ("photos", "data/benchmark/Mine/HR"):
        (tmp_path / folder).mkdir(parents=True)
        for number, pixels in enumerate(images):
            write_image(tmp_path / folder / f"{number}.png", pixels)
    for language, title, text in blocks(page):
        if title:
            (tmp_path / title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / title).write_text(text, encoding="utf-8")
        elif language == "console":
            for line in text.splitlines():
                prompt, *words = shlex.split(line, comments=True)
                assert (prompt, words[:3]) == ("$", ["python", "-m", "srbench"])
                done = shell(*words[3:])
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        elif language == "python":
            environment = {**shell.environment, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(DOCS.parent)])}
            command = [sys.executable, "-c", text]
            done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
            assert done.returncode == 0, f"{text}\n{done.stderr}"
            assert done.stdout


def test_there_are_tutorials_with_something_to_do():
    done = [language for page in PAGES for language, title, _ in blocks(page) if not title]
    assert len(PAGES) >= 5
    assert done.count("console") >= 8
    assert "python" in done
