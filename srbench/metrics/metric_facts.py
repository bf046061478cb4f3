"""What the documentation says of each metric of `table.py`: what it computes, which values it takes, whose it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricFacts:
    """`computes`: in a sentence. `values`: the range, and what equal images get. `source`: the work to cite. `licence`:
    of the code and weights that compute it here."""

    computes: str
    values: str
    source: str
    licence: str


OURS = "srbench's own code, Apache-2.0"
ZHANG = 'Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018'
LPIPS_LICENCE = "package lpips, BSD-2-Clause; torchvision's backbone, BSD-3-Clause"
BY_PYIQA = "package pyiqa, non-commercial (PolyForm Noncommercial 1.0.0 and NTU S-Lab 1.0), an extra"

METRIC_FACTS = {
    "psnr": MetricFacts(
        "−10 log₁₀ of the mean squared error, of each image, over the channels of the protocol",
        "0 to ∞ dB; ∞ for equal images",
        "the protocol's channels and border as in BasicSR and MATLAB",
        OURS,
    ),
    "ssim": MetricFacts(
        "means, variances and covariance in Gaussian windows of 11×11, σ = 1.5, K₁ = 0.01, K₂ = 0.03, valid region, "
        "float64; over the channels of the protocol",
        "−1 to 1; 1 for equal images",
        'Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 2004',
        OURS,
    ),
    "lpips": MetricFacts(
        "weighted distance of AlexNet's features, whole RGB image",
        "0 to about 1; 0 for equal images",
        ZHANG,
        LPIPS_LICENCE,
    ),
    "lpips_vgg": MetricFacts(
        "weighted distance of VGG-16's features, whole RGB image",
        "0 to about 1; 0 for equal images",
        ZHANG,
        LPIPS_LICENCE,
    ),
    "lpips_squeeze": MetricFacts(
        "weighted distance of SqueezeNet's features, whole RGB image",
        "0 to about 1; 0 for equal images",
        ZHANG,
        LPIPS_LICENCE,
    ),
    "niqe": MetricFacts(
        "distance of an image's natural scene statistics from those of pristine photographs, without HR",
        "above 0, about 2 to 12",
        'Mittal, Soundararajan and Bovik, "Making a Completely Blind Image Quality Analyzer", IEEE SPL 2013, as '
        "BasicSR computes it",
        f"{OURS}; parameters of BasicSR, Apache-2.0",
    ),
    "niqe_pyiqa": MetricFacts(
        "the same by pyiqa's convention: luma in 0–255 of the whole image",
        "above 0, about 2 to 12",
        "Mittal, Soundararajan and Bovik, IEEE SPL 2013, as the package pyiqa computes it",
        f"{OURS}; parameters of BasicSR, Apache-2.0",
    ),
    "pi": MetricFacts(
        "½ ((10 − Ma) + NIQE), without HR",
        "about 2 to 10",
        'Blau et al., "The 2018 PIRM Challenge on Perceptual Image Super-Resolution", ECCV Workshops 2018',
        BY_PYIQA,
    ),
    "rmse": MetricFacts(
        "root of the mean squared error of RGB on 0–255, border = scale", "0 to 255; 0 for equal images", "–", OURS
    ),
    "dists": MetricFacts(
        "similarity of texture and structure of VGG-16's features, whole RGB image",
        "0 to 1; 0 for equal images",
        'Ding et al., "Image Quality Assessment: Unifying Structure and Texture Similarity", IEEE TPAMI 2022',
        "package torchmetrics, Apache-2.0, and its weights; torchvision's VGG-16, BSD-3-Clause",
    ),
    "clipiqa": MetricFacts(
        "how much nearer CLIP finds an image to good than to bad prompts, without HR",
        "0 to 1",
        'Wang et al., "Exploring CLIP for Assessing the Look and Feel of Images", AAAI 2023',
        BY_PYIQA,
    ),
    "maniqa": MetricFacts(
        "a transformer's opinion score, without HR",
        "0 to 1",
        'Yang et al., "MANIQA: Multi-dimension Attention Network for No-Reference Image Quality Assessment", CVPR '
        "Workshops 2022",
        BY_PYIQA,
    ),
    "musiq": MetricFacts(
        "a transformer's opinion score at three scales, without HR",
        "0 to 100",
        'Ke et al., "MUSIQ: Multi-scale Image Quality Transformer", ICCV 2021',
        BY_PYIQA,
    ),
    "ntire_perceptual": MetricFacts(
        "(1 − LPIPS) + (1 − DISTS) + CLIPIQA + MANIQA + MUSIQ/100 + max(0, (10 − NIQE)/10)",
        "0 to 6",
        "Chen et al., NTIRE 2025 Challenge on Image Super-Resolution (×4), arXiv 2504.14582",
        BY_PYIQA,
    ),
    "rmse_pirm": MetricFacts(
        "root of the mean squared error of luma, border 4: what PIRM 2018 describes",
        "0 to 255; 0 for equal images",
        "Blau et al., ECCV Workshops 2018; unverified",
        OURS,
    ),
    "ssim_global": MetricFacts(
        "SSIM of one window, the whole image",
        "−1 to 1; 1 for equal images",
        "the code of the MESRGAN poster (NeonSky/computer-vision-MESRGAN)",
        OURS,
    ),
}
