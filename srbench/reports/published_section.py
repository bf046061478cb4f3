"""Published scores beside measured ones as a table for people, the reason and the source of each in its footnotes."""

from collections.abc import Sequence

from srbench.reports.cells import ABSENT, Cell
from srbench.reports.columns import Column
from srbench.reports.measured_reasons import psnr_digits
from srbench.reports.published import PublishedScore
from srbench.reports.sections import Cells, Section

PUBLISHED = (
    Column("network", "Network", words=True),
    Column("scale", "Scale"),
    Column("dataset", "Set", words=True),
    Column("published_psnr", "Published PSNR"),
    Column("published_ssim", "SSIM"),
    Column("measured_psnr", "Measured PSNR"),
    Column("measured_ssim", "SSIM"),
    Column("difference", "Difference (dB)"),
    Column("verdict", "Verdict", words=True),
)
FACTS = (
    ("Source", "srbench/experiments/published.yaml; difference: measured minus published"),
    ("Reasons", "on sets of which a run keeps every image, once they are measured: explain runs/STUDY run=all"),
)


def section_of_published(scores: Sequence[PublishedScore]) -> Section | None:
    """A group a network; None without scores."""
    if not scores:
        return None
    groups: dict[str, list[Cells]] = {}
    for score in scores:
        groups.setdefault(score.network, []).append(_cells(score))
    return Section("Published against measured", FACTS, PUBLISHED, tuple(map(tuple, groups.values())))


def _cells(score: PublishedScore) -> Cells:
    psnr = score.published_psnr
    return (
        Cell(score.network, "", (score.source,)),
        Cell(f"×{score.scale}"),
        Cell(score.dataset),
        _number(psnr, f".{psnr_digits(psnr or 0)}f"),
        _number(score.published_ssim, ".4f"),
        _number(score.measured_psnr, ".4f"),
        _number(score.measured_ssim, ".4f"),
        _number(score.difference, "+.4f"),
        Cell(score.verdict, "", (score.reason,) if score.reason else ()),
    )


def _number(value: float | None, form: str) -> Cell:
    return Cell(ABSENT if value is None else format(value, form).replace("-", "−"))
