"""The verb `explain`: why is my number different? The same SR images under every convention that people use.

What is stored of SR is rounded to uint8. What came before the rounding, and what becomes of another LR, is computed
again by the run's network, and only where its weights still give the stored images.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pandas import DataFrame

from srbench.audits.compare import Scores
from srbench.audits.conventions import CORE
from srbench.audits.stored_sets import StoredSet, stored_sets
from srbench.core import hardware
from srbench.core.errors import UserError, first_line
from srbench.core.files import write_file
from srbench.core.harmless import cells_of, visible
from srbench.core.progress import Listener
from srbench.core.suggest import did_you_mean
from srbench.experiments.reopen import pairs_of
from srbench.experiments.store.study import Study, open_study
from srbench.reports.certified import certificate_digest
from srbench.reports.explained import LEGEND, as_markdown, cells
from srbench.reports.report_place import report_place

MOST_RUNS = 4
ALL = "all"
NEAR = 0.02  # dB
NO_NETWORK = "what its network would have to compute is missing"


@dataclass(frozen=True)
class Explanation:
    """`table`: a row for each convention, run and data set, NaN where it could not be computed: convention, core
    (whether a report shows it), run, dataset, scale, protocol, lr (what made it), certificate (its digest), images,
    psnr, ssim. `notes`: why, and what was left out."""

    study: Study
    table: DataFrame
    notes: tuple[str, ...]

    def near(self, mine: float) -> DataFrame:
        """The rows whose PSNR is within NEAR of `mine`."""
        return self.table[(self.table.psnr - mine).abs() <= NEAR + 1e-9]


def explain(
    study_dir: Path,
    run: str,
    dataset: str,
    tell: Listener,
    data_root: Path | None = None,
    allow: Sequence[str] = (),
) -> Explanation:
    """The scores of `run`'s images (empty: of the first MOST_RUNS that keep some, ALL: of each that does) in `dataset`
    (empty: in all); `data_root`: where the data lie now, None: where the runs found them. `allow`: as for `trusted`.

    Raises UserError where there are none.
    """
    study = open_study(study_dir)
    keeping = [run.name for run in study.runs if run.status == "done" and (run.folder / "images").is_dir()]
    if run not in ("", ALL, *keeping):
        raise UserError(f"explain: run={run}: no such run with SR images{did_you_mean(run, keeping)}")
    most = len(keeping) if run == ALL else MOST_RUNS
    kept, unread, more = _kept(study_dir, keeping if run in ("", ALL) else [run], most, data_root, allow)
    sets = [one for one in kept if dataset.lower() in ("", one.dataset)]
    if not kept and unread:
        raise UserError(f"explain: {unread[0]}")
    if not sets:
        there = ", ".join(dict.fromkeys(one.dataset for one in kept)) or "nothing (eval.save_images=0)"
        raise UserError(f"explain: dataset={dataset}: no SR images in {study_dir}; there are those of {there}")
    rows, numbers = list[dict[str, Any]](), count(1)
    notes = [f"left out: {reason}" for reason in unread]
    if more:
        notes.append(f"{more} more {'runs keep' if more > 1 else 'run keeps'} images; run=all takes all, run=NAME one")
    total = sum(len(one.rows) for one in sets)
    for one in sets:
        scores, remarks = _measured(one, lambda stage: tell(stage, next(numbers), total))
        rows += _table(one, scores)
        notes += [f"{one.folder.name} {one.dataset}: {remark}" for remark in dict.fromkeys(remarks)]
    if not rows:
        raise UserError(f"explain: {notes[-1]}")
    return Explanation(study, DataFrame(rows), tuple(notes))


def _kept(
    study_dir: Path, names: list[str], most: int, data_root: Path | None, allow: Sequence[str]
) -> tuple[list[StoredSet], list[str], int]:
    """The image sets of the first `most` that can be read, why others cannot, and how many are left over."""
    kept, unread, read = list[StoredSet](), list[str](), 0
    for tried, name in enumerate(names):
        if read == most:
            return kept, unread, len(names) - tried
        try:
            kept += stored_sets(study_dir / name, data_root, allow)
            read += 1
        except UserError as reason:
            unread.append(str(reason))
    return kept, unread, 0


def _measured(one: StoredSet, hear: Callable[[str], None]) -> tuple[list[Scores], list[str]]:
    """The scores of each image that could be compared, and what to say of the others and of the network."""
    scores, remarks, network = list[Scores](), list[str](), None
    if len(one.rows) < one.total:
        remarks.append(f"means over the {len(one.rows)} images that are kept, of {one.total}")
    try:
        network = one.network()
    except Exception as reason:  # of whatever kind: somebody else may have made the run
        remarks.append(f"{NO_NETWORK}: {first_line(reason)}")
    try:
        pairs = pairs_of(one.run, one.dataset)
    except UserError as reason:
        return scores, [*remarks, str(reason)]
    for row in one.rows:
        hear(f"{one.folder.name} {one.dataset}")
        try:
            if row.image not in pairs:
                raise UserError(f"{row.image}: the HR image is missing")
            comparison = one.comparison(row, pairs[row.image], network)
        except UserError as reason:
            remarks.append(str(reason))
            continue
        except (RuntimeError, ValueError, IndexError) as error:  # of a network that is not that of the images
            remarks.append(f"{row.image}: {type(error).__name__}: {first_line(error)}")
            continue
        if network and not comparison.network:
            remarks.append(f"{NO_NETWORK}: with the weights that are there it gives other images")
        scores.append(comparison.scores(one.conventions))
    return scores, remarks


def _table(one: StoredSet, scores: list[Scores]) -> Iterator[dict[str, Any]]:
    about = {
        "run": one.folder.name,
        "dataset": one.dataset,
        "scale": one.record.scale,
        "protocol": one.certificate.told_protocol,
        "lr": one.certificate.lr.resizer,
        "certificate": certificate_digest(one.certificate),
        "images": len(scores),
    }
    for convention in one.conventions if scores else ():
        psnrs, ssims = np.array([of_image[convention] for of_image in scores]).T
        if convention.pooled:
            error = np.mean(10 ** (-psnrs / 10))
            psnrs = -10 * np.log10(error) if error else np.array(inf)
        yield (
            {"convention": convention.title, "core": convention.title in CORE}
            | about
            | {"psnr": float(psnrs.mean()), "ssim": float(ssims.mean())}
        )


def as_text(explained: Explanation, mine: float | None) -> str:
    """For a terminal, a table a data set; with `mine`, the PSNR near it marked and named below."""
    near = explained.near(mine) if mine is not None else explained.table[:0]
    lines = []
    for dataset, rows in explained.table.groupby("dataset", sort=False):
        heads, titles, body = cells(rows, near.index)
        widths = [max(map(len, column)) for column in zip(titles, *body, strict=True)]
        lines += [str(dataset), *heads, ""]
        for title, *numbers in (titles, *body):
            aligned = (text.rjust(width) for text, width in zip(numbers, widths[1:], strict=True))
            lines.append("  ".join([title.ljust(widths[0]), *aligned]))
        lines.append("")
    lines += LEGEND
    lines += [f"note: {note}" for note in explained.notes]
    lines += _answer(explained.table, near, mine) if mine is not None else []
    return "\n".join(map(visible, lines))


def _answer(table: DataFrame, near: DataFrame, mine: float) -> list[str]:
    """What the reader's number may have come from."""
    head = f"within {NEAR} dB of {mine:g}:"
    if near.empty:
        near = table.loc[[(table.psnr - mine).abs().idxmin()]]
        head = f"no convention comes within {NEAR} dB of {mine:g}; the nearest:"
    return ["", head, *(f"  {row.convention}: {row.psnr:.3f} ({row.run} {row.dataset})" for row in near.itertuples())]


def write_explanation(explained: Explanation, reports_dir: Path) -> Path:
    """The folder of the study's report, now with explain.csv and explain.md; a report that is there already is written
    again, to show them. UserError as for `report_place`."""
    study = explained.study
    folder = report_place(study.name, study.folders, reports_dir)
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "explain.csv", cells_of(explained.table).to_csv(index=False, float_format="%.6f").encode())
    text = as_markdown(study.name, explained.table, explained.notes, _made_by())
    write_file(folder / "explain.md", text.encode())
    if (folder / "table.csv").is_file():
        from srbench.reports.write import rewrite_report  # which takes a second to import

        rewrite_report(study.folders[0], reports_dir)
    return folder


def _made_by() -> str:
    """What computed the scores: versions, git state, device and threads."""
    packages = ", ".join(f"{name} {version}" for name, version in hardware.versions().items())
    device = hardware.describe_device(hardware.pick_device("auto"))
    return f"{packages}; git {hardware.git_state() or 'not recorded'}; {device}, threads {torch.get_num_threads()}"
