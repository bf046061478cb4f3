"""The verbs that put a trained network to use: upscale and export."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch

from srbench.cli.output_files import Failures, output_files
from srbench.cli.verbs import ExportVerb, UpscaleVerb
from srbench.core import hardware
from srbench.core.errors import UserError
from srbench.core.harmless import visible
from srbench.core.pixel_limit import check_pixels
from srbench.core.progress import bar
from srbench.data.benchmark_sets import evaluation_set
from srbench.data.images import read_stored, write_image
from srbench.data.pairs import ImagePair
from srbench.evaluation import export
from srbench.evaluation.inference import SuperResolver, check_size
from srbench.evaluation.onnx_files import Lower
from srbench.experiments.checks import check_inference
from srbench.experiments.compose import compose_run, ready_model
from srbench.experiments.inputs import validation_pairs
from srbench.experiments.spec import RunSpec
from srbench.models.traits import image_channels_of


def upscale_images(asked: UpscaleVerb) -> bool:
    """Writes what a network makes of an image, or of each image of a folder, and prints a line for each; False where
    one of several could not be read or upscaled. Raises UserError for one alone, and where nothing can be written."""
    jobs = output_files("upscale", asked.source, asked.target, [".png"], bits=16)
    run = compose_run([*asked.config])
    device, stdout, failures = hardware.pick_device(run.device), sys.stdout, Failures(len(jobs))
    torch.set_num_threads(hardware.threads(run.threads))
    with bar("upscale") as tell:
        model = ready_model(run, tell).to(device).to(memory_format=torch.channels_last)
        check_inference(run, model, "upscale: ")
        resolver, channels = SuperResolver(model, device, run.evaluation.inference), image_channels_of(model)
        for number, (file, out) in enumerate(jobs, 1):
            sr = None
            with failures.told():
                lr = read_stored(file, channels)
                check_size(model, lr, file)
                check_pixels(out, lr.shape[0] * run.scale, lr.shape[1] * run.scale)
                sr = resolver(lr, tell=partial(tell, f"{file.name} ({number} of {len(jobs)})"))
            if sr is None:
                continue
            _write(out, sr)
            tile = resolver.tile(*lr.shape[:2])
            tiles = f", in tiles of at most {tile} pixels of LR that overlap by {resolver.overlap}" if tile else ""
            line = f"{out}: {sr.shape[1]}×{sr.shape[0]}{tiles}"
            # While a bar is shown, sys.stdout is rich's and writes to the terminal, wherever the output goes.
            print(visible(line), file=sys.stdout if stdout.isatty() else stdout)
    return failures.none("upscale")


def export_network(asked: ExportVerb) -> bool:
    """Writes the network and prints a line on the file."""
    export.check_export_place(asked.target, asked.precision)
    run = compose_run([*asked.config])
    lowering = None if asked.precision == "32" else _lowering(run, asked.precision)
    with bar(f"exports {run.name}") as tell:
        model = ready_model(run, tell)
        if lowering and image_channels_of(model) != 3:
            told = f"is tried on photographs in colour, and model={run.name} takes images of one channel"
            raise UserError(f"export: precision={asked.precision} {told}; use precision=32")
        print(export.export(model, run.name, run.config["model"], asked.target, asked.size, lowering))
    return True


def _lowering(run: RunSpec, precision: Lower) -> export.Lowering:
    """Calibrated on the photographs that the run trains on, the bundled ones; measured on Set5 where it is."""
    calibration = [ImagePair(file.stem, file, None, run.scale) for file in run.data.train_files()]
    set5 = evaluation_set("set5", run.places.data_root, run.scale)
    if set5:
        return export.Lowering(precision, calibration, set5.pairs, "Set5")
    told = f"the bundled photographs (no Set5 in {run.places.data_root})"
    return export.Lowering(precision, calibration, validation_pairs(run), told)


def _write(out: Path, sr: np.ndarray) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_image(out, sr)
    except OSError as error:
        raise UserError(f"upscale: cannot write {out}: {error.strerror or error}") from error
