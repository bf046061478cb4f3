"""Whether a metric can be had on this machine."""

from collections.abc import Sequence
from pathlib import Path

from srbench.metrics.missing import Missing
from srbench.metrics.table import METRICS, lacking


class MetricUnavailable(Exception):  # noqa: N818  a state of the machine, not a mistake
    """A metric cannot be computed here; `missing` is what it lacks."""

    def __init__(self, missing: Missing) -> None:
        super().__init__(missing.reason)
        self.missing = missing


def find_weights(weights_folders: Sequence[Path], metric: str) -> Path:
    """The file of weights that `metric` needs. Raises MetricUnavailable where the folders or the machine lack what it
    needs."""
    missing = lacking(metric, weights_folders)
    if missing:
        raise MetricUnavailable(missing)
    return next(file for folder in weights_folders if (file := folder / METRICS[metric].weights).is_file())
