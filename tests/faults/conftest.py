"""Images to train on, and a shell."""

from pathlib import Path

import pytest

from tests.cli.conftest import Shell, shell_in
from tests.recipes.toys import write_images


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def srbench(tmp_path: Path) -> Shell:
    return shell_in(tmp_path)
