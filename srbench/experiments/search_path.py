"""Where configs are looked for: the groups of ./conf, a user's own models and ablations, stand before the project's. No
file that Hydra reads, wherever it lies, may stand for more than it shows."""

from pathlib import Path

from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig

from srbench.core.errors import UserError
from srbench.core.paths import conf_folder
from srbench.core.progress import console
from srbench.core.yaml_files import check_aliases, told_of

PRIMARY = "config.yaml"


class FileConfigSource(file_config_source.FileConfigSource):
    """Of the files of the project, of `--config-dir` and of `hydra.searchpath`. Hydra registers its own again in each
    process that a launcher starts, and keeps what is there if it has the same name."""

    def load_config(self, config_path: str) -> ConfigResult:
        """Hydra's hook. UserError for a file that is no YAML, has no keys, or whose aliases stand for too much."""
        path = Path(self.path) / self._normalize_file_name(config_path)
        check_aliases(path)  # before OmegaConf follows them
        if not self.is_config(config_path):
            return super().load_config(config_path)
        with told_of(path):
            found = super().load_config(config_path)
        if not isinstance(found.config, DictConfig):
            raise UserError(f"{path}: cannot be read: keys with their values are needed, not a list")
        return found


class UserGroups(FileConfigSource):
    """The groups of ./conf. Its config.yaml is that of another program of Hydra's, and is none here."""

    @staticmethod
    def scheme() -> str:
        """Hydra's hook."""
        return "user"

    def is_config(self, config_path: str) -> bool:
        """Hydra's hook."""
        return self._normalize_file_name(config_path) != PRIMARY and super().is_config(config_path)

    def load_config(self, config_path: str) -> ConfigResult:
        """Hydra's hook. UserError as FileConfigSource."""
        if not self.is_config(config_path):
            raise ConfigLoadError(f"Config not found : {config_path}")
        return super().load_config(config_path)


class UserConf(SearchPathPlugin):
    """Puts the groups of ./conf, where there is one, first in Hydra's search path: they add to the project's and
    override them."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Hydra's hook."""
        own = Path("conf").resolve()
        if not own.is_dir() or own == conf_folder().resolve():
            return
        search_path.prepend("srbench-user", f"user://{own}")
        if (own / PRIMARY).is_file():
            console.print(
                f"conf/{PRIMARY}: is not read: of ./conf srbench takes the groups (conf/model/, conf/ablation/, …)",
                markup=False,
            )


def look_into_conf() -> None:
    """Tells Hydra of ./conf, and has it read files by FileConfigSource."""
    plugins = Plugins.instance()
    SourcesRegistry.instance().types[FileConfigSource.scheme()] = FileConfigSource
    plugins.register(UserGroups)
    plugins.register(UserConf)
