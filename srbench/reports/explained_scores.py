"""What `explain` has measured of a study's runs, as far as it still holds for them."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import pandas as pd
from pandas import DataFrame

from srbench.core.harmless import from_cell
from srbench.core.regular_files import read_regular
from srbench.experiments.store.study import StudyRun
from srbench.reports.certified import certificate_digest

TEXTS = ["convention", "run", "dataset", "protocol", "lr", "certificate"]
NUMBERS = ["images", "psnr", "ssim"]


def explained_scores(runs: Iterable[StudyRun], file: Path | None) -> DataFrame:
    """The rows of `file`, explain.csv, whose runs are done and still have scores that rest on the same; none without a
    file."""
    table = _read(file) if file else _frame()
    if table.empty:
        return table  # the digests of thousands of certificates take seconds
    held = {
        (run.name, dataset, certificate_digest(certificate))
        for run in runs
        if run.record and run.status == "done"
        for dataset, certificate in run.record.certificates.items()
    }
    return table.loc[[place in held for place in zip(table.run, table.dataset, table.certificate, strict=True)]]


def _read(file: Path) -> DataFrame:
    """No rows where there is none, or none that can be read."""
    types = dict.fromkeys(TEXTS, str) | dict.fromkeys(NUMBERS[1:], float) | {"core": bool}
    try:
        table = pd.read_csv(
            BytesIO(read_regular(file)), dtype=types, keep_default_na=False, na_values={key: [""] for key in NUMBERS}
        )
        texts = {name: table[name].map(from_cell) for name in TEXTS}
    except (OSError, ValueError, KeyError):
        return _frame()
    return table.assign(**texts) if {*NUMBERS, "core"} <= set(table) else _frame()


def _frame() -> DataFrame:
    return DataFrame(columns=[*TEXTS, *NUMBERS, "core"])
