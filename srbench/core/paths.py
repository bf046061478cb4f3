"""Where the project's files lie: beside the package in a checkout, inside it in a wheel."""

import os
from pathlib import Path

from srbench.core.errors import UserError

PACKAGE = Path(__file__).parents[1]
PLUGINS = PACKAGE / "cli" / "plugins"


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


def told_weights_dir(weights_dir: "str | os.PathLike[str] | None") -> str:
    """What somebody gives from Python as `weights_dir`, as text; None: that of a run. UserError for what is no path."""
    if not (weights_dir is None or isinstance(weights_dir, str | os.PathLike)):
        raise UserError(f"weights_dir={weights_dir}: a path is needed; of several, with {os.pathsep} between them")
    return str(weights_dir or default_places()["weights_dir"])


def weights_folders(weights_dir: str) -> list[Path]:
    """The folders of `weights_dir`, which are separated as in PATH."""
    return [Path(part).expanduser() for part in weights_dir.split(os.pathsep) if part]


def check_place(key: str, folder: Path) -> None:
    """Raises UserError, naming `key`, for a folder that is not there and cannot be made, or cannot be written."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise UserError(f"{key}={folder}: {there} is no folder; set {key}=DIR")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{key}={folder}: {there} cannot be written; set {key}=DIR")


def sweep_folders() -> list[Path]:
    """Where saved sweeps are looked for: ./sweeps, then the project's."""
    return [Path("sweeps"), _shipped("sweeps")]


def _shipped(name: str) -> Path:
    return PACKAGE / name if (PACKAGE / name).is_dir() else PACKAGE.parent / name
