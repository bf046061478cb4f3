"""A network with its weights as one file, and the proof that the file gives the same picture."""

import copy
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.export import Dim, ExportedProgram

from srbench.core.errors import UserError
from srbench.data.pairs import ImagePair
from srbench.evaluation.inference import sound_sr
from srbench.evaluation.onnx_files import NEEDED, Lower, OnnxFile, write_lower
from srbench.evaluation.precision_cost import Network, Taken, precision_cost
from srbench.models.traits import image_channels_of, traits_of

TOLERANCE = 1e-4  # of white, or of the largest value: some networks make ten times as much of noise
FORMS = (".safetensors", ".pt2", ".onnx")
FIXED = 256  # pixels a side, where a network cannot be written for any size
LARGEST = 1 << 14


@dataclass(frozen=True)
class Lowering:
    """To a lower `precision`: the ranges of activations are found on `calibration`, and what it costs is measured on
    `pairs`, which are called `measured_on`."""

    precision: Lower
    calibration: Sequence[ImagePair]
    pairs: Sequence[ImagePair]
    measured_on: str


def check_export_place(out: Path, precision: str = "32") -> None:
    """Raises UserError for a file that cannot be exported to: of another form, of one that has no such precision, or in
    no folder."""
    if out.suffix not in FORMS:
        raise UserError(f"export: {out}: the suffix says the form: {', '.join(FORMS)}")
    if precision != "32" and out.suffix != ".onnx":
        raise UserError(f"export: {out}: precision={precision} is for .onnx files; the others are float32")
    if not out.parent.is_dir():
        raise UserError(f"export: {out}: no such folder: {out.parent}")


def export(
    model: nn.Module,
    name: str,
    config: Mapping[str, Any],
    out: Path,
    size: int | None,
    lowering: Lowering | None = None,
) -> str:
    """Writes `model`, in eval mode on the CPU, to `out`, and returns one line on it.

    `.safetensors`: the weights under our names, the model's `config` in the metadata. `.pt2` (torch.export) and
    `.onnx`: float32, input `lr` (1, 3, H, W) in [0, 1], output `sr`; for any H and W, or for those of `size` alone,
    also where torch cannot write the network for any. The file appears once it gives the same picture, within 1e-4 of 1
    or of its largest value; with `lowering` that file is written in lower precision and run, and the line says what it
    costs.
    Raises UserError otherwise, for a place as `check_export_place`, and without the packages that ONNX needs.
    """
    check_export_place(out)
    partial = out.with_name(f".{uuid4().hex}{out.suffix}")
    try:
        network, size = _write(model, config, partial, size)
        error = _difference(model, network, [size] if size else [64, 73])
        if not error <= TOLERANCE:
            raise UserError(f"export: {out.suffix} gives another picture than {name}, by {error:.2g}; not written")
        told = f"the same picture within {error:.1g}"
        if lowering:
            told = _lowered(model, partial, size, lowering)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    shape = f"LR of {size}×{size} only" if size else "LR of any size"
    return f"{out}: {name} ×{model.scale}, {shape}; {told}"


def _lowered(model: nn.Module, path: Path, size: int | None, lowering: Lowering) -> str:
    """Writes the file again in lower precision, and returns what that costs."""
    taken = Taken(size, traits_of(model).multiple)
    write_lower(path, path, lowering.precision, [taken.input(pair.read()[0]) for pair in lowering.calibration])
    cost = precision_cost(model, OnnxFile(path), lowering.pairs, size)
    part = f", of at most {size}×{size} pixels of each LR" if size else ""
    change = f"{round(cost.after - cost.before, 2) + 0.0:+.2f}".replace("-", "−")  # no −0.00
    return (
        f"{lowering.precision}: {cost.same:.1f} dB from its picture in float32; PSNR-Y on {lowering.measured_on}{part} "
        f"{cost.before:.2f} → {cost.after:.2f} dB ({change})"
    )


def _write(model: nn.Module, config: Mapping[str, Any], path: Path, size: int | None) -> tuple[Network, int | None]:
    """Writes the file; returns what it computes when read back, and the one size that it is for, if any."""
    if path.suffix == ".safetensors":
        tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        save_file(tensors, path, {"model": json.dumps(config)})
        return _again(model, path), None
    program = None if size else _traced_for_any_size(model)
    if program is None:
        size = size or FIXED
        program = _traced(model, size, None)
    with warnings.catch_warnings(action="ignore"):  # the exporters' own, on what they use
        return _as_pt2(program, path) if path.suffix == ".pt2" else _as_onnx(program, path), size


def _again(model: nn.Module, path: Path) -> nn.Module:
    """Another of its kind that has nothing but the weights in `path`."""
    again = copy.deepcopy(model)
    with torch.no_grad():
        for tensor in again.state_dict().values():
            tensor.zero_()
    again.load_state_dict(load_file(path))
    return again


def _traced_for_any_size(model: nn.Module) -> ExportedProgram | None:
    """None where torch cannot: an adaptive pooling, say, takes its output's size from one input."""
    least = max(16, traits_of(model).smallest_input)
    sides = {2: Dim("height", min=least, max=LARGEST), 3: Dim("width", min=least, max=LARGEST)}
    try:
        return _traced(model, 4 * least, (sides,))
    except UserError:
        return None


def _traced(model: nn.Module, size: int, sides: tuple[Any, ...] | None) -> ExportedProgram:
    try:
        with warnings.catch_warnings(action="ignore"):
            lr = torch.rand(1, image_channels_of(model), size, size)
            return torch.export.export(model, (lr,), dynamic_shapes=sides)
    except Exception as error:  # whatever stops torch's tracer
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"export: torch cannot trace {type(model).__name__}: {reason}") from error


def _as_pt2(program: ExportedProgram, path: Path) -> Network:
    torch.export.save(program, path)
    network: Network = torch.export.load(path).module()
    return network


def _as_onnx(program: ExportedProgram, path: Path) -> Network:
    try:
        import onnxscript  # noqa: F401  torch's exporter imports it
    except ImportError:
        raise UserError(f"export: .onnx {NEEDED}") from None
    torch.onnx.export(program, (), path, external_data=False, verbose=False, input_names=["lr"], output_names=["sr"])
    return OnnxFile(path)


def _difference(model: nn.Module, network: Network, sizes: list[int]) -> float:
    """The largest one over random images, square and not, in units of 1 or of the picture's largest value."""
    worst = 0.0
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        for height in sizes:
            size = traits_of(model).size_for(height, sizes[0])
            lr = torch.rand(1, image_channels_of(model), *size, generator=generator)
            sr = sound_sr(model, lr)
            worst = max(worst, ((sr - network(lr)).abs().max() / sr.abs().max().clamp(min=1)).item())
    return worst
