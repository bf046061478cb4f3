"""A study's report on disk: the files of `<reports_dir>/<study>/`."""

from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from srbench.core.files import write_file
from srbench.experiments.store.codec import to_json
from srbench.experiments.store.study import Study, read_study
from srbench.reports.comma_separated import published_csv, table_csv
from srbench.reports.curves import draw_curves
from srbench.reports.explained import section_of_explained
from srbench.reports.latex import to_latex
from srbench.reports.markdown import to_markdown
from srbench.reports.report import Report, build_report
from srbench.reports.report_place import FILE, ReportOrigin, read_origin, report_place, seen_from


def write_report(study_dir: Path, reports_dir: Path, ntire: str | None = None) -> Path:
    """The folder of the report of the study in `study_dir`, now with the files of `write_files`.

    `ntire`: as for `build_report`. UserError where `study_dir` is no study, or `ntire` none of its models.
    """
    return write_files(report_for(read_study(study_dir), reports_dir, ntire), reports_dir)


def report_for(study: Study, reports_dir: Path, ntire: str | None = None) -> Report:
    """The report that is to be written to `reports_dir`, with what `explain` has left there. UserError as for
    `build_report` and `report_place`."""
    return build_report(study, ntire, report_place(study.name, study.folders, reports_dir) / "explain.csv")


def rewrite_report(study_dir: Path, reports_dir: Path) -> None:
    """Writes a report that is there once more, with the same `ntire`. UserError as for `write_report`."""
    study = read_study(study_dir)
    asked = read_origin(report_place(study.name, study.folders, reports_dir))
    write_files(report_for(study, reports_dir, asked.ntire), reports_dir)


def write_files(report: Report, reports_dir: Path) -> Path:
    """The folder of the report, with table.csv, .md and .tex, where there are published scores published.csv, where
    losses were logged curves.png and .svg, and report.json. What `explain` has left there is shown in table.md.

    Equal reports give equal bytes. UserError as for `report_place`.
    """
    return write_into(report_place(report.study, report.folders, reports_dir), report)


def write_into(folder: Path, report: Report) -> Path:
    """The same in a folder of any name, which is returned."""
    files = _files(report, folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)  # of an earlier report
        else:
            write_file(folder / name, content)
    return folder


def _files(report: Report, folder: Path) -> dict[str, bytes | None]:
    markdown = to_markdown(report) + section_of_explained(report, folder / "explain.csv")
    texts = {"table.csv": table_csv(report), "table.md": markdown, "table.tex": to_latex(report)}
    files: dict[str, bytes | None] = {name: text.encode() for name, text in texts.items()}
    files["published.csv"] = published_csv(report.published).encode() if report.published else None
    study, *others = (seen_from(folder, one) for one in report.folders)
    files[FILE] = to_json(ReportOrigin(study, report.ntire, tuple(others)))
    with matplotlib.rc_context({"text.parse_math": False, "text.usetex": False}):
        curves = draw_curves(report.panels, f"Training loss: {report.study}") if report.panels else None
    return files | {f"curves.{form}": _drawn(curves, form) if curves else None for form in ("png", "svg")}


def _drawn(curves: Figure, form: str) -> bytes:
    """The figure as a file; without date and random ids, so that equal curves give equal bytes."""
    buffer = BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "srbench", "svg.fonttype": "none"}):
        curves.savefig(
            buffer, format=form, dpi=110, facecolor="white", metadata={"Date": None} if form == "svg" else None
        )
    return buffer.getvalue()
