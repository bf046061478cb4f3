"""ONNX files of networks: run by onnxruntime on the CPU, and written again in lower precision."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from srbench.core.errors import UserError

Lower = Literal["fp16", "int8"]
NEEDED = "needs packages; install them with: pip install 'srbench[export]'"


class OnnxFile:
    """Callable: LR (1, 3, H, W) in [0, 1] → SR, by onnxruntime on the CPU with as many threads as torch has.

    `side`: the one side of LR that the file takes, None where it takes any. UserError for a file that onnxruntime
    cannot read, for one that takes or gives something else, and without onnxruntime.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise UserError(f"{path}: onnxruntime reads it, which {NEEDED}") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors; it warns of every constant that it folds
        self.path = path
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own classes, which it does not name
            told = " ".join(str(error).split())[:200]
            raise UserError(f"{path}: onnxruntime cannot read it ({told})") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shapes = [one.shape for one in (*inputs, *outputs)]
        if (
            len(inputs) != 1
            or len(outputs) != 1
            or any(len(shape) != 4 or shape[1] not in (1, 3, "C") for shape in shapes)
        ):
            raise UserError(f"{path}: takes and gives other than images (N, 3, H, W) or (N, 1, H, W): {shapes}")
        if inputs[0].type != "tensor(float)":
            raise UserError(f"{path}: takes {inputs[0].type}, not float32")
        sides = [side if isinstance(side, int) else None for side in shapes[0][2:]]
        if sides[0] != sides[1]:
            raise UserError(f"{path}: takes LR of {shapes[0][2]}×{shapes[0][3]}, which is not square")
        self.name, self.side = inputs[0].name, sides[0]
        self.image_channels = shapes[0][1] if isinstance(shapes[0][1], int) else 3

    def __call__(self, lr: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(self._session.run(None, {self.name: lr.numpy()})[0]))


def write_lower(source: Path, target: Path, precision: Lower, images: Sequence[Tensor]) -> None:
    """Writes the float32 file `source` again, so that it takes and gives float32 as before.

    `fp16`: weights and arithmetic in half precision. `int8`: onnxruntime's static quantisation, QDQ, int8 for weights
    (a scale for each output channel) and activations, whose ranges are those that `images`, LR (1, 3, H, W), reach.
    """
    with _without_remarks():
        if precision == "fp16":
            import onnx
            from onnxruntime.transformers.float16 import convert_float_to_float16

            onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)
            return
        from onnxruntime.quantization import quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        with TemporaryDirectory() as folder:
            simplified = Path(folder) / source.name
            quant_pre_process(str(source), str(simplified))
            quantize_static(simplified, target, _Reader(images), per_channel=True)


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Without onnxruntime's own, of values below what half precision holds, say, or of weights without channels."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)


class _Reader:
    """onnxruntime's CalibrationDataReader, by its one method."""

    def __init__(self, images: Sequence[Tensor]) -> None:
        self._images: Iterator[Tensor] = iter(images)

    def get_next(self) -> dict[str, Any] | None:
        image = next(self._images, None)
        return None if image is None else {"lr": image.numpy()}
