"""A study's report on disk: the files of `<reports_dir>/<study>/`."""

from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from srbench.core.files import write_file
from srbench.experiments.store.codec import to_json
from srbench.experiments.store.study import Study, open_study
from srbench.reports.comma_separated import published_csv, table_csv
from srbench.reports.crop_pictures import draw_crops
from srbench.reports.curves import draw_curves
from srbench.reports.explained import section_of_explained
from srbench.reports.latex import to_latex
from srbench.reports.markdown import to_markdown
from srbench.reports.page.study_page import to_html
from srbench.reports.report import Report, build_report
from srbench.reports.report_place import FILE, PLAIN, ReportOptions, ReportOrigin, read_origin, report_place, seen_from
from srbench.reports.tradeoff_pictures import draw_trade_offs

CROPS = "crops"


def write_report(study_dir: Path, reports_dir: Path, options: ReportOptions = PLAIN) -> Path:
    """The folder of the report of the study in `study_dir`, now with the files of `write_files`.

    UserError where `study_dir` is no study, and as for `build_report`.
    """
    return write_files(report_for(open_study(study_dir), reports_dir, options), reports_dir)


def report_for(study: Study, reports_dir: Path, options: ReportOptions = PLAIN) -> Report:
    """The report that is to be written to `reports_dir`, with what `explain` has left there. UserError as for
    `build_report` and `report_place`."""
    return build_report(study, options, report_place(study.name, study.folders, reports_dir) / "explain.csv")


def rewrite_report(study_dir: Path, reports_dir: Path) -> None:
    """Writes a report that is there once more, with the same options. UserError as for `write_report`."""
    study = open_study(study_dir)
    asked = read_origin(report_place(study.name, study.folders, reports_dir))
    write_files(report_for(study, reports_dir, ReportOptions(asked.ntire, asked.crops)), reports_dir)


def write_files(report: Report, reports_dir: Path) -> Path:
    """The folder of the report, with index.html, table.csv, .md and .tex, where there are published scores
    published.csv, where losses were logged curves.png and .svg, where networks were scored tradeoff.png and .svg, where
    images were kept crops/, and report.json. What `explain` has left there is shown in table.md.

    Equal reports give equal bytes. UserError as for `report_place`.
    """
    return write_into(report_place(report.study, report.folders, reports_dir), report)


def write_into(folder: Path, report: Report) -> Path:
    """The same in a folder of any name, which is returned."""
    files = _files(report, folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{CROPS}/[0-9]*-*.png"):  # as named below; others are not the report's
        if f"{CROPS}/{old.name}" not in files:
            old.unlink(missing_ok=True)  # another process may write this report, too
    if report.crops:
        (folder / CROPS).mkdir(exist_ok=True)
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
    files["index.html"] = to_html(report).encode()
    study, *others = (seen_from(folder, one) for one in report.folders)
    files[FILE] = to_json(ReportOrigin(study, report.options.ntire, tuple(others), report.options.crops))
    with matplotlib.rc_context({"text.parse_math": False, "text.usetex": False}):
        curves = draw_curves(report.panels, f"Training loss: {report.study}") if report.panels else None
        costs = draw_trade_offs(report.trade_offs, f"Quality and cost: {report.study}")
        for name, figure in {"curves": curves, "tradeoff": costs}.items():
            files |= {f"{name}.{form}": _drawn(figure, form) if figure else None for form in ("png", "svg")}
        for number, one in enumerate(report.crops, 1):
            files[f"{CROPS}/{number}-{_plain(one.image)}.png"] = _drawn(draw_crops(one), "png")
    return files


def _plain(name: str) -> str:
    """The letters and digits of a name, which may hold whatever a file's may."""
    return "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in name)[:40]


def _drawn(figure: Figure, form: str) -> bytes:
    """The figure as a file; without date and random ids, so that equal curves give equal bytes."""
    buffer = BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "srbench", "svg.fonttype": "none"}):
        figure.savefig(
            buffer, format=form, dpi=110, facecolor="white", metadata={"Date": None} if form == "svg" else None
        )
    return buffer.getvalue()
