"""Compiled passes of a training: the function and the names of the network, in training alone, no silent fallback."""

from copy import deepcopy
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from srbench.core.errors import FailedRunError
from srbench.evaluation.inference import memory_of
from srbench.metrics.network_copy import copy_to
from srbench.recipes.compiled import compiled
from srbench.recipes.fit import fit
from srbench.recipes.supervised import Supervised, as_images
from tests.recipes.test_captured import Double
from tests.recipes.toys import a_session, a_stage, supervised, weights

pytestmark = pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0")  # torch; 3.13.1 mended it


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.shuffle, self.scale = nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2), 2

    def forward(self, lr):
        return self.shuffle(self.conv(lr))


class LooksAtValues(Small):
    def forward(self, lr):
        return super().forward(lr if lr.mean().item() > 2 else lr * 2)


def test_a_compiled_training_leaves_the_weights_of_another(files, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    seen = []
    stage, session = a_stage(files, steps=3, val_every=2), {"precision": "32-true"}
    plain, (outcome,) = fit(Small(), [stage], tmp_path / "a", a_session(**session))
    assert not outcome.sessions[0].compiled
    model = Small()
    session["validate"] = lambda model: seen.append(model.training) or 30.0
    result, (outcome,) = fit(model, [stage], tmp_path / "b", a_session(compile=True, **session))
    assert outcome.sessions[0].compiled
    assert result.state_dict().keys() == plain.state_dict().keys()
    assert "forward" not in vars(model)  # and is evaluated as it is written
    torch.testing.assert_close(weights(result), weights(plain), rtol=1e-4, atol=1e-6)


def test_captured_steps_of_a_compiled_network_are_those_that_are_not_captured(files, tmp_path):
    found = {}
    for capture in (True, False):
        (folder := tmp_path / f"{capture}").mkdir()
        session = a_session(precision="32-true", compile=True, graphs=Double(), layout="channels_last", capture=capture)
        model, (outcome,) = fit(Small(), [a_stage(files, steps=16)], folder, session)
        assert outcome.sessions[0].compiled
        assert outcome.sessions[0].captured is capture
        found[capture] = weights(model)
    assert torch.equal(found[True], found[False])


def test_averaged_weights_of_a_compiled_training_are_validated_as_those_of_another(files, tmp_path, caplog):
    caplog.set_level("INFO", "srbench")
    seen, image = {False: [], True: []}, torch.rand(1, 3, 4, 4)
    stage = a_stage(files, steps=6, val_every=2, recipe=supervised(ema=0.99))
    for wanted, found in seen.items():
        (tmp_path / f"{wanted}").mkdir()
        session = a_session(lambda model, found=found: found.append(model(image).detach()) or 30.0, compile=wanted)
        fit(Small(), [stage], tmp_path / f"{wanted}", replace(session, precision="32-true"))
    assert not torch.allclose(seen[False][0], seen[False][1], rtol=1e-6)
    torch.testing.assert_close(seen[True], seen[False], rtol=1e-6, atol=1e-6)
    assert "is not predicted" not in caplog.text  # of its memory


def test_a_pass_in_eval_mode_is_not_compiled():
    model = Small().eval()
    with compiled(model, wanted=True) as passes:
        model(torch.rand(1, 3, 4, 4))
    assert not passes.ran


@pytest.mark.parametrize("copied", [deepcopy, partial(copy_to, device="cpu")])
def test_a_copy_of_a_compiled_network_runs_its_own_weights_as_written(copied):
    model, lr = Small(), torch.rand(1, 3, 4, 4)
    with compiled(model, wanted=True) as passes:
        other = copied(copied(model))
        before = other(lr)
        nn.init.zeros_(model.conv.weight)
        assert torch.equal(other(lr), before)
        nn.init.zeros_(other.conv.weight)
        assert not torch.equal(other(lr), before)
        assert memory_of(model) == memory_of(Small())  # counted on a copy without memory
    assert not passes.ran


def test_a_network_that_cannot_be_compiled_ends_the_run_with_a_reason(files, tmp_path):
    with pytest.raises(
        FailedRunError, match=r"compile=true: torch\.compile cannot compile LooksAtValues: .*; set comp"
    ):
        fit(LooksAtValues(), [a_stage(files, steps=3)], tmp_path, a_session(compile=True))


def test_a_recipe_that_never_runs_the_whole_network_is_told(files, tmp_path, caplog):
    class OfAPart(Supervised):
        def training_step(self, batch, index):
            loss, _ = self.loss(self.model[0](as_images(batch.lr)), as_images(batch.hr))
            (optimizer,) = self.all_optimizers
            self.update(optimizer, loss)
            return {"loss": loss.detach()}

    stage = a_stage(files, steps=2, recipe=partial(OfAPart, **supervised().keywords))
    _, (outcome,) = fit(nn.Sequential(Small()), [stage], tmp_path, a_session(compile=True))
    assert not outcome.sessions[0].compiled
    assert "compile=true: stage pixel runs no pass of its whole network; nothing was compiled" in caplog.text
