"""The verb `profile`: what networks cost, side by side, without data, training or weights."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import get_args

import pandas as pd
import torch
from pandas import DataFrame

from srbench.cli.cost_tables import cost_text, load_line, load_text
from srbench.cli.verbs import ProfileVerb
from srbench.core import hardware, progress
from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.core.harmless import cells_of, visible
from srbench.evaluation.model_costs import (
    ONNXRUNTIME,
    Candidate,
    Costs,
    Load,
    count_costs,
    measure_files,
    measure_loads,
    table_of,
)
from srbench.evaluation.onnx_files import OnnxFile
from srbench.experiments.compose import build_model, build_on_meta, compose_run, scales_that_compose
from srbench.experiments.spec import RunSpec
from srbench.metrics.flops import Convention
from srbench.models.traits import traits_of


def profile(asked: ProfileVerb) -> bool:
    """Prints what networks cost, then how long they and exported files take; writes both to `out`."""
    if not (asked.model or asked.onnx):
        raise UserError("profile: nothing to measure; name networks, model=carn,mdrn, or exported files, onnx=net.onnx")
    words = [*asked.config, *([f"scale={asked.scale}"] if asked.scale else [])]
    runs = [compose_run([f"model={name}", *words]) for name in asked.model]
    settings = runs[0] if runs else compose_run([*asked.config])
    device = hardware.pick_device(settings.device)
    torch.set_num_threads(hardware.threads(settings.threads))
    candidates, files = _candidates(runs, asked.scale), _files(asked)
    if asked.latency:
        for candidate in candidates:
            _check_size(asked.size, candidate)
    costs: list[Costs] = []
    loads: list[Load] = []
    try:
        if candidates:
            _count(candidates, asked.cost, costs)
        if asked.latency:
            with progress.bar("profile") as tell:
                measured = measure_loads(candidates, asked.size, asked.batch, device, tell)
                for load in chain(measured, measure_files(files, asked.size, tell)):
                    loads.append(load)
                    if progress.console.is_terminal:  # elsewhere the table tells it
                        progress.console.print(load_line(load))
    finally:  # Ctrl-C leaves what has been measured
        table = DataFrame(costs).convert_dtypes()
        if loads:
            found = table_of(loads)
            print(f"{'' if table.empty else chr(10)}{load_text(found, asked.size, device)}")
            of_files = found.runtime == ONNXRUNTIME
            keys = ["model", "scale"]
            networks = table if table.empty else table.merge(found[~of_files], how="left", on=keys)
            table = pd.concat([networks, found[of_files]]) if of_files.any() else networks
        if asked.out and not table.empty:
            _write(table, asked.out)
    return True


def _count(candidates: Sequence[Candidate], cost: Sequence[str], counted: list[Costs]) -> None:
    """Adds what each network costs to those that are `counted`, and prints them, also where it is interrupted."""
    chosen = cost or ("fvcore",)
    conventions = [name for name in get_args(Convention) if name in chosen or "all" in chosen]
    try:
        with progress.bar("profile") as tell:
            counted.extend(count_costs(candidates, conventions, "fvcore" in cost, tell))
    finally:
        if counted:
            print(cost_text(DataFrame(counted).convert_dtypes(), conventions))


def _files(asked: ProfileVerb) -> list[OnnxFile]:
    """UserError for one that cannot be read, and for one that does not take LR of `size`."""
    if asked.onnx and not asked.latency:
        raise UserError("profile: onnx= and latency=false: of a file nothing but its latency is measured")
    files = []
    for path in asked.onnx:
        if not path.is_file():
            raise UserError(f"profile: onnx={path}: no such file")
        file = OnnxFile(path)
        if file.side not in (None, asked.size):
            raise UserError(f"profile: size={asked.size}: {path} takes LR of {file.side}×{file.side} only")
        files.append(file)
    return files


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
    if runs and not found:
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
