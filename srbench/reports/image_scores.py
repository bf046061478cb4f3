"""The scores of single images of a study's runs, wherever they lie."""

from collections.abc import Iterable

from pandas import DataFrame, concat

from srbench.experiments.store.scores import score_frame
from srbench.experiments.store.study import StudyRun


def image_scores(runs: Iterable[StudyRun]) -> DataFrame:
    """`score_frame` of the runs; those on data sets of which other studies' copies of a run tell are the copies'."""
    each = list(runs)
    frames = [score_frame([run.folder for run in each])]
    for run in each:
        for dataset, folder in run.scored_in.items():
            lines = score_frame([folder])
            frames.append(lines[lines.dataset == dataset].assign(run=run.name))
    if len(frames) == 1:
        return frames[0]
    return concat(frames, ignore_index=True).astype(dict.fromkeys(["run", "dataset", "image"], "category"))
