"""Every metric and cost that a table can show: its name, which way is better, what it needs. Read without torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from srbench.metrics.missing import Missing


@dataclass(frozen=True)
class Metric:
    """`decimals`: those that are printed. `caveat`: what the name does not tell, for a footnote. `weights`: the file
    that it needs from weights_dir, with the `fix` for one who lacks it; `package`: the module that it needs, with the
    commands that `install` it. `of`: the metrics that it is computed of, image by image. `tolerance`: to which a score
    can be computed again on another machine."""

    name: str
    higher_is_better: bool
    decimals: int
    title: str = ""
    caveat: str = ""
    weights: str = ""
    fix: str = ""
    package: str = ""
    install: str = ""
    of: tuple[str, ...] = ()
    tolerance: float = 1e-6

    @property
    def heading(self) -> str:
        """What a table calls it."""
        return self.title or self.name.upper()


@dataclass(frozen=True)
class CostColumn:
    """`unit` and its `size` in plain units; `whole`: a count, the same with every seed and on every machine; `told_by`:
    the names under which a record tells why it is missing; `caveat`: what the title does not tell, for a footnote."""

    name: str
    title: str
    unit: str
    size: float
    whole: bool
    told_by: tuple[str, ...] = ()
    caveat: str = ""


NETWORKS = 1e-4  # of scores by networks in float32, whose last digits depend on threads and processor

OF_LPIPS: dict[Literal["alex", "vgg", "squeeze"], str] = {  # by backbone
    "alex": "alexnet_features.safetensors",
    "vgg": "vgg16_features.safetensors",
    "squeeze": "squeezenet_features.safetensors",
}
MA_WEIGHTS = "NRQM_model.mat"
OF_PYIQA = {  # by metric
    "clipiqa": "RN50.pt",
    "maniqa": "ckpt_koniq10k.pt",
    "musiq": "musiq_koniq_ckpt-e95806b9.pth",
}
BROUGHT = "get it with: python -m srbench data get {}"


def _lpips(name: str, net: Literal["alex", "vgg", "squeeze"]) -> Metric:
    fix = BROUGHT.format(OF_LPIPS[net].partition("_")[0])
    return Metric(name, False, 4, weights=OF_LPIPS[net], fix=fix, tolerance=NETWORKS)


def _by_pyiqa(name: str, decimals: int, caveat: str) -> Metric:
    fix = BROUGHT.format(name)
    install = "pip install --no-deps 'pyiqa>=0.1.16' && pip install 'srbench[perceptual]'"
    return Metric(
        *(name, True, decimals),
        caveat=f"{name.upper()} by pyiqa, under a non-commercial licence, without HR: {caveat}; each image alone, so "
        "that no batch changes it",
        weights=OF_PYIQA[name],
        fix=fix,
        package="pyiqa",
        install=install,
        tolerance=NETWORKS,
    )


# In the order of a table's columns.
METRICS = {
    metric.name: metric
    for metric in (
        Metric("psnr", True, 2),
        Metric("ssim", True, 4),
        _lpips("lpips", "alex"),
        Metric(
            "niqe",
            False,
            2,
            caveat="NIQE by BasicSR's convention (rounded luma in 16–235, border = scale); pyiqa's (niqe_pyiqa) "
            "differs by up to 1.0 on Set5",
        ),
        Metric(
            "niqe_pyiqa",
            False,
            2,
            title="NIQE (pyiqa)",
            caveat="NIQE by pyiqa's convention (rounded luma in 0–255 of the whole image), by srbench's own code",
        ),
        Metric(
            "pi",
            False,
            2,
            caveat="PI = ((10 − Ma) + NIQE)/2; Ma's score comes from pyiqa, under a non-commercial licence",
            weights=MA_WEIGHTS,
            fix=BROUGHT.format("nrqm"),
            package="pyiqa",
            install="pip install --no-deps pyiqa && pip install 'srbench[pi]'",
            tolerance=NETWORKS,
        ),
        Metric("rmse", False, 2),
        _lpips("lpips_vgg", "vgg"),
        _lpips("lpips_squeeze", "squeeze"),
        Metric(
            "dists",
            False,
            4,
            caveat="DISTS of the whole RGB image in [0, 1] at its own size, as torchmetrics and pyiqa; its authors' "
            "script first shrinks images to 256 pixels on the shorter side",
            weights=OF_LPIPS["vgg"],
            fix=BROUGHT.format("vgg16"),
            tolerance=NETWORKS,
        ),
        _by_pyiqa("clipiqa", 4, "five pairs of prompts where its paper has one, ResNet-50 of CLIP, 0 to 1"),
        _by_pyiqa(
            *("maniqa", 4),
            caveat="trained on KonIQ-10k, 0 to 1, of 20 crops of 224×224 at fixed places where its authors' are "
            "random; they are the first four rows of a grid of five, so the bottom of a large image is not seen",
        ),
        _by_pyiqa("musiq", 2, "trained on KonIQ-10k, the whole image at three scales, 0 to 100"),
        Metric(
            "ntire_perceptual",
            True,
            4,
            title="NTIRE perceptual",
            caveat="score of the perceptual track of NTIRE 2025 and 2026's image SR ×4 challenges: (1 − LPIPS) + "
            "(1 − DISTS) + CLIPIQA + MANIQA + MUSIQ/100 + max(0, (10 − NIQE)/10), NIQE by pyiqa's "
            "convention; the mean over images is that of their means unless a NIQE exceeds 10",
            of=("lpips", "dists", "clipiqa", "maniqa", "musiq", "niqe_pyiqa"),
            tolerance=NETWORKS,
        ),
        Metric(
            "rmse_pirm",
            False,
            2,
            title="RMSE_PIRM (unverified)",
            caveat="RMSE_PIRM is unverified: luma without a border of 4 pixels, inferred from the description of PIRM "
            "2018; no published value has been reproduced with it",
        ),
        Metric(
            "ssim_global",
            True,
            4,
            caveat="SSIM_GLOBAL has one window, the whole image, as the MESRGAN poster's code: near 0.95 for anything "
            "that keeps the low frequencies; not comparable with SSIM",
        ),
    )
}
# What one name stands for where metrics are asked for. perceptual: of the perceptual tracks of NTIRE 2025 and 2026, and
# BasicSR's NIQE, which papers tell, beside the challenges'.
SETS = {"perceptual": (*METRICS["ntire_perceptual"].of, "niqe", "ntire_perceptual")}
ALWAYS = ("psnr", "ssim", "lpips", "niqe", "pi", "rmse")  # columns of every scores.csv

# In the order of a table's columns.
COSTS = {
    cost.name: cost
    for cost in (
        CostColumn("params", "Params", "K", 1e3, True),
        CostColumn("params_dead", "Dead", "K", 1e3, True),
        CostColumn("flops_720p", "FLOPs 720p", "G", 1e9, True, ("flops",)),
        CostColumn("flops_256", "FLOPs 256²", "G", 1e9, True, ("flops",)),
        CostColumn("activations_720p", "Act. 720p", "M", 1e6, True, ("activations", "flops")),
        CostColumn("latency_ms", "Latency", "ms", 1, False, ("latency",)),
    )
}
# Columns that a table has where they tell something. Activations of convolutions alone are NTIRE's.
MORE_COSTS = {
    cost.name: cost
    for cost in (
        CostColumn("params_frozen", "Frozen", "K", 1e3, True),
        CostColumn("activations_256", "Act. 256²", "M", 1e6, True, ("activations", "flops")),
        CostColumn("conv_activations_720p", "Conv act. 720p", "M", 1e6, True, ("flops",)),
        CostColumn("conv_activations_256", "Conv act. 256²", "M", 1e6, True, ("flops",)),
    )
}
# Of networks that give each window of an image to one of their branches, over all windows of the data sets.
OF_FULL = "against all windows through the last branch"
ROUTED_COSTS = {
    cost.name: cost
    for cost in (
        CostColumn(
            *("flops_routed", "FLOPs/window", "M", 1e6, False),
            caveat="the mean of a window as routed, the classifier included, by fvcore's count: a multiply-add is one, "
            "a transposed convolution counts at its input's positions",
        ),
        CostColumn("flops_routed_share", "FLOPs of full", "%", 0.01, False, caveat=f"the same {OF_FULL}"),
        CostColumn(
            *("classsr_flops_routed", "ClassSR FLOPs/window", "M", 1e6, False),
            caveat="as Kong et al. (CVPR 2021) count: a multiply-add is two, a transposed convolution counts at its "
            "output's positions; the classifier is included for every family",
        ),
        CostColumn(
            "classsr_flops_routed_share", "ClassSR FLOPs of full", "%", 0.01, False, caveat=f"the same {OF_FULL}"
        ),
        CostColumn(
            *("time_routed_share", "Time of full", "%", 0.01, False),
            caveat=f"of the windows as routed {OF_FULL}, which took turns",
        ),
    )
}
ALL_COSTS = COSTS | MORE_COSTS | ROUTED_COSTS


def score_name(dataset: str, metric: str) -> str:
    """What a score is called in a table and in a record: `set5.psnr`."""
    return f"{dataset}.{metric}"


def members(names: Iterable[str]) -> tuple[str, ...]:
    """The metrics that are asked for by `names`, each once: those of SETS in place of a set's name."""
    return tuple(dict.fromkeys(metric for name in names for metric in SETS.get(name, (name,))))


def lacking(metric: str, weights_folders: Sequence[Path]) -> Missing | None:
    """What the machine lacks for a metric: its weights in none of the folders, or its package; None for nothing."""
    known = METRICS[metric]
    for part in known.of:
        if missing := lacking(part, weights_folders):
            return replace(missing, what=metric, reason=f"{known.heading} is computed of {part}: {missing.reason}")
    if known.weights and not any((folder / known.weights).is_file() for folder in weights_folders):
        places = ", ".join(map(str, weights_folders)) or "no folder at all"
        name = metric.partition("_")[0].upper()
        reason = f"{name} needs {known.weights}, looked for in {places}; {known.fix}, or set weights_dir"
        return Missing(metric, "weights", reason)
    if known.package and find_spec(known.package) is None:
        name = metric.upper()
        reason = f"{name} needs {known.package}; install it with {known.install}"
        return Missing(metric, "package", f"{reason} (its licence is non-commercial)")
    return None
