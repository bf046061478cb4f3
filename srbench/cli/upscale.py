"""The verb `upscale`: image files through a network, to PNG files."""

import re
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch

from srbench.core import hardware
from srbench.core.errors import UserError
from srbench.core.progress import bar, console
from srbench.core.suggest import did_you_mean
from srbench.data.images import image_files, read_image, replace_image
from srbench.evaluation.inference import SuperResolver, check_size
from srbench.experiments.preflight import inference, run_threads
from srbench.experiments.presets import compose_run, ready_model

OF_THE_CONFIG = ("model", "checkpoint", "scale", "device", "threads", "weights_dir")
OF_EVAL = ("tile", "overlap", "memory_gb", "self_ensemble")


def upscale(words: list[str]) -> None:
    """Writes what a network makes of an image, or of each image of a folder, and prints a line for each.

    Raises UserError for wrong words, and for the first image that cannot be read, written or upscaled.
    """
    places, config_words = parse(words)
    jobs = pairs(*places)
    run = compose_run(config_words)
    device, stdout = hardware.pick_device(run.config.device), sys.stdout
    torch.set_num_threads(run_threads(run.config.threads))
    with bar("upscale") as tell:
        model = ready_model(run, tell).to(device).to(memory_format=torch.channels_last)
        resolver = SuperResolver(model, device, inference(run, model, "upscale: "))
        for number, (file, out) in enumerate(jobs, 1):
            lr = read_image(file)
            check_size(model, lr, file)
            sr = resolver(lr, tell=partial(tell, f"{file.name} ({number} of {len(jobs)})"))
            _write(out, sr)
            tile = resolver.tile(*lr.shape[:2])
            tiles = f", in tiles of at most {tile} pixels of LR that overlap by {resolver.overlap}" if tile else ""
            line = f"{out}: {sr.shape[1]}×{sr.shape[0]}{tiles}"
            # While a bar is shown, sys.stdout is rich's and writes to the terminal, wherever the output goes.
            print(line, file=sys.stdout if stdout.isatty() else stdout)


def parse(words: list[str]) -> tuple[list[Path], list[str]]:
    """IN and OUT, and the words for the config. Raises UserError for unknown keys and for too few words or too many."""
    places, config_words = [], []
    for word in words:
        key, equals, _ = word.partition("=")
        if equals and (key in OF_THE_CONFIG or re.match(r"\+?model\.", key)):
            config_words.append(word)
        elif equals and key in OF_EVAL:
            config_words.append(f"eval.{word}")
        elif equals and key.isidentifier():
            raise UserError(f"upscale: {key}=: no such key{did_you_mean(key, [*OF_THE_CONFIG, *OF_EVAL])}")
        else:
            places.append(Path(word).expanduser())
    if len(places) != 2:
        raise UserError(f"upscale: IN and OUT are needed, here are {len(places)} places; see upscale --help")
    if not any(word.startswith(("model=", "model._target_=")) for word in config_words):
        raise UserError("upscale: model=: must be given; e.g. python -m srbench upscale IN OUT model=bicubic")
    return places, config_words


def pairs(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Each image of `source` and its PNG file; for one image `target` may be that file, else it is a folder.

    What lies beside the images of a folder is named on stderr. Raises UserError where files would be overwritten that
    were read, or written before.
    """
    if source.is_dir():
        files = image_files(source)
        for path in sorted(source.iterdir()):
            if path not in files and not path.name.startswith("."):
                console.print(f"skipped: {path}: no image")
    elif source.exists():
        files = [source]
    else:
        raise UserError(f"upscale: {source}: no such image or folder")
    single = not source.is_dir() and not target.is_dir() and target.suffix != ""
    if single and target.suffix.lower() != ".png":
        raise UserError(f"upscale: {target}: PNG files are written; name one, or a folder")
    outs: dict[Path, Path] = {}
    for file in files:
        out = target if single else target / f"{file.stem}.png"
        if out in outs:
            raise UserError(f"upscale: {outs[out]} and {file.name} would both become {out}; rename one")
        if out.resolve() == file.resolve():
            raise UserError(f"upscale: {file}: would be overwritten; give another OUT")
        outs[out] = file
    return [(file, out) for out, file in outs.items()]


def _write(out: Path, sr: np.ndarray) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        replace_image(out, sr)
    except OSError as error:
        raise UserError(f"upscale: cannot write {out}: {error.strerror or error}") from error
