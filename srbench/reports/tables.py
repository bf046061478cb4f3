"""The comparison of a study's runs: as a frame (`comparison`), and as text with units (`to_markdown`, `to_latex`).

A deviation is the sample's, over seeds. A delta is the mean over seeds of a run's score minus its own baseline's: the
run of the same ablation, model, scale, seed and overrides outside the ablation (its `context`). Best and second are
ranked as printed, so that equal figures share a mark.
"""

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from pandas import DataFrame, Series

from srbench.results import Study

COLUMNS = [
    "ablation",
    "model",
    "variant",
    "baseline",
    "scale",
    "seeds",
    "params",
    "params_dead",
    "flops_720p",
    "flops_256",
]
COLUMNS += ["activations_720p", "latency_ms"]
WHOLE = ["params", "params_dead", "flops_720p", "flops_256", "activations_720p"]
COSTS = {  # column: title, unit, size of the unit
    "params": ("Params", "K", 1e3),
    "params_dead": ("Dead", "K", 1e3),
    "flops_720p": ("FLOPs 720p", "G", 1e9),
    "flops_256": ("FLOPs 256²", "G", 1e9),
    "activations_720p": ("Act. 720p", "M", 1e6),
    "latency_ms": ("Latency", "ms", 1),
}
DECIMALS = {"psnr": 2, "ssim": 4, "lpips": 4, "niqe": 2, "pi": 2, "rmse": 2}
HIGHER = {"psnr": True, "ssim": True, "lpips": False, "niqe": False, "pi": False, "rmse": False}
# Overrides that do not fix the weights, or that have a column of their own.
OUTSIDE = {
    "study",
    "runs_dir",
    "reports_dir",
    "data_root",
    "weights_dir",
    "device",
    "logger",
    "force",
    "labels",
    "jobs",
}
OUTSIDE |= {"threads", "eval", "protocol", "dry_run", "hydra", "ablation", "sweep", "scale", "seed"}


# The frame


def comparison(study: Study) -> DataFrame:
    """One row per ablation, model, variant, scale and context, with the columns of table.csv; the mean over its seeds.

    `seeds` counts the finished ones; NaN where there is no value. Runs in no ablation come first, with ablation "".
    Last stand `final_loss` and, named after its key, every override outside the ablations in which rows differ.
    """
    members = memberships(study)
    done = members[members.status == "done"]
    rows = members.groupby("row")
    first = rows[["ablation", "model", "variant", "baseline", "scale", *WHOLE]].first()
    first[WHOLE] = first[WHOLE].round().astype("Int64")
    means = done.groupby("row")[["latency_ms", "train_final_loss"]].mean().reindex(first.index)
    seeds = done.groupby("row").seed.nunique().reindex(first.index, fill_value=0)
    table = first.assign(seeds=seeds, latency_ms=means.latency_ms)[COLUMNS].join(_scores(members))
    settings = DataFrame(rows.context.first().map(dict).tolist(), index=first.index)
    settings = settings.reindex(columns=_differing(members)).fillna("")
    return table.assign(final_loss=means.train_final_loss).join(settings).rename_axis(None)


def _scores(members: DataFrame) -> DataFrame:
    """Per row: `<dataset>.<metric>`, and beside it `.std` (two seeds and more) and `.delta` where any row has one."""
    names = score_columns(members)
    # A failed run may have left scores of an earlier state; means over different protocols mean nothing.
    mixed = members[members.status == "done"].groupby("row").protocol.nunique().gt(1)
    usable = members[(members.status == "done") & ~members.row.map(mixed).eq(True)]
    rows = usable.groupby("row")
    parts = {
        "": rows[names].mean(),
        ".std": rows[names].std(),
        ".delta": _deltas(usable, names).groupby(usable.row).mean(),
    }
    columns = {f"{name}{part}": frame[name] for name in names for part, frame in parts.items()}
    scores = DataFrame(columns, index=sorted(members.row.unique()))
    return scores.drop(columns=[name for name in scores if name not in names and scores[name].isna().all()])


def _deltas(runs: DataFrame, names: list[str]) -> DataFrame:
    """Each run's scores minus those of its baseline; NaN without a baseline, with two, and across protocols."""
    group = ["ablation", "model", "scale", "seed", "context", "protocol"]
    compared = runs[runs.ablation != ""].assign(protocol=runs.protocol.map(str))
    # Two are left by an ablation file whose baseline was changed between two commands of a study.
    baseline = compared[compared.baseline].drop_duplicates(group, keep=False).set_index(group)[names]
    beside = compared[group].join(baseline, on=group)[names]
    return (compared[names] - beside).reindex(runs.index)


def score_columns(runs: DataFrame) -> list[str]:
    """`<dataset>.<metric>` by data set as evaluated, metrics in the usual order, those that a run lacks too."""
    present = [str(name) for name in runs if "." in str(name)]
    datasets = dict.fromkeys(name.rpartition(".")[0] for name in present)
    absent = {key.rpartition(".")[2] for missing in runs.missing for key in missing}
    metrics = {name.rpartition(".")[2] for name in present} | (absent & set(DECIMALS))
    order = [*DECIMALS, *sorted(metrics - set(DECIMALS))]
    return [f"{dataset}.{metric}" for dataset in datasets for metric in order if metric in metrics]


# Which run stands in which row


def memberships(study: Study) -> DataFrame:
    """The study's runs, once per ablation that they are in, in the table's order, with five more columns.

    `ablation` ("" for none), `baseline`, `context` (tuple of key and value), `row` (of the table; seeds share one) and
    `label` (what tells the row from the others of its ablation and model).
    """
    runs = study.runs
    entries = [entry for run in runs.to_dict("records") for entry in _entries(run, study.plan.get("ablations", {}))]
    names = ["run", "ablation", "variant", "baseline", "context"]
    members = DataFrame(entries, columns=names).merge(runs.drop(columns="variant"), on="run")
    members["baseline"] = members.baseline.astype(bool)
    members["context"] = _told_apart(members)
    members = members.iloc[_order(members, list(study.plan.get("ablations", {})))].reset_index(drop=True)
    key = ["ablation", "model", "scale", "context", "variant"]
    members["row"] = members.groupby(key, sort=False, dropna=False).ngroup()
    members = members.reindex(columns=list(dict.fromkeys([*members.columns, *score_columns(members)])))
    return members.assign(label=_labels(members))


def _entries(run: dict, ablations: dict) -> Iterator[dict]:
    # A baseline that two ablations share carries the factors of either or both; none may part it from its variants.
    factors: set[str] = set()
    for entry in run["memberships"]:
        factors |= _factors(ablations.get(entry["ablation"], {}), run["model"], entry["variant"])
    context = _context(run["overrides"], factors)
    for entry in run["memberships"] or [{"ablation": "", "variant": run["variant"], "baseline": False}]:
        yield {**entry, "run": run["run"], "context": context}


def _factors(ablation: dict, model: str, variant: str) -> set[str]:
    """The config keys that the ablation varies for this model.

    The file names classes, the run a preset: the longest class name that the preset's begins with, else `any`, else
    every class that has this variant.
    """
    classes = {name: entry["variants"] for name, entry in ablation.get("applies_to", {}).items()}
    named = [name for name in classes if _plain(model).startswith(_plain(name))]
    chosen = [max(named, key=len)] if named else [name for name in classes if name == "any"]
    chosen = chosen or [name for name, variants in classes.items() if variant in variants]
    return {key for name in chosen for settings in classes[name].values() for key in settings or {}}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _context(overrides: list[str], factors: set[str]) -> tuple[tuple[str, str], ...]:
    pairs = [override.lstrip("+~").partition("=")[::2] for override in overrides]
    skipped = {"model", "data.root"} | factors
    return tuple(sorted((k, v) for k, v in pairs if k not in skipped and re.split(r"[./]", k)[0] not in OUTSIDE))


def _told_apart(members: DataFrame) -> list[tuple]:
    """The contexts, with the config's hash in those of runs that nothing else tells apart.

    Such twins come from an edited config file; which of them a baseline belongs to is unknown.
    """
    key = ["ablation", "model", "variant", "scale", "seed", "context"]
    twins = members.duplicated(key, keep=False)
    rows = zip(members.context, members.config_hash, twins, strict=True)
    return [(*context, ("config_hash", str(hashed)[:8])) if twin else context for context, hashed, twin in rows]


def _order(members: DataFrame, ablations: list[str]) -> list[int]:
    """Positions in the table's order: ablation, model, scale, context, baseline first; in no ablation, scale first."""

    def rank(column: str) -> Series:
        return members[column].map({value: place for place, value in enumerate(dict.fromkeys(members[column]))})

    place = {name: number for number, name in enumerate(dict.fromkeys(["", *ablations, *members.ablation]))}
    alone = members.ablation == ""
    keys = DataFrame(
        {
            "ablation": members.ablation.map(place),
            "outer": members.scale.astype(float).where(alone, rank("model")),
            "inner": (members.model != "bicubic").astype(float).where(alone, members.scale.astype(float)),
            "context": rank("context").where(~alone, 0),
            "baseline": ~members.baseline,
        }
    )
    return list(keys.reset_index(drop=True).sort_values(keys.columns.tolist(), kind="stable").index)


def _differing(members: DataFrame) -> list[str]:
    """Override keys that tell rows apart. The bicubic row's own do not count: it is never trained."""
    contexts = [dict(context) for context in members.context[members.model != "bicubic"]]
    keys = sorted({key for context in contexts for key in context})
    return [key for key in keys if len({context.get(key) for context in contexts}) > 1]


def _labels(members: DataFrame) -> list[str]:
    keys, scales = _differing(members), members.scale.nunique()
    labels = []
    for row in members[["ablation", "model", "variant", "scale", "context"]].to_dict("records"):
        name = row["variant"] if row["ablation"] else f"{row['model']} {row['variant']}".removesuffix(" default")
        settings = [f"{key}={value}" for key, value in row["context"] if key in keys]
        labels.append(" ".join([str(name), *[f"×{row['scale']}"] * (scales > 1), *settings]))
    return labels


# Text: cells and sections, then their two notations


@dataclass(frozen=True)
class Cell:
    """What a table shows in one place; `notes` are the reasons for what is missing in it."""

    text: str
    mark: Literal["", "best", "second"] = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One ablation: its title, facts (question, source, baselines), titles of the columns, and rows in groups."""

    title: str
    facts: list[tuple[str, str]]
    columns: dict[str, str]
    groups: list[list[dict[str, Cell]]]


def sections(table: DataFrame, study: Study) -> list[Section]:
    """One section per ablation of `table` (of `comparison`, or some rows of it), the bicubic row on top of each."""
    members = memberships(study)
    runs: dict[int, list[dict]] = {}
    for run in members[["row", "seed", "status", "error", "protocol", "missing"]].to_dict("records"):
        runs.setdefault(run["row"], []).append(run)
    settings = [name for name in _differing(members) if name in table]
    bicubic = table[(table.model == "bicubic") & (table.ablation == "")]
    parts = []
    for ablation, rows in table.groupby("ablation", sort=False):
        if ablation == "" and len(rows) == len(bicubic) < len(table):
            continue  # the reference stands in every ablation already
        top = bicubic[bicubic.scale.isin(rows.scale)] if ablation else bicubic
        rows = rows.drop(index=top.index, errors="ignore")
        parts.append(_section(str(ablation), top, rows, runs, settings, study.plan))
    return parts


def _section(ablation: str, top: DataFrame, rows: DataFrame, runs: dict, settings: list[str], plan: dict) -> Section:
    facts = plan.get("ablations", {}).get(ablation, {})
    both = pd.concat([top, rows]) if len(top) else rows
    columns = _columns(both, settings)
    group = ["model", "scale"] if ablation else ["scale"]
    groups = [_cells(part, columns, runs, ranked=True) for _, part in rows.groupby(group, sort=False)]
    baselines = {f"{row.model} {row.variant}": None for row in rows[rows.baseline].itertuples()}
    named = {"Question": facts.get("question"), "Source": facts.get("source"), "Baseline": ", ".join(baselines)}
    title = facts.get("title", ablation) if ablation else "Runs outside ablations"
    reference = [_cells(top, columns, runs, ranked=False)] if len(top) else []
    return Section(title, [(key, str(text)) for key, text in named.items() if text], columns, reference + groups)


def _columns(rows: DataFrame, settings: list[str]) -> dict[str, str]:
    """The columns to show and their titles: those with a value or a gap to explain, deltas of PSNR only."""
    columns = {"model": "Model", "variant": "Variant", "scale": "Scale"} | {key: key for key in settings}
    if (rows.seeds > 1).any():
        columns["seeds"] = "Seeds"
    for name, (title, unit, _) in COSTS.items():
        if name != "params_dead" or (rows[name] > 0).any():
            columns[name] = f"{title} ({unit})"
    scores = [str(name) for name in rows if "." in str(name) and name not in settings]
    for name in scores:
        dataset, _, metric = name.rpartition(".")
        if name.endswith(".psnr.delta") and (rows.ablation != "").any():
            columns[name] = f"{name.removesuffix('.psnr.delta')} Δ PSNR"
        elif metric not in ("std", "delta"):
            columns[name] = f"{dataset} {metric.upper()}"
    return columns


def _cells(rows: DataFrame, columns: dict[str, str], runs: dict, ranked: bool) -> list[dict[str, Cell]]:
    records = rows.to_dict("records")
    marks = {name: _marks([_rounded(name, row[name]) for row in records], name) if ranked else {} for name in columns}
    return [
        {name: _cell(name, row, runs[index], marks[name].get(_rounded(name, row[name]), "")) for name in columns}
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


def _cell(name: str, row: dict, runs: list[dict], mark: Literal["", "best", "second"]) -> Cell:
    value = row[name]
    if name == "variant":
        return Cell(f"{value} (baseline)" if row["baseline"] else str(value), "", tuple(_absent_seeds(runs)))
    if name == "scale":
        return Cell("" if pd.isna(value) else f"×{value}")
    if not (name in COSTS or "." in name) or isinstance(value, str):
        return Cell(str(value))
    if not pd.isna(value):
        return Cell(_figure(name, value, row.get(f"{name}.std")), mark)
    if row["model"] == "bicubic" and row["seeds"] and (name in COSTS or name.endswith(".delta")):
        return Cell("")  # it has neither a network nor a baseline
    return Cell("–", "", (_reason(name, runs),))


def _figure(name: str, value: float, deviation: float | None) -> str:
    if name in COSTS:
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


# Reasons


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
    protocols = dict.fromkeys(run["protocol"] for run in done if not pd.isna(run["protocol"]))
    if "." in name and len(protocols) > 1:
        return f"evaluated under different protocols ({', '.join(protocols)})"
    score = name.removesuffix(".delta")
    told = [run["missing"][key] for run in done for key in _aliases(score) if key in run["missing"]]
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


def header(study: Study) -> list[tuple[str, str]]:
    """What the numbers of all tables rest on, as name and value: commands, protocol, machine, conventions."""
    done = study.runs[study.runs.status == "done"]
    facts = [("command", command) for command in study.plan.get("commands", [])]
    facts += [
        (name, _values(done[name])) for name in ("protocol", "resizer", "device", "threads", "precision", "srbench")
    ]
    facts.append(
        ("params, FLOPs, activations", "trainable; one multiply-add as one; input for a 1280×720 output, or 256×256")
    )
    if done.latency_ms.notna().any():
        seen = done[done.latency_ms.notna()]
        inputs = seen[["latency_height", "latency_width"]].astype("Int64").astype(str).agg("×".join, axis=1)
        where = f"{_values(seen.latency_device)}, threads {_values(seen.latency_threads)}"
        facts.append(("latency", f"median, batch 1, input {_values(inputs)} (height × width), {where}"))
    return facts


def _values(column: Series) -> str:
    """The one value; several, each with the number of runs that have it; or that none is recorded."""
    counts = column.dropna().map(lambda value: f"{value:g}" if isinstance(value, float) else str(value)).value_counts()
    if len(counts) < 2:
        return next(iter(counts.index), "not recorded")
    return ", ".join(f"{value} ({count} runs)" for value, count in sorted(counts.items()))


# Markdown


def to_markdown(table: DataFrame, study: Study) -> str:
    """The tables of `comparison` for a README: best bold, second underlined, the reason for each gap below."""
    notes: dict[str, int] = {}
    lines = [f"# {_markdown(study.plan['study'])}", ""]
    lines += [f"- {name}: {f'`{value}`' if name == 'command' else _markdown(value)}" for name, value in header(study)]
    for section in sections(table, study):
        lines += ["", f"## {_markdown(section.title)}", ""]
        lines += [f"- {key}: {_markdown(text)}" for key, text in section.facts]
        lines += ["", *_markdown_rows(section, notes)]
    if notes:
        lines += ["", *(f"<sup>{number}</sup> {_markdown(note)}<br>" for note, number in notes.items())]
    return "\n".join(lines) + "\n"


def _markdown_rows(section: Section, notes: dict[str, int]) -> Iterator[str]:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    yield line(_markdown(title) for title in section.columns.values())
    yield line("---" if name in ("model", "variant") else "---:" for name in section.columns)
    for row in (row for group in section.groups for row in group):
        yield line(_noted(cell, notes, _markdown, MARKDOWN) for cell in row.values())


MARKDOWN = {"best": "**{}**", "second": "<u>{}</u>", "note": "<sup>{}</sup>"}


def _noted(cell: Cell, notes: dict[str, int], escape: Callable[[str], str], notation: dict[str, str]) -> str:
    """The cell's text with its mark and its footnotes' numbers; new footnotes are added to `notes`."""
    text = notation[cell.mark].format(escape(cell.text)) if cell.mark else escape(cell.text)
    numbers = [str(notes.setdefault(note, len(notes) + 1)) for note in cell.notes]
    return text + (notation["note"].format(",".join(numbers)) if numbers else "")


def _markdown(text: str) -> str:
    return re.sub(r"([\\|<*`])", r"\\\1", " ".join(str(text).split()))


# LaTeX


LATEX = {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}", "note": r"\textsuperscript{{{}}}"}
SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "[": "{[}",  # a row that begins with [ would be an argument of the \\ before it
    "]": "{]}",
    "–": "--",
    "…": r"\ldots{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{"×": r"$\times$", "±": r"$\pm$", "−": "$-$", "Δ": r"$\Delta$", "∞": r"$\infty$", "²": "$^2$", "σ": r"$\sigma$"},
    **{"→": r"$\rightarrow$", "≤": r"$\leq$", "≥": r"$\geq$", "<": r"\textless{}", ">": r"\textgreater{}"},
}


def to_latex(table: DataFrame, study: Study) -> str:
    r"""The same for a paper: one `table` an ablation, for \usepackage{booktabs}; the header as comments."""
    lines = [r"% \usepackage{booktabs}", f"% study: {' '.join(str(study.plan['study']).split())}"]
    lines += [f"% {name}: {' '.join(value.split())}" for name, value in header(study)]
    for section in sections(table, study):
        notes: dict[str, int] = {}
        lines += ["", *_latex_table(section, notes)]
    return "\n".join(lines) + "\n"


def _latex_table(section: Section, notes: dict[str, int]) -> Iterator[str]:
    facts = [section.title, *(f"{key}: {text}" for key, text in section.facts)]
    yield from (r"\begin{table}", r"\centering", rf"\caption{{{' '.join(map(_latex_sentence, facts))}}}")
    yield rf"\begin{{tabular}}{{{''.join('l' if name in ('model', 'variant') else 'r' for name in section.columns)}}}"
    yield from (r"\toprule", " & ".join(_latex(title) for title in section.columns.values()) + r" \\")
    for group in section.groups:
        yield r"\midrule"
        yield from (" & ".join(_noted(cell, notes, _latex, LATEX) for cell in row.values()) + r" \\" for row in group)
    yield from (r"\bottomrule", r"\end{tabular}")
    if notes:
        yield r"\par\footnotesize"
        yield " ".join(rf"\textsuperscript{{{number}}} {_latex_sentence(note)}" for note, number in notes.items())
    yield r"\end{table}"


def _latex_sentence(text: str) -> str:
    return _latex(text) + ("" if text.endswith((".", "?", "!")) else ".")


def _latex(text: str) -> str:
    return "".join(SIGNS.get(sign, sign) for sign in " ".join(str(text).split()))
