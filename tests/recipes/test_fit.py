"""The training loop: what it leaves, that it repeats itself, and that an interrupted one ends like any other."""

import logging
import math
import os
import signal
import tempfile
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from srbench.core.files import in_one_step
from srbench.models.carn import CARN
from srbench.models.span import SPAN
from srbench.models.weights import read_weights
from srbench.recipes.callbacks import NotFiniteError
from srbench.recipes.fit import fit
from srbench.recipes.length import Length
from srbench.recipes.outcome import TrainingSession, captured
from srbench.recipes.stages import Stage
from srbench.recipes.supervised import Supervised
from tests.recipes.toys import Adversarial, a_session, a_stage, small_carn, supervised, two_stages, weights


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def fail_at(validation):
    """A validate function that fails at its n-th call, as a process that is killed there: last.ckpt is of the one
    before."""
    calls = []

    def validate(model):
        calls.append(model)
        if len(calls) == validation:
            raise MemoryError
        return 30.0

    return validate


def test_the_loss_falls_and_every_step_is_written(files, tmp_path):
    recipe = supervised(optimizer=partial(torch.optim.Adam, lr=0.02))
    _, (outcome,) = fit(small_carn(), [a_stage(files, 60, 0, recipe)], tmp_path, a_session())
    lines = (tmp_path / "losses.csv").read_text().splitlines()
    assert lines[0] == "stage,step,epoch,loss,gradient_norm"
    assert [line.split(",")[:3] for line in lines[1:]] == [["pixel", str(k), str((k - 1) // 5)] for k in range(1, 61)]
    losses = [float(line.split(",")[3]) for line in lines[1:]]
    assert np.mean(losses[-10:]) < 0.85 * np.mean(losses[:10])
    assert outcome.final_loss == losses[-1]
    assert (outcome.name, outcome.steps, outcome.batch_size, outcome.hr_patch) == ("pixel", 60, 2, 16)
    assert outcome.steps_per_second > 0
    assert 0 <= outcome.data_wait < 1
    assert files_below(tmp_path) == ["losses.csv", "stages/1-pixel.safetensors", "validation.csv"]


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_ends_with_the_weights_of_another(files, tmp_path, ema, number):
    for name in "ab":
        (tmp_path / name).mkdir()
    stages = [a_stage(files, recipe=supervised(ema=ema))]
    whole, _ = fit(small_carn(), stages, tmp_path / "a", a_session())

    def interrupt(model):  # at step 4, where it validates
        os.kill(os.getpid(), number)
        return 30.0

    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        fit(small_carn(), stages, tmp_path / "b", a_session(interrupt))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert (tmp_path / "b/last.ckpt").is_file()
    with (tmp_path / "b/losses.csv").open("a") as file:
        file.write("pixel,5,0,0.5\npixel,6,1,0.5\npixel,7,1,")  # of a process that was killed later
    resumed, _ = fit(small_carn(), stages, tmp_path / "b", a_session())
    assert torch.equal(weights(whole), weights(resumed))
    for name in ("losses.csv", "validation.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_second_interrupt_does_not_wait_for_the_step(files, tmp_path):
    class Slow(Supervised):
        def training_step(self, batch, index):
            if self.step == 6:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
            return super().training_step(batch, index)

    recipe = partial(Slow, **supervised().keywords)
    with pytest.raises(KeyboardInterrupt):
        fit(small_carn(), [a_stage(files, recipe=recipe)], tmp_path, a_session())
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["step"] == 4


def test_a_checkpoint_is_written_from_time_to_time_without_validation(files, tmp_path, monkeypatch):
    class Fails(Supervised):
        def training_step(self, batch, index):
            if self.step == 6:
                raise MemoryError
            return super().training_step(batch, index)

    monkeypatch.setattr("srbench.recipes.callbacks.CHECKPOINT_SECONDS", 0)
    with pytest.raises(MemoryError):
        fit(small_carn(), [a_stage(files, 12, 0, partial(Fails, **supervised().keywords))], tmp_path, a_session())
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["step"] == 5
    assert (tmp_path / "losses.csv").read_text().splitlines()[-1].startswith("pixel,5,")  # never behind a checkpoint


def test_a_stop_leaves_a_checkpoint_of_the_step_in_which_it_is_asked_for(files, tmp_path):
    class Stopped(Supervised):
        def training_step(self, batch, index):
            if self.step == 6:
                os.kill(os.getpid(), signal.SIGINT)
            return super().training_step(batch, index)

    with pytest.raises(KeyboardInterrupt):
        fit(small_carn(), [a_stage(files, 12, 0, partial(Stopped, **supervised().keywords))], tmp_path, a_session())
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["step"] == 6


def test_a_stop_that_is_asked_for_in_the_last_step_comes_before_the_next_stage(files, tmp_path):
    class Stopped(Supervised):
        def training_step(self, batch, index):
            if self.step == self.steps:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().training_step(batch, index)

    first, second = two_stages(files)
    stopped = Stage(first.name, partial(Stopped, **first.recipe.keywords), first.batches, first.length, 5)
    with pytest.raises(KeyboardInterrupt):
        fit(small_carn(), [stopped, second], tmp_path, a_session())
    assert files_below(tmp_path) == ["losses.csv", "stages/1-pixel.safetensors", "validation.csv"]
    resumed, _ = fit(small_carn(), [first, second], tmp_path, a_session())
    (tmp_path / "calm").mkdir()
    calm, _ = fit(small_carn(), [first, second], tmp_path / "calm", a_session())
    assert torch.equal(weights(resumed), weights(calm))


def test_validation_sees_the_averaged_weights_which_are_the_result(files, tmp_path):
    seen = []

    def validate(model):
        seen.append(weights(model).clone())
        return 31.5

    recipe = supervised(ema=0.9)
    result, _ = fit(small_carn(), [a_stage(files, recipe=recipe)], tmp_path, a_session(validate))
    plain, _ = fit(small_carn(), [a_stage(files, recipe=supervised(), name="plain")], tmp_path, a_session())
    assert len(seen) == 2
    assert not torch.equal(*seen)
    assert not torch.equal(weights(result), weights(plain))
    stored = read_weights(tmp_path / "stages/1-pixel.safetensors")
    assert all(torch.equal(stored[name], tensor) for name, tensor in result.state_dict().items())


class Bad(nn.Module):
    """A loss that is finite, whose gradient is not at its n-th call."""

    def __init__(self, call, value):
        super().__init__()
        self.calls, self.call, self.value = 0, call, value

    def forward(self, sr, hr):
        self.calls += 1
        if self.calls == self.call:
            sr.register_hook(lambda gradient: gradient * self.value)
        return (sr - hr).abs().mean()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("step", [7, 12])  # 12: the last
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_gradient_that_is_not_finite_stops_the_run_before_its_weights_are_kept(
    files, tmp_path, value, step, precision
):
    line = (
        rf"the gradient's norm is (inf|nan) at step {step} of stage pixel; lower recipe\.stages\.pixel\.optimizer\.lr"
    )
    with pytest.raises(NotFiniteError, match=line):
        fit(
            small_carn(),
            [a_stage(files, recipe=supervised(loss=Bad(step, value)))],
            tmp_path,
            a_session(precision=precision),
        )
    assert not list((tmp_path / "stages").glob("*"))
    assert (tmp_path / "losses.csv").read_text().splitlines()[-1].startswith(f"pixel,{step - 1},")


def test_a_gradient_of_a_critic_that_is_not_finite_is_named(files, tmp_path):
    class Nan(Adversarial):
        def loss_of_critic(self, batch):
            loss = super().loss_of_critic(batch)
            loss.register_hook(lambda gradient: gradient * math.nan)
            return loss

    with pytest.raises(NotFiniteError, match=r"the gradient's norm \(critic\) is nan at step 1 of stage gan"):
        fit(small_carn(), [a_stage(files, recipe=Nan, name="gan")], tmp_path, a_session())


def validate_as(*psnrs):
    """A validate function that gives these, one after the other, and keeps what it saw."""
    seen = []

    def validate(model):
        seen.append(weights(model).clone())
        return psnrs[len(seen) - 1]

    return validate, seen


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize(("psnrs", "best"), [((30, 32, 31), 2), ((30, 31, 32), 3), ((32, 32, math.nan), 1)])
def test_the_best_validated_weights_are_kept_where_they_are_asked_for(files, tmp_path, psnrs, best, ema):
    validate, seen = validate_as(*psnrs)
    stage = a_stage(files, recipe=supervised(ema=ema), keep="best")
    result, (outcome,) = fit(small_carn(), [stage], tmp_path, a_session(validate))
    assert len(seen) == 3  # the last step is a candidate
    assert torch.equal(weights(result), seen[best - 1])
    assert (outcome.kept, outcome.kept_step, outcome.kept_psnr) == ("best", 4 * best, 32)
    stored = read_weights(tmp_path / "stages/1-pixel.safetensors")
    assert all(torch.equal(stored[name], tensor) for name, tensor in result.state_dict().items())
    assert len((tmp_path / "validation.csv").read_text().splitlines()) == 4


def test_the_last_weights_are_kept_where_nothing_is_said(files, tmp_path):
    validate, seen = validate_as(32, 31)
    result, (outcome,) = fit(small_carn(), [a_stage(files)], tmp_path, a_session(validate))
    assert not any(torch.equal(weights(result), one) for one in seen)
    assert (outcome.kept, outcome.kept_step, outcome.kept_psnr) == ("last", 12, None)


def test_the_best_weights_outlive_an_interruption(files, tmp_path):
    stage = a_stage(files, recipe=supervised(ema=0.9), keep="best")
    validate, seen = validate_as(32, 31)  # and fails at the third
    with pytest.raises(IndexError):
        fit(small_carn(), [stage], tmp_path, a_session(validate))
    result, (outcome,) = fit(small_carn(), [stage], tmp_path, a_session(lambda _: 31.5))
    assert torch.equal(weights(result), seen[0])
    assert (outcome.kept_step, outcome.kept_psnr) == (4, 32)


def test_a_stage_goes_on_from_the_weights_that_the_one_before_has_kept(files, tmp_path):
    begun = []

    def recipe(model, length):
        begun.append(weights(model).clone())
        return supervised()(model, length)

    validate, seen = validate_as(32, 31, 30, 29, 28)
    stages = [a_stage(files, keep="best"), a_stage(files, recipe=recipe, name="detail")]
    fit(small_carn(), stages, tmp_path, a_session(validate))
    assert torch.equal(begun[0], seen[0])


def formed(form="series"):
    torch.manual_seed(0)
    return CARN(width=4, blocks=1, units=1, atrous=[1], reparameterise=form)


def small_span():
    torch.manual_seed(0)
    return SPAN(width=4, blocks=1)


@pytest.mark.parametrize(
    ("network", "squeeze"),
    [(formed, "model.b1.b1.body.0.squeeze.weight"), (small_span, "model.block_1.c1_r.eval_conv.squeeze.weight")],
)
@pytest.mark.parametrize("ema", [None, 0.9])
def test_what_is_trained_as_several_convolutions_goes_on_as_such_and_ends_as_one(
    files, tmp_path, ema, network, squeeze
):
    for name in "ab":
        (tmp_path / name).mkdir()
    stages = [a_stage(files, recipe=supervised(ema=ema)), a_stage(files, name="detail", steps=8)]
    whole, _ = fit(network(), stages, tmp_path / "a", a_session())
    with pytest.raises(MemoryError):
        fit(network(), stages, tmp_path / "b", a_session(fail_at(2)))
    trained = torch.load(tmp_path / "b/last.ckpt", weights_only=True)["state_dict"]
    assert squeeze in trained
    with pytest.raises(MemoryError):  # in the second stage, which begins from the first one's file
        fit(network(), stages, tmp_path / "b", a_session(fail_at(2)))
    resumed, _ = fit(network(), stages, tmp_path / "b", a_session())
    assert torch.equal(weights(whole), weights(resumed))
    assert (tmp_path / "a/losses.csv").read_bytes() == (tmp_path / "b/losses.csv").read_bytes()
    stored = read_weights(tmp_path / "b/stages/1-pixel.safetensors")
    assert stored.keys() == network().state_dict().keys()


def test_a_training_form_begins_as_the_plain_network_and_goes_another_way(files, tmp_path):
    for name in ("none", "series", "parallel"):
        (tmp_path / name).mkdir()
        fit(formed(name), [a_stage(files)], tmp_path / name, a_session(precision="32-true"))
    losses = {
        name: np.loadtxt(tmp_path / name / "losses.csv", delimiter=",", skiprows=1, usecols=3)
        for name in ("none", "series", "parallel")
    }
    for name in ("series", "parallel"):
        assert losses[name][0] == pytest.approx(losses["none"][0], rel=1e-5)
        assert losses[name][-1] != pytest.approx(losses["none"][-1], rel=1e-5)


def test_a_training_begins_with_the_weights_in_series_that_were_drawn_or_as_the_ones_that_were_loaded(files, tmp_path):
    begun = []

    def recipe(model, length):
        begun.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return supervised()(model, length)

    fit(small_span(), [a_stage(files, recipe=recipe), a_stage(files, recipe=recipe, name="on")], tmp_path, a_session())
    name = "block_1.c1_r.eval_conv"
    drawn = small_span().get_submodule(name).as_drawn()
    assert all(begun[0][f"{name}.{key}"].equal(tensor) for key, tensor in drawn.items())
    assert not begun[1][f"{name}.skip.weight"].any()  # made of the convolution that the first stage has left


class Untrained(nn.Sequential):
    """Ends with a layer that belongs in eval mode."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2), nn.BatchNorm2d(3))
        self.scale = 2


@pytest.mark.parametrize("validate", [lambda model: model.eval() and 30.0, lambda model: model.train() and 30.0])
def test_validation_leaves_every_module_in_its_mode_and_the_model_at_its_scale(files, tmp_path, validate):
    modes = []

    class Watched(Supervised):
        def training_step(self, batch, index):
            modes.append([module.training for module in self.model.modules()] + [self.model.scale])
            return super().training_step(batch, index)

    def recipe(model, length):
        made = Watched(model, length, **supervised(gradient_clip=None).keywords)
        made.frozen = (model[2],)
        return made

    def validate_at_another_scale(model):
        model.scale = 3
        return validate(model)

    model = Untrained()
    fit(model, [a_stage(files, recipe=recipe)], tmp_path, a_session(validate_at_another_scale))
    assert modes == [[True, True, True, False, 2]] * 12
    assert torch.equal(model[2].running_mean, torch.zeros(3))
    assert all(module.training for module in model.modules())  # as it was before


def test_a_recipe_that_freezes_leaves_nothing_frozen_for_the_next_stage(files, tmp_path):
    def freezes(model, length):
        model.b1.requires_grad_(False)
        return supervised()(model, length)

    model = small_carn()
    before = weights(model.b1).clone()
    fit(model, [a_stage(files, recipe=freezes)], tmp_path, a_session())
    assert torch.equal(weights(model.b1), before)
    fit(model, [a_stage(files, name="all")], tmp_path, a_session())
    assert not torch.equal(weights(model.b1), before)


def test_a_part_is_trained_alone_and_the_rest_stays(files, tmp_path):
    validated = []
    model = nn.ModuleDict({"easy": small_carn(), "hard": small_carn()})
    before = weights(model["hard"]).clone()
    session = a_session(lambda part: validated.append(part) or 30.0)
    fit(model, [a_stage(files, part="easy")], tmp_path, session)
    assert validated == [model["easy"]] * 2
    assert torch.equal(weights(model["hard"]), before)
    assert not torch.equal(weights(model["easy"]), before)
    assert len(read_weights(tmp_path / "stages/1-pixel.safetensors")) == len(model.state_dict())


def test_a_stage_begins_with_the_weights_that_its_start_loads(files, tmp_path):
    other = weights(small_carn()) * 0.5
    begun = []

    def start(model):
        nn.utils.vector_to_parameters(other.clone(), model.parameters())

    def recipe(model, length):
        begun.append(weights(model).clone())
        return supervised()(model, length)

    fit(small_carn(), [a_stage(files), a_stage(files, recipe=recipe, name="b", start=start)], tmp_path, a_session())
    assert torch.equal(begun[0], other)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_stage_and_step(files, tmp_path):
    class Explodes(nn.Module):
        calls = 0

        def forward(self, sr, hr):
            self.calls += 1
            return (sr - hr).abs().mean() * (math.inf if self.calls == 7 else 1)

    line = r"the loss is inf at step 7 of stage pixel; lower recipe\.stages\.pixel\.optimizer\.lr"
    with pytest.raises(NotFiniteError, match=line):
        fit(small_carn(), [a_stage(files, recipe=supervised(loss=Explodes()))], tmp_path, a_session())
    assert (tmp_path / "losses.csv").read_text().splitlines()[-1].startswith("pixel,6,1,")


def test_a_part_of_the_loss_that_is_not_finite_is_named(files, tmp_path):
    class Nan(Adversarial):
        def loss_of_critic(self, batch):
            return super().loss_of_critic(batch) * math.nan

    with pytest.raises(NotFiniteError, match=r"the loss \(critic\) is nan at step 1 of stage gan"):
        fit(small_carn(), [a_stage(files, recipe=Nan, name="gan")], tmp_path, a_session())


def test_progress_is_told_to_the_end_over_all_stages(files, tmp_path):
    told = []
    fit(small_carn(), two_stages(files), tmp_path, a_session(tell=lambda *words: told.append(words)))
    assert [done for _, done, _ in told][-1] == 22
    assert 12 in [done for _, done, _ in told]
    assert all(total == 22 for _, _, total in told)
    last = (tmp_path / "losses.csv").read_text().splitlines()[-1].split(",")[3]
    assert told[-1][0] == f"detail: loss {float(last):.4f}  30.00 dB"


def test_a_row_tells_the_parts_of_the_loss_and_is_empty_where_a_stage_has_none(files, tmp_path):
    gan = a_stage(files, 3, 0, Adversarial, "gan")
    stages = [a_stage(files, 2, 0), gan, a_stage(files, 1, 0, name="last")]
    fit(small_carn(), stages, tmp_path, a_session(precision="32-true"))
    header, *rows = [line.split(",") for line in (tmp_path / "losses.csv").read_text().splitlines()]
    norms = ["gradient_norm", "gradient_norm_critic"]
    assert header == ["stage", "step", "epoch", "loss", "pixel", "adversarial", "critic", *norms]
    assert [row[:2] for row in rows] == [["pixel", "1"], ["pixel", "2"], *(["gan", k] for k in "123"), ["last", "1"]]
    assert [[*row[4:7], row[8]] for row in (rows[0], rows[-1])] == [["", "", "", ""]] * 2
    for row in rows[2:5]:
        loss, pixel, adversarial, critic, norm, norm_of_critic = map(float, row[3:])
        assert min(norm, norm_of_critic) > 0
        assert loss == pytest.approx(pixel + 0.1 * adversarial)
        assert critic > 0


class Slope(Supervised):
    """0.1 ms a step: no model, and a loss that is the step."""

    def training_step(self, batch, index):
        return {"loss": torch.tensor(float(self.step))}


class Nothing:
    def batch(self, step):
        return ()


def long_stage(steps, val_every):
    return Stage("long", partial(Slope, **supervised().keywords), Nothing, Length(steps, 1, 1, val_every), 1000)


def test_losses_of_equal_seeds_are_equal_whenever_checkpoints_were_written(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    fit(nn.Conv2d(3, 3, 1), [long_stage(10_001, 0)], tmp_path / "a", a_session())
    with pytest.raises(MemoryError):
        fit(nn.Conv2d(3, 3, 1), [long_stage(10_001, 3_001)], tmp_path / "b", a_session(fail_at(2)))
    assert torch.load(tmp_path / "b/last.ckpt", weights_only=True)["losses"] == [[3_001.0, -math.inf]]
    fit(nn.Conv2d(3, 3, 1), [long_stage(10_001, 3_001)], tmp_path / "b", a_session())
    steps, losses = np.loadtxt(tmp_path / "a/losses.csv", delimiter=",", skiprows=1, usecols=(1, 3)).T
    np.testing.assert_array_equal(steps, [*range(2, 10_001, 2), 10_001])  # each the mean of two steps, but for the last
    np.testing.assert_array_equal(losses, [*np.arange(1.5, 10_001, 2), 10_001])
    assert (tmp_path / "a/losses.csv").read_bytes() == (tmp_path / "b/losses.csv").read_bytes()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it cannot be read"),
        (b"PK\x03\x04 cut off", "it cannot be read"),
        ("zeros within", "it cannot be read"),
        ("other seed", "it is of {"),
        ("other model", "it holds other weights"),
        ("no checkpoint", "it cannot be read"),
    ],
)
def test_a_checkpoint_that_is_broken_or_foreign_is_told_and_the_stage_begins_anew(
    files, tmp_path, caplog, content, reason
):
    for name in ("calm", "run"):
        (tmp_path / name).mkdir()
    stages = [a_stage(files)]
    calm, _ = fit(small_carn(), stages, tmp_path / "calm", a_session())
    with pytest.raises(MemoryError):
        fit(small_carn(), stages, tmp_path / "run", a_session(fail_at(2)))
    path = tmp_path / "run/last.ckpt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "zeros within":
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] + bytes(512) + whole[len(whole) // 2 + 512 :])
    else:
        checkpoint = torch.load(path, weights_only=True)
        if content == "other seed":
            checkpoint["identity"]["seed"] = 1
        elif content == "other model":
            checkpoint["state_dict"] = {"model.weight": torch.zeros(1)}
        else:
            checkpoint = [1, 2]
        torch.save(checkpoint, path)
    with caplog.at_level(logging.WARNING, "srbench"):
        result, _ = fit(small_carn(), stages, tmp_path / "run", a_session())
    (line,) = caplog.messages
    assert line.startswith(f"stage pixel begins anew, not from {path}: {reason}")
    assert torch.equal(weights(result), weights(calm))
    assert (tmp_path / "run/losses.csv").read_bytes() == (tmp_path / "calm/losses.csv").read_bytes()


def test_a_training_that_is_done_is_not_repeated(files, tmp_path):
    first, outcomes = fit(small_carn(), two_stages(files), tmp_path, a_session())
    rows = (tmp_path / "losses.csv").read_bytes()
    (tmp_path / "last.ckpt").write_bytes(b"of a process that was killed before it removed it")

    def never(*_):
        raise AssertionError

    stages = [Stage(stage.name, never, never, stage.length, 5) for stage in two_stages(files)]
    again, kept = fit(small_carn(), stages, tmp_path, a_session())
    assert kept == outcomes
    assert torch.equal(weights(again), weights(first))
    assert (tmp_path / "losses.csv").read_bytes() == rows
    assert not (tmp_path / "last.ckpt").exists()


def test_a_stage_whose_weights_are_lost_is_trained_again_and_those_after_it(files, tmp_path):
    calm, _ = fit(small_carn(), two_stages(files), tmp_path, a_session())
    rows = (tmp_path / "losses.csv").read_bytes()
    (tmp_path / "stages/1-pixel.safetensors").write_bytes(b"half")
    with pytest.raises(MemoryError):
        fit(small_carn(), two_stages(files), tmp_path, a_session(fail_at(2)))
    assert files_below(tmp_path) == ["last.ckpt", "losses.csv", "validation.csv"]
    again, _ = fit(small_carn(), two_stages(files), tmp_path, a_session())
    assert torch.equal(weights(again), weights(calm))
    assert (tmp_path / "losses.csv").read_bytes() == rows


@pytest.mark.parametrize("damage", ["zeros", "other model"])
def test_a_stage_whose_weights_are_damaged_is_trained_again(files, tmp_path, caplog, damage):
    calm, _ = fit(small_carn(), two_stages(files), tmp_path, a_session())
    file = tmp_path / "stages/1-pixel.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-16] + bytes(16))
    if damage == "other model":
        (tmp_path / "other").mkdir()
        fit(CARN(width=6, blocks=1, units=1, atrous=[1]), two_stages(files), tmp_path / "other", a_session())
        (tmp_path / "other/stages/1-pixel.safetensors").replace(file)
    with caplog.at_level(logging.WARNING, "srbench"):
        again, _ = fit(small_carn(), two_stages(files), tmp_path, a_session())
    assert caplog.messages[0].startswith(f"stage pixel is trained again: {file} ")
    assert torch.equal(weights(again), weights(calm))


def test_sessions_tell_when_a_stage_went_on_and_with_how_many_threads(files, tmp_path, caplog):
    with pytest.raises(MemoryError):
        fit(small_carn(), [a_stage(files)], tmp_path, a_session(fail_at(2)))
    torch.set_num_threads(2)
    with caplog.at_level(logging.WARNING, "srbench"):
        _, (outcome,) = fit(small_carn(), [a_stage(files)], tmp_path, a_session())
    found = [(one.after_step, one.device, one.threads) for one in outcome.sessions]
    assert found == [(0, "cpu", 1), (4, "cpu", 2)]
    assert outcome.seconds == sum(one.seconds for one in outcome.sessions) > outcome.sessions[1].seconds > 0
    assert "on cpu with 1 threads up to now, and goes on on cpu with 2" in caplog.text


def test_a_training_goes_on_in_the_precision_and_the_layout_that_it_began_with(files, tmp_path, caplog):
    (tmp_path / "calm").mkdir()
    calm, _ = fit(small_carn(), [a_stage(files)], tmp_path / "calm", a_session(layout="contiguous"))
    (tmp_path / "run").mkdir()
    with pytest.raises(MemoryError):
        fit(small_carn(), [a_stage(files)], tmp_path / "run", a_session(fail_at(2), layout="contiguous"))
    elsewhere = a_session(precision="32-true", layout="channels_last")
    with caplog.at_level(logging.WARNING, "srbench"):
        again, (outcome,) = fit(small_carn(), [a_stage(files)], tmp_path / "run", elsewhere)
    assert torch.equal(weights(again), weights(calm))
    assert [(one.precision, one.memory_format) for one in outcome.sessions] == [("bf16-mixed", "contiguous")] * 2
    told = "it goes on with {}, in which it was trained up to now; one that begins would take {}"
    assert [message for message in caplog.messages if "goes on" in message] == [
        f"memory_format: {told.format('contiguous', 'channels_last')}",
        f"precision: {told.format('bf16-mixed', '32-true')}",
    ]


@pytest.mark.parametrize("stopped_at", [2, 4])  # in the first stage, and in the second
def test_so_do_the_stages_after_the_one_that_was_interrupted(files, tmp_path, stopped_at):
    (tmp_path / "calm").mkdir()
    calm, _ = fit(small_carn(), two_stages(files), tmp_path / "calm", a_session())
    (tmp_path / "run").mkdir()
    with pytest.raises(MemoryError):
        fit(small_carn(), two_stages(files), tmp_path / "run", a_session(fail_at(stopped_at)))
    again, outcomes = fit(small_carn(), two_stages(files), tmp_path / "run", a_session(precision="32-true"))
    assert torch.equal(weights(again), weights(calm))
    assert {one.precision for outcome in outcomes for one in outcome.sessions} == {"bf16-mixed"}


def test_a_checkpoint_of_before_sessions_told_their_layout_has_it_beside_them(files, tmp_path):
    with pytest.raises(MemoryError):
        fit(small_carn(), [a_stage(files)], tmp_path, a_session(fail_at(2), layout="contiguous"))
    content = torch.load(tmp_path / "last.ckpt", weights_only=True)
    (session,) = content["sessions"]
    content["layout"] = session.pop("memory_format")
    del session["precision"]
    torch.save(content, tmp_path / "last.ckpt")
    _, (outcome,) = fit(small_carn(), [a_stage(files)], tmp_path, a_session(layout="auto"))
    assert [one.memory_format for one in outcome.sessions] == ["contiguous"] * 2


@pytest.mark.parametrize(
    ("sessions", "told"),
    [
        ([(False, None)], False),
        ([(False, "too few steps")], "too few steps"),
        ([(True, None), (False, "too few steps")], True),
        ([(True, None), (False, "too few steps"), (True, "it waits")], "it waits"),
    ],
)
def test_a_few_steps_at_the_end_leave_a_training_captured(sessions, told):
    made = [TrainingSession(0, "cuda", 1, 1.0, captured=done, not_captured=reason) for done, reason in sessions]
    assert captured(made) == told


def test_a_training_that_goes_on_with_code_that_was_edited_says_so(files, tmp_path, caplog):
    codes = [{"mine.Net": "0a", "mine.Loss": "1b"}, {"mine.Net": "0a", "mine.Loss": "2c"}]
    with pytest.raises(MemoryError):
        fit(small_carn(), [a_stage(files)], tmp_path, replace(a_session(fail_at(2)), code=codes[0]))
    with caplog.at_level(logging.WARNING, "srbench"):
        _, (outcome,) = fit(small_carn(), [a_stage(files)], tmp_path, replace(a_session(), code=codes[1]))
    (told,) = [message for message in caplog.messages if "edited" in message]
    assert told.startswith("mine.Loss was edited since the training was interrupted")
    assert [one.code for one in outcome.sessions] == codes


def test_nothing_is_written_outside_of_its_folder(files, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "full"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "run").mkdir()
    with pytest.raises(MemoryError):
        fit(small_carn(), [a_stage(files)], tmp_path / "run", a_session(fail_at(2)))
    assert (tmp_path / "run/last.ckpt").is_file()


def test_stages_may_have_the_weights_of_another_length_beside_them(files, tmp_path):
    fit(small_carn(), [a_stage(files, steps=3)], tmp_path, a_session())
    _, (outcome,) = fit(small_carn(), [a_stage(files, steps=5)], tmp_path, a_session())
    assert outcome.steps == 5


def test_what_killed_processes_left_of_writing_is_removed(files, tmp_path):
    (tmp_path / "stages").mkdir()
    writes = [in_one_step(tmp_path / name) for name in ("last.ckpt", "losses.csv", "stages/1-pixel.safetensors")]
    for write in writes:
        write.__enter__().write_bytes(b"half")
    assert len(files_below(tmp_path)) == 3
    fit(small_carn(), [a_stage(files)], tmp_path, a_session())
    assert files_below(tmp_path) == ["losses.csv", "stages/1-pixel.safetensors", "validation.csv"]


def test_it_is_one_process_in_a_slurm_job_of_several_tasks(files, tmp_path, monkeypatch):
    for name, value in {"JOB_ID": "1", "NTASKS": "2", "PROCID": "1", "LOCALID": "1"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    fit(small_carn(), [a_stage(files, 2)], tmp_path, a_session())
    assert len((tmp_path / "losses.csv").read_text().splitlines()) == 3


def test_rows_are_told_of_as_they_are_written(files, tmp_path):
    seen = []

    def written():
        seen.append([len((tmp_path / name).read_text().splitlines()) - 1 for name in ("losses.csv", "validation.csv")])

    fit(small_carn(), [a_stage(files)], tmp_path, a_session(written=written))
    assert seen[-1] == [12, 2]
    assert [8, 2] in seen
