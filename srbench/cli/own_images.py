"""The verbs on images that somebody has, which need no network: resize and score."""

import math
from pathlib import Path

import numpy as np

from srbench.cli.output_files import Failures, output_files, tell_unread
from srbench.cli.verbs import ResizeVerb, ScoreVerb
from srbench.core import progress
from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.core.harmless import cells_of, visible
from srbench.core.pixel_format import RGB8, Bits
from srbench.core.pixel_limit import check_pixels
from srbench.data.images import DEEP, WRITTEN, read_image, read_stored, write_image
from srbench.data.resize import imresize
from srbench.metrics.protocol import protocol_named
from srbench.metrics.table import members


def resize_images(asked: ResizeVerb) -> bool:
    """Resizes the image, or each of the folder, and prints a line for each; False where one of several failed.
    UserError for one alone, and where nothing can be written."""
    bits: Bits = 8 if asked.target.suffix.lower() in WRITTEN.keys() - {*DEEP} else 16
    jobs = output_files("resize", asked.source, asked.target, list(WRITTEN), bits)
    failures = Failures(len(jobs))
    for file, out in jobs:
        resized = None
        with failures.told():
            resized = _resized(file, out, asked, bits)
        if resized is None:
            continue
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_image(out, resized)
        except (OSError, ValueError) as error:
            raise UserError(f"resize: cannot write {out}: {error}") from error
        print(visible(f"{out}: {resized.shape[1]}×{resized.shape[0]}"))
    return failures.none("resize")


def _resized(file: Path, out: Path, asked: ResizeVerb, bits: Bits) -> np.ndarray:
    image = read_image(file) if bits == 8 else read_stored(file)
    check_pixels(out, *(math.ceil(length * asked.scale) for length in image.shape[:2]))
    try:
        return imresize(image, asked.scale, asked.edge)
    except ValueError as error:
        raise UserError(f"resize: {file}: {error}") from error


def score_images(asked: ScoreVerb) -> bool:
    """Prints the scores, their means and why some are missing; writes the scores to `out`."""
    import pandas as pd

    from srbench.evaluation.sr_files import form_of_pair, score_files, score_pairs
    from srbench.metrics.scorer import check_metrics, make_scorer

    metrics = members(asked.metrics)
    check_metrics(metrics, "score: metrics={}")
    scorer = make_scorer(metrics, protocol_named(asked.protocol, "score: protocol"), asked.weights_dir)
    pairs = score_pairs(asked.sr, asked.hr)
    deep = {one for one in pairs if form_of_pair(*one[1:]) != RGB8}
    tell_unread([file for one in pairs if one not in deep for file in one[1:]])
    tell_unread([file for one in pairs if one in deep for file in one[1:]], bits=16)
    with progress.bar("score") as tell:
        table, missing = score_files(pairs, asked.scale, scorer, tell, 1 if asked.channels == "1" else 3)
    mean = table.drop(columns="image").mean(skipna=False).to_frame().T.assign(image="mean")
    shown = pd.concat([table, mean]).assign(image=lambda rows: rows.image.map(visible))
    print(shown.to_string(index=False, float_format="{:.4f}".format, na_rep="–"))
    for one in missing:
        print(visible(f"{one.what}: – ({one.reason})"))
    if asked.out:
        try:
            write_file(asked.out.resolve(), cells_of(table).to_csv(index=False).encode())
        except OSError as error:
            raise UserError(f"score: cannot write {asked.out}: {error.strerror}") from error
    return True
