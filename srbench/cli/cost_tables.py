"""What networks cost, as tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from pandas import DataFrame

from srbench.core import hardware
from srbench.evaluation.model_costs import ONNXRUNTIME
from srbench.metrics.flops import Convention

RULES = {
    "fvcore": "a multiply-add is one FLOP; normalisation and resizing by fvcore's estimates",
    "ntire": "a multiply-add is one FLOP; batch norm takes 2 an element, ReLU and its kin 1; convolutions' activations",
    "classsr": "a multiply-add is two FLOPs, nothing else takes any; no activations",
}
OVERCOUNT = (
    "ntire and classsr take a transposed convolution at its output's positions: stride² times what it multiplies"
)


def cost_text(costs: DataFrame, conventions: Sequence[Convention]) -> str:
    """A table for a terminal, a line per model and convention, and below it what the conventions count."""
    rows = [_cost_line(row, name, conventions) for row in _records(costs) for name in conventions]
    needless = {"dead"} if not costs.params_dead.fillna(1).any() else set()
    if not (1000 * costs.params_frozen > costs.params).any():  # 24 of a mean shift do not matter
        needless.add("frozen")
    rows = [{title: text for title, text in row.items() if title not in needless} for row in rows]
    lines = [f"{convention}: {RULES[convention]}" for convention in conventions]
    if {*conventions} != {"fvcore"}:
        lines.append(OVERCOUNT)
    lines.append("720p: ⌊720/scale⌋×⌊1280/scale⌋ pixels of LR; 256²: 256×256 pixels of LR")
    lines += [f"{row['model']}: {row['notes']}" for row in _records(costs) if row["notes"]]
    return "\n".join([_aligned(rows), "", *lines])


def _cost_line(row: dict[str, Any], convention: Convention, conventions: Sequence[Convention]) -> dict[str, str]:
    line = {"model": row["model"], "scale": f"×{row['scale']}", "params": f"{row['params']:,}"}
    line |= {title: _text(row.get(f"params_{title}"), ",") for title in ("frozen", "dead")}
    line["convention"] = convention
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


def load_line(load: Mapping[str, Any]) -> str:
    """What is known of one network and batch size, as soon as it is."""
    median = load.get("median_ms")
    told = "does not fit into the device's memory" if median is None else f"{_figure(median, digits=3)} ms"
    return f"{load['model']} ×{load['scale']}, batch {load['batch']}: {told}"


def load_text(loads: DataFrame, size: int, device: str) -> str:
    """A table for a terminal, a line per model and batch size, and below it how it was measured."""
    rows, layouts = [], sorted({str(one) for one in loads.memory_format.dropna()})
    for row in _records(loads):
        low, median, high = (_figure(row[f"{name}_ms"], digits=3) for name in ("q10", "median", "q90"))
        line = {"model": row["model"], "scale": f"×{row['scale']}", "batch": str(row["batch"]), "median (ms)": median}
        line |= {"10–90 % (ms)": f"{low}–{high}", "per image (ms)": _figure(row["median_ms"], row["batch"], digits=3)}
        line["peak memory (MiB)"] = _figure(row["peak_memory_mb"], digits=4)
        rows.append(line | ({"layout": _text(row["memory_format"])} if len(layouts) > 1 else {}))
    memory = "what torch's allocator gave out" if device.startswith("cuda") else "tensors alive at once, no workspaces"
    where = f"{hardware.describe_device(device)}, threads {torch.get_num_threads()}"
    layout = " or ".join(layouts) or "–"
    lines = [f"latency: {size}×{size} pixels of LR, float32, memory layout {layout}, untrained weights; {where}"]
    if files := [str(row["model"]) for row in _records(loads) if row["runtime"] == ONNXRUNTIME]:
        here = f"{hardware.describe_device('cpu')}, threads {torch.get_num_threads()}"
        lines.append(f"{', '.join(files)}: by onnxruntime, in the file's precision, with its weights; {here}")
    lines.append(f"memory: {memory}; weights and input included")
    if loads.median_ms.isna().any():
        lines.append("–: the device's memory is too small for the batch")
    return "\n".join([_aligned(rows), "", *lines])


def _records(table: DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _text(value: Any, form: str = "") -> str:
    return "–" if value is None or pd.isna(value) else f"{value:{form}}"


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
