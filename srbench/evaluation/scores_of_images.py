"""Scores of one SR image, from wherever it comes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from srbench.core.errors import UserError
from srbench.core.name_lists import name_list
from srbench.core.paths import told_weights_dir, weights_folders
from srbench.core.pixel_format import format_of
from srbench.data.any_image import OF_NETWORKS, AnyImage, has_one_channel, pixels_of
from srbench.data.pairs import sizes_fit
from srbench.metrics.protocol import Protocol, protocol_named
from srbench.metrics.scorer import check_metrics, make_scorer
from srbench.metrics.table import members
from srbench.metrics.usual_torch import usual_torch
from srbench.models.traits import whole_scale


@usual_torch()
def score(
    sr: AnyImage,
    hr: AnyImage,
    scale: int,
    metrics: Sequence[str] = ("psnr", "ssim"),
    protocol: str | Protocol = "y",
    weights_dir: str | Path | None = None,
) -> dict[str, float]:
    """The scores of an SR image against its HR image, by metric, as a run's table has them.

    `sr`, `hr`: paths, arrays (H, W, 3) or tensors (3, H, W), uint8, uint16 or floating-point in [0, 1], RGB; both of 8
    bits or both of 16. SR in floating point is clipped and rounded to uint8; HR may exceed it by up to scale - 1 pixels
    at the right and bottom. Where one of them is an array (H, W, 1) or a tensor (1, H, W), both are grey, as in a run
    of data.channels=1; else grey files become RGB. `metrics`: of psnr, ssim, lpips, niqe, rmse, … (`conf/config.yaml`,
    eval.metrics). `protocol`: y, y_uint8, rgb, ntire, or a Protocol; it crops the border and chooses the channels, for
    every metric alike. `weights_dir`: folders of metrics' weights, separated as in PATH; by default those of a run.

    Raises UserError for a metric that does not exist or cannot be had here, saying how to get it; ValueError for images
    that are none or do not fit, and for scores that an image cannot have (NIQE of a small one).

    Examples:
        >>> import numpy as np, srbench
        >>> hr = np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3))
        >>> scores = srbench.score(hr + np.uint8(1), hr, scale=2)
        >>> print(f"{scores['psnr']:.2f} dB")
        49.45 dB
    """
    times, metrics = whole_scale(scale), members(name_list(metrics, "metrics"))
    check_metrics(metrics, "metrics=[{}]")
    told = protocol if isinstance(protocol, Protocol) else protocol_named(str(protocol))
    channels = 1 if has_one_channel(sr) or has_one_channel(hr) else 3
    pixels, reference = pixels_of(sr, "sr", OF_NETWORKS, channels), pixels_of(hr, "hr", channels=channels)
    if pixels.dtype != reference.dtype:
        bits = [format_of(image).bits for image in (pixels, reference)]
        raise ValueError(f"sr has {bits[0]} bits a channel and hr {bits[1]}; give both of 8, or both of 16")
    height, width = pixels.shape[:2]
    if not sizes_fit(reference.shape, pixels.shape, times):
        sizes = f"sr is {width}×{height}, hr {reference.shape[1]}×{reference.shape[0]}"
        raise ValueError(f"{sizes}: at scale={times} hr may be up to {times - 1} pixels larger, no more")
    folders = weights_folders(told_weights_dir(weights_dir))
    scorer = make_scorer(metrics, told, folders)
    if scorer.missing:
        raise UserError(scorer.missing[0].reason)
    found = scorer.of_images([(pixels, np.ascontiguousarray(reference[:height, :width]), times)])[0]
    if found.missing:
        raise ValueError(f"{found.missing[0].what}: {found.missing[0].reason}")
    return found.numbers
