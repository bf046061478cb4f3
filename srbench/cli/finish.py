"""The end of a study: its report, and what to say of it."""

from typing import TYPE_CHECKING

from srbench.cli.printed_report import print_report
from srbench.core.errors import FailedRunError
from srbench.core.progress import console
from srbench.experiments.store.study import read_study
from srbench.experiments.trackers.study_report import conclude_study

if TYPE_CHECKING:  # torch is imported when there is something to compute
    from srbench.experiments.grid import Tried


def finish(tried: "Tried") -> None:
    """Writes the study's report, prints its summary, and sends it where its runs were logged. FailedRunError if one of
    the runs that were tried is not done."""
    study = read_study(tried.study_dir)
    report = print_report(study, tried.reports_dir)
    for line in conclude_study(study.name, tried.study_dir, report, tried.folders):
        console.print(line, markup=False)
    undone = [run.name for run in study.runs if run.name in tried.folders and run.status != "done"]
    if undone:
        raise FailedRunError(
            f"{len(undone)} of {len(tried.folders)} runs did not end well; the same command tries them again"
        )
