"""python -m srbench check: as one who has written a network of her own types it."""

import pytest

from srbench.cli.dispatch import perform
from srbench.core.errors import UserError

NET = """
import torch
from torch import nn


class Mine(nn.Module):
    def __init__(self, scale, width=8):
        super().__init__()
        self.scale = scale
        self.body = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3 * scale**2, 3, padding=1))
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, lr):
        return self.shuffle(self.body(lr)){spoilt}
"""


@pytest.mark.parametrize(("spoilt", "status"), [("", 0), ("[..., :-1]", 1)])
def test_the_status_says_whether_a_must_is_red(srbench, spoilt, status):
    (srbench.folder / "mine.py").write_text(NET.format(spoilt=spoilt))
    done = srbench("check", "model._target_=mine.Mine", "+model.width=6", "scale=3", "threads=1")
    assert done.returncode == status, done.stdout + done.stderr
    first, *ticks = done.stdout.splitlines()
    assert first.startswith("Mine ×3: ")
    assert len(ticks) == 19
    assert ("✗ shape and values (must): gives" in done.stdout) == bool(status)
    assert done.stderr == ""


def test_a_metric_is_checked(srbench):
    done = srbench("check", "metric=ssim")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("metric ssim: 8 of 8 are well")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "check: model=: must be given"),
        (["metric=psnr", "model=carn"], "check: model= does not go with metric="),
        (["metric=psn"], "metric=psn: no such metric, did you mean psnr"),
        (["model=mossnet", "scale=3"], "scale"),
    ],
)
def test_a_mistake_is_one_line(words, told):
    with pytest.raises(UserError, match=told) as error:
        perform(["check", *words])
    assert "\n" not in str(error.value)
