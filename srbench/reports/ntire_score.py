"""The score by which the NTIRE 2025 challenge on efficient super-resolution ranked networks: lower is better.

Ren et al., "The Tenth NTIRE 2025 Efficient Super-Resolution Challenge Report", CVPR Workshops 2025. The challenge's own
baseline is EFDN and its machine a GPU, and it left out networks of less than 26.90 dB on its validation set. So values
compare only within a table, and with none of the challenge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean
from srbench.metrics.table import COSTS
from srbench.reports.comparison import TableRow
from srbench.reports.row_costs import Figure, standard_latency
from srbench.reports.rows import BICUBIC

NTIRE_WEIGHTS = {"latency_ms": 0.7, "flops_256": 0.15, "params": 0.15}
Conditions = tuple[int, int, int, str]  # of a latency: height, width, threads, device
NTIRE_TITLE = "NTIRE score (lower is better)"
FORMULA = (
    "0.7·exp(2·t/t0) + 0.15·exp(2·F/F0) + 0.15·exp(2·P/P0) of latency, FLOPs 256² and params, against {} at the same "
    "scale (Ren et al., CVPR Workshops 2025); the challenge's own baseline is EFDN and its machine a GPU, so values "
    "compare only within this table"
)


def ntire_score(costs: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    """0.7 exp(2 t/t₀) + 0.15 exp(2 F/F₀) + 0.15 exp(2 P/P₀), e² for the baseline itself.

    Both have `latency_ms`, `flops_256` and `params`, the baseline none of them 0.
    """
    with np.errstate(over="ignore"):
        parts = [weight * np.exp(2 * costs[name] / baseline[name]) for name, weight in NTIRE_WEIGHTS.items()]
    return float(sum(parts[1:], parts[0]))


def with_ntire_score(rows: Sequence[TableRow], model: str) -> tuple[TableRow, ...]:
    """`rows` with their scores against `model`: its baseline variant at the same scale, or its only row there.

    UserError for a model that is not in the table.
    """
    models = {row.model for row in rows}
    if model not in models:
        raise UserError(f"ntire={model}: no such model in this study{did_you_mean(model, models)}")
    baselines = {scale: _baselines(rows, model, scale) for scale in {row.scale for row in rows}}
    return tuple(replace(row, ntire=_score(row, model, baselines[row.scale])) for row in rows)


def _baselines(rows: Sequence[TableRow], model: str, scale: int | None) -> list[TableRow]:
    """The row of `model` to compare with; several, or none, where there is not one."""
    there = [row for row in rows if row.model == model and row.scale == scale]
    chosen = [row for row in there if row.baseline] or there
    # A baseline that two ablations share has two rows.
    return list({tuple(row.costs[name].value for name in NTIRE_WEIGHTS): row for row in reversed(chosen)}.values())


def _score(row: TableRow, model: str, baselines: Sequence[TableRow]) -> Figure:
    own = _known(row)
    lacking = next((name for name in NTIRE_WEIGHTS if name not in own), None)
    if lacking:
        reason = f"{COSTS[lacking].title}: {row.costs[lacking].reason}"
    elif not (reason := _incomparable(row, model, baselines)):
        return Figure(ntire_score(own, _known(baselines[0])))
    # The bicubic row has no network to be ranked.
    return Figure(None, "" if row.model == BICUBIC and row.seeds else reason)


def _known(row: TableRow) -> dict[str, float]:
    """As the challenge counts: frozen parameters, too."""
    values = ((name, row.costs[name].value) for name in NTIRE_WEIGHTS)
    known = {name: value for name, value in values if value is not None}
    return known | {"params": known["params"] + (row.costs["params_frozen"].value or 0)} if "params" in known else known


def _incomparable(row: TableRow, model: str, baselines: Sequence[TableRow]) -> str:
    """Why a row cannot be compared with these of `model`; "" where it can."""
    if len(baselines) != 1:
        return f"{model} has {'several rows' if baselines else 'no row'} at ×{row.scale} to compare with"
    (baseline,) = baselines
    known = _known(baseline)
    if lacking := next((name for name in NTIRE_WEIGHTS if not known.get(name)), None):
        return f"{model} has no {lacking} at ×{row.scale} to compare with"
    own, theirs = _measured_with(row), _measured_with(baseline)
    if own == theirs:
        return ""
    return f"its latency was measured with {_told(own)}, that of {model} with {_told(theirs)}"


def _measured_with(row: TableRow) -> tuple[Conditions, ...]:
    """Each once."""
    latencies = [standard_latency(one.record) for one in row.members if one.record]
    return tuple(dict.fromkeys((x.height, x.width, x.threads, x.device) for x in latencies if x))


def _told(conditions: Sequence[Conditions]) -> str:
    """ "input 256×256, threads 1, cpu"."""
    texts = (f"input {height}×{width}, threads {threads}, {device}" for height, width, threads, device in conditions)
    return " and ".join(texts)
