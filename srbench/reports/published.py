"""Published scores beside measured ones: for each run of published weights on each data set."""

import re
from collections.abc import Hashable
from typing import Any

import pandas as pd
from pandas import DataFrame

from srbench.experiments.store.results import Study
from srbench.reports.tables import Cell, Section

LIMITS = (0.01, 0.05)  # dB
NOTHING = "nothing published"
INCOMPARABLE = "not comparable"
RESIZERS = {"file", "matlab-symmetric"}  # what srbench/experiments/published.yaml holds was measured on
MAKERS = {"matlab-symmetric", "matlab-replicate", "matlab-float", "unknown"}  # of files that may be such LR
TITLES = {
    "network": "Network",
    "scale": "Scale",
    "dataset": "Set",
    "published_psnr": "Published PSNR",
    "published_ssim": "SSIM",
    "measured_psnr": "Measured PSNR",
    "measured_ssim": "SSIM",
    "difference": "Difference (dB)",
    "verdict": "Verdict",
}
COLUMNS = [*TITLES, "reason", "source", "protocol", "resizer"]


def published(study: Study) -> DataFrame:
    """One row a published score with its measured one, and one where nothing is published; empty for other studies.

    `difference`: measured minus published PSNR in dB. `verdict`: within 0.01 dB, within 0.05 dB, beyond, or that
    nothing is published, or that the run has another protocol, or LR made otherwise, than what is published.
    """
    rows = []
    for run in study.runs[study.runs.status == "done"].to_dict("records"):
        for entry in study.plan.get("published", {}).get(_weights(run), []):
            rows += _rows(run, entry)
    table = DataFrame(rows, columns=COLUMNS)
    # Where one source is silent and another is not, the silence says nothing.
    known = table.groupby(["network", "scale", "dataset"]).published_psnr.transform("count") > 0
    return table[table.published_psnr.notna() | ~known].reset_index(drop=True)


def _weights(run: dict[Hashable, Any]) -> str:
    given = dict(word.partition("=")[::2] for word in run["overrides"])
    return "bicubic" if run["model"] == "bicubic" else given.get("checkpoint", "").strip("'")


def _rows(run: dict[Hashable, Any], entry: dict[str, Any]) -> list[dict[str, Any]]:
    # JSON has turned the scales, which are numbers in srbench/experiments/published.yaml, into text.
    scores = entry["scores"].get(str(run["scale"]), {})
    names = [str(name) for name, value in run.items() if str(name).endswith(".psnr") and not pd.isna(value)]
    measured = [name.removesuffix(".psnr") for name in names if name != "val.psnr"]
    return [_row(run, entry, dataset, scores.get(dataset, {})) for dataset in measured]


def _row(run: dict[Hashable, Any], entry: dict[str, Any], dataset: str, scores: dict[str, float]) -> dict[str, Any]:
    measured, theirs = run[f"{dataset}.psnr"], scores.get("psnr")
    differs = theirs is not None and _other_conditions(run, dataset)
    difference = None if theirs is None or differs else round(measured - theirs, 4)
    verdict = INCOMPARABLE if differs else NOTHING if difference is None else _verdict(abs(difference))
    known = entry.get("reason", {})
    known = known.get(dataset, known.get("any", "")) if difference and abs(difference) > LIMITS[0] else ""
    return {
        "network": entry["network"],
        "scale": run["scale"],
        "dataset": dataset,
        "published_psnr": theirs,
        "published_ssim": scores.get("ssim"),
        "measured_psnr": measured,
        "measured_ssim": run.get(f"{dataset}.ssim"),
        "difference": difference,
        "verdict": verdict,
        "reason": differs or known,
        "source": entry["source"],
        "protocol": run["protocol"],
        "resizer": run["resizer"],
    }


def _other_conditions(run: dict[Hashable, Any], dataset: str) -> str:
    """Why the run's scores on the set are no measurement of what was published; "" where they are."""
    if not re.search(r"\(luma(_rounded)?, border scale\)$", run["protocol"]):
        return f"published under luma with border = scale, measured under {run['protocol']}"
    degraded = [] if pd.isna(run["resizer"]) else sorted(set(run["resizer"].split(", ")) - RESIZERS)
    maker = run["lr_made_by"].get(dataset, "unknown")
    other = degraded or ([] if set(re.split(" and | or ", maker)) & MAKERS else [f"LR files by {maker}"])
    return f"published for LR by MATLAB's bicubic, measured on {other[0]}" if other else ""


def _verdict(difference: float) -> str:
    limit = next((limit for limit in LIMITS if difference <= limit), None)
    return f"within {limit} dB" if limit else "beyond"


def section(study: Study) -> Section | None:
    """The same as a table for people, the reason and the source of each row in its footnotes; None without rows."""
    table = published(study)
    if table.empty:
        return None
    groups = [[_cells(row) for row in rows.to_dict("records")] for _, rows in table.groupby("network", sort=False)]
    facts = [("Source", "srbench/experiments/published.yaml; difference: measured minus published")]
    return Section("Published against measured", facts, TITLES, groups)


def _cells(row: dict[Hashable, Any]) -> dict[str, Cell]:
    def number(name: str, form: str) -> Cell:
        return Cell("–" if pd.isna(row[name]) else format(row[name], form).replace("-", "−"))

    return {
        "network": Cell(row["network"], "", (row["source"],)),
        "scale": Cell(f"×{row['scale']}"),
        "dataset": Cell(row["dataset"]),
        "published_psnr": number(
            "published_psnr", ".2f" if row["published_psnr"] == round(row["published_psnr"], 2) else ".4f"
        ),
        "published_ssim": number("published_ssim", ".4f"),
        "measured_psnr": number("measured_psnr", ".4f"),
        "measured_ssim": number("measured_ssim", ".4f"),
        "difference": number("difference", "+.4f"),
        "verdict": Cell(row["verdict"], "", (row["reason"],) if row["reason"] else ()),
    }
