"""What only a GPU can prove: captured trainings are those of steps as they are written, to the bit."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.core.progress import silent
from srbench.data.device_patches import DevicePatches
from srbench.data.images import write_image
from srbench.data.pairs import ImagePair
from srbench.data.patches import Patches
from srbench.data.photos import Photos
from srbench.data.supply import Supply
from srbench.evaluation.evaluate import evaluate
from srbench.metrics.protocol import Protocol
from srbench.metrics.scorer import make_scorer
from srbench.models.carn import CARN
from srbench.models.classsr import ClassSR
from srbench.models.fsrcnn import FSRCNN
from srbench.models.layers.discriminator import PooledDiscriminator
from srbench.models.layers.thumbnail import make_thumbnail
from srbench.models.mdrn import MDRN
from srbench.models.mossnet import MossNet
from srbench.models.safmn import SAFMN
from srbench.models.traits import traits_of
from srbench.recipes.adversarial import RelativisticAverage
from srbench.recipes.captured import CudaGraphs
from srbench.recipes.fit import Session, fit
from srbench.recipes.gan import GAN
from srbench.recipes.length import Length
from srbench.recipes.losses import FFT, L1, Edge
from srbench.recipes.routed import AverageLoss, ClassLoss, Routed
from srbench.recipes.schedules import constant, cosine
from srbench.recipes.stages import Stage
from srbench.recipes.supervised import Supervised, as_images
from tests.recipes.toys import weights

pytestmark = pytest.mark.gpu

STEPS = 50
ADAM = partial(torch.optim.Adam, lr=1e-3)
SETTINGS = {"optimizer": ADAM, "schedule": cosine, "gradient_clip": 1.0, "ema": 0.99}
GAN_SETTINGS = SETTINGS | {
    "adversarial": RelativisticAverage(),
    "discriminator": partial(PooledDiscriminator, widths=(8, 8, 16, 16, 16), hidden=16),
    "discriminator_optimizer": ADAM,
    "discriminator_schedule": constant,
    "r1": 1.0,
    "r1_every": 4,
}
BRANCHES = {"easy": partial(FSRCNN, d=8), "medium": partial(FSRCNN, d=12), "hard": partial(FSRCNN, d=16)}
ROUTING = {"l1": L1(2000.0), "class": ClassLoss(1.0), "average": AverageLoss(6.0)}
TRAININGS = {
    "carn": (partial(CARN, width=16), partial(Supervised, loss={"l1": L1(), "fft": FFT(0.1)}, **SETTINGS)),
    "edge": (partial(CARN, width=16), partial(Supervised, loss={"l1": L1(), "edge": Edge(0.1)}, **SETTINGS)),
    "mossnet": (MossNet, partial(Supervised, loss=nn.L1Loss(), **SETTINGS)),
    "fsrcnn": (partial(FSRCNN, 2), partial(Supervised, loss=nn.L1Loss(), **SETTINGS)),
    "carn of scales": (partial(CARN, width=16, scales=[2, 3, 4]), partial(Supervised, loss=nn.L1Loss(), **SETTINGS)),
    "mdrn": (MDRN, partial(Supervised, loss=nn.L1Loss(), **SETTINGS)),
    "safmn": (SAFMN, partial(Supervised, loss=nn.L1Loss(), **SETTINGS)),
    "gan": (partial(CARN, width=16), partial(GAN, loss={"l1": L1()}, **GAN_SETTINGS)),
}


class Stopping:
    """Validates to 0, and stops the training at the given calls."""

    def __init__(self, *at: int) -> None:
        self.calls, self.at = 0, at

    def __call__(self, model: nn.Module) -> float:
        self.calls += 1
        if self.calls in self.at:
            raise KeyboardInterrupt
        return 0.0


def trained(training, folder, precision="bf16-mixed", validate=None, times=1, **changes):
    make, recipe = training
    torch.manual_seed(0)
    model = make()
    length = Length(STEPS, 8, 48, val_every=20)
    looks = getattr(model, "make_thumbnail", None)
    scales = traits_of(model).scales or None
    supply = Supply(Photos().train(), model.scale, scales, 8, 48, seed=0, thumbnail=looks)
    stage = Stage("only", recipe, lambda: Patches(supply, multi_scale=scales is not None), length, 10)
    folder.mkdir()
    for _ in range(times):
        session = Session(0, "cuda", precision, validate or Stopping(), lambda *_: None, **changes)
        try:
            model, (outcome,) = fit(model, [stage], folder, session)
        except KeyboardInterrupt:
            torch.manual_seed(0)
            model = make()
    return weights(model), (folder / "losses.csv").read_text(), outcome


def are_the_same(one, other):
    """To the bit; but for what torch has in no fixed order, of which the record tells."""
    (found, rows, outcome), (plain, others, _) = one, other
    if outcome.sessions[-1].not_repeatable:
        return torch.allclose(found, plain, atol=0.05)
    return rows == others and torch.equal(found, plain)


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
@pytest.mark.parametrize("training", TRAININGS.values(), ids=TRAININGS)
def test_a_captured_training_is_that_of_steps_as_they_are_written(training, precision, tmp_path):
    captured = trained(training, tmp_path / "captured", precision, capture=True)
    plain = trained(training, tmp_path / "plain", precision, capture=False)
    assert captured[2].sessions[-1].captured
    assert not plain[2].sessions[-1].captured
    assert are_the_same(captured, plain)


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
def test_a_validation_in_the_middle_changes_nothing(layout, tmp_path):
    def validate(model):
        scorer = make_scorer(["psnr"], Protocol("rgb", "rgb"), [])
        evaluate(model, {"val": [pair]}, scorer, "cuda", silent, lambda *_: None, as_it_lies=True)
        return 0.0

    pair = ImagePair("one", Photos().valid()[0], None, 2)
    looked_at = trained(TRAININGS["carn"], tmp_path / "looked", validate=validate, layout=layout)
    plain = trained(TRAININGS["carn"], tmp_path / "plain", layout=layout)
    assert are_the_same(looked_at, plain)


@pytest.mark.parametrize("training", TRAININGS.values(), ids=TRAININGS)
def test_stopped_it_ends_as_if_it_had_not_been(training, tmp_path):
    whole = trained(training, tmp_path / "whole", capture=True)
    stopped = trained(training, tmp_path / "stopped", validate=Stopping(2), times=2, capture=True)
    assert len(stopped[2].sessions) == 2
    assert are_the_same(whole, stopped)


def test_stages_of_one_process_are_captured_one_after_the_other(tmp_path):
    def in_two(name, **changes):
        torch.manual_seed(0)
        (tmp_path / name).mkdir()
        supply, length = Supply(Photos().train(), 2, None, 8, 48, seed=0), Length(30, 8, 48, val_every=10)
        stages = [
            Stage(which, TRAININGS[which][1], lambda: Patches(supply), length, 10, keep="best")
            for which in ("carn", "gan")
        ]
        session = Session(0, "cuda", "bf16-mixed", lambda model: float(weights(model).sum().sin()), silent, **changes)
        model, outcomes = fit(CARN(width=16), stages, tmp_path / name, session)
        return weights(model), (tmp_path / name / "losses.csv").read_text(), outcomes

    found, rows, outcomes = in_two("captured", capture=True)
    plain, others, _ = in_two("plain", capture=False)
    assert all(outcome.sessions[-1].captured for outcome in outcomes)
    assert rows == others
    assert torch.equal(found, plain)


def test_of_which_networks_two_trainings_may_differ_is_told(tmp_path):
    told = {name: trained(one, tmp_path / name)[2].sessions[-1].not_repeatable for name, one in TRAININGS.items()}
    assert {name for name, text in told.items() if text} <= {"edge", "mdrn", "safmn"}


def test_half_precision_is_run_as_it_is_written_and_says_why(tmp_path):
    _, _, outcome = trained(TRAININGS["carn"], tmp_path / "half", "16-mixed")
    assert "in fp16" in outcome.sessions[-1].not_captured


class Looking(CARN):
    """Waits for the device at each pass."""

    def forward(self, lr):
        return super().forward(lr) * (1 if float(lr.mean()) > 0 else 2)


def test_a_network_that_waits_for_the_device_is_run_as_it_is_written_and_says_why(tmp_path):
    looking = (partial(Looking, width=16), TRAININGS["carn"][1])
    found, rows, outcome = trained(looking, tmp_path / "auto")
    plain, others, _ = trained(looking, tmp_path / "plain", capture=False)
    assert "captur" in outcome.sessions[-1].not_captured
    assert rows == others
    assert torch.equal(found, plain)


def test_after_a_capture_that_fails_numbers_are_drawn_and_memory_is_given_back():
    graphs = CudaGraphs(torch.device("cuda"))
    with pytest.raises(RuntimeError):
        graphs.capture(lambda: torch.rand(8, device="cuda").sum().item())
    torch.rand(8, device="cuda")
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    torch.empty(2**28, dtype=torch.uint8, device="cuda")
    assert torch.cuda.memory_reserved() >= before + 2**28
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() <= before


def test_a_training_leaves_little_memory_taken(tmp_path):
    trained(TRAININGS["carn"], tmp_path / "first")
    before = torch.cuda.memory_reserved()
    trained(TRAININGS["carn"], tmp_path / "second")
    assert torch.cuda.memory_reserved() <= before + 2**25


@pytest.mark.parametrize("multi_scale", [False, True])
@pytest.mark.parametrize("form", [RGB8, PixelFormat(16, 3), PixelFormat(16, 1)], ids=lambda form: form.name)
def test_batches_that_it_cuts_are_those_of_the_host(multi_scale, form, tmp_path):
    random = np.random.default_rng(0)
    for number in range(3):
        write_image(tmp_path / f"{number}.png", random.integers(0, 2**form.bits, (300, 400, form.channels), form.dtype))
    files, thumbnail = sorted(tmp_path.iterdir()), partial(make_thumbnail, size=64)
    supply = Supply(files, 2, (2, 3, 4), 16, 96, seed=1, thumbnail=thumbnail, form=form)
    patches = Patches(supply, multi_scale=multi_scale)
    fed = DevicePatches(patches, torch.device("cuda"))
    for step in range(8):
        rows, scale, size = fed.batch(step)
        with torch.autocast("cuda", torch.bfloat16):
            found = fed.cut(rows.to("cuda"), scale, size)
        host = patches.batch(step)
        assert torch.equal(found.lr.cpu(), host.lr)
        assert torch.equal(found.hr.cpu(), host.hr)
        assert torch.equal(as_images(found.hr).cpu(), as_images(host.hr))
        assert torch.equal(found.thumbnail.cpu(), host.thumbnail)


def routed():
    return ClassSR({name: one(scale=4) for name, one in BRANCHES.items()})


def test_a_classsr_is_captured(tmp_path):
    joint = (routed, partial(Routed, loss=ROUTING, optimizer=ADAM, schedule=cosine))
    found, rows, outcome = trained(joint, tmp_path / "captured", capture=True)
    plain, others, _ = trained(joint, tmp_path / "plain", capture=False)
    assert outcome.sessions[-1].captured
    assert rows == others
    assert torch.equal(found, plain)
