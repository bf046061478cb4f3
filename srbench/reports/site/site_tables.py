"""The tables of the site: what stands in each cell, in words, and by what it is sorted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from srbench.metrics.table import COSTS, METRICS, score_name
from srbench.reports.cells import ABSENT, figure_text
from srbench.reports.site.boards import COSTS_SHOWN, Board, BoardRow

SEEN = "trained on this test set"
PartMark = Literal["", "best", "second", "warning"]


@dataclass(frozen=True)
class SitePart:
    """Of a cell: text, which may be a link to another page."""

    text: str
    link: str = ""
    mark: PartMark = ""


@dataclass(frozen=True)
class SiteCell:
    """`value`: by what it is sorted, "" for none; a cell of `words` is sorted by them."""

    parts: tuple[SitePart, ...]
    value: float | str = ""
    words: bool = False


@dataclass(frozen=True)
class SiteHead:
    """`descending`: what is sorted by it begins with the largest; `order`: in which the rows are now."""

    title: str
    words: bool = False
    descending: bool = False
    order: Literal["", "ascending", "descending"] = ""


@dataclass(frozen=True)
class SiteRow:
    """`refused`: it is not compared with the others."""

    cells: tuple[SiteCell, ...]
    refused: bool = False


@dataclass(frozen=True)
class SiteTable:
    """Heads, and rows of as many cells."""

    heads: tuple[SiteHead, ...]
    rows: tuple[SiteRow, ...]


def words(text: str, link: str = "") -> SiteCell:
    """A cell of text."""
    return SiteCell((SitePart(text, link),) if text else (), words=True)


def number(value: float | None, text: str = "", mark: PartMark = "") -> SiteCell:
    """A cell of a number; `text`: how it is written, where not as it is."""
    if value is None:
        return SiteCell((SitePart(ABSENT),))
    return SiteCell((SitePart(text or f"{value:,}", mark=mark),), value)


def board_table(board: Board, models: Mapping[str, str], studies: Mapping[str, str]) -> SiteTable:
    """`models` and `studies`: the links to their pages, by name."""
    marks = _marks(board)
    heads = [SiteHead("Rank"), SiteHead("Model", words=True), SiteHead("Variant", words=True), *_heads(board.metrics)]
    rows = []
    for place, row in enumerate(board.rows):
        rank = number(row.rank) if row.rank else SiteCell((SitePart("not ranked"),))
        cells = [rank, words(row.model, models[row.model]), words(row.about)]
        cells += [_score(board.dataset, metric, row, marks.get((place, metric), "")) for metric in board.metrics]
        rows.append(SiteRow((*cells, *_rest(row, studies)), bool(row.refused)))
    return SiteTable((*heads, *_rest_heads()), tuple(rows))


def model_table(
    rows: Sequence[tuple[Board, BoardRow]], boards: Mapping[str, str], studies: Mapping[str, str]
) -> SiteTable:
    """All scores of a model. `boards` and `studies`: the links to their pages, by name."""
    metrics = [metric for metric in METRICS if any(metric in row.scores for _, row in rows)]
    heads = [SiteHead("Data set", words=True), SiteHead("Scale"), SiteHead("Variant", words=True), *_heads(metrics)]
    lines = []
    for board, row in rows:
        cells = [
            words(f"{board.dataset}, {board.protocol}", boards[board.name]),
            number(board.scale, f"×{board.scale}"),
        ]
        cells += [words(row.about), *(_score(board.dataset, metric, row, "") for metric in metrics)]
        lines.append(SiteRow((*cells, *_rest(row, studies)), bool(row.refused)))
    return SiteTable((*heads, *_rest_heads()), tuple(lines))


def _heads(metrics: Iterable[str]) -> list[SiteHead]:
    return [SiteHead(METRICS[one].heading, descending=METRICS[one].higher_is_better) for one in metrics]


def _rest_heads() -> tuple[SiteHead, ...]:
    costs = (SiteHead(COSTS[name].title) for name in COSTS_SHOWN)
    texts = ("Status", "Trained on", "Studies")
    return (*costs, SiteHead("Seeds"), *(SiteHead(text, words=True) for text in texts))


def _rest(row: BoardRow, studies: Mapping[str, str]) -> tuple[SiteCell, ...]:
    status = [SitePart(row.origin.status)]
    status += [SitePart(f"{SEEN}: {row.seen}", mark="warning")] if row.seen else []
    status += [SitePart("not compared", mark="warning")] if row.refused else []
    costs = [number(value, figure_text(name, value) if value is not None else "") for name, value in row.costs.items()]
    links = tuple(SitePart(name, studies[name]) for name in row.studies)
    return (
        *costs,
        number(row.seeds),
        SiteCell(tuple(status), words=True),
        words(row.origin.data),
        SiteCell(links, words=True),
    )


def _score(dataset: str, metric: str, row: BoardRow, mark: PartMark) -> SiteCell:
    score = row.scores.get(metric)
    if score is None:
        return number(None)
    spread = "" if score.std is None else f" ± {score.std:.{METRICS[metric].decimals}f}"
    return number(score.mean, figure_text(score_name(dataset, metric), score.mean) + spread, mark)


def _marks(board: Board) -> dict[tuple[int, str], PartMark]:
    """The best and the second best value as printed, of the rows that are compared and tested."""
    found = dict[tuple[int, str], PartMark]()
    for metric in board.metrics:
        values = {
            place: round(row.scores[metric].mean, METRICS[metric].decimals)
            for place, row in enumerate(board.rows)
            if metric in row.scores and not row.refused and not row.seen
        }
        ordered = sorted(set(values.values()), reverse=METRICS[metric].higher_is_better)
        names = dict(zip(ordered, ("best", "second"), strict=False)) if len(ordered) > 1 else {}
        found |= {(place, metric): names[value] for place, value in values.items() if value in names}  # type: ignore[misc]
    return found
