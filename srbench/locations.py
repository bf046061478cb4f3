"""Where the project's files lie: beside the package in a checkout, inside it in a wheel."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parent
PLUGINS = PACKAGE / "plugins"


def conf_folder() -> Path:
    """The project's conf/."""
    return _shipped("conf")


def cache_folder(name: str) -> Path:
    """Where `name` is kept for the user: what saves time and can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "srbench" / name


def default_places() -> dict[str, str]:
    """`data_root` and `weights_dir` unless the command says otherwise: as in a run, by conf/config.yaml."""
    from omegaconf import OmegaConf  # here and not above, so that --help is quick

    config = OmegaConf.load(conf_folder() / "config.yaml")
    return {key: str(OmegaConf.select(config, key)) for key in ("data_root", "weights_dir")}


def sweep_folders() -> list[Path]:
    """Where saved sweeps are looked for: ./sweeps, then the project's."""
    return [Path("sweeps"), _shipped("sweeps")]


def _shipped(name: str) -> Path:
    return PACKAGE / name if (PACKAGE / name).is_dir() else PACKAGE.parent / name
