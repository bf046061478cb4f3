"""The model behind the score of Ma et al. ("Learning a No-Reference Quality Metric for Single-Image Super-Resolution",
CVIU 2017), as the package pyiqa reads it: random forests and a linear model, trained in MATLAB."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from srbench.core import progress
from srbench.core.download import download
from srbench.core.errors import UserError
from srbench.metrics.table import MA_WEIGHTS

NAME = "nrqm"  # for `data get`
ADDRESS = "https://huggingface.co/chaofengc/IQA-PyTorch-Weights/resolve/main/NRQM_model.mat"
LICENCE = "non-commercial"
FOREST_COUNT = 3


def check_ma_model(path: Path) -> None:
    """ValueError, in one line, for a file that does not hold the model."""
    from scipy.io import loadmat

    try:
        model = loadmat(path)["model"]
        forests = model["rf"][0, 0]
        whole = forests.size == FOREST_COUNT and all(len(forests[0, n][0, 0]) > 6 for n in range(FOREST_COUNT))
        model["linear"][0, 0]
    except Exception as error:  # whatever MATLAB's reader raises for a foreign or broken file
        told = textwrap.shorten(str(error), 100, placeholder=" …")
        raise ValueError(f"{path}: does not hold Ma's model ({type(error).__name__}: {told})") from error
    if not whole:
        raise ValueError(f"{path}: does not hold Ma's model (it has other forests)")


def get_ma_model(folders: Sequence[Path], patience: float | None = None) -> None:
    """Puts pyiqa's file into the first of `folders`, unless one of them holds it. `patience`: as for `download`.

    No checksum of it is known to us: what is checked is that it holds the model. UserError where it does not, or cannot
    be had.
    """
    found = [folder / MA_WEIGHTS for folder in folders if (folder / MA_WEIGHTS).is_file()]
    if not (found or folders):
        raise UserError("weights_dir=: names no folder")
    target = found[0] if found else folders[0] / MA_WEIGHTS
    if not found:
        print(f"{MA_WEIGHTS}: {ADDRESS}", flush=True)
        with progress.bar(NAME) as tell:
            download(ADDRESS, target, None, tell, patience)
    try:
        check_ma_model(target)
    except ValueError as error:
        if not found:
            target.unlink()
        raise UserError(f"{error}; {'move it away' if found else 'it was deleted'}: repeat the command") from error
    print(f"{NAME}: is there already ({target})" if found else target)
