"""The comparison of a study's runs as a frame: which run stands in which row, its means, deviations and deltas.

A deviation is the sample's, over seeds. A delta is the mean over seeds of a run's score minus its own baseline's: the
run of the same ablation, model, scale, seed and overrides outside the ablation (its `context`).
A column holds one protocol, one set of images and one maker of LR: at each scale those of most runs.
"""

import re
from collections.abc import Iterator

from pandas import DataFrame, Series

from srbench.reports.ranking import with_ntire_score
from srbench.reports.significance import certainty, pairs
from srbench.results import Study

COLUMNS = ["ablation", "model", "variant", "baseline", "scale", "seeds", "params", "params_dead", "flops_720p"]
COLUMNS += ["flops_256", "activations_720p", "latency_ms"]
WHOLE = ["params", "params_dead", "flops_720p", "flops_256", "activations_720p"]
PARTS = ["std", "delta", "delta_low", "delta_high", "delta_p"]  # of a score
METRICS = ["psnr", "ssim", "lpips", "niqe", "pi", "rmse", "lpips_vgg", "lpips_squeeze", "rmse_pirm", "ssim_global"]
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


def comparison(study: Study, ntire: str | None = None) -> DataFrame:
    """One row per ablation, model, variant, scale and context, with the columns of table.csv; the mean over its seeds.

    `seeds` counts the finished ones; NaN where there is no value. Runs in no ablation come first, with ablation "".
    Last stand `final_loss` and, named after its key, every override outside the ablations in which rows differ; then,
    where `ntire` names the model to compare with, `ntire_score` and `ntire_baseline`.
    """
    members = memberships(study)
    done = members[members.status == "done"]
    rows = members.groupby("row")
    first = rows[["ablation", "model", "variant", "baseline", "scale", *WHOLE]].first()
    first[WHOLE] = first[WHOLE].round().astype("Int64")
    means = done.groupby("row")[["latency_ms", "train_final_loss"]].mean().reindex(first.index)
    seeds = done.groupby("row").seed.nunique().reindex(first.index, fill_value=0)
    table = first.assign(seeds=seeds, latency_ms=means.latency_ms)[COLUMNS].join(_scores(members, study))
    settings = DataFrame(rows.context.first().map(dict).tolist(), index=first.index)
    settings = settings.reindex(columns=differing(members)).fillna("")
    table = table.assign(final_loss=means.train_final_loss).join(settings).rename_axis(None)
    return table if ntire is None else with_ntire_score(table, members, ntire)


def _scores(members: DataFrame, study: Study) -> DataFrame:
    """Per row: `<dataset>.<metric>`, and beside it its PARTS where any row has one.

    `.std` is over seeds; `.delta_low` and `.delta_high` are the ends of the delta's interval, `.delta_p` its corrected
    p-value.
    """
    names = score_columns(members)
    usable = _comparable(members)
    rows = usable.groupby("row")
    deltas = _deltas(usable, names)
    sure = certainty(members, deltas, study.scores)
    parts = {"": rows[names].mean(), ".std": rows[names].std(), ".delta": deltas}
    parts |= {f".delta_{part}": sure[part].unstack("score") for part in ("low", "high", "p")}
    columns = {f"{name}{part}": frame.get(name) for name in names for part, frame in parts.items()}
    scores = DataFrame(columns, index=sorted(members.row.unique()))
    return scores.drop(columns=[name for name in scores if name not in names and scores[name].isna().all()])


def _comparable(members: DataFrame) -> DataFrame:
    """The finished runs, without the scores that their column refuses."""
    # A failed run may have left scores of an earlier state.
    done = members[members.status == "done"].copy()
    for dataset, rows in refusals(members).items():
        done.loc[done.row.isin(rows), [name for name in done if str(name).startswith(f"{dataset}.")]] = float("nan")
    return done


def _deltas(usable: DataFrame, names: list[str]) -> DataFrame:
    """Per row: the mean over seeds of the scores minus those of the seed's baseline."""
    beside = pairs(usable)
    difference = usable.loc[beside.index, names] - usable.loc[beside.against, names].to_numpy()
    return difference.groupby(beside.row).mean()


def refusals(members: DataFrame) -> dict[str, dict[int, str]]:
    """By data set and row of the table: why its scores are left out.

    A column holds, at each scale, the scores under one protocol, on one number of images, with LR by one resizer.
    """
    done = members[members.status == "done"]
    names = score_columns(done)
    refused: dict[str, dict[int, str]] = {}
    for dataset in dict.fromkeys(name.rpartition(".")[0] for name in names):
        columns = [name for name in names if name.rpartition(".")[0] == dataset]
        scored = done[done[columns].notna().any(axis=1)]
        on = scored.evaluated_on.map(lambda sets, dataset=dataset: sets.get(dataset, "images not recorded"))
        certificate = scored.protocol.map(str) + ", " + on
        held = certificate.groupby(scored.scale, dropna=False).transform(_most_common)
        for row in scored.row[certificate != held].unique():
            own = " and ".join(dict.fromkeys(certificate[scored.row == row]))
            reason = f"scored by {own}; this column holds {held[scored.row == row].iloc[0]}"
            refused.setdefault(dataset, {})[int(row)] = reason
    return refused


def _most_common(values: Series) -> str:
    return str(values.value_counts(sort=False).idxmax())  # the first of several


def score_columns(runs: DataFrame) -> list[str]:
    """`<dataset>.<metric>` by data set as evaluated, metrics in the usual order, those that a run lacks too."""
    present = [str(name) for name in runs if "." in str(name)]
    datasets = dict.fromkeys(name.rpartition(".")[0] for name in present)
    absent = {key.rpartition(".")[2] for missing in runs.missing for key in missing}
    metrics = {name.rpartition(".")[2] for name in present} | (absent & set(METRICS))
    order = [*METRICS, *sorted(metrics - set(METRICS))]
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
        factors |= _factors(ablations.get(entry["ablation"], {}), run["class"])
    context = _context(run["overrides"], factors)
    for entry in run["memberships"] or [{"ablation": "", "variant": run["variant"], "baseline": False}]:
        yield {**entry, "run": run["run"], "context": context}


def _factors(ablation: dict, class_name: str) -> set[str]:
    """The config keys that the ablation varies for models of that class."""
    applies = ablation.get("applies_to", {})
    variants = (applies.get(class_name) or applies.get("any") or {}).get("variants", {})
    return {key for settings in variants.values() for key in settings or {}}


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


def differing(members: DataFrame) -> list[str]:
    """Override keys that tell rows apart. The bicubic row's own do not count: it is never trained."""
    contexts = [dict(context) for context in members.context[members.model != "bicubic"]]
    keys = sorted({key for context in contexts for key in context})
    return [key for key in keys if len({context.get(key) for context in contexts}) > 1]


def _labels(members: DataFrame) -> list[str]:
    keys, scales = differing(members), members.scale.nunique()
    labels = []
    for row in members[["ablation", "model", "variant", "scale", "context"]].to_dict("records"):
        name = row["variant"] if row["ablation"] else f"{row['model']} {row['variant']}".removesuffix(" default")
        settings = [f"{key}={value}" for key, value in row["context"] if key in keys]
        labels.append(" ".join([str(name), *[f"×{row['scale']}"] * (scales > 1), *settings]))
    return labels
