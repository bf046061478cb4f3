"""What networks cost, side by side: a table of counts, and one of time and memory by batch size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
import torch
from pandas import DataFrame
from torch import nn

from srbench.core.hardware import is_out_of_memory
from srbench.core.progress import Listener
from srbench.evaluation.onnx_files import OnnxFile
from srbench.metrics import cost
from srbench.metrics.figures import Latency, beyond_fvcore
from srbench.metrics.flops import Convention
from srbench.metrics.fvcore_itself import fvcore_count, fvcore_version

NO_KIND = "classsr.activations"
Load = dict[str, Any]
Costs = dict[str, int | str | None]
PASSES = 3  # at least, however long they take
ONNXRUNTIME = "onnxruntime"
FILE_SECONDS = 2.0  # as those of a network


@dataclass(frozen=True)
class Candidate:
    """A network to measure, once `on_meta`, torch's meta device; `build` makes one with values."""

    name: str
    scale: int
    on_meta: nn.Module
    build: Callable[[], nn.Module]


def count_costs(
    candidates: Sequence[Candidate], conventions: Sequence[Convention], run_fvcore: bool, tell: Listener
) -> Iterator[Costs]:
    """One for each network as soon as it is counted, in plain units: params…, convolutions, <convention>.flops_720p and
    so on, notes. With `run_fvcore` what the package fvcore gives, too: fvcore_itself.flops_720p and so on."""
    for done, one in enumerate(candidates):
        tell(f"counts {one.name}", done, len(candidates))
        params = cost.parameters(one.on_meta)
        row: Costs = {"model": one.name, "scale": one.scale}
        row |= {"params": params.trainable, "params_frozen": params.frozen}
        row |= dict.fromkeys(["params_dead", "convolutions", *_names(conventions)])
        parts = [_dead(one), _counts(one, conventions)]
        parts += [_by_fvcore(one, parts[-1])] if run_fvcore else []
        notes = "; ".join(str(part.pop("notes")) for part in parts if part.get("notes"))
        yield reduce(or_, parts, row) | {"notes": notes}
    tell("counts", len(candidates), len(candidates))


def measure_loads(
    candidates: Sequence[Candidate], size: int, batches: Sequence[int], device: str, tell: Listener
) -> Iterator[Load]:
    """One for each network and batch size, on LR of `size` pixels a side, as soon as it is measured: the fields of
    cost.Latency, peak_memory_mb and memory_of; without them from the first batch on that does not fit into the
    device's memory."""
    done, total = 0, len(candidates) * len(batches)
    for one in candidates:
        loads = _loads(one, device, size, batches)
        for batch in batches:
            tell(f"times {one.name}, batch {batch}", done, total)
            told = {"model": one.name, "scale": one.scale, "batch": batch, "runtime": "torch"}
            yield told | next(loads, {})
            done += 1
    tell("times", total, total)


def measure_files(files: Sequence[OnnxFile], size: int, tell: Listener) -> Iterator[Load]:
    """One for each file, as `measure_loads` for a batch of one image, but for its memory: of onnxruntime on the CPU,
    with the threads that torch has."""
    for done, file in enumerate(files):
        tell(f"times {file.path.name}", done, len(files))
        lr = torch.rand(1, file.image_channels, size, size)
        scale = file(lr).shape[-1] // size
        cost.time_passes(file, lr, 5, 1, FILE_SECONDS)
        times = cost.time_passes(file, lr, 50, PASSES, FILE_SECONDS)
        low, median, high = np.quantile(times, [0.1, 0.5, 0.9]).tolist()
        latency = Latency(1, size, size, median, low, high, file.threads, "cpu", "contiguous")
        yield {"model": str(file.path), "scale": scale, "runtime": ONNXRUNTIME} | asdict(latency)
    tell("times", len(files), len(files))


def table_of(loads: Sequence[Load]) -> DataFrame:
    """A row of each."""
    columns = ["model", "scale", *(field.name for field in fields(Latency)), "peak_memory_mb", "memory_of", "runtime"]
    return DataFrame(loads, columns=columns).convert_dtypes()


def _names(conventions: Iterable[Convention]) -> list[str]:
    """Of the columns of counts; classsr counts no activations."""
    kinds = [f"{one}.{kind}" for one in conventions for kind in ("flops", "activations") if f"{one}.{kind}" != NO_KIND]
    return [f"{kind}_{key}" for kind in kinds for key in ("720p", "256")]


def _dead(candidate: Candidate) -> dict[str, int | str]:
    try:
        return {"params_dead": sum(cost.dead_parameters(candidate.on_meta).values())}
    except ValueError:  # it looks at values, which its copy on meta has not
        pass
    try:
        return {"params_dead": sum(cost.dead_parameters(candidate.build()).values())}
    except ValueError as error:
        return {"notes": f"dead parameters are not known: {error}"}


def _counts(candidate: Candidate, conventions: Sequence[Convention]) -> dict[str, int | str]:
    try:
        found = _complexities(candidate.on_meta, candidate.scale)
    except ValueError:  # it has something that meta lacks
        try:
            found = _complexities(candidate.build(), candidate.scale)
        except ValueError as error:
            return {"notes": f"FLOPs and memory are not known: {error}"}
    if too_low := next((one.too_low for one in found.values() if one.too_low), None):
        return {"notes": f"FLOPs are not known: {too_low.reason}"}
    row: dict[str, int | str] = {"convolutions": found["256"].convolutions}
    for convention in conventions:
        for key, complexity in found.items():
            row |= _figures(convention, key, complexity.counts[convention])
    return row | {"notes": beyond_fvcore(found["256"].beyond_fvcore)}


def _complexities(model: nn.Module, scale: int) -> dict[str, cost.Complexity]:
    return {key: cost.complexity(model, *size) for key, size in cost.standard_inputs(scale).items()}


def _by_fvcore(candidate: Candidate, counted: dict[str, int | str]) -> dict[str, int | str]:
    """The counts of fvcore itself, and whether they are those that are `counted`."""
    row: dict[str, int | str] = {}
    try:
        model = candidate.build()
        for key, size in cost.standard_inputs(candidate.scale).items():
            row |= _figures("fvcore_itself", key, fvcore_count(model, *size))
    except ValueError as error:
        return {"notes": str(error)}
    differ = [key for key in row if counted.get(key.replace("fvcore_itself", "fvcore")) != row[key]]
    told = ", ".join(f"{key.partition('.')[2]} {row[key]:,}" for key in differ)
    return row | {"notes": f"fvcore {fvcore_version()} itself was run: {told or 'the same'}"}


def _figures(convention: str, key: str, count: cost.Count) -> dict[str, int | str]:
    found: dict[str, int | str] = {f"{convention}.flops_{key}": count.flops}
    return found if count.activations is None else found | {f"{convention}.activations_{key}": count.activations}


def _loads(candidate: Candidate, device: str, size: int, batches: Sequence[int]) -> Iterator[Load]:
    """One for each batch, up to the first that does not fit."""
    try:
        model = candidate.build().to(device).to(memory_format=torch.channels_last)
        for latency in cost.latencies(model, size, size, batches, at_least=PASSES):
            yield asdict(latency) | _memory(model, size, latency.batch)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise


def _memory(model: nn.Module, size: int, batch: int) -> dict[str, Any]:
    try:
        memory = cost.peak_memory(model, size, size, batch)
    except ValueError:  # the note on its FLOPs gives the reason
        return {}
    return {"peak_memory_mb": round(memory.bytes / 2**20, 3), "memory_of": memory.source}
