"""The verb `profile`: what networks cost, side by side, without data, training or weights."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import torch
from pandas import DataFrame

from srbench.cli.cost_tables import cost_text, load_line, load_text
from srbench.cli.verbs import ProfileVerb
from srbench.core import hardware, progress
from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.core.harmless import cells_of, visible
from srbench.evaluation.model_costs import Candidate, Load, count_costs, measure_loads, table_of
from srbench.experiments.compose import build_model, build_on_meta, compose_run, scales_that_compose
from srbench.experiments.spec import RunSpec
from srbench.metrics.flops import Convention
from srbench.models.traits import traits_of


def profile_networks(asked: ProfileVerb) -> bool:
    """Prints what they cost, then how long they take; writes both to `out`."""
    words = [*asked.config, *([f"scale={asked.scale}"] if asked.scale else [])]
    runs = [compose_run([f"model={name}", *words]) for name in asked.model]
    device = hardware.pick_device(runs[0].device)
    torch.set_num_threads(hardware.threads(runs[0].threads))
    candidates = _candidates(runs, asked.scale)
    if asked.latency:
        for candidate in candidates:
            _check_size(asked.size, candidate)
    chosen = asked.cost or ("fvcore",)
    conventions = [name for name in get_args(Convention) if name in chosen or "all" in chosen]
    with progress.bar("profile") as tell:
        table = count_costs(candidates, conventions, "fvcore" in asked.cost, tell)
    print(cost_text(table, conventions))
    loads: list[Load] = []
    try:
        if asked.latency:
            with progress.bar("profile") as tell:
                for load in measure_loads(candidates, asked.size, asked.batch, device, tell):
                    loads.append(load)
                    if progress.console.is_terminal:  # elsewhere the table tells it
                        progress.console.print(load_line(load))
    finally:  # Ctrl-C leaves what has been measured
        if loads:
            measured = table_of(loads)
            print(f"\n{load_text(measured, asked.size, device)}")
            table = table.merge(measured, how="left", on=["model", "scale"])
        if asked.out:
            _write(table, asked.out)
    return True


def _candidates(runs: Sequence[RunSpec], scale: int | None) -> list[Candidate]:
    """The network of each run; one that lacks the `scale` is skipped with a line. UserError where none is left."""
    found, skipped = [], []
    for run in runs:
        try:
            found.append(_candidate(run, scale))
        except UserError as error:
            if not scale or not scales_that_compose(run.overrides):
                raise
            skipped.append(str(error))
    if not found:
        raise UserError(f"profile: scale={scale}: {'; '.join(skipped)}")
    for line in skipped:
        progress.console.print(f"skipped: {line}")
    return found


def _candidate(run: RunSpec, scale: int | None) -> Candidate:
    """Where no `scale` is asked for, at one that the network can be built for, near to the default."""
    try:
        on_meta = build_on_meta(run)
    except UserError:
        scales = scales_that_compose(run.overrides)
        if scale or not scales or run.scale in scales:
            raise
        nearest = min(scales, key=lambda scale: abs(scale - run.scale))
        run = compose_run([*run.overrides, f"scale={nearest}"])
        on_meta = build_on_meta(run)
    return Candidate(run.name, run.scale, on_meta, partial(build_model, run))


def _check_size(size: int, candidate: Candidate) -> None:
    """UserError for an input that the network does not take."""
    traits = traits_of(candidate.on_meta)
    smallest, multiple = traits.smallest_input, traits.multiple
    if size < smallest or size % multiple:
        steps = f", in multiples of {multiple}" if multiple > 1 else ""
        raise UserError(f"profile: size={size}: model={candidate.name} takes {smallest} pixels or more{steps}")


def _write(table: DataFrame, out: Path) -> None:
    try:
        write_file(out, cells_of(table).to_csv(index=False, float_format="%.6g").encode())
    except OSError as error:
        raise UserError(f"profile: cannot write {out}: {error.strerror}") from error
    print(visible(f"profile: {out}"))
