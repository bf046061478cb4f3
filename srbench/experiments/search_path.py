"""A user's own models and ablations: ./conf stands before the project's conf."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from srbench.core.paths import conf_folder


class UserConf(SearchPathPlugin):
    """Puts ./conf, where there is one, first in Hydra's search path: it adds to the project's and overrides it."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Hydra's hook."""
        own = Path("conf").resolve()
        if own.is_dir() and own != conf_folder().resolve():
            search_path.prepend("srbench-user", f"file://{own}")
