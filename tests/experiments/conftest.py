"""What composes configs, as within Hydra's own app."""

import pytest
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra

from srbench.core.paths import PLUGINS, conf_folder


@pytest.fixture
def loader(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUGINS))
    yield Hydra.create_main_hydra2("srbench", create_config_search_path(str(conf_folder()))).config_loader
    GlobalHydra.instance().clear()
