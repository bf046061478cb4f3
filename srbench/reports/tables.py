"""The comparison as tables for people: sections of cells with units, marks and the reasons for what is missing.

Best and second are ranked as printed, so that equal figures share a mark.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd
from pandas import DataFrame

from srbench.experiments.store.results import Study
from srbench.reports.comparison import PARTS, degraded_otherwise, differing, memberships, refusals, score_columns
from srbench.reports.ranking import WEIGHTS, ntire_gaps
from srbench.reports.significance import LEVEL, certainty, pairs, remarks

COSTS = {  # column: title, unit, size of the unit
    "params": ("Params", "K", 1e3),
    "params_dead": ("Dead", "K", 1e3),
    "flops_720p": ("FLOPs 720p", "G", 1e9),
    "flops_256": ("FLOPs 256²", "G", 1e9),
    "activations_720p": ("Act. 720p", "M", 1e6),
    "latency_ms": ("Latency", "ms", 1),
    "ntire_score": ("NTIRE score", "lower is better", 1),
}
DECIMALS = {"psnr": 2, "ssim": 4, "lpips": 4, "niqe": 2, "pi": 2, "rmse": 2}
DECIMALS |= {"lpips_vgg": 4, "lpips_squeeze": 4, "rmse_pirm": 2, "ssim_global": 4}
CAVEATS = {  # what a metric's name does not tell
    "niqe": "NIQE by BasicSR's convention (rounded luma in 16–235, border = scale); pyiqa's differs by up to 1.0 on "
    "Set5",
    "pi": "PI = ((10 − Ma) + NIQE)/2; Ma's score comes from pyiqa, under a non-commercial licence",
    "rmse_pirm": "RMSE_PIRM is unverified: luma without a border of 4 pixels, inferred from the description of PIRM "
    "2018; no published value has been reproduced with it",
    "ssim_global": "SSIM_GLOBAL has one window, the whole image, as the MESRGAN poster's code: near 0.95 for anything "
    "that keeps the low frequencies; not comparable with SSIM",
}
HIGHER = {metric: metric in ("psnr", "ssim", "ssim_global") for metric in DECIMALS}


@dataclass(frozen=True)
class Cell:
    """What a table shows in one place; `notes` are the reasons for what is missing in it."""

    text: str
    mark: Literal["", "best", "second"] = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One ablation: its title, facts (question, source, baselines), titles of the columns, rows in groups, and remarks.

    The facts stand above the rows; the remarks, on what is in them, below. `notes`: what to know of a column, by name.
    """

    title: str
    facts: list[tuple[str, str]]
    columns: dict[str, str]
    groups: list[list[dict[str, Cell]]]
    remarks: tuple[str, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Background:
    """What the cells rest on: the runs of each row, why a row lacks a column, and how sure its Δ PSNR are."""

    runs: dict[int, list[dict]]
    gaps: dict[tuple[int, str], str]
    certain: DataFrame


def sections(table: DataFrame, study: Study) -> list[Section]:
    """One section per ablation of `table` (of `comparison`, or some rows of it).

    Its rows stand by degradation of LR, and on top of each the bicubic row for the same LR.
    """
    members = memberships(study)
    background = _background(table, members, study)
    # The degradation as recorded stands in place of its override, which may be spelled in several ways.
    table = table.drop(columns="data.degradation", errors="ignore")
    table = table.assign(degradation=members.groupby("row").degradation.first().replace("", "none"))
    settings = [name for name in differing(members) if name in table]
    bicubic = table[(table.model == "bicubic") & (table.ablation == "")]
    parts = []
    for ablation, rows in table.groupby("ablation", sort=False):
        if ablation == "" and len(rows) == len(bicubic) < len(table):
            continue  # the reference stands in every ablation already
        beside = bicubic.scale.isin(rows.scale) & bicubic.degradation.isin(rows.degradation)
        top = bicubic[beside] if ablation else bicubic
        rows = rows.drop(index=top.index, errors="ignore")
        parts.append(_section(str(ablation), top, rows, background, settings, study.plan))
    return parts


def _background(table: DataFrame, members: DataFrame, study: Study) -> Background:
    runs: dict[int, list[dict]] = {}
    for run in members[["row", "seed", "status", "error", "missing", "tiled"]].to_dict("records"):
        runs.setdefault(run["row"], []).append(run)
    deltas = table[[name for name in table if str(name).endswith(".psnr.delta")]]
    certain = certainty(members, deltas.rename(columns=lambda name: name.removesuffix(".delta")), study.scores)
    gaps = dict(_refused(members))
    if "ntire_baseline" in table and len(table):
        without = ntire_gaps(table, members, table.ntire_baseline.iloc[0])
        gaps |= {(row, "ntire_score"): reason for row, reason in without.items()}
    return Background(runs, gaps, certain)


def _refused(members: DataFrame) -> Iterator[tuple[tuple[int, str], str]]:
    """Row, column and reason of each score that its column refuses, and of the deltas to such a baseline."""
    beside = pairs(members)
    partners = beside.row.groupby(members.row[beside.against].to_numpy()).unique()
    for dataset, rows in refusals(members).items():
        names = [name for name in score_columns(members) if name.rpartition(".")[0] == dataset]
        for name in names:
            for row, reason in rows.items():
                for partner in partners.get(row, []):
                    yield (int(partner), f"{name}.delta"), f"its baseline: {reason}"
            for row, reason in rows.items():  # after the partners', of which it may be one
                yield (row, name), reason
                yield (row, f"{name}.delta"), reason
    for row, against in beside[degraded_otherwise(members, beside)][["row", "against"]].itertuples(index=False):
        lr = members.degradation[against] or "none"
        for name in score_columns(members):
            yield (int(row), f"{name}.delta"), f"its baseline has LR of another degradation: {lr}"


def _section(
    ablation: str, top: DataFrame, rows: DataFrame, background: Background, settings: list[str], plan: dict
) -> Section:
    facts = plan.get("ablations", {}).get(ablation, {})
    both = pd.concat([top, rows]) if len(top) else rows
    columns = _columns(both, settings)
    group = ["model", "scale"] if ablation else ["scale"]
    groups = []
    for degradation in both.degradation.unique():
        reference, own = (part[part.degradation == degradation] for part in (top, rows))
        groups += [_cells(reference, columns, background, ranked=False)] if len(reference) else []
        groups += [_cells(part, columns, background, ranked=True) for _, part in own.groupby(group, sort=False)]
    baselines = {f"{row.model} {row.variant}": None for row in rows[rows.baseline].itertuples()}
    named = {"Question": facts.get("question"), "Source": facts.get("source"), "Baseline": ", ".join(baselines)}
    title = facts.get("title", ablation) if ablation else "Runs outside ablations"
    certain = background.certain[background.certain.ablation == ablation]
    known = [(key, str(text)) for key, text in named.items() if text]
    caveats = {name: CAVEATS[metric] for name in columns if (metric := name.rpartition(".")[2]) in CAVEATS}
    return Section(title, known, columns, groups, tuple(remarks(certain)), caveats)


def _columns(rows: DataFrame, settings: list[str]) -> dict[str, str]:
    """The columns to show and their titles: those with a value or a gap to explain, deltas of PSNR only."""
    columns = {"model": "Model", "variant": "Variant", "scale": "Scale"}
    columns |= {"degradation": "Degradation"} if (rows.degradation != "none").any() else {}
    columns |= {key: key for key in settings}
    if (rows.seeds > 1).any():
        columns["seeds"] = "Seeds"
    for name, (title, unit, _) in COSTS.items():
        if name in rows and (name != "params_dead" or (rows[name] > 0).any()):
            columns[name] = f"{title} ({unit})"
    scores = [str(name) for name in rows if "." in str(name) and name not in settings]
    for name in scores:
        dataset, _, metric = name.rpartition(".")
        if name.endswith(".psnr.delta") and (rows.ablation != "").any():
            columns[name] = f"{name.removesuffix('.psnr.delta')} Δ PSNR"
        elif metric not in PARTS:
            columns[name] = f"{dataset} {metric.upper()}{' (unverified)' if metric == 'rmse_pirm' else ''}"
    return columns


def _cells(rows: DataFrame, columns: dict[str, str], background: Background, ranked: bool) -> list[dict[str, Cell]]:
    records = rows.to_dict("records")
    marks = {name: _marks([_rounded(name, row[name]) for row in records], name) if ranked else {} for name in columns}
    return [
        {name: _cell(name, index, row, background, marks[name].get(_rounded(name, row[name]), "")) for name in columns}
        for index, row in zip(rows.index, records, strict=True)
    ]


def _rounded(name: str, value: Any) -> Any:
    return round(value, DECIMALS.get(name.rpartition(".")[2], 4)) if isinstance(value, float) else value


def _marks(values: list, name: str) -> dict[Any, Literal["best", "second"]]:
    """The best and second best value of a score's column; none where all are equal."""
    metric = name.rpartition(".")[2]
    if metric not in HIGHER:
        return {}
    ranked = sorted({value for value in values if not pd.isna(value)}, reverse=HIGHER[metric])
    return dict(zip(ranked, ("best", "second"), strict=False)) if len(ranked) > 1 else {}


def _cell(name: str, index: int, row: dict, background: Background, mark: Literal["", "best", "second"]) -> Cell:
    value, runs = row[name], background.runs[index]
    if name == "variant":
        return Cell(f"{value} (baseline)" if row["baseline"] else str(value), "", tuple(_absent_seeds(runs)))
    if name == "scale":
        return Cell("" if pd.isna(value) else f"×{value}")
    if not (name in COSTS or "." in name) or isinstance(value, str):
        return Cell(str(value))
    if not pd.isna(value) and name.endswith(".delta") and not row["baseline"]:
        return _difference(name, index, row, background.certain)
    if not pd.isna(value):
        tiles = any(name.rpartition(".")[0] in run["tiled"] for run in runs if run["status"] == "done")
        return Cell(_figure(name, value, row.get(f"{name}.std")), mark, ("run in tiles",) if tiles else ())
    if row["model"] == "bicubic" and row["seeds"] and (name in COSTS or name.endswith(".delta")):
        return Cell("")  # it has neither a network nor a baseline
    if name == "ntire_score" and (lacking := [cost for cost in WEIGHTS if pd.isna(row[cost])]):
        return Cell("–", "", (f"{COSTS[lacking[0]][0]}: {_reason(lacking[0], runs)}",))
    return Cell("–", "", (background.gaps.get((index, name)) or _reason(name, runs),))


def _difference(name: str, index: int, row: dict, certain: DataFrame) -> Cell:
    """A delta with its interval, marked where it cannot be told from none; or the reason why it has no interval."""
    text = _figure(name, row[name], None)
    if pd.isna(row.get(f"{name}_p")):
        place = (index, name.removesuffix(".delta"))
        reason = certain.reason[place] if place in certain.index else "the scores of its images are missing"
        return Cell(text, "", (f"no interval: {reason}",))
    low, high = (_figure(name, row[f"{name}_{end}"], None) for end in ("low", "high"))
    return Cell(f"{'≈ ' if row[f'{name}_p'] >= LEVEL else ''}{text} [{low}, {high}]")


def _figure(name: str, value: float, deviation: float | None) -> str:
    if name in COSTS and value < float("inf"):
        return _three_digits(value / COSTS[name][2])
    if name.endswith(".delta"):
        return "∞" if value == float("inf") else f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")  # no −0.000
    decimals = DECIMALS.get(name.rpartition(".")[2], 4)
    text = "∞" if value == float("inf") else f"{value:.{decimals}f}".replace("-", "−")
    return text if deviation is None or pd.isna(deviation) else f"{text} ± {deviation:.{decimals}f}"


def _three_digits(value: float) -> str:
    """1592.0 → 1,592; 24.34 → 24.3; 0.0123 → 0.0123."""
    decimals = next((places for limit, places in ((99.95, 0), (9.995, 1), (0.9995, 2)) if value >= limit), None)
    return f"{value:,.{decimals}f}" if decimals is not None else f"{value:.3g}"


def undone(run: dict) -> str:
    """Why a run has no result: "failed: out of memory", "not run yet"."""
    error = textwrap.shorten(str(run["error"]), 200, placeholder=" …")
    return f"failed: {error or 'no reason recorded'}" if run["status"] == "failed" else error


def _absent_seeds(runs: list[dict]) -> Iterator[str]:
    if any(run["status"] == "done" for run in runs):
        yield from (f"seed {run['seed']}: {undone(run)}" for run in runs if run["status"] != "done")


def _reason(name: str, runs: list[dict]) -> str:
    """Why this row has no value in this column, as the runs' records tell it."""
    done = [run for run in runs if run["status"] == "done"]
    if not done:
        return "; ".join(dict.fromkeys(undone(run) for run in runs))
    score = name.removesuffix(".delta")
    told = [run["missing"][key] for key in _aliases(score) for run in done if key in run["missing"]]
    if told:
        return str(told[0])
    if name.endswith(".delta"):
        return "no baseline with this value to compare with"
    return "not evaluated" if "." in name else "not measured"


def _aliases(column: str) -> list[str]:
    """Names under which a record may give the reason: set5.lpips as itself or lpips, latency_ms also as latency.

    Activations are counted with the FLOPs.
    """
    whole = column.rpartition("_")[0]
    return [column, column.rpartition(".")[2], whole, *["flops"] * (whole == "activations")]
