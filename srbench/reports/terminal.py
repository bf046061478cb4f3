"""A report for a terminal: a table an ablation, on the first data set; then what is not done or lacks, and why."""

from collections.abc import Iterator, Sequence

from srbench.core.harmless import in_one_line, visible
from srbench.metrics.table import COSTS, MORE_COSTS
from srbench.reports.columns import Column, DeltaColumn, ScoreColumn, SettingColumn
from srbench.reports.report import Report
from srbench.reports.row_costs import LATENCY
from srbench.reports.sections import SHOWN, Section

BEFORE = (COSTS["params"], MORE_COSTS["params_frozen"], COSTS["params_dead"])  # the scores
BRIEFLY = ("psnr", "ssim", "lpips")


def summary(report: Report) -> str:
    """Its lines, the last one ended."""
    datasets = tuple(dict.fromkeys(_datasets(report.sections)))
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items())
    lines = [f"{report.study}: {counts or 'no runs'}"]
    for section in report.sections:
        lines += ["", section.title, *_aligned(section, _chosen(section, datasets[:1])), *section.remarks]
    if len(datasets) > 1:
        lines += ["", f"also evaluated: {', '.join(datasets[1:])} (in the report)"]
    for beside in filter(None, (report.published_section, report.claims_section)):
        lines += ["", beside.title, *_aligned(beside, beside.columns)]
    lines += ["", *report.gaps] if report.gaps else []
    return "\n".join(map(visible, lines)) + "\n"


def _datasets(sections: Sequence[Section]) -> Iterator[str]:
    for section in sections:
        scores = (column.of for column in section.columns if isinstance(column.of, ScoreColumn))
        yield from (score.dataset for score in scores if score.metric == SHOWN)


def _chosen(section: Section, datasets: Sequence[str]) -> list[Column]:
    """What a row is, its costs before the scores, those of the first data set, and the latency."""
    first = [one for one in section.columns if isinstance(one.of, str | SettingColumn) or one.of in BEFORE]
    scores = [ScoreColumn(dataset, metric) for dataset in datasets for metric in BRIEFLY]
    by_content = {column.of: column for column in section.columns}
    order = (*scores, *map(DeltaColumn, scores), COSTS[LATENCY])
    return first + [by_content[one] for one in order if one in by_content]


def _aligned(section: Section, columns: Sequence[Column]) -> list[str]:
    places = [section.columns.index(column) for column in columns]
    rows = [[in_one_line(column.title) for column in columns]]
    rows += [[in_one_line(row[place].text) for place in places] for group in section.groups for row in group]
    widths = [max(map(len, texts)) for texts in zip(*rows, strict=True)]
    return ["  ".join(map(_padded, row, widths, columns)).rstrip() for row in rows]


def _padded(text: str, width: int, column: Column) -> str:
    return text.ljust(width) if column.words else text.rjust(width)
