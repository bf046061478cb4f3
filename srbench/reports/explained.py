"""What `explain` has found for people: as cells, as a page of its own, and as a section of the study's report."""

import shlex
from collections.abc import Iterable
from math import inf, isnan
from pathlib import Path
from typing import Any

import pandas as pd
from pandas import DataFrame, Index

from srbench.experiments.store.packs import is_pack
from srbench.experiments.store.study import StudyRun
from srbench.reports.explained_scores import explained_scores
from srbench.reports.markups import as_code, in_markdown
from srbench.reports.report import Report
from srbench.reports.rows import BICUBIC

TITLE = "Why is my number different?"
MARK = "► "
MOST_SETS = 4  # in the section, of a run and a data set each

LEGEND = (
    "float luma: BT.601 as MATLAB's rgb2ycbcr, not rounded (BasicSR); rounded luma: in integers, as MATLAB on uint8",
    "OpenCV's luma: cvtColor(BGR2YCrCb), full range 0-255, in integers; so is Pillow's convert('L')",
    "border = scale + 6: EDSR's code on DIV2K; truncated: cut off to uint8, as .byte() does, in place of rounded",
    "mean error: the PSNR of the mean squared error of all images, in place of the mean of their PSNR",
    "scikit-image: structural_similarity's default, a uniform window of 7×7; global: one window, the whole image",
    "LR by: what the network makes of LR that is made from HR anew; scores under the run's protocol",
    "–: unknown, as a note tells; or too little is left of an image within the border",
)


def cells(rows: DataFrame, marked: Index) -> tuple[list[str], list[str], list[list[str]]]:
    """A table of `rows` of explain.csv: a line on each run, the titles of the columns, and the rows; the PSNR in
    `marked` is marked."""
    heads, titles = [], ["convention"]
    lines: dict[str, list[str]] = {convention: [convention] for convention in rows.convention}
    for number, (run, part) in enumerate(rows.groupby("run", sort=False), 1):
        first = part.iloc[0]
        heads.append(f"[{number}] {run}: {first.protocol}, {first.images} images (LR: {first.lr})")
        titles += [f"[{number}] PSNR", "SSIM"]
        figures = {row.convention: [_figure(row.psnr, 3), _figure(row.ssim, 4)] for row in part.itertuples()}
        for convention in rows.convention[rows.index.isin(marked) & (rows.run == run)]:
            figures[convention][0] = MARK + figures[convention][0]
        for convention, line in lines.items():
            line += figures.get(convention, ["–", "–"])
    return heads, titles, list(lines.values())


def _figure(value: Any, decimals: int) -> str:
    return "–" if isnan(value) else "∞" if value == inf else f"{value:.{decimals}f}"


def as_markdown(study: str, table: DataFrame, notes: tuple[str, ...], made_by: str) -> str:
    """explain.md: a table for each data set. `made_by`: what computed it, on which machine."""
    head = f"# {TITLE} {in_markdown(study)}"
    lines = [head, "", "The same SR images under other conventions.", "", f"- made by: {in_markdown(made_by)}"]
    for dataset, rows in table.groupby("dataset", sort=False):
        lines += ["", f"## {in_markdown(str(dataset))}", "", *_markdown_table(rows)]
    lines += ["", *(f"- {in_markdown(line)}" for line in [*LEGEND, *notes])]
    return "\n".join(lines) + "\n"


def _markdown_table(rows: DataFrame) -> list[str]:
    heads, titles, body = cells(rows, rows.index[:0])
    lines = [*(f"- {in_markdown(head)}" for head in heads), "", _line(titles)]
    return [*lines, f"| --- |{' ---: |' * (len(titles) - 1)}", *map(_line, body)]


def _line(texts: list[str]) -> str:
    return f"| {' | '.join(map(in_markdown, texts))} |"


def section_of_explained(report: Report, file: Path) -> str:
    """The section of the report in Markdown: the core of `file`, explain.csv, for up to MOST_SETS data sets and runs,
    networks first; or, where there is none that holds for the report's runs, the command that makes it."""
    lines = ["", f"## {TITLE}", ""]
    table = _in_order(explained_scores(report.runs, file), report.runs)
    sets = list(dict.fromkeys(table.run))
    if not sets:
        kept = [folder for folder in report.folders if not is_pack(folder)]  # which hold no images
        commands = [as_code(shlex.join(["python", "-m", "srbench", "explain", str(one)])) for one in kept]
        if not commands:
            return ""
        told = "scores the SR images that the runs keep under the other conventions that people use, and shows it"
        where = "here" if len(commands) == 1 else "in the report of the study alone"
        return "\n".join([*lines, f"{' or '.join(commands)} {told} {where}."]) + "\n"
    more = f" ({len(sets) - MOST_SETS} more runs or data sets)" if len(sets) > MOST_SETS else ""
    lines += [
        f"The same SR images under other conventions. More of them, and notes: [explain.md](explain.md){more}.",
        "",
    ]
    shown = table[table.run.isin(sets[:MOST_SETS]) & table.core]
    return "\n".join([*lines, *_markdown_table(shown)]) + "\n"


def _in_order(table: DataFrame, runs: Iterable[StudyRun]) -> DataFrame:
    """The rows of bicubic last; `run` then names the data set, too."""
    bicubic = table.run.isin([run.name for run in runs if run.model == BICUBIC])
    ordered = pd.concat([table[~bicubic], table[bicubic]])
    return ordered.assign(run=ordered.run + " on " + ordered.dataset)
