"""Captured steps: on a CPU by a double of the graphs, which runs the same code again where they would repeat it."""

import csv
import gc
import json
import random
import threading
import weakref
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from srbench.core import hardware, lock_files
from srbench.core.errors import FailedRunError
from srbench.data.chains import parse_degradation
from srbench.data.device_patches import DevicePatches
from srbench.data.patches import FixedPatches, Patches
from srbench.data.supply import Supply
from srbench.experiments.compose import build_model
from srbench.experiments.recording import Slot
from srbench.experiments.training import validation
from srbench.models.layers.discriminator import PooledDiscriminator
from srbench.recipes import fit as fitting
from srbench.recipes.adversarial import RelativisticAverage
from srbench.recipes.captured import WARM_UP, CapturedSteps, CudaGraphs
from srbench.recipes.fit import fit
from srbench.recipes.gan import GAN
from srbench.recipes.length import Length
from srbench.recipes.losses import L1
from srbench.recipes.memory_layout import FORMATS, fastest_layout
from srbench.recipes.ranks import ALONE
from srbench.recipes.schedules import constant, cosine
from srbench.recipes.supervised import Supervised
from tests.recipes.toys import (
    Adversarial,
    a_session,
    a_stage,
    patches,
    small_carn,
    supervised,
    two_stages,
    weights,
    write_images,
)

STEPS = 40
LAID = {"layout": "channels_last"}  # not by what is faster where the tests run


class Double:
    """`captured`: how many graphs have been made; `replayed`: how often one has run; `capturing`: one is being made."""

    capturing = False

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.captured = self.replayed = self.waits = 0

    def run(self, step):
        step()

    def capture(self, step):
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.captured += 1
        Double.capturing = True
        try:
            step()  # a graph would be made of its Python, and nothing computed: this is the first replay, which follows
        finally:
            Double.capturing = False
        done = [True]

        def replay():
            self.replayed += 1
            if not done:
                step()
            done.clear()

        return replay

    def mark(self):
        def wait():
            self.waits += 1

        return wait


def gan() -> partial[GAN]:
    return partial(
        GAN,
        loss={"pixel": L1()},
        adversarial=RelativisticAverage(),
        discriminator=partial(PooledDiscriminator, widths=(4, 4, 4, 6, 6), hidden=8),
        optimizer=partial(torch.optim.Adam, lr=1e-3),
        schedule=cosine,
        discriminator_optimizer=partial(torch.optim.Adam, lr=1e-3),
        discriminator_schedule=constant,
        r1=1.0,
        r1_every=3,
        ema=0.9,
    )


RECIPES = {"supervised": supervised(ema=0.9), "gan": gan()}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("images"))


class OneAhead(Patches):
    """Makes other batches than the class that it inherits from."""

    def batch(self, step):
        return super().batch(step + 1)


class MadeOnce:
    """Three batches, which are its own."""

    def __init__(self, source):
        self.batches = [source.batch(step) for step in range(3)]

    def batch(self, step):
        return self.batches[step % 3]


def halved(hr, random):
    return hr[::2, ::2] ^ np.uint8(random.integers(8))


def cut(files):
    return Supply(files, 2, None, 2, 16, 0)


SOURCES = {
    "cuts": lambda files: Patches(cut(files)),
    "inherits": lambda files: OneAhead(cut(files)),
    "degraded": lambda files: Patches(replace(cut(files), degradation=parse_degradation("noise"))),
    "fixed": lambda files: FixedPatches(cut(files), 5, halved),
    "made once": lambda files: MadeOnce(Patches(cut(files))),
}


def trained(files, folder, recipe=None, graphs="double", source=SOURCES["cuts"], **changes):
    folder.mkdir()
    batches = partial(source, files)
    stage = a_stage(files, STEPS, recipe=recipe or supervised(), name="only", batches=batches)
    graphs = Double() if graphs == "double" else graphs
    model, outcomes = fit(small_carn(), [stage], folder, a_session(graphs=graphs, **(LAID | changes)))
    return weights(model), (folder / "losses.csv").read_text(), outcomes[0].sessions[-1]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_captured_training_is_that_of_steps_as_they_are_written(files, tmp_path, recipe):
    graphs = Double()
    captured, rows, session = trained(files, tmp_path / "captured", recipe, graphs)
    plain, others, as_written = trained(files, tmp_path / "plain", recipe, capture=False)
    assert torch.equal(captured, plain)
    assert rows == others
    assert graphs.captured == (2 if recipe.func is GAN else 1)
    assert graphs.replayed == STEPS - WARM_UP
    assert (session.captured, session.not_captured) == (True, None)
    assert (as_written.captured, as_written.not_captured) == (False, "capture=false")


def numbers(rows):
    return torch.tensor([[float(one) for one in row[1:]] for row in list(csv.reader(rows.splitlines()))[1:]])


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_without_graphs_it_is_the_same_training_but_for_the_learning_rate_s_last_digits(files, tmp_path, source):
    captured, rows, session = trained(files, tmp_path / "captured", source=source, precision="32-true")
    plain, others, _ = trained(files, tmp_path / "plain", source=source, precision="32-true", graphs=None)
    assert session.captured
    assert torch.allclose(captured, plain, atol=1e-6)
    assert torch.allclose(numbers(rows), numbers(others), atol=1e-5)


@pytest.mark.parametrize(("free", "lie_there"), [(57_700, True), (57_500, False)])
def test_images_that_take_more_than_their_share_of_the_device_are_cut_on_the_host(
    files, tmp_path, monkeypatch, free, lie_there
):
    there, rows, _ = trained(files, tmp_path / "device")
    monkeypatch.setattr(hardware, "memory", lambda device: hardware.DeviceMemory(10**9, free))
    source = patches(files, Length(STEPS, 2, 16, 0))
    assert sum(image.nbytes for image in (*source.lr[2], *source.hr[2])) == 23_040  # 0.4 × 57 600
    assert isinstance(fitting._on_device(source, a_session(graphs=Double())), DevicePatches) is lie_there
    here, others, _ = trained(files, tmp_path / "either")
    assert torch.equal(there, here)
    assert rows == others


def test_a_resumed_training_keeps_its_layout_whatever_is_found_to_be_faster_by_then(files, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    seen, calls, stage = [], [], a_stage(files, STEPS)
    fastest_layout(small_carn(), stage.length, "bf16-mixed", torch.device("cpu"), Double())
    (kept,) = (tmp_path / "srbench/layouts").iterdir()

    def stop(model):
        calls.append(1)
        seen.append(model.exit.weight.is_contiguous())
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 0.0

    def go_on(fastest):
        kept.write_text(json.dumps(json.loads(kept.read_text()) | {"fastest": fastest}))
        return fit(small_carn(), [stage], tmp_path / "run", a_session(stop, graphs=Double()))

    (tmp_path / "run").mkdir()
    with pytest.raises(KeyboardInterrupt):
        go_on("contiguous")
    _, (outcome,) = go_on("channels_last")
    assert len(outcome.sessions) == 2
    assert set(seen) == {True}


def test_stages_are_captured_one_by_one_and_stopped_they_end_as_if_they_had_not_been(files, tmp_path):
    graphs = Double()
    longer = [
        stage.__class__(**vars(stage) | {"length": stage.length.__class__(**vars(stage.length) | {"steps": STEPS})})
        for stage in two_stages(files)
    ]
    (tmp_path / "whole").mkdir()
    whole, _ = fit(small_carn(), longer, tmp_path / "whole", a_session(graphs=graphs, **LAID))
    assert graphs.captured == 2
    (tmp_path / "stopped").mkdir()
    calls = []

    def stop(model):
        calls.append(1)
        if len(calls) in (5, 14):
            raise KeyboardInterrupt
        return 0.0

    for _ in range(3):
        try:
            stopped, _ = fit(small_carn(), longer, tmp_path / "stopped", a_session(stop, graphs=Double(), **LAID))
        except KeyboardInterrupt:
            continue
    assert torch.equal(weights(whole), weights(stopped))
    assert (tmp_path / "whole/losses.csv").read_text() == (tmp_path / "stopped/losses.csv").read_text()


class Drawing(Supervised):
    capturable = True

    def training_step(self, batch, index):
        random.random()
        return super().training_step(batch, index)


class Dropping(Supervised):
    """Leaves out what it likes, by torch's random numbers, from a late step on, when it does another kind of step."""

    capturable = True

    @property
    def variant(self):
        return self.step > 20

    def training_step(self, batch, index):
        if self.step > 20:
            torch.rand(())
        return super().training_step(batch, index)


class Waiting(torch.optim.Adam):
    """Waits for the device when all gradients are there."""

    def step(self, closure=None):
        if Double.capturing:
            raise RuntimeError("the learning rate was read")
        return super().step(closure)


class Counting(torch.optim.Optimizer):
    """Counts its steps in Python."""

    def __init__(self, weights, lr=1e-3):
        super().__init__(weights, {"lr": lr})
        self.steps = 0

    def step(self, closure=None):
        if closure:
            closure()
        self.steps += 1
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    weight -= group["lr"] / self.steps * weight.grad


class Silent(Supervised):
    """Inherits `capturable`, and does not say it of itself."""


def one_cycle(optimizer, steps):
    return OneCycleLR(optimizer, 1e-3, total_steps=steps + 1)


SETTINGS = supervised().keywords
REFUSED = {
    "random": (partial(Drawing, **SETTINGS), {}, "draws random numbers on the CPU"),
    "optimizer": (supervised(optimizer=Counting), {}, "Counting may count its steps in Python"),
    "waits": (supervised(optimizer=Waiting), {}, "the learning rate was read"),
    "silent": (partial(Silent, **SETTINGS), {}, "Silent does not say of itself"),
    "own": (Adversarial, {}, "Adversarial does not say of itself"),
    "accumulate": (supervised(accumulate=2), {}, "accumulate=2"),
    "momentum": (supervised(schedule=one_cycle), {}, "a schedule sets more of the optimizer than its learning rates"),
    "device": (supervised(), {"graphs": Double(fails=True)}, "operation not permitted when stream is capturing"),
}


@pytest.mark.parametrize(("recipe", "changes", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_captured_is_run_as_it_is_written_and_says_why(files, tmp_path, caplog, recipe, changes, reason):
    found, rows, session = trained(files, tmp_path / "auto", recipe, **changes)
    assert not session.captured
    assert reason in session.not_captured
    assert caplog.text.count("steps are run without CUDA graphs") == 1
    random.seed(0)
    plain, others, _ = trained(files, tmp_path / "plain", recipe, capture=False)
    assert torch.equal(found, plain)
    assert rows == others
    with pytest.raises(FailedRunError, match=r"capture=true: .*set capture=auto or false"):
        trained(files, tmp_path / "true", recipe, capture=True, **changes)


def test_the_host_waits_for_the_device_but_for_what_it_was_given_last(files, tmp_path):
    graphs = Double()
    trained(files, tmp_path / "run", graphs=graphs)
    assert graphs.waits == STEPS - 1


def test_images_and_weights_lie_in_memory_as_they_are_told_to(files, tmp_path):
    seen = set()

    class Seeing(Supervised):
        capturable = True

        def images(self, batch):
            sr, hr = super().images(batch)
            seen.add((hr.is_contiguous(), self.model.exit.weight.is_contiguous()))
            return sr, hr

    seeing = partial(Seeing, **SETTINGS)
    last, *_ = trained(files, tmp_path / "last", seeing)
    assert seen == {(False, False)}
    seen.clear()
    planar, *_ = trained(files, tmp_path / "planar", seeing, layout="contiguous")
    assert seen == {(True, True)}
    assert torch.allclose(last, planar, atol=1e-4)


def test_the_faster_layout_is_measured_once_and_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model, length, graphs = small_carn(), Length(10, 2, 16, 0), Double()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    found = fastest_layout(model, length, "32-true", torch.device("cpu"), graphs)
    (kept,) = (tmp_path / "srbench/layouts").iterdir()
    told = json.loads(kept.read_text())
    assert found == told["fastest"]
    assert told["seconds"].keys() == {"channels_last", "contiguous"}
    assert graphs.captured == 2
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    kept.write_text(json.dumps(told | {"fastest": "contiguous"}))
    assert fastest_layout(model, length, "32-true", torch.device("cpu"), graphs) == "contiguous"
    assert graphs.captured == 2
    fastest_layout(model, length, "bf16-mixed", torch.device("cpu"), graphs)
    assert graphs.captured == 4
    kept.write_text("[1")
    fastest_layout(model, length, "32-true", torch.device("cpu"), graphs)
    assert json.loads(kept.read_text())["of"] == told["of"]


def test_of_two_runs_one_measures_and_the_other_waits(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    measures, waits, length = threading.Event(), threading.Event(), Length(10, 2, 16, 0)
    lock = lock_files.locked
    monkeypatch.setattr(lock_files, "locked", lambda path, _: lock(path, waits.set))

    class Slow(Double):
        def capture(self, step):
            measures.set()
            assert waits.wait(60)
            return super().capture(step)

    def found(graphs):
        return fastest_layout(small_carn(), length, "32-true", torch.device("cpu"), graphs)

    first, second = Slow(), Double()
    with ThreadPoolExecutor(2) as runs:
        ours = runs.submit(found, first)
        assert measures.wait(60)
        theirs = runs.submit(found, second)
    assert ours.result() == theirs.result()
    assert (first.captured, second.captured) == (2, 0)


def test_a_network_that_does_not_run_has_the_usual_layout(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    broken = nn.Conv2d(4, 3, 3)
    assert fastest_layout(broken, Length(10, 2, 16, 0), "32-true", torch.device("cpu"), Double()) == "channels_last"
    assert not list((tmp_path / "srbench/layouts").iterdir())


def test_what_is_drawn_in_a_late_kind_of_step_is_seen(files, tmp_path):
    found, rows, session = trained(files, tmp_path / "auto", partial(Dropping, **SETTINGS))
    plain, others, _ = trained(files, tmp_path / "plain", partial(Dropping, **SETTINGS), capture=False)
    assert session.captured
    assert "draws random numbers on the CPU" in session.not_captured
    assert torch.equal(found, plain)
    assert rows == others


def test_a_training_of_few_steps_says_so(files, tmp_path):
    (tmp_path / "few").mkdir()
    stage = a_stage(files, WARM_UP)
    _, (outcome,) = fit(small_carn(), [stage], tmp_path / "few", a_session(graphs=Double(), **LAID))
    assert outcome.sessions[-1].not_captured == "too few steps"


def test_graphs_and_images_are_gone_when_a_stage_has_ended(files, tmp_path, monkeypatch):
    made = []

    class Kept(CapturedSteps):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(fitting, "CapturedSteps", Kept)
    trained(files, tmp_path / "run")
    (steps,) = made
    assert steps.places == {}
    assert steps.source is None
    assert "training_step" not in vars(steps.recipe)


@pytest.mark.parametrize("optimizer", [torch.optim.RAdam, torch.optim.RMSprop, torch.optim.Adam])
def test_a_training_that_began_on_a_gpu_goes_on_on_a_cpu(files, tmp_path, optimizer):
    class StopError(Exception):
        pass

    recipe = supervised(optimizer=partial(optimizer, lr=1e-3))
    stage = a_stage(files, 12, recipe=recipe)
    calls = []

    def validate(model):
        calls.append(1)
        if len(calls) == 2:
            raise StopError
        return 0.0

    with pytest.raises(StopError):
        fit(small_carn(), [stage], tmp_path, a_session(validate))
    path = tmp_path / "last.ckpt"
    content = torch.load(path, weights_only=True)
    for state in content["optimizer_states"]:
        for group in state["param_groups"]:
            group["capturable"], group["foreach"] = True, False
    torch.save(content, path)
    _, (outcome,) = fit(small_carn(), [stage], tmp_path, a_session())
    assert len(outcome.sessions) == 2


def test_weights_that_are_put_elsewhere_are_captured_anew(files, tmp_path):
    def validate(model):
        for weight in model.parameters():
            weight.data = weight.data.clone()
        return 0.0

    (tmp_path / "run").mkdir()
    graphs = Double()
    stage = a_stage(files, STEPS, val_every=20)
    moved, _ = fit(small_carn(), [stage], tmp_path / "run", a_session(validate, graphs=graphs, **LAID))
    assert graphs.captured == 2
    (tmp_path / "other").mkdir()
    stayed, _ = fit(small_carn(), [stage], tmp_path / "other", a_session(graphs=Double(), **LAID))
    assert torch.equal(weights(moved), weights(stayed))


def test_a_stage_that_is_done_holds_no_images_on_the_device(files, tmp_path, monkeypatch):
    held = []

    def cuts(*arguments):
        made = DevicePatches(*arguments)
        held.append(weakref.ref(made))
        return made

    monkeypatch.setattr(fitting, "DevicePatches", cuts)
    cuts.fits = DevicePatches.fits
    gc.disable()  # whose turn may come much later
    try:
        trained(files, tmp_path / "run")
        assert [one() for one in held] == [None]
    finally:
        gc.enable()


class LeavesOpen:
    """What torch up to 2.12 makes of a capture that fails: it stays `open`, by its pool, and so does what draws random
    numbers, `drawn_by` it."""

    def __init__(self, monkeypatch) -> None:
        self.open, self.pools, self.drawn_by = [], 0, None
        monkeypatch.setattr(torch.cuda, "Stream", lambda device: Namespace(device_index=0))
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", self.pool)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: Namespace(replay=lambda: None))
        monkeypatch.setattr(torch.cuda, "graph", self.graph)
        monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", self.end, raising=False)

    def pool(self):
        self.pools += 1
        return 0, self.pools

    @contextmanager
    def graph(self, graph, pool=None, stream=None, capture_error_mode="global"):
        self.drawn_by = pool or self.pool()
        self.open.append(self.drawn_by)
        try:
            yield
        except BaseException:
            raise RuntimeError("operation failed due to a previous error during capture")  # noqa: B904  as torch does
        self.open.remove(self.drawn_by)
        self.drawn_by = None

    def end(self, device, pool):
        if pool not in self.open:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.open.remove(pool)


def test_a_capture_that_fails_is_ended_and_tells_what_it_failed_of(monkeypatch):
    def fails():
        raise ValueError("it waits for the device")

    left = LeavesOpen(monkeypatch)
    graphs = CudaGraphs(torch.device("cpu"))
    first = graphs.pool
    with pytest.raises(RuntimeError, match="previous error") as told:
        graphs.capture(fails)
    assert isinstance(told.value.__context__, ValueError)
    assert not left.open
    assert left.drawn_by is None
    assert graphs.pool != first


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
def test_a_validation_leaves_the_weights_where_they_lie(carn, layout):
    run = carn(f"memory_format={layout}")
    model = build_model(run).to(memory_format=FORMATS[layout])
    before = [weight.data_ptr() for weight in model.parameters()]
    validation(run, Slot("cpu", 1), ALONE)(model)
    assert [weight.data_ptr() for weight in model.parameters()] == before
