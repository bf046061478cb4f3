"""One step of the plain recipe: clipping, accumulation, frozen parts, scales, and that it never waits for a value."""

from functools import partial

import lightning as L
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from srbench.data.supply import Batch
from srbench.models.carn import CARN
from srbench.recipes import history
from srbench.recipes.callbacks import LossHistory
from srbench.recipes.fit import fit
from srbench.recipes.length import Length
from srbench.recipes.schedules import constant
from srbench.recipes.steps import Steps
from srbench.recipes.stream import Stream
from srbench.recipes.supervised import Supervised, as_images
from tests.recipes.toys import Adversarial, a_session, a_stage, patches, small_carn, supervised, weights

# On a machine of a cluster Lightning, used without `fit`, warns.
pytestmark = pytest.mark.filterwarnings("ignore:.*srun. command is available")
PLAIN = {"optimizer": partial(torch.optim.SGD, lr=0.1), "schedule": constant}


class Pieces:
    """The batches of another source, cut into pieces of one patch."""

    def __init__(self, whole):
        self.whole = whole

    def batch(self, step):
        batch = self.whole.batch(step // 2)
        piece = slice(step % 2, step % 2 + 1)
        return Batch(batch.lr[piece], batch.hr[piece], batch.scale)


def trained(files, folder, steps, batches=None, **changes):
    stage = a_stage(files, steps, 0, supervised(**(PLAIN | changes)))
    if batches:
        stage = a_stage(files, steps, 0, stage.recipe, batches=lambda: batches(patches(files, stage.length)))
    folder.mkdir()
    return fit(small_carn(), [stage], folder, a_session(precision="32-true"))[0]


def test_accumulated_batches_make_the_update_of_one_large_batch(files, tmp_path):
    whole = trained(files, tmp_path / "whole", 3)
    pieces = trained(files, tmp_path / "pieces", 6, Pieces, accumulate=2)
    torch.testing.assert_close(weights(pieces), weights(whole), rtol=1e-5, atol=1e-6)
    alone = trained(files, tmp_path / "alone", 6, Pieces)
    assert (weights(alone) - weights(whole)).abs().max() > 1e-4


def test_a_clipped_step_is_as_long_as_the_clip(files, tmp_path):
    before = weights(small_carn())
    step = weights(trained(files, tmp_path / "clipped", 1, gradient_clip=0.02)) - before
    assert step.norm().item() == pytest.approx(0.1 * 0.02, rel=1e-3)
    free = weights(trained(files, tmp_path / "free", 1, gradient_clip=None)) - before
    torch.testing.assert_close(step / step.norm(), free / free.norm(), rtol=0, atol=1e-4)
    assert free.norm() > 2 * step.norm()


def fp16_trainer(scale, **more):
    return L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        plugins=[MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale))],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **more,
    )


def step_in_fp16(files, scale):
    """How far an update goes that is clipped to 0.02, with a scaler that multiplies the loss by `scale`."""
    stage, model = a_stage(files, 1), small_carn()
    recipe = supervised(**PLAIN, gradient_clip=0.02)(model, Length(1, 2, 16, 0))
    recipe.training_step = Steps(recipe).together
    fp16_trainer(scale).fit(recipe, Stream(stage.batches(), 0, recipe.length))
    return (weights(model) - weights(small_carn())).norm().item()


@pytest.mark.filterwarnings("ignore:.*(many workers|LeafSpec|lr_scheduler.step.*before)")
def test_fp16s_gradients_are_clipped_after_they_are_unscaled_and_skipped_where_they_overflow(files):
    assert step_in_fp16(files, 1024.0) == pytest.approx(0.1 * 0.02, rel=1e-3)
    assert step_in_fp16(files, 2.0**30) == 0


@pytest.mark.filterwarnings("ignore:.*(many workers|LeafSpec|lr_scheduler.step.*before)")
def test_a_gradient_that_overflows_in_fp16_is_no_reason_to_stop(files, tmp_path):
    stage = a_stage(files, 1)
    recipe = supervised(**PLAIN)(small_carn(), stage.length)
    columns = history.begin(tmp_path / "losses.csv", history.LOSS_COLUMNS, recipe.norm_columns, [], "pixel", 0)
    steps = Steps(recipe)
    recipe.training_step = steps.together
    rows = LossHistory(steps, stage, tmp_path / "losses.csv", columns, lambda: None)
    fp16_trainer(2.0**30, callbacks=[rows]).fit(recipe, Stream(stage.batches(), 0, stage.length))
    (row,) = (tmp_path / "losses.csv").read_text().splitlines()[1:]
    assert row.endswith(",")  # without a norm


def test_what_is_frozen_stays_in_eval_mode(files):
    recipe = supervised()(small_carn(), Length(1, 2, 16, 0))
    recipe.frozen = (recipe.model.b1,)
    recipe.train()
    assert not any(module.training for module in recipe.model.b1.modules())
    assert recipe.model.training
    recipe.eval()
    assert not recipe.model.training


def test_a_model_of_several_scales_is_trained_at_each_batchs(files, tmp_path):
    seen = []

    class Several:
        def batch(self, step):
            scale = (2, 4)[step % 2]
            return Batch(*(torch.zeros(1, 8 * s, 8 * s, 3, dtype=torch.uint8) for s in (1, scale)), scale)

    class Noted(nn.Module):
        def forward(self, sr, hr):
            if not sr.is_meta:  # on which memory is predicted
                seen.append((sr.shape[-1], hr.shape[-1]))
            return nn.functional.l1_loss(sr, hr)

    model = CARN(width=4, blocks=1, units=1, atrous=[1], scale=2, scales=[2, 4])
    fit(model, [a_stage(files, 2, 0, supervised(loss=Noted()), batches=Several)], tmp_path, a_session())
    assert seen == [(16, 16), (32, 32)]
    assert model.scale == 2


class NoValueIsRead(TorchDispatchMode):
    """Raises where a tensor becomes a number, or a truth, of Python: on a GPU that waits for all that goes before."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.name() not in ("aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero")
        return func(*args, **(kwargs or {}))


class WatchedSupervised(Supervised):
    def training_step(self, batch, index):
        with NoValueIsRead():
            return super().training_step(batch, index)


class WatchedAdversarial(Adversarial):
    def training_step(self, batch, index):
        with NoValueIsRead():
            return super().training_step(batch, index)

    def configure_optimizers(self):  # Adam counts its steps in tensors, which it reads, but on the CPU
        optimizers = [torch.optim.SGD(part.parameters(), lr=0.1) for part in (self.model, self.critic)]
        return [self.with_schedule(optimizer, constant) for optimizer in optimizers]


@pytest.mark.parametrize(
    "recipe",
    [
        partial(WatchedSupervised, **supervised(**PLAIN, ema=0.9, accumulate=2).keywords),
        WatchedAdversarial,
    ],
)
def test_no_step_reads_a_value(files, tmp_path, recipe):
    fit(small_carn(), [a_stage(files, 5, 0, recipe)], tmp_path, a_session())
    assert len((tmp_path / "losses.csv").read_text().splitlines()) == 6


def test_the_watch_notices_a_value_that_is_read():
    with pytest.raises(AssertionError), NoValueIsRead():
        bool(torch.ones(1) > 0)


def test_pixels_become_images_from_0_to_1_without_being_moved():
    pixels = torch.tensor([[[[0, 51, 255]] * 5] * 4], dtype=torch.uint8)
    images = as_images(pixels)
    assert images.shape == (1, 3, 4, 5)
    assert images[0, :, 0, 0].tolist() == pytest.approx([0, 0.2, 1])
    assert images.is_contiguous(memory_format=torch.channels_last)
