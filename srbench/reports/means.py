"""The scores of a study in long form, and of each row their means and deviations over seeds, and the deltas.

A deviation is the sample's. A delta is the mean over seeds of a run's score minus its own baseline's: the run of the
same ablation, model, scale, seed and overrides outside the ablation. No delta leads from one degradation of LR to
another.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from pandas import DataFrame, Series

from srbench.experiments.store.study import StudyRun
from srbench.reports.baselines import BaselinePair
from srbench.reports.columns import ScoreColumn
from srbench.reports.refusals import Refusal
from srbench.reports.rows import Member

ScoreOfRow = tuple[int, ScoreColumn]
KEY = ["row", "dataset", "metric"]


def long_scores(runs: Iterable[StudyRun]) -> DataFrame:
    """Of the finished runs one line a data set and metric: `run`, `dataset`, `metric`, `value` and the `certificate`
    that it rests on."""
    done = [(run.name, run.record) for run in runs if run.record and run.status == "done"]
    lines = [
        (name, dataset, metric, value, certificate)
        for name, record in done
        for dataset, certificate in record.certificates.items()
        for metric, value in record.scores.get(dataset, {}).items()
    ]
    columns = ["run", "dataset", "metric", "value", "certificate"]
    return DataFrame(lines, columns=columns).astype({"value": float})


def usable_scores(members: Sequence[Member], refused: Iterable[Refusal], scores: DataFrame) -> DataFrame:
    """`scores` as the table's columns hold them, once for each row that a run stands in: `member`, its place, `row`,
    `dataset`, `metric` and `value`, in the order of the members."""
    done = [(place, one.row, one.run.name) for place, one in enumerate(members) if one.record]
    usable = DataFrame(done, columns=["member", "row", "run"]).merge(scores, on="run")
    left_out = {(one.row, one.dataset) for one in refused}
    if left_out:
        places = zip(usable.row, usable.dataset, strict=True)
        usable = usable[np.array([place not in left_out for place in places], dtype=bool)]
    return usable[["member", *KEY, "value"]]


def means(usable: DataFrame) -> dict[ScoreOfRow, float]:
    """Over the runs of a row."""
    return _by_score(usable.groupby(KEY, sort=False).value.mean())


def deviations(members: Sequence[Member], usable: DataFrame) -> dict[ScoreOfRow, float]:
    """Over the trained runs of a row that has several."""
    trained = usable[np.array([members[place].trained for place in usable.member], dtype=bool)]
    return _by_score(trained.groupby(KEY, sort=False).value.std())


def deltas(usable: DataFrame, beside: Sequence[BaselinePair]) -> dict[ScoreOfRow, float]:
    """Over the pairs of a row."""
    ours = DataFrame([(pair.member, pair.against) for pair in beside], columns=["member", "against"])
    theirs = usable.rename(columns={"member": "against", "value": "baseline"}).drop(columns="row")
    both = ours.merge(usable, on="member").merge(theirs, on=["against", "dataset", "metric"])
    both["delta"] = both.value - both.baseline
    return _by_score(both.groupby(KEY, sort=False).delta.mean())


def means_by_row(values: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Of values by row."""
    by_row = DataFrame(values, columns=["row", "value"]).groupby("row").value.mean()
    return dict(zip(by_row.index.tolist(), by_row.tolist(), strict=True))


def _by_score(values: "Series[float]") -> dict[ScoreOfRow, float]:
    known = values.dropna()
    keys = known.index.to_frame(index=False)
    scores = map(ScoreColumn, keys.dataset, keys.metric)
    return dict(zip(zip(keys.row.tolist(), scores, strict=True), known.tolist(), strict=True))
