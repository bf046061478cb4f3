"""The score by which the NTIRE 2025 challenge on efficient super-resolution ranked networks: lower is better.

Ren et al., "The Tenth NTIRE 2025 Efficient Super-Resolution Challenge Report", CVPR Workshops 2025. The challenge's own
baseline is EFDN and its machine a GPU, and it left out networks of less than 26.90 dB on its validation set. So values
compare only within a table, and with none of the challenge.
"""

from collections.abc import Iterator
from math import nan

import numpy as np
import pandas as pd
from pandas import DataFrame, Series

from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean

WEIGHTS = {"latency_ms": 0.7, "flops_256": 0.15, "params": 0.15}
FORMULA = (
    "0.7·exp(2·t/t0) + 0.15·exp(2·F/F0) + 0.15·exp(2·P/P0) of latency, FLOPs 256² and params, against {} at the same "
    "scale (Ren et al., CVPR Workshops 2025); the challenge's own baseline is EFDN and its machine a GPU, so values "
    "compare only within this table"
)
SETTING = ["latency_height", "latency_width", "latency_threads", "latency_device"]


def ntire_score(cost: DataFrame, baseline: Series) -> Series:
    """0.7 exp(2 t/t₀) + 0.15 exp(2 F/F₀) + 0.15 exp(2 P/P₀), e² for the baseline itself; NaN where one is missing.

    `cost` and `baseline` have `latency_ms`, `flops_256` and `params`.
    """
    with np.errstate(over="ignore"):
        parts = [weight * np.exp(2 * cost[name].astype(float) / baseline[name]) for name, weight in WEIGHTS.items()]
    return sum(parts[1:], parts[0])


def with_ntire_score(table: DataFrame, members: DataFrame, model: str) -> DataFrame:
    """`table` (of `comparison`) with `ntire_score` and, in every row, `model` as `ntire_baseline`.

    Each row is compared with that model's at the same scale: the baseline variant, or the only row. UserError for a
    model that is not in the table.
    """
    if model not in set(table.model):
        raise UserError(f"ntire={model}: no such model in this study{did_you_mean(model, set(table.model))}")
    scores = Series(nan, index=table.index)
    without = ntire_gaps(table, members, model)
    for scale, rows in table.groupby("scale"):
        compared = rows[~rows.index.isin(without)]
        if len(compared):
            scores[compared.index] = ntire_score(compared, _baseline(table, model, scale).iloc[0])
    return table.assign(ntire_score=scores, ntire_baseline=model)


def ntire_gaps(table: DataFrame, members: DataFrame, model: str) -> dict[int, str]:
    """Why a row has no score, by row; its own missing figures are not among the reasons given here."""
    return {row: reason for row, reason in _gaps(table, _settings(members), model) if reason}


def _gaps(table: DataFrame, settings: dict[int, str], model: str) -> Iterator[tuple[int, str]]:
    for scale, rows in table.groupby("scale"):
        baseline = _baseline(table, model, scale)
        lacking = [name for name in WEIGHTS if len(baseline) == 1 and pd.isna(baseline[name].iloc[0])]
        for row in rows.index:
            reason = ""
            if len(baseline) != 1:
                reason = f"{model} has {'several rows' if len(baseline) else 'no row'} at ×{scale} to compare with"
            elif lacking:
                reason = f"{model} has no {lacking[0]} at ×{scale} to compare with"
            elif settings.get(row, theirs := settings[baseline.index[0]]) != theirs:
                reason = f"its latency was measured with {settings[row]}, that of {model} with {theirs}"
            yield int(row), reason


def _baseline(table: DataFrame, model: str, scale: object) -> DataFrame:
    """The row of `model` to compare with; several, or none, where there is not one."""
    rows = table[(table.model == model) & (table.scale == scale)]
    chosen = rows[rows.baseline] if rows.baseline.any() else rows
    return chosen.drop_duplicates(list(WEIGHTS))  # a baseline that two ablations share has two rows


def _settings(members: DataFrame) -> dict[int, str]:
    """By row, what its latency was measured with: "input 256×256, threads 1, cpu"."""
    measured = members[(members.status == "done") & members.latency_ms.notna()]
    whole = measured[SETTING].astype(dict.fromkeys(SETTING[:3], "Int64"))
    texts = [f"input {height}×{width}, threads {threads}, {device}" for height, width, threads, device in whole.values]
    by_row = Series(texts, index=measured.index, dtype=str).groupby(measured.row)
    return {int(row): " and ".join(dict.fromkeys(values)) for row, values in by_row}
