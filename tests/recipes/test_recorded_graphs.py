"""Captured trainings by graphs that repeat what was recorded, as those of a GPU do, without any Python of the step."""

from functools import partial

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from srbench.data.patches import Patches
from srbench.data.supply import Supply
from srbench.models.carn import CARN
from srbench.models.classsr import ClassSR
from srbench.models.fsrcnn import FSRCNN
from srbench.models.layers.discriminator import PooledDiscriminator
from srbench.models.layers.thumbnail import make_thumbnail
from srbench.recipes.adversarial import RelativisticAverage
from srbench.recipes.distillation import Distillation
from srbench.recipes.fit import fit
from srbench.recipes.gan import GAN
from srbench.recipes.losses import FFT, L1, Edge
from srbench.recipes.routed import AverageLoss, ClassLoss, Routed
from srbench.recipes.schedules import constant, cosine, warmup
from srbench.recipes.supervised import Supervised
from tests.recipes.recorded_graphs import RecordedGraphs
from tests.recipes.test_captured import Double
from tests.recipes.test_distillation import mossnet
from tests.recipes.toys import a_session, a_stage, small_carn, weights, write_images

STEPS = 40
ADAM = partial(torch.optim.Adam, lr=1e-3, fused=True)  # which does not read its state, as on a GPU
SGD = partial(torch.optim.SGD, lr=0.1, fused=True)
SETTINGS = {"optimizer": ADAM, "schedule": cosine, "gradient_clip": 0.5, "ema": 0.9}
GAN_SETTINGS = {
    "adversarial": RelativisticAverage(),
    "discriminator": partial(PooledDiscriminator, widths=(4, 4, 4, 6, 6), hidden=8),
    "discriminator_optimizer": ADAM,
    "discriminator_schedule": constant,
    "r1": 1.0,
    "r1_every": 3,
}
RECIPES = {
    "losses": partial(Supervised, loss={"l1": L1(), "fft": FFT(0.1), "edge": Edge(0.1)}, **SETTINGS),
    "gan": partial(GAN, loss={"pixel": L1()}, **SETTINGS, **GAN_SETTINGS),
    "sgd": partial(
        Supervised, loss=nn.MSELoss(), optimizer=partial(torch.optim.SGD, lr=0.1, fused=True), schedule=cosine
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("images"))


def trained(files, folder, recipe, graphs, validate=lambda model: 0.0, model=None, stage=None, **changes):
    folder.mkdir(exist_ok=True)
    stage = a_stage(files, STEPS, val_every=10, recipe=recipe, **(stage or {}))
    session = a_session(validate, graphs=graphs, layout="channels_last", **changes)
    found, _ = fit(model or small_carn(), [stage], folder, session)
    return state(found), (folder / "losses.csv").read_text()


def state(model):
    """Weights and buffers: running means, too."""
    return torch.cat([one.flatten().double() for one in model.state_dict().values()])


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_graph_repeats_what_the_step_does(files, tmp_path, recipe, precision):
    graphs = RecordedGraphs()
    found, rows = trained(files, tmp_path / "captured", recipe, graphs, precision=precision)
    plain, others = trained(files, tmp_path / "plain", recipe, Double(), precision=precision, capture=False)
    assert graphs.replayed == STEPS - 11
    assert rows == others
    assert torch.equal(found, plain)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_weights_that_a_validation_puts_elsewhere_are_those_that_are_trained(files, tmp_path, recipe):
    def validate(model):
        for weight in model.parameters():
            weight.data = weight.data.clone()
        return 0.0

    graphs = RecordedGraphs()
    found, rows = trained(files, tmp_path / "captured", recipe, graphs, validate)
    plain, others = trained(files, tmp_path / "plain", recipe, Double(), capture=False)
    assert graphs.captured > 2
    assert rows == others
    assert torch.equal(found, plain)


def test_a_teacher_and_a_student_are_one_graph(files, tmp_path):
    def larger():
        torch.manual_seed(1)
        return CARN(width=6, blocks=1, units=1, atrous=[1])

    def learns(model, length):
        return Distillation(
            model,
            length,
            loss=L1(),
            teacher=larger(),
            teacher_checkpoint=str(tmp_path / "teacher.safetensors"),
            weights={"hr": 0.5, "output": 0.5},
            **SETTINGS,
        )

    save_file(larger().state_dict(), tmp_path / "teacher.safetensors")
    graphs = RecordedGraphs()
    found, rows = trained(files, tmp_path / "captured", learns, graphs)
    plain, others = trained(files, tmp_path / "plain", learns, Double(), capture=False)
    assert graphs.replayed == STEPS - 11
    assert rows == others
    assert torch.equal(found, plain)


def branching():
    torch.manual_seed(0)
    return ClassSR([FSRCNN(2, d=4, s=2, m=1), FSRCNN(2, d=6, s=2, m=1)], scale=2, patch=8, step=8)


def of_carn(**changes):
    torch.manual_seed(0)
    return CARN(width=4, blocks=1, units=1, atrous=[1], **changes)


def test_a_soft_choice_of_branches_is_one_graph(files, tmp_path):
    losses = {"l1": L1(1000.0), "class": ClassLoss(1.0), "average": AverageLoss(6.0)}
    recipe = partial(Routed, loss=losses, optimizer=ADAM, schedule=cosine)
    graphs = RecordedGraphs()
    found, rows = trained(files, tmp_path / "captured", recipe, graphs, model=branching())
    plain, others = trained(files, tmp_path / "plain", recipe, Double(), model=branching(), capture=False)
    assert graphs.replayed == STEPS - 11
    assert rows == others
    assert torch.equal(found, plain)


def of_scales(files):
    return {"batches": lambda: Patches(Supply(files, 2, (2, 3, 4), 2, 24, 0), multi_scale=True)}


KINDS = {
    "a branch alone": (branching, lambda files: {"part": "net2"}, 1),
    "scales": (partial(of_carn, scales=[2, 3, 4]), of_scales, 3),
    "running means": (partial(of_carn, fusion_norm="batch"), lambda files: {}, 1),
}


@pytest.mark.parametrize(("make", "changes", "graphs_made"), KINDS.values(), ids=KINDS)
def test_a_graph_repeats_what_a_step_of_its_kind_does(files, tmp_path, make, changes, graphs_made):
    graphs, stage, recipe = RecordedGraphs(), changes(files), RECIPES["sgd"]
    found, rows = trained(files, tmp_path / "captured", recipe, graphs, model=make(), stage=stage)
    plain, others = trained(files, tmp_path / "plain", recipe, Double(), model=make(), stage=stage, capture=False)
    assert graphs.captured == graphs_made
    assert rows == others
    assert torch.equal(found, plain)


def test_running_means_that_a_validation_puts_elsewhere_run_on(files, tmp_path):
    def validate(model):
        for mean in model.buffers():
            mean.data = mean.data.clone()
        return 0.0

    graphs, normalised = RecordedGraphs(), partial(of_carn, fusion_norm="batch")
    recipe = RECIPES["sgd"]
    found, rows = trained(files, tmp_path / "captured", recipe, graphs, validate, normalised())
    plain, others = trained(files, tmp_path / "plain", recipe, Double(), model=normalised(), capture=False)
    assert graphs.captured > 1
    assert rows == others
    assert torch.equal(found, plain)


class OnHost(Patches):
    """Might make other batches than the class that it inherits from."""


@pytest.mark.parametrize("sampler", [Patches, OnHost])
def test_embeddings_of_a_teacher_and_a_student_are_one_graph(files, tmp_path, sampler):
    def learns(model, length):
        weights = {"hr": 0.5, "output": 0.5, "embedding": 0.1}
        checkpoint = str(tmp_path / "teacher.safetensors")
        return Distillation(
            model, length, loss=L1(), teacher=mossnet(1, 6), teacher_checkpoint=checkpoint, weights=weights, **SETTINGS
        )

    def batches(sampler):
        return {"batches": lambda: sampler(Supply(files, 2, None, 2, 16, 0, thumbnail=thumbnail))}

    thumbnail = partial(make_thumbnail, size=64)
    save_file(mossnet(1, 6).state_dict(), tmp_path / "teacher.safetensors")
    graphs = RecordedGraphs()
    found, rows = trained(files, tmp_path / "captured", learns, graphs, model=mossnet(0), stage=batches(sampler))
    plain, others = trained(
        files, tmp_path / "plain", learns, Double(), model=mossnet(0), stage=batches(Patches), capture=False
    )
    assert graphs.replayed == STEPS - 11
    assert rows == others
    assert torch.equal(found, plain)


def test_a_resumed_training_is_captured_in_its_own_memory(files, tmp_path):
    class StopError(Exception):
        pass

    calls = []

    def stop(model):
        calls.append(1)
        if len(calls) in {2, 4}:
            raise StopError
        return 0.0

    recipe = RECIPES["losses"]
    for _ in range(2):
        with pytest.raises(StopError):
            trained(files, tmp_path / "stopped", recipe, RecordedGraphs(), stop)
    found, rows = trained(files, tmp_path / "stopped", recipe, RecordedGraphs(), stop)
    plain, others = trained(files, tmp_path / "plain", recipe, Double(), capture=False)
    assert rows == others
    assert torch.equal(found, plain)


def test_stages_of_one_process_keep_the_best_weights_of_each_and_go_on_where_they_were_stopped(files, tmp_path):
    class StopError(Exception):
        pass

    def in_three(name, stop=None, graphs=None, **changes):
        def validate(model):
            calls.append(1)
            if len(calls) == stop:
                raise StopError
            return float(weights(model).sum().sin())

        calls, folder = [], tmp_path / name
        folder.mkdir(exist_ok=True)
        rising = partial(warmup, updates=5, after=cosine)
        recipes = [RECIPES["losses"], RECIPES["gan"], partial(Supervised, **SETTINGS | {"schedule": rising}, loss=L1())]
        stages = [
            a_stage(files, steps, val_every=7, recipe=recipe, name=name, keep="best")
            for name, steps, recipe in zip(("first", "second", "third"), (25, 30, 20), recipes, strict=True)
        ]
        session = a_session(validate, graphs=graphs or RecordedGraphs(), layout="channels_last", **changes)
        found, outcomes = fit(small_carn(), stages, folder, session)
        return weights(found), (folder / "losses.csv").read_text(), outcomes

    with pytest.raises(StopError):
        in_three("stopped", stop=7)
    found, rows, outcomes = in_three("stopped")
    plain, others, _ = in_three("plain", capture=False)
    assert [len(outcome.sessions) for outcome in outcomes] == [1, 2, 1]
    assert all(outcome.sessions[-1].captured for outcome in outcomes[::2])
    assert rows == others
    assert torch.equal(found, plain)


class Turning(CARN):
    """Does something else from its thirtieth pass on, by a value that it reads."""

    def forward(self, lr):
        sr = super().forward(lr)
        return sr * 0 if float(sr.detach().mean()) > 1e9 else sr


def test_a_network_that_reads_a_value_is_run_as_it_is_written(files, tmp_path, caplog):
    def turning():
        torch.manual_seed(0)
        return Turning(width=4, blocks=1, units=1, atrous=[1])

    recipe = RECIPES["losses"]
    found, rows = trained(files, tmp_path / "auto", recipe, RecordedGraphs(), model=turning())
    plain, others = trained(files, tmp_path / "plain", recipe, Double(), model=turning(), capture=False)
    assert "operation not permitted when stream is capturing" in caplog.text
    assert rows == others
    assert torch.equal(found, plain)
