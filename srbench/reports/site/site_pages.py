"""Many studies as a site of pages that need no server and no network: the leaderboards, the models, and the reports."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment

from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.experiments.store.codec import decode, to_json
from srbench.experiments.store.joined_studies import join_studies, studies_by_name
from srbench.experiments.store.json_files import read_json
from srbench.experiments.store.study import Study
from srbench.metrics.table import METRICS, score_name
from srbench.models.hub import checkpoint_catalogue
from srbench.models.papers import papers
from srbench.reports.cells import figure_text
from srbench.reports.pages import page_templates
from srbench.reports.report import build_report
from srbench.reports.report_place import FILE as ORIGIN
from srbench.reports.site.boards import Board, BoardRow, boards_of, plain_name
from srbench.reports.site.origins import OF_STATUS
from srbench.reports.site.site_tables import (
    SiteCell,
    SiteHead,
    SitePart,
    SiteRow,
    SiteTable,
    board_table,
    model_table,
    number,
    words,
)
from srbench.reports.write import write_into

HERE = Path(__file__).parent
MARK = "site.json"
OF_REPORTS = ("index.html", "table.md", "table.csv", "table.tex", "curves.png")  # what links lead to
NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class SiteFiles:
    """site.json: the files of the site, seen from its folder, so that a later one can take away what it has not."""

    files: tuple[str, ...]


def write_site(studies: Sequence[Study], out: Path) -> tuple[str, ...]:
    """The files of the site in `out`, which are there now, and none of an earlier site besides. UserError for a folder
    that holds something else."""
    before = _earlier(out)
    named = studies_by_name(studies)
    together = join_studies(list(named.values()))
    places = {name: f"studies/{plain_name(name, name)}" for name in named}
    reports = {name: _write_report(study, out, places[name]) for name, study in named.items()}
    pages = _pages(named, together, {name: files[0] for name, files in reports.items()}, reports)
    for name, text in pages.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_file(out / name, text)
    files = (*pages, *(file for of_study in reports.values() for file in of_study))
    write_file(out / MARK, to_json(SiteFiles(tuple(sorted(files)))))
    for name in sorted({*before} - {*files}):
        (out / name).unlink(missing_ok=True)
    return files


def _earlier(out: Path) -> tuple[str, ...]:
    """The files of the site that lies there."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        out.mkdir(parents=True, exist_ok=True)
        write_file(out / MARK, to_json(SiteFiles(())))  # what is not finished may be made again
        return ()
    try:
        told = decode(SiteFiles, read_json(out / MARK)).files
    except (OSError, ValueError, RecursionError):
        raise UserError(f"{out}: holds something else than a site; name a new folder") from None
    return tuple(name for name in told if (out / name).resolve().is_relative_to(out.resolve()))


def _write_report(study: Study, out: Path, place: str) -> list[str]:
    """Writes the study's own report; its files, the one that people look at first."""
    folder = write_into(out / place, build_report(study))
    (folder / ORIGIN).unlink()  # which tells where the study lies on this machine
    there = sorted(path.relative_to(out).as_posix() for path in folder.rglob("*") if path.is_file())
    first = next(f"{place}/{name}" for name in OF_REPORTS if f"{place}/{name}" in there)
    return [first, *(name for name in there if name != first)]


def _pages(
    named: Mapping[str, Study], together: Study, reports: Mapping[str, str], files: Mapping[str, Sequence[str]]
) -> dict[str, bytes]:
    boards = boards_of(together)
    rows: dict[str, list[tuple[Board, BoardRow]]] = {}
    for board in boards:
        for row in board.rows:
            rows.setdefault(row.model, []).append((board, row))
    models = {name: f"models/{plain_name(name, name)}.html" for name in sorted(rows)}
    places = {board.name: f"boards/{board.name}.html" for board in boards}
    environment = _environment(", ".join(named))
    below = {name: f"../{place}" for name, place in reports.items()}
    to_models = {name: f"../{place}" for name, place in models.items()}
    to_boards = {name: f"../{place}" for name, place in places.items()}

    def page(template: str, **shown: Any) -> bytes:
        return environment.get_template(template).render(statuses=OF_STATUS, **shown).encode()

    found = {name: (HERE / name).read_bytes() for name in ("site.css", "site.js")}
    found["index.html"] = page(
        "index.html.j2",
        root="",
        title="Leaderboard",
        boards=_boards_table(boards, places, models),
        models=_models_table(rows, models),
        of_studies=_studies_table(named, files),
        notes=together.strange,
    )
    for board in boards:
        found[places[board.name]] = page(
            "board.html.j2",
            root="../",
            title=board.title,
            board=board,
            table=board_table(board, to_models, below),
            refusals=[(f"{row.model} {row.about}".strip(), row.refused) for row in board.rows if row.refused],
        )
    for name, of_model in rows.items():
        found[models[name]] = page(
            "model.html.j2",
            root="../",
            title=name,
            facts=_facts(of_model),
            table=model_table(of_model, to_boards, below),
        )
    return found


def _environment(studies: str) -> Environment:
    environment = page_templates(HERE)
    environment.globals |= {"studies": studies, "version": version("srbench")}
    return environment


def _boards_table(boards: Sequence[Board], places: Mapping[str, str], models: Mapping[str, str]) -> SiteTable:
    names = (SiteHead("Data set", words=True), SiteHead("Scale"), SiteHead("Protocol", words=True))
    best = (SiteHead("Best", words=True), SiteHead("Its score", descending=True))
    heads = (*names, SiteHead("LR", words=True), SiteHead("Rows", descending=True), *best)
    return SiteTable(heads, tuple(_board_row(board, places[board.name], models) for board in boards))


def _board_row(board: Board, place: str, models: Mapping[str, str]) -> SiteRow:
    best = next((row for row in board.rows if row.rank == 1), None)
    metric = board.metrics[0] if board.metrics else ""
    score = best.scores[metric].mean if best else None
    text = f"{figure_text(score_name(board.dataset, metric), score)} {METRICS[metric].heading}" if score else ""
    return SiteRow(
        (
            words(board.dataset, place),
            number(board.scale, f"×{board.scale}"),
            words(board.protocol),
            words(board.degradation or "not degraded further"),
            number(len(board.rows)),
            words(best.model, models[best.model]) if best else words(""),
            number(score, text),
        )
    )


def _models_table(rows: Mapping[str, Sequence[tuple[Board, BoardRow]]], places: Mapping[str, str]) -> SiteTable:
    lines = []
    for name, place in places.items():
        known = papers().get(rows[name][0][1].class_name)
        cells = (words(name, place), number(known.year if known else None, str(known.year) if known else ""))
        paper = known.paper if known else NOT_RECORDED
        lines.append(SiteRow((*cells, words(paper), number(len(rows[name])))))
    heads = (SiteHead("Model", words=True), SiteHead("Year"), SiteHead("Published in", words=True))
    return SiteTable((*heads, SiteHead("Scores", descending=True)), tuple(lines))


def _studies_table(named: Mapping[str, Study], files: Mapping[str, Sequence[str]]) -> SiteTable:
    heads = (SiteHead("Study", words=True), SiteHead("Runs done"), SiteHead("Not done"))
    rows = []
    for name, study in named.items():
        counts = Counter(run.status for run in study.runs)
        versions = dict.fromkeys(record.versions.get("srbench", NOT_RECORDED) for record in study.done)
        links = tuple(SitePart(file.rpartition("/")[2], file) for file in files[name] if file.endswith(OF_REPORTS))
        cells = (words(name, files[name][0]), number(counts["done"]), number(len(study.runs) - counts["done"]))
        rows.append(SiteRow((*cells, words(", ".join(versions)), SiteCell(links, words=True))))
    return SiteTable((*heads, SiteHead("srbench", words=True), SiteHead("Report", words=True)), tuple(rows))


def _facts(rows: Sequence[tuple[Board, BoardRow]]) -> Iterator[tuple[str, str]]:
    """Of a model: paper, licence of its published weights, counts by scale."""
    known = papers().get(rows[0][1].class_name)
    yield "Class", rows[0][1].class_name
    yield "Published in", known.paper if known else NOT_RECORDED
    if known and known.year:
        yield "Year", str(known.year)
    model = rows[0][1].model
    for one in {entry.name: entry for entry in checkpoint_catalogue() if entry.model == model}.values():
        yield f"Weights {one.name}", f"{one.source}; licence: {one.licence}"
    counts = dict.fromkeys((board.scale, tuple(row.costs.items())) for board, row in rows)
    for scale, costs in counts:
        told = [f"{figure_text(name, value)} {name}" for name, value in costs if value is not None]
        yield f"Counts ×{scale}", ", ".join(told) or "not measured"
