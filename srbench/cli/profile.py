"""The verb `profile`: what models cost, side by side, without data, training or weights."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pandas as pd
import torch
from pandas import DataFrame
from torch import nn

from srbench.core import hardware, progress
from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.core.suggest import did_you_mean
from srbench.experiments.preflight import run_threads
from srbench.experiments.presets import compose_run
from srbench.experiments.spec import PlannedRun, build, build_on_meta, override_key, scales_that_build
from srbench.metrics import cost
from srbench.metrics.flops import Convention

CONVENTIONS: tuple[Convention, ...] = get_args(Convention)
RULES = {
    "fvcore": "a multiply-add is one FLOP; normalisation and resizing by fvcore's estimates",
    "ntire": "a multiply-add is one FLOP; batch norm takes 2 an element, ReLU and its kin 1; convolutions' activations",
    "classsr": "a multiply-add is two FLOPs, nothing else takes any; no activations",
}
OVERCOUNT = (
    "ntire and classsr take a transposed convolution at its output's positions: stride² times what it multiplies"
)
DEFAULTS = {
    "model": "",
    "scale": "",
    "cost": "fvcore",
    "batch": "1,2,4,8,16",
    "size": "128",
    "latency": "true",
    "out": "",
}
OF_THE_CONFIG = ("device", "threads")  # and model.…: handed to Hydra
PASSES = 3  # at least, however long they take


@dataclass(frozen=True)
class Request:
    """What a command line asks for. `scale`: None where it is left open; `overrides`: words for the config."""

    models: list[str]
    scale: int | None
    conventions: list[Convention]
    batches: list[int]
    size: int
    latency: bool
    out: Path | None
    overrides: list[str]


class Candidate(NamedTuple):
    """A model to profile: the run that describes it, and itself on the meta device."""

    run: PlannedRun
    model: Any


def profile(words: list[str]) -> None:
    """Prints what models cost, then how long they take; writes both to `out`. Raises UserError for wrong words."""
    asked = parse(words)
    found = compose_models(asked)
    config = found[0].run.config
    device = hardware.pick_device(config.device)
    torch.set_num_threads(run_threads(config.threads))
    if asked.latency:
        for candidate in found:
            _check_size(asked.size, candidate.run.name, candidate.model)
    table = _costs(found, asked.conventions)
    print(cost_text(table, asked.conventions))
    if asked.latency:
        loads = _loads([candidate.run for candidate in found], asked, device)
        print(f"\n{load_text(loads, asked.size, device)}")
        table = table.merge(loads, how="left", on=["model", "scale"])
    if asked.out:
        _write(table, asked.out)


def parse(words: list[str]) -> Request:
    """The request of `key=value` words. Raises UserError for one that is none, and for what cannot be measured."""
    given, overrides = dict(DEFAULTS), []
    for word in words:
        key, equals, value = word.partition("=")
        if key in OF_THE_CONFIG or override_key(word).startswith("model."):
            overrides.append(word)
        elif not equals:
            raise UserError(f"profile: {word}: not of the form key=value")
        elif key in DEFAULTS:
            given[key] = value
        else:
            raise UserError(f"profile: {key}=: no such key{did_you_mean(key, [*DEFAULTS, *OF_THE_CONFIG])}")
    if not all(given["model"].split(",")):
        raise UserError("profile: model=: must be given; e.g. python -m srbench profile model=carn,mossnet")
    if given["latency"] not in ("true", "false"):
        raise UserError(f"profile: latency={given['latency']}: true or false")
    out = Path(given["out"]) if given["out"] else None
    if out and not out.parent.is_dir():
        raise UserError(f"profile: out={out}: no such folder: {out.parent}")
    return Request(
        models=list(dict.fromkeys(given["model"].split(","))),
        scale=_number("scale", given["scale"]) if given["scale"] else None,
        conventions=_conventions(given["cost"].split(",")),
        batches=[_number("batch", text) for text in given["batch"].split(",")],
        size=_number("size", given["size"]),
        latency=given["latency"] == "true",
        out=out,
        overrides=overrides,
    )


def _number(key: str, text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise UserError(f"profile: {key}={text}: a number from 1 on")
    return int(text)


def _conventions(names: list[str]) -> list[Convention]:
    for name in names:
        if name not in (*CONVENTIONS, "all"):
            raise UserError(f"profile: cost={name}: no such convention{did_you_mean(name, [*CONVENTIONS, 'all'])}")
    return [name for name in CONVENTIONS if name in names or "all" in names]


def compose_models(asked: Request) -> list[Candidate]:
    """Each preset as Hydra composes it, at the scale asked for, else at the one nearest to the default that it has.

    A model that lacks the scale asked for is skipped with a line. Raises UserError where this leaves none.
    """
    words = [*asked.overrides, *([f"scale={asked.scale}"] if asked.scale else [])]
    found, skipped = [], []
    for run in [compose_run([f"model={name}", *words]) for name in asked.models]:
        try:
            found.append(Candidate(run, _built(run, asked.scale)))
        except UserError as error:
            if not asked.scale or not scales_that_build(run):
                raise
            skipped.append(str(error))
    if not found:
        raise UserError(f"profile: scale={asked.scale}: {'; '.join(skipped)}")
    for line in skipped:
        progress.console.print(f"skipped: {line}")
    return found


def _built(run: PlannedRun, scale: int | None) -> Any:
    """The run's model on meta; where no `scale` is asked for, the run is left at one that it can be built for."""
    try:
        return build_on_meta(run)
    except UserError:
        scales = scales_that_build(run)
        if scale or not scales or run.config.scale in scales:
            raise
        run.config.scale = min(scales, key=lambda scale: abs(scale - run.config.scale))
        return build_on_meta(run)


def _check_size(size: int, name: str, model: Any) -> None:
    smallest, multiple = getattr(model, "smallest_input", 1), getattr(model, "input_multiple", 1)
    if size < smallest or size % multiple:
        steps = f", in multiples of {multiple}" if multiple > 1 else ""
        raise UserError(f"profile: size={size}: model={name} takes {smallest} pixels or more{steps}")


def _costs(found: list[Candidate], conventions: list[Convention]) -> DataFrame:
    """A row per model, in plain units: params…, convolutions, <convention>.flops_720p and so on, notes."""
    rows = []
    with progress.bar("profile") as tell:
        for done, (run, model) in enumerate(found):
            tell(f"counts {run.name}", done, len(found))
            params = cost.parameters(model)
            row = {"model": run.name, "scale": run.config.scale}
            row |= {"params": params.trainable, "params_frozen": params.frozen, "params_dead": _dead(run, model)}
            rows.append(row | _counts(model, run.config.scale, conventions))
        tell("counts", len(found), len(found))
    return DataFrame(rows).convert_dtypes()


def _dead(run: PlannedRun, model: nn.Module) -> int:
    try:
        return sum(cost.dead_parameters(model).values())
    except NotImplementedError:  # it looks at values, which its copy on meta has not
        return sum(cost.dead_parameters(build(run.config.model, f"model={run.name}")).values())


def _counts(model: nn.Module, scale: int, conventions: list[Convention]) -> dict[str, int | str]:
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


def _loads(runs: list[PlannedRun], asked: Request, device: str) -> DataFrame:
    """A row per model and batch size: the fields of cost.Latency, peak_memory_mb, memory_of."""
    rows: list[dict[str, Any]] = []
    with progress.bar("profile") as tell:
        for run in runs:
            model = build(run.config.model, f"model={run.name}").to(device).to(memory_format=torch.channels_last)
            latencies = cost.latencies(model, asked.size, asked.size, asked.batches, at_least=PASSES)
            for batch in asked.batches:
                tell(f"times {run.name}, batch {batch}", len(rows), len(runs) * len(asked.batches))
                measured = _load(latencies, model, asked.size, batch)
                rows.append({"model": run.name, "scale": run.config.scale, "batch": batch} | measured)
        tell("times", len(rows), len(rows))
    columns = ["model", "scale", *(field.name for field in fields(cost.Latency)), "peak_memory_mb", "memory_of"]
    return DataFrame(rows, columns=columns).convert_dtypes()


def _load(latencies: Iterator[cost.Latency], model: nn.Module, size: int, batch: int) -> dict[str, Any]:
    """Empty where the batch, or one before it, does not fit into the device's memory."""
    try:
        measured = next(latencies, None)
        memory = cost.peak_memory(model, size, size, batch) if measured else None
    except torch.OutOfMemoryError:
        return {}
    except ValueError:  # the note on its FLOPs gives the reason
        memory = None
    found = asdict(measured) if measured else {}
    return found | ({"peak_memory_mb": round(memory.bytes / 2**20, 3), "memory_of": memory.source} if memory else {})


def cost_text(costs: DataFrame, conventions: list[Convention]) -> str:
    """A table for a terminal, a line per model and convention, and below it what the conventions count."""
    rows = [_cost_line(row, name, conventions) for row in _records(costs) for name in conventions]
    if not costs.params_dead.any():
        rows = [{title: text for title, text in row.items() if title != "dead"} for row in rows]
    lines = [f"{convention}: {RULES[convention]}" for convention in conventions]
    if conventions != ["fvcore"]:
        lines.append(OVERCOUNT)
    lines.append("720p: ⌊720/scale⌋×⌊1280/scale⌋ pixels of LR; 256²: 256×256 pixels of LR")
    lines += [f"{row['model']}: {row['notes']}" for row in _records(costs) if row["notes"]]
    return "\n".join([_aligned(rows), "", *lines])


def _cost_line(row: dict[str, Any], convention: Convention, conventions: list[Convention]) -> dict[str, str]:
    line = {"model": row["model"], "scale": f"×{row['scale']}", "params": f"{row['params']:,}"}
    line |= {"dead": f"{row['params_dead']:,}", "convention": convention}
    for key, title in (("720p", "720p"), ("256", "256²")):
        flops = row.get(f"{convention}.flops_{key}")
        line[f"FLOPs {title} (G)"] = _figure(flops, 1e9)
        if "fvcore" in conventions and len(conventions) > 1:
            base = row.get(f"fvcore.flops_{key}")
            line[f"vs fvcore {title}"] = _difference(flops, base) if convention != "fvcore" else ""
        line[f"act. {title} (M)"] = _figure(row.get(f"{convention}.activations_{key}"), 1e6)
    if "ntire" in conventions:
        line["convs"] = _figure(row.get("convolutions"), digits=0) if convention == "ntire" else ""
    return line


def load_text(loads: DataFrame, size: int, device: str) -> str:
    """A table for a terminal, a line per model and batch size, and below it how it was measured."""
    rows = []
    for row in _records(loads):
        low, median, high = (_figure(row[f"{name}_ms"], digits=3) for name in ("q10", "median", "q90"))
        line = {"model": row["model"], "scale": f"×{row['scale']}", "batch": str(row["batch"]), "median (ms)": median}
        line |= {"10–90 % (ms)": f"{low}–{high}", "per image (ms)": _figure(row["median_ms"], row["batch"], digits=3)}
        rows.append(line | {"peak memory (MiB)": _figure(row["peak_memory_mb"], digits=4)})
    memory = "what torch's allocator gave out" if device.startswith("cuda") else "tensors alive at once, no workspaces"
    where = f"{hardware.describe_device(device)}, threads {torch.get_num_threads()}"
    lines = [f"latency: {size}×{size} pixels of LR, float32, channels last, untrained weights; {where}"]
    lines.append(f"memory: {memory}; weights and input included")
    if loads.median_ms.isna().any():
        lines.append("–: the device's memory is too small for the batch")
    return "\n".join([_aligned(rows), "", *lines])


def _records(table: DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _figure(value: Any, unit: float = 1, digits: int = 5) -> str:
    """At least the integer part; – for what is missing."""
    if value is None or pd.isna(value):
        return "–"
    decimals = max(0, digits - len(str(int(value / unit)))) if value else 0
    return f"{value / unit:,.{decimals}f}"


def _difference(flops: Any, base: Any) -> str:
    if not base or pd.isna(base):
        return "–"
    return f"{round(100 * (flops / base - 1), 2) + 0.0:+.2f} %".replace("-", "−")  # no −0.00


def _aligned(rows: list[dict[str, str]]) -> str:
    table = DataFrame(rows)
    for title in ("model", "convention"):
        if title in table:
            table[title] = table[title].str.ljust(table[title].str.len().max())
    return table.to_string(index=False)


def _write(table: DataFrame, out: Path) -> None:
    try:
        write_file(out, table.to_csv(index=False, float_format="%.6g").encode())
    except OSError as error:
        raise UserError(f"profile: cannot write {out}: {error.strerror}") from error
    print(f"profile: {out}")
