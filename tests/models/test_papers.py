"""papers.yaml."""

from pathlib import Path

import yaml

from srbench.core.paths import conf_folder
from srbench.models.papers import papers


def targets() -> set[str]:
    """The classes of the presets."""
    contents = [yaml.safe_load(path.read_text()) for path in Path(conf_folder(), "model").glob("*.yaml")]
    found = {content["_target_"] for content in contents if content.get("_target_", "???") != "???"}
    return {target.rpartition(".")[2] for target in found}


def test_every_class_of_the_presets_is_listed_and_no_other():
    assert papers().keys() == targets()


def test_the_year_is_that_of_the_paper():
    for entry in papers().values():
        assert entry.year is None or str(entry.year) in entry.paper
