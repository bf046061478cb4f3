"""A study's report: written, and summed up on the terminal."""

from pathlib import Path

from srbench.core.harmless import visible
from srbench.experiments.store.study import Study
from srbench.reports.report_place import PLAIN, ReportOptions
from srbench.reports.terminal import summary
from srbench.reports.write import report_for, write_files


def print_report(study: Study, reports_dir: Path, options: ReportOptions = PLAIN) -> Path:
    """The report's folder. UserError as for `report_for`."""
    report = report_for(study, reports_dir, options)
    folder = write_files(report, reports_dir)
    print(summary(report))
    print(visible(f"report: {folder}"))
    return folder
