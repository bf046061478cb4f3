"""The model behind the score of Ma et al. ("Learning a No-Reference Quality Metric for Single-Image Super-Resolution",
CVIU 2017), as the package pyiqa reads it: random forests and a linear model, trained in MATLAB."""

import textwrap
from pathlib import Path

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
