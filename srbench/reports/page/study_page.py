"""A report as one page that needs nothing else: neither a network nor a server."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import escape

from srbench.reports.claims import JudgedClaim
from srbench.reports.comparison import TableRow
from srbench.reports.page.charts import loss_chart, trade_off_chart, vega
from srbench.reports.page.page_crops import page_crops
from srbench.reports.page.page_curves import page_panels
from srbench.reports.page.page_tables import page_table
from srbench.reports.page.page_tradeoffs import page_trade_offs
from srbench.reports.pages import page_templates
from srbench.reports.report import Report

HERE = Path(__file__).parent
MOST_PANELS = 40
MOST_GAPS = 200
SIGNS = {"reproduced": "✓", "contradicted": "✗"}


@dataclass(frozen=True)
class PageClaim:
    """`sign` and `kind`: of the verdict, for those who do not see colours and for the style."""

    text: str
    source: str
    verdict: str
    sign: str
    kind: str


def to_html(report: Report) -> str:
    """The page. Equal reports give equal texts."""
    environment = page_templates(HERE)
    environment.filters["as_it_is"] = escape
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": vars}  # of dataclasses
    return environment.get_template("study.html.j2").render(_shown(report))


def _shown(report: Report) -> dict[str, Any]:
    panels = page_panels(report.panels[:MOST_PANELS])
    costs = [page_trade_offs(one) for one in report.trade_offs[:MOST_PANELS]]
    tables = [page_table(section) for section in report.sections]
    of_networks = [row for table in tables for row in table.rows]
    numbers = {
        "panels": panels,
        "trade_offs": costs,
        "specs": {"curves": loss_chart(), "trade_offs": trade_off_chart()},
    }
    others = [one for one in report.all_sections if one not in (*report.sections, report.targets)]
    shown = {
        "tables": tables,
        "panels": panels,
        "trade_offs": costs,
        "targets": page_table(report.targets) if report.targets else None,
        "crops": [page_crops(one) for one in report.crops],
    }
    names = {
        "tables": "Tables",
        "panels": "Curves",
        "trade_offs": "Trade-offs",
        "targets": "Time to target",
        "crops": "Crops",
    }
    ids = {"panels": "curves", "trade_offs": "trade-offs"}
    parts = [(ids.get(key, key), name) for key, name in names.items() if shown[key]]
    return shown | {
        "title": report.study,
        "counts": ", ".join(f"{count} {status}" for status, count in report.counts.items()) or "no runs",
        "parts": [("answers", "Answers"), *parts, ("trust", "Why to trust it")],
        "answers": report.answers,
        "claims": [_claim(claim) for claim in report.claims],
        "best": report.best,
        "models": sorted({row.model for row in of_networks if row.model}),
        "scales": sorted({row.scale for row in of_networks if row.scale}),
        "gaps": report.gaps[:MOST_GAPS],
        "more_gaps": max(0, len(report.gaps) - MOST_GAPS),
        "certain": page_table(report.certain) if report.certain else None,
        "certificates": _certificates(report),
        "dead": list(_dead(report.rows)),
        "facts": report.facts,
        "others": [page_table(one) for one in others],
        "numbers": numbers,
        "style": (HERE / "study.css").read_text(encoding="utf-8"),
        "script": (HERE / "study.js").read_text(encoding="utf-8"),
        "vega": vega() if panels or costs else "",
    }


def _claim(claim: JudgedClaim) -> PageClaim:
    verdict = claim.verdict or "stated without a comparison"
    return PageClaim(claim.text, claim.source, verdict, SIGNS.get(verdict, "?"), verdict.split()[0])


def _certificates(report: Report) -> dict[str, tuple[str, ...]]:
    """By data set what its scores rest on, each once."""
    found: dict[str, dict[str, None]] = {}
    for run in report.runs:
        if run.record and run.status == "done":
            for name, certificate in run.record.certificates.items():
                found.setdefault(name, {})[f"×{run.record.scale}: {certificate}"] = None
    return {name: tuple(texts) for name, texts in found.items()}


def _dead(rows: Iterable[TableRow]) -> Iterator[str]:
    told = ((row, row.costs["params_dead"].value) for row in rows)
    yield from dict.fromkeys(f"{row.model} {row.variant}: {value:,.0f}" for row, value in told if value)
