"""The loss curves of a report: one panel an ablation and model, one curve a row of the table, smoothed; below it a
smaller one for each part of the loss, where it has parts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pandas import DataFrame

from srbench.experiments.store.loss_table import parts_of
from srbench.experiments.store.published_figures import PublishedRuns
from srbench.reports.comparison import TableRow
from srbench.reports.difference_curves import DifferenceCurves
from srbench.reports.logged_losses import Logged, logged_losses
from srbench.reports.rows import Member
from srbench.reports.seed_curves import Curve, PublishedCurve, curve_of_seeds


@dataclass(frozen=True)
class Panel:
    """Curves of one ablation and model, in the table's order; all runs in no ablation share one, whatever the model.
    `differences`: those of variants to their baseline. `parts`: the panels of the parts of the loss, which have the
    parts' names."""

    title: str
    curves: tuple[Curve, ...]
    differences: tuple[Curve, ...] = ()
    parts: tuple["Panel", ...] = ()


def loss_panels(
    losses: DataFrame, rows: Sequence[TableRow], published: Mapping[str, PublishedRuns]
) -> tuple[Panel, ...]:
    """The panels of `losses` (of `loss_frame`), with the curves of what is `published` by sweep; rows of which no run
    has logged a loss have no curve."""
    grouped: dict[str, list[TableRow]] = {}
    for row in rows:
        title = f"{row.model} · {row.ablation}" if row.ablation else "runs outside ablations"
        grouped.setdefault(title, []).append(row)
    logged = {name: logged_losses(losses, name) for name in ("loss", *parts_of(losses))}
    differing = DifferenceCurves([one for row in rows for one in row.members], losses, logged["loss"])
    panels = []
    for title, own in grouped.items():
        if curves := tuple(_curves(own, logged["loss"], published)):
            parts = ((name, tuple(_curves(own, of_part, {}))) for name, of_part in logged.items() if name != "loss")
            differences = tuple(filter(None, map(differing.of_row, own)))
            panels.append(Panel(title, curves, differences, tuple(Panel(name, part) for name, part in parts if part)))
    return tuple(panels)


def _curves(
    rows: Iterable[TableRow], logged: Mapping[str, Logged], published: Mapping[str, PublishedRuns]
) -> Iterator[Curve]:
    for row in rows:
        if seeds := [member for member in row.members if member.run.name in logged]:
            yield replace(_curve(row, seeds, logged), published=_published(row, published))


def _published(row: TableRow, published: Mapping[str, PublishedRuns]) -> PublishedCurve | None:
    curves = published[row.ablation].curves if row.ablation in published else None
    losses = curves.losses.get(row.variant) if curves else None
    return PublishedCurve(np.array(curves.steps[: len(losses)]), np.array(losses)) if curves and losses else None


def _curve(row: TableRow, seeds: Sequence[Member], logged: Mapping[str, Logged]) -> Curve:
    states = {member.run.status for member in seeds}
    # A seed that stopped early would bend the mean where it ends.
    shown = [logged[one.run.name] for one in seeds if one.run.status == "done" or "done" not in states]
    state = "" if "done" in states else " (failed)" if "failed" in states else " (unfinished)"
    return curve_of_seeds(f"{row.label}{state}", row.baseline, shown)
