"""Images to train on."""

from pathlib import Path

import pytest

from tests.recipes.toys import write_images


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_images(tmp_path_factory.mktemp("images"))
