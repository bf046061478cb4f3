"""The end of a study: its report, and what to say of it."""

from typing import TYPE_CHECKING

from srbench.cli.printed_report import print_report
from srbench.core.errors import FailedRunError
from srbench.core.progress import console
from srbench.experiments.store.left import left
from srbench.experiments.store.study import open_study
from srbench.experiments.trackers.study_report import conclude_study
from srbench.reports.report_place import ReportOptions

if TYPE_CHECKING:  # torch is imported when there is something to compute
    from srbench.experiments.grid import Tried


def finish(tried: "Tried") -> None:
    """Writes the study's report, prints its summary, and sends it where its runs were logged. FailedRunError if
    anything is left to do of the runs that were tried."""
    study = open_study(tried.study_dir)
    report = print_report(study, tried.reports_dir, ReportOptions(crops=tried.crops))
    for line in conclude_study(study.name, tried.study_dir, report, list(tried.wanted)):
        console.print(line, markup=False)
    undone = [name for name, asked in tried.wanted.items() if left(tried.study_dir / name, asked, lambda metric: False)]
    if undone:
        raise FailedRunError(
            f"{len(undone)} of {len(tried.wanted)} runs did not end well; {tried.repeat} tries them again"
        )
