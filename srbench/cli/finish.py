"""The end of a study: its report, what to say of it, and the exit status."""

from pathlib import Path

from srbench.core.progress import console
from srbench.experiments.store import results
from srbench.experiments.trackers.guard import conclude_study
from srbench.reports.page import summary, write_report


def finish(study_dir: Path, reports_dir: Path, folders: list[str]) -> None:
    """Writes the study's report, prints its summary, sends it where its runs were logged, and exits with 1 if one
    of the runs in `folders` is not done."""
    report = write_report(study_dir, reports_dir)
    study = results.read_study(study_dir)
    print(summary(study))
    print(f"report: {report}")
    for line in conclude_study(study.plan["study"], study_dir, report, folders):
        console.print(line, markup=False)
    undone = [name for name in folders if (results.read_record(study_dir / name) or {}).get("status") != "done"]
    if undone:
        console.print(f"{len(undone)} of {len(folders)} runs did not end well; the same command tries them again")
        raise SystemExit(1)
