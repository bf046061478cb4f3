"""Why a figure is missing, for a footnote; and what a study lacks, for a terminal."""

import textwrap
from collections.abc import Sequence

from srbench.experiments.store.study import StudyRun
from srbench.reports.columns import datasets_of, metric_by_name
from srbench.reports.refusals import Refusal
from srbench.reports.rows import BICUBIC, Member


def undone(run: StudyRun) -> str:
    """Why a run has no result: "failed: out of memory", "not run yet"."""
    error = textwrap.shorten(run.error, 200, placeholder=" …")
    return f"failed: {error or 'no reason recorded'}" if run.status == "failed" else error


def absent_seeds(members: Sequence[Member]) -> tuple[str, ...]:
    """Of a row with a finished run, the seeds that have none."""
    if not any(one.record for one in members):
        return ()
    return tuple(f"seed {one.seed}: {undone(one.run)}" for one in members if not one.record)


def why_missing(members: Sequence[Member], told_by: Sequence[str], else_: str) -> str:
    """Why a row has no value that records tell of under one of the names `told_by`; `else_` where they tell nothing."""
    records = [one.record for one in members if one.record]
    if not records:
        return "; ".join(dict.fromkeys(undone(one.run) for one in members))
    reasons = (one.reason for name in told_by for record in records for one in record.missing if one.what == name)
    return next(reasons, else_)


def gaps(runs: Sequence[StudyRun], refused: Sequence[Refusal]) -> tuple[str, ...]:
    """A line for each run that is not done, each score refused and each figure that could not be computed."""
    unfinished = [f"{run.name}: {undone(run)}" for run in runs if run.status != "done"]
    records = [run.record for run in runs if run.record]
    scores = metric_by_name(datasets_of(records))
    missing = [(record.model == BICUBIC, one) for record in records for one in record.missing]
    # The bicubic row has no network whose FLOPs one could miss.
    told = [one for bicubic, one in missing if not bicubic] + [one for _, one in missing if one.what in scores]
    lines = [f"{one.dataset}: {one.reason}" for one in refused] + [f"{one.what}: {one.reason}" for one in told]
    return (*unfinished, *dict.fromkeys(lines))
