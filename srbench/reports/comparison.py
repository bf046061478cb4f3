"""The comparison of a study's runs as a frame: which run stands in which row, its means, deviations and deltas.

A deviation is the sample's, over seeds. A delta is the mean over seeds of a run's score minus its own baseline's: the
run of the same ablation, model, scale, seed and overrides outside the ablation (its `context`).

A column holds, at each scale and degradation of LR, one protocol, the same pixels of HR and of LR, and one maker of LR:
those of most runs. Runs of other degradations stand in groups of their own, in which they are ranked; no delta leads
from one group to another. Tiles are part of how a network runs and only marked, as their number follows from its
memory; but within a model, where they would pass for what its variants do, a column holds either scores of whole images
or scores in tiles, of an image or more of the set.

Seeds are those of trained runs. Fixed weights score the same whatever the seed: all their runs are one observation.
"""

import re
from collections.abc import Hashable, Iterator
from typing import Any

from pandas import DataFrame, Series

from srbench.experiments.store.results import Study
from srbench.reports.ranking import with_ntire_score
from srbench.reports.significance import certainty, pairs, trained

COLUMNS = ["ablation", "model", "variant", "baseline", "scale", "seeds", "params", "params_dead", "flops_720p"]
COLUMNS += ["flops_256", "activations_720p", "latency_ms"]
WHOLE = ["params", "params_dead", "flops_720p", "flops_256", "activations_720p"]
CERTIFIED = ["protocol", "evaluated_on", "checksums", "lr_made_by"]
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

    `seeds` counts the finished ones, 1 for fixed weights; NaN where there is no value. Runs in no ablation come first,
    with ablation "". After the scores stand what they rest on, `protocol` and `resizer`, and `final_loss`; then, named
    after its key, every override outside the ablations in which rows differ; then, where `ntire` names the model to
    compare with, `ntire_score` and `ntire_baseline`.
    """
    members = memberships(study)
    done = members[members.status == "done"]
    rows = members.groupby("row")
    first = rows[["ablation", "model", "variant", "baseline", "scale", *WHOLE]].first()
    first[WHOLE] = first[WHOLE].round().astype("Int64")
    means = done.groupby("row")[["latency_ms", "train_final_loss"]].mean().reindex(first.index)
    seeds = done.seed.where(trained(done), -1).groupby(done.row).nunique().reindex(first.index, fill_value=0)
    table = first.assign(seeds=seeds, latency_ms=means.latency_ms)[COLUMNS].join(_scores(members, study))
    on = {"protocol": done.protocol, "resizer": done.lr.map(_in_one)}
    table = table.assign(**{name: texts.groupby(done.row).agg(_all_of) for name, texts in on.items()})
    settings = DataFrame(rows.context.first().map(dict).tolist(), index=first.index)
    settings = settings.reindex(columns=differing(members)).fillna("")
    table = table.assign(final_loss=means.train_final_loss).join(settings).rename_axis(None)
    return table if ntire is None else with_ntire_score(table, members, ntire)


def _in_one(lr: dict[str, str]) -> str | None:
    """What made LR: once where it is alike for all data sets, else by data set; None where nothing is recorded."""
    alike = set(lr.values())
    return "; ".join(alike if len(alike) == 1 else (f"{dataset}: {maker}" for dataset, maker in lr.items())) or None


def _all_of(texts: Series) -> str | None:
    return " and ".join(map(str, texts.dropna().unique())) or None


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
    deviations = usable[trained(usable)].groupby("row")[names].std()
    parts = {"": rows[names].mean(), ".std": deviations, ".delta": deltas}
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
    """Per row: the mean over seeds of the scores minus those of the seed's baseline, if it is of this degradation."""
    beside = pairs(usable)
    beside = beside[~degraded_otherwise(usable, beside)]
    difference = usable.loc[beside.index, names] - usable.loc[beside.against, names].to_numpy()
    return difference.groupby(beside.row).mean()


def degraded_otherwise(members: DataFrame, beside: DataFrame) -> Series:
    """Which of the pairs (of `pairs`) are of a run and a baseline whose LR were degraded in different ways."""
    theirs = members.degradation[beside.against].to_numpy()
    return members.degradation[beside.index] != theirs


# Which scores may share a column


def refusals(members: DataFrame) -> dict[str, dict[int, str]]:
    """By data set and row of the table: why its scores are left out of what the column holds (see the module)."""
    done = members[members.status == "done"]
    names = score_columns(done)
    refused: dict[str, dict[int, str]] = {}
    for dataset in dict.fromkeys(name.rpartition(".")[0] for name in names):
        columns = [name for name in names if name.rpartition(".")[0] == dataset]
        scored = done[done[columns].notna().any(axis=1)]
        if len(scored) and (reasons := _refused(scored, dataset)):
            refused[dataset] = reasons
    return refused


def _certificate(run: dict[Hashable, Any], dataset: str) -> dict[str, str | None]:
    """What a run's scores on the set rest on, None where it is not recorded, and all of it as `text`."""
    sums, maker = run["checksums"].get(dataset, {}), run["lr_made_by"].get(dataset)
    by = f"{run['protocol']}, {run['evaluated_on'].get(dataset, 'images not recorded')}"
    hr, lr = (sums[part][:12] if part in sums else None for part in ("hr", "lr"))
    told = {"LR files by": maker, "HR": hr, "LR": lr}
    return {
        "by": by,
        "hr": hr,
        "lr": lr,
        "maker": None if lr else maker,  # equal pixels are equal LR, whatever an older srbench recognised in them
        "text": ", ".join([by, *(f"{name} {text}" for name, text in told.items() if text)]),
    }


def _refused(scored: DataFrame, dataset: str) -> dict[int, str]:
    runs = scored[CERTIFIED].to_dict("records")
    certificates = DataFrame([_certificate(run, dataset) for run in runs], index=scored.index)
    group = [scored.scale, scored.degradation]
    alike = Series(True, index=scored.index)
    for part in ("by", "hr", "lr", "maker"):
        held = _most_common(certificates[part].where(alike), group)
        alike &= certificates[part].isna() | (certificates[part] == held)
    held = _most_common(certificates.text.where(alike), group)
    reasons = {}
    for row, texts in certificates[~alike].groupby(scored.row):
        own = " and ".join(certificates.text[scored.row == row].unique())
        reasons[int(row)] = f"scored by {own}; this column holds {held[texts.index[0]]}"
    return reasons


def _most_common(values: Series, group: list[Series]) -> Series:
    """In every place the most common value of its group, the first of several; NaN where the group has none."""

    def found(part: Series) -> Any:
        counts = part.value_counts(sort=False)
        return counts.idxmax() if len(counts) else None

    return values.groupby(group, dropna=False).transform(found)


def score_columns(runs: DataFrame) -> list[str]:
    """`<dataset>.<metric>` by data set as evaluated, metrics in the usual order, those that a run lacks too."""
    lacking = (key for missing in runs.missing for key in missing)  # a set may lack every metric that was asked for
    present = [str(name) for name in runs if "." in str(name)]
    present += [key for key in lacking if "." in key and key.rpartition(".")[2] in METRICS]
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
    members["degradation"] = _as_scored(members)
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


def _as_scored(members: DataFrame) -> Series:
    """The degradations; that of a run without scores in the words of one with scores of the same overrides."""
    data = members.overrides.map(lambda words: str([word for word in words if word.lstrip("+").startswith("data")]))
    own = members.degradation.where(members.status == "done")
    return own.fillna(own.groupby(data).transform("first")).fillna(members.degradation)


def _order(members: DataFrame, ablations: list[str]) -> list[int]:
    """Positions in the table's order: ablation, degradation, model, scale, context, baseline first; in no ablation the
    scale stands before the model.
    """

    def rank(column: str) -> Series:
        return members[column].map({value: place for place, value in enumerate(dict.fromkeys(members[column]))})

    place = {name: number for number, name in enumerate(dict.fromkeys(["", *ablations, *members.ablation]))}
    alone = members.ablation == ""
    keys = DataFrame(
        {
            "ablation": members.ablation.map(place),
            "degradation": rank("degradation"),
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
