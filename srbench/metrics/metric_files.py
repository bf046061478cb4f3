"""Files that metrics of the package pyiqa read, and how they get into weights_dir."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from srbench.core import progress
from srbench.core.download import download
from srbench.core.errors import UserError
from srbench.metrics.ma_model import check_ma_model
from srbench.metrics.table import MA_WEIGHTS, OF_PYIQA
from srbench.models.weights import read_weights

PYIQA = "https://huggingface.co/chaofengc/IQA-PyTorch-Weights/resolve/main"
CLIP_SHA256 = "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"  # OpenAI's, in the address


@dataclass(frozen=True)
class MetricFile:
    """`check`: ValueError, in one line, for a file that does not hold what the metric reads. `sha256`: None where no
    checksum is known to us."""

    file: str
    address: str
    licence: str
    check: Callable[[Path], object]
    sha256: str | None = None


def check_tensors(path: Path) -> None:
    """ValueError, in one line, for a file that does not hold weights by name and nothing else."""
    try:
        read_weights(path)
    except UserError as error:
        raise ValueError(str(error).removeprefix("checkpoint=")) from error


METRIC_FILES = {  # by the name that `data get` takes
    "nrqm": MetricFile(MA_WEIGHTS, f"{PYIQA}/{MA_WEIGHTS}", "non-commercial", check_ma_model),
    "clipiqa": MetricFile(
        OF_PYIQA["clipiqa"],
        f"https://openaipublic.azureedge.net/clip/models/{CLIP_SHA256}/RN50.pt",
        "MIT",
        lambda path: None,  # its SHA-256 says all
        CLIP_SHA256,
    ),
    "maniqa": MetricFile(OF_PYIQA["maniqa"], f"{PYIQA}/{OF_PYIQA['maniqa']}", "non-commercial", check_tensors),
    "musiq": MetricFile(OF_PYIQA["musiq"], f"{PYIQA}/{OF_PYIQA['musiq']}", "non-commercial", check_tensors),
}


def get_metric_file(name: str, folders: Sequence[Path], patience: float | None = None) -> None:
    """Puts the file into the first of `folders`, unless one of them holds it. `patience`: as for `download`.

    Where no checksum of it is known, what is checked is that it can be what the metric reads. UserError where it is
    not, or cannot be had.
    """
    entry = METRIC_FILES[name]
    found = [folder / entry.file for folder in folders if (folder / entry.file).is_file()]
    if not (found or folders):
        raise UserError("weights_dir=: names no folder")
    target = found[0] if found else folders[0] / entry.file
    if not found:
        print(f"{entry.file}: {entry.address}", flush=True)
        with progress.bar(name) as tell:
            download(entry.address, target, entry.sha256, tell, patience)
    try:
        entry.check(target)
    except ValueError as error:
        if not found:
            target.unlink()
        raise UserError(f"{error}; {'move it away' if found else 'it was deleted'}: repeat the command") from error
    print(f"{name}: is there already ({target})" if found else target)
