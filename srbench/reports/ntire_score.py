"""The score by which the NTIRE challenges on efficient super-resolution rank networks: lower is better.

Against a model of the table, or as a challenge of `ntire_challenges` has it: then with the published FLOPs and
parameters of its baseline, and the latency of the same network in the table. A challenge's own latency is of its GPU,
so values compare only within a table, and with none of the challenge.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean
from srbench.metrics.table import COSTS
from srbench.reports.columns import ScoreColumn
from srbench.reports.comparison import TableRow
from srbench.reports.ntire_challenges import CHALLENGES, DECIMALS, FLOORS, OF_MODELS, PUBLIC, SCALE, Challenge
from srbench.reports.row_costs import Figure, standard_latency
from srbench.reports.rows import BICUBIC

Conditions = tuple[int, int, int, str]  # of a latency: height, width, threads, device
NTIRE_TITLE = "NTIRE score (lower is better)"


def ntire_score(costs: Mapping[str, float], baseline: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """w_t exp(2 t/t₀) + w_F exp(2 F/F₀) + w_P exp(2 P/P₀), e² for the baseline itself.

    All have `latency_ms`, `flops_256` and `params`, the baseline none of them 0.
    """
    with np.errstate(over="ignore"):
        parts = [weight * np.exp(2 * costs[name] / baseline[name]) for name, weight in weights.items()]
    return float(sum(parts[1:], parts[0]))


def with_ntire_score(rows: Sequence[TableRow], asked: str) -> tuple[TableRow, ...]:
    """`rows` with their scores by the rules of a challenge, if `asked` is its year, and whether they are below its
    floors; else against a model: its baseline variant at the same scale, or its only row there.

    UserError for a model that is not in the table.
    """
    if challenge := CHALLENGES.get(asked):
        baselines = _baselines([row for row in rows if _is_baseline(row, challenge)])
        return tuple(_in_challenge(row, challenge, baselines) for row in rows)
    models = {row.model for row in rows}
    if asked not in models:
        years = ", ".join(CHALLENGES)
        raise UserError(
            f"ntire={asked}: no such model in this study, and no year of a challenge ({years})"
            f"{did_you_mean(asked, models)}"
        )
    of_scale = {
        scale: _baselines([row for row in rows if (row.model, row.scale) == (asked, scale)])
        for scale in {row.scale for row in rows}
    }
    return tuple(replace(row, ntire=_score(row, asked, of_scale[row.scale], OF_MODELS.weights)) for row in rows)


def _baselines(there: Sequence[TableRow]) -> list[TableRow]:
    """Of the rows of one model and scale that to compare with; several, or none, where there is not one."""
    chosen = [row for row in there if row.baseline] or there
    # A baseline that two ablations share has two rows.
    return list({tuple(row.costs[name].value for name in OF_MODELS.weights): row for row in reversed(chosen)}.values())


def _is_baseline(row: TableRow, challenge: Challenge) -> bool:
    known, params = row.members[0].run.known, _known(row).get("params", 0)
    is_class = known is not None and known.class_name == challenge.network
    return is_class and row.scale == SCALE and round(params / 1e6, 3) == challenge.params


def _in_challenge(row: TableRow, challenge: Challenge, baselines: Sequence[TableRow]) -> TableRow:
    if row.scale != SCALE:
        return replace(row, ntire=_unless_bicubic(row, f"NTIRE {challenge.year} ranks at ×{SCALE}"))
    published = {"flops_256": 1e9 * challenge.flops, "params": 1e6 * challenge.params}
    name = f"{challenge.baseline}, the baseline of NTIRE {challenge.year},"
    figure = _score(row, name, baselines, challenge.weights, published)
    if not baselines and figure.reason and challenge.add:
        figure = replace(figure, reason=f"{figure.reason}; add {challenge.add}")
    psnrs = dict(_held_against_floors(row))
    lower = {dataset: psnr for dataset, psnr in psnrs.items() if psnr < FLOORS[dataset]}
    if figure.value is not None:
        figure = replace(figure, note=_of_floors(psnrs, lower))
    return replace(row, ntire=figure, below_floor=bool(lower) if lower or PUBLIC in psnrs else None)


def _held_against_floors(row: TableRow) -> Iterator[tuple[str, float]]:
    """PSNR by data set with a floor, as printed, where whole sets were scored by the challenges' protocol, on LR
    that is not degraded."""
    if row.degradations:
        return
    records = [one.record for one in row.members if one.record]
    for dataset in {column.dataset for column in row.scores}:
        found = row.scores.get(ScoreColumn(dataset, "psnr"))
        if dataset.lower() not in FLOORS or found is None or found.mean is None or dataset in row.partial:
            continue
        protocols = [one.certificates[dataset].protocol for one in records if dataset in one.certificates]
        if all(protocol.channels == "rgb" and protocol.border in ("scale", SCALE) for protocol in protocols):
            yield dataset.lower(), round(found.mean, DECIMALS)


def _of_floors(psnrs: Mapping[str, float], lower: Mapping[str, float]) -> str:
    if lower:
        told = (f"{psnr:.{DECIMALS}f} dB on {name} ({FLOORS[name]:.{DECIMALS}f})" for name, psnr in lower.items())
        return f"below the floor, unranked: {' and '.join(told)}"
    if PUBLIC in psnrs:
        return ""
    return f"the floor of {FLOORS[PUBLIC]:.{DECIMALS}f} dB could not be looked at: no score of all of {PUBLIC} in RGB"


def _score(
    row: TableRow,
    name: str,
    baselines: Sequence[TableRow],
    weights: Mapping[str, float],
    published: Mapping[str, float] | None = None,
) -> Figure:
    """Against the one baseline, which people call `name`; `published`: what stands in place of its own costs."""
    own = _known(row)
    if lacking := next((cost for cost in weights if cost not in own), None):
        return _unless_bicubic(row, f"{COSTS[lacking].title}: {row.costs[lacking].reason}")
    if len(baselines) != 1:
        found = "several rows" if baselines else "no row"
        return _unless_bicubic(row, f"{name} has {found} at ×{row.scale} to compare with")
    against = {**_known(baselines[0]), **(published or {})}
    if reason := _incomparable(row, name, baselines[0], [cost for cost in weights if not against.get(cost)]):
        return _unless_bicubic(row, reason)
    return Figure(ntire_score(own, against, weights))


def _unless_bicubic(row: TableRow, reason: str) -> Figure:
    """The bicubic row has no network to be ranked."""
    return Figure(None, "" if row.model == BICUBIC and row.seeds else reason)


def _known(row: TableRow) -> dict[str, float]:
    """As the challenges count: frozen parameters, too."""
    values = ((name, row.costs[name].value) for name in OF_MODELS.weights)
    known = {name: value for name, value in values if value is not None}
    return known | {"params": known["params"] + (row.costs["params_frozen"].value or 0)} if "params" in known else known


def _incomparable(row: TableRow, name: str, baseline: TableRow, lacking: Sequence[str]) -> str:
    """Why a row cannot be compared with this baseline, whose costs lack some; "" where it can."""
    if lacking:
        return f"{name} has no {lacking[0]} at ×{row.scale} to compare with"
    own, theirs = _measured_with(row), _measured_with(baseline)
    if own == theirs:
        return ""
    return f"its latency was measured with {_told(own)}, that of {name} with {_told(theirs)}"


def _measured_with(row: TableRow) -> tuple[Conditions, ...]:
    """Each once."""
    latencies = [standard_latency(one.record) for one in row.members if one.record]
    return tuple(dict.fromkeys((x.height, x.width, x.threads, x.device) for x in latencies if x))


def _told(conditions: Sequence[Conditions]) -> str:
    """ "input 256×256, threads 1, cpu"."""
    texts = (f"input {height}×{width}, threads {threads}, {device}" for height, width, threads, device in conditions)
    return " and ".join(texts)
