"""A study's report, computed from its runs and written to `<reports_dir>/<study>/`; and its summary for a terminal."""

import csv
from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from pandas import DataFrame

from srbench.core.files import write_file
from srbench.experiments.store.results import Study, read_losses, read_study
from srbench.reports import explained, published
from srbench.reports.comparison import METRICS, PARTS, comparison, memberships, refusals
from srbench.reports.curves import figure
from srbench.reports.markup import WORDS, to_latex, to_markdown
from srbench.reports.tables import DECIMALS, Section, sections, undone


def write_report(study_dir: Path, reports_dir: Path, ntire: str | None = None) -> Path:
    """The folder of the report, with table.csv, .md and .tex, and where losses were logged curves.png and .svg. What
    `explain` has left there is shown in table.md.

    `ntire`: the model to compare with in a column of NTIRE's ranking score. Equal runs give equal bytes. UserError
    where `study_dir` is no study, or `ntire` none of its models.
    """
    study = read_study(study_dir)
    folder = reports_dir / study.plan["study"]
    files = _files(study, ntire, folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)  # of an earlier report
        else:
            write_file(folder / name, content)
    return folder


def rewrite_report(study_dir: Path, reports_dir: Path) -> None:
    """Writes a report that is there once more, with the same `ntire`. Raises UserError as `write_report`."""
    with (reports_dir / read_study(study_dir).plan["study"] / "table.csv").open(newline="", encoding="utf-8") as file:
        first = next(csv.DictReader(file), {})
    write_report(study_dir, reports_dir, first.get("ntire_baseline"))


def _files(study: Study, ntire: str | None, folder: Path) -> dict[str, bytes | None]:
    table, losses = comparison(study, ntire), read_losses(study)
    markdown = to_markdown(table, study) + explained.section(study, folder / "explain.csv")
    texts = {"csv": table.to_csv(index=False), "md": markdown, "tex": to_latex(table, study)}
    tables: dict[str, bytes | None] = {f"table.{form}": text.encode() for form, text in texts.items()}
    beside = published.published(study)
    tables["published.csv"] = None if beside.empty else beside.to_csv(index=False).encode()
    if losses.empty:
        return tables | {"curves.png": None, "curves.svg": None}
    curves = figure(losses, memberships(study), f"Training loss: {study.plan['study']}")
    return tables | {f"curves.{form}": _drawn(curves, form) for form in ("png", "svg")}


def _drawn(curves: Figure, form: str) -> bytes:
    """The figure as a file; without date and random ids, so that equal curves give equal bytes."""
    buffer = BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "srbench", "svg.fonttype": "none"}):
        curves.savefig(
            buffer, format=form, dpi=110, facecolor="white", metadata={"Date": None} if form == "svg" else None
        )
    return buffer.getvalue()


def summary(study: Study, ntire: str | None = None) -> str:
    """The study for a terminal: a table an ablation, on the first data set; then what is not done or lacks, and why."""
    table = comparison(study, ntire)
    parts = sections(table, study)
    datasets = dict.fromkeys(
        name.rpartition(".")[0] for part in parts for name in part.columns if name.endswith(".psnr")
    )
    lines = [f"{study.plan['study']}: {_counted(study.runs)}"]
    for part in parts:
        lines += ["", part.title, *_aligned(part, next(iter(datasets), "")), *part.remarks]
    if len(datasets) > 1:
        lines += ["", f"also evaluated: {', '.join(list(datasets)[1:])} (in the report)"]
    if beside := published.section(study):
        lines += ["", beside.title, *_rows(beside, list(beside.columns))]
    refused = [f"{name}: {reason}" for name, rows in refusals(memberships(study)).items() for reason in rows.values()]
    return "\n".join([*lines, *_gaps(study.runs, refused)]) + "\n"


def _counted(runs: DataFrame) -> str:
    counts = runs.status.value_counts()
    return (
        ", ".join(f"{counts[status]} {status}" for status in ("done", "failed", "missing") if status in counts)
        or "no runs"
    )


def _aligned(section: Section, dataset: str) -> list[str]:
    scores = [f"{dataset}.{name}" for name in ("psnr", "ssim", "lpips", "psnr.delta")]
    kinds = {*METRICS, *PARTS}
    names = [name for name in section.columns if name.rpartition(".")[2] not in kinds]
    names = [name for name in names if not name.startswith(("flops", "activations"))]
    names = [name for name in names if name != "latency_ms"]
    names += [name for name in (*scores, "latency_ms") if name in section.columns]
    return _rows(section, names)


def _rows(section: Section, names: list[str]) -> list[str]:
    rows = [[section.columns[name] for name in names]]
    rows += [[row[name].text for name in names] for group in section.groups for row in group]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    left = [name in WORDS for name in names]
    return [
        "  ".join(
            cell.ljust(width) if is_left else cell.rjust(width)
            for cell, width, is_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in rows
    ]


def _gaps(runs: DataFrame, refused: list[str]) -> list[str]:
    """One line for each run that is not done, each score refused and each metric that could not be computed."""
    records = runs.to_dict("records")
    unfinished = [f"{run['run']}: {undone(run)}" for run in records if run["status"] != "done"]
    # The bicubic row has no network whose FLOPs one could miss.
    lacking = [run["missing"].items() for run in records if run["model"] != "bicubic"]
    lacking += [[item for item in run["missing"].items() if item[0].rpartition(".")[2] in DECIMALS] for run in records]
    missing = dict.fromkeys(f"{metric}: {reason}" for items in lacking for metric, reason in items)
    told = [*unfinished, *dict.fromkeys(refused), *missing]
    return ["", *told] if told else []
