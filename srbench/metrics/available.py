"""Whether a metric can be had on this machine."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


@contextmanager
def foreign_weights(metric: str, file: Path) -> Iterator[Path]:
    """Gives `file`; what fails inside, because it holds other weights or none, is MetricUnavailable with the fix."""
    from safetensors import SafetensorError

    try:
        yield file
    except (OSError, RuntimeError, SafetensorError) as error:
        told = f"not the weights that {metric} needs ({textwrap.shorten(str(error), 100, placeholder=' …')})"
        reason = f"{file}: {told}; move it away, then {METRICS[metric].fix}"
        raise MetricUnavailable(Missing(metric, "weights", reason)) from error
