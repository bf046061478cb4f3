"""What networks cost, side by side: a table of counts, and one of time and memory by batch size."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from pandas import DataFrame
from torch import nn

from srbench.core.progress import Listener
from srbench.metrics import cost
from srbench.metrics.figures import Latency
from srbench.metrics.flops import Convention

PASSES = 3  # at least, however long they take


@dataclass(frozen=True)
class Candidate:
    """A network to measure, once `on_meta`, torch's meta device; `build` makes one with values."""

    name: str
    scale: int
    on_meta: nn.Module
    build: Callable[[], nn.Module]


def count_costs(candidates: Sequence[Candidate], conventions: Sequence[Convention], tell: Listener) -> DataFrame:
    """A row per network, in plain units: params…, convolutions, <convention>.flops_720p and so on, notes."""
    rows = []
    for done, one in enumerate(candidates):
        tell(f"counts {one.name}", done, len(candidates))
        params = cost.parameters(one.on_meta)
        row: dict[str, int | str] = {"model": one.name, "scale": one.scale}
        row |= {"params": params.trainable, "params_frozen": params.frozen, "params_dead": _dead(one)}
        rows.append(row | _counts(one.on_meta, one.scale, conventions))
    tell("counts", len(candidates), len(candidates))
    return DataFrame(rows).convert_dtypes()


def measure_loads(
    candidates: Sequence[Candidate], size: int, batches: Sequence[int], device: str, tell: Listener
) -> DataFrame:
    """A row per network and batch size, on LR of `size` pixels a side: the fields of cost.Latency, peak_memory_mb and
    memory_of; empty from the first batch on that does not fit into the device's memory."""
    rows: list[dict[str, Any]] = []
    for one in candidates:
        loads = _loads(one.build().to(device).to(memory_format=torch.channels_last), size, batches)
        for batch in batches:
            tell(f"times {one.name}, batch {batch}", len(rows), len(candidates) * len(batches))
            rows.append({"model": one.name, "scale": one.scale, "batch": batch} | next(loads, {}))
    tell("times", len(rows), len(rows))
    columns = ["model", "scale", *(field.name for field in fields(Latency)), "peak_memory_mb", "memory_of"]
    return DataFrame(rows, columns=columns).convert_dtypes()


def _dead(candidate: Candidate) -> int:
    try:
        return sum(cost.dead_parameters(candidate.on_meta).values())
    except NotImplementedError:  # it looks at values, which its copy on meta has not
        return sum(cost.dead_parameters(candidate.build()).values())


def _counts(model: nn.Module, scale: int, conventions: Sequence[Convention]) -> dict[str, int | str]:
    try:
        found = {key: cost.complexity(model, *size) for key, size in cost.standard_inputs(scale).items()}
    except ValueError as error:
        return {"notes": f"FLOPs and memory are not known: {error}"}
    row: dict[str, int | str] = {"convolutions": found["256"].convolutions}
    for convention in conventions:
        for key, complexity in found.items():
            count = complexity.counts[convention]
            row[f"{convention}.flops_{key}"] = count.flops
            if count.activations is not None:
                row[f"{convention}.activations_{key}"] = count.activations
    notes = {
        "operators that no table knows, taken for zero": found["256"].unknown,
        "counted here, taken for zero by fvcore itself": found["256"].beyond_fvcore,
    }
    return row | {"notes": "; ".join(f"{note}: {', '.join(names)}" for note, names in notes.items() if names)}


def _loads(model: nn.Module, size: int, batches: Sequence[int]) -> Iterator[dict[str, Any]]:
    """One for each batch, up to the first that does not fit."""
    try:
        for latency in cost.latencies(model, size, size, batches, at_least=PASSES):
            yield asdict(latency) | _memory(model, size, latency.batch)
    except torch.OutOfMemoryError:
        return


def _memory(model: nn.Module, size: int, batch: int) -> dict[str, Any]:
    try:
        memory = cost.peak_memory(model, size, size, batch)
    except ValueError:  # the note on its FLOPs gives the reason
        return {}
    return {"peak_memory_mb": round(memory.bytes / 2**20, 3), "memory_of": memory.source}
