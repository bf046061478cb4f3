"""What scores rest on: which of them compare, and how people are told."""

from dataclasses import replace

import pytest

from srbench.core.pixel_format import PixelFormat
from srbench.data.lr_source import DegradationStep, LrSource
from srbench.evaluation.certificate import Certificate
from srbench.evaluation.settings import Inference
from srbench.metrics.protocol import Protocol

FILES = LrSource(files=True, recognised=("matlab-replicate",))
NOISY = LrSource(files=True, steps=(DegradationStep("noise", {"sigma": 0.1}),))
ON_FILES = Certificate(Protocol("y", "luma"), FILES, 5, "a" * 64, "b" * 64, "c" * 64, Inference(), False)
MADE = replace(ON_FILES, lr=LrSource(files=False), lr_sha256=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"weights_sha256": "d" * 64},
        {"tiled": True},
        {"inference": Inference(tile=64, overlap=32, memory_gb=1)},
        {"lr": LrSource(files=True)},
        {"lr": LrSource(files=True, recognised=("pil-bicubic",), mixed=True)},
    ],
    ids=str,
)
def test_scores_of_the_same_pixels_compare_whatever_else_differs(changes):
    assert replace(ON_FILES, **changes).pixels == ON_FILES.pixels


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": Protocol("y", "luma", border=0)},
        {"protocol": Protocol("y", "luma_rounded")},
        {"images": 4},
        {"hr_sha256": "d" * 64},
        {"lr_sha256": "d" * 64},
        {"lr": NOISY},
        {"inference": Inference(self_ensemble=True)},
    ],
    ids=str,
)
def test_scores_of_other_pixels_or_under_another_protocol_do_not_compare(changes):
    assert replace(ON_FILES, **changes).pixels != ON_FILES.pixels


def test_lr_that_was_made_compares_by_its_maker():
    other = replace(MADE, lr=LrSource(files=False, steps=(DegradationStep("resize", {"resizer": "pil-bicubic"}),)))
    assert other.pixels != MADE.pixels


def test_noise_compares_by_its_strength():
    nearly = LrSource(files=True, steps=(DegradationStep("noise", {"sigma": 0.1000004}),))
    assert replace(ON_FILES, lr=NOISY).pixels != replace(ON_FILES, lr=nearly).pixels


@pytest.mark.parametrize(
    ("certificate", "told"),
    [
        (ON_FILES, "y (luma, border scale), 5 images (LR: file by matlab-replicate), HR aaaaaaaaaaaa, LR bbbbbbbbbbbb"),
        (MADE, "y (luma, border scale), 5 images (LR: matlab-symmetric), HR aaaaaaaaaaaa"),
        (
            replace(MADE, hr_sha256=None, inference=Inference(self_ensemble=True)),
            "y (luma, border scale), self-ensemble ×8, 5 images (LR: matlab-symmetric)",
        ),
        (
            replace(MADE, form=PixelFormat(16, 1)),
            "y (luma, border scale), 5 images of 16 bits, 1 channel (LR: matlab-symmetric), HR aaaaaaaaaaaa",
        ),
    ],
)
def test_people_are_told_all_that_makes_scores_differ(certificate, told):
    assert str(certificate) == told
