"""Distillation: its terms against their formulas, what the teacher is and is not, and that it goes on bit by bit."""

import re
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from srbench.data.patches import Patches
from srbench.data.supply import Supply
from srbench.models.carn import CARN
from srbench.models.layers.thumbnail import make_thumbnail
from srbench.models.mossnet import MossNet
from srbench.models.weights import read_weights
from srbench.recipes.distillation import Distillation
from srbench.recipes.fit import fit
from srbench.recipes.length import Length
from srbench.recipes.schedules import cosine
from srbench.recipes.supervised import as_images, as_thumbnails
from tests.recipes.toys import a_session, a_stage, supervised, weights

ALL = {"hr": 0.5, "output": 0.5, "embedding": 0.1}
LENGTH = Length(12, 2, 16, 4)


def mossnet(seed: int, embedding: int = 4, **changes) -> MossNet:
    """A small one, whose last convolution does something."""
    torch.manual_seed(seed)
    model = MossNet(widths=[4, 6, 8], convs=[1, 1, 2], context_widths=[4, 4], embedding=embedding, **changes)
    nn.init.normal_(model.unet.head.weight, std=0.01)
    return model


def small_carn(seed: int, **changes) -> CARN:
    torch.manual_seed(seed)
    return CARN(**({"width": 4, "blocks": 1, "units": 1, "atrous": [1]} | changes))


@pytest.fixture
def checkpoint(tmp_path):
    """Of a MossNet with an embedding of 6."""
    path = tmp_path / "teacher.safetensors"
    save_file(mossnet(1, 6).state_dict(), path)
    return str(path)


def distillation(checkpoint, teacher=None, **changes) -> partial[Distillation]:
    """Each recipe has a teacher of its own, with other weights than the checkpoint's before it is made."""
    settings = {**supervised().keywords, "weights": ALL, "teacher_checkpoint": checkpoint} | changes

    def make(model, length):
        return Distillation(model, length, teacher=teacher() if teacher else mossnet(2, 6), **settings)

    return make


def batches(files, stage=0):
    thumbnail = partial(make_thumbnail, size=64)
    return Patches(Supply(files, 2, None, LENGTH.batch_size, LENGTH.hr_patch, 0, stage, thumbnail=thumbnail))


def distil_stage(files, checkpoint, **changes):
    return a_stage(files, recipe=distillation(checkpoint, **changes), batches=lambda: batches(files))


def test_the_terms_are_their_formulas(files, checkpoint):
    student, teacher, batch = mossnet(0), mossnet(1, 6).eval(), batches(files).batch(0)
    recipe = distillation(checkpoint)(student, LENGTH).train()
    loss, terms = recipe.losses(batch)
    lr, hr, thumbnail = as_images(batch.lr), as_images(batch.hr), as_thumbnails(batch.thumbnail)
    sr = student(lr, thumbnail)
    mapped, theirs = student.embed(lr, thumbnail) @ recipe.embedding.weight.T, teacher.embed(lr, thumbnail)
    assert recipe.embedding.weight.shape == (6, 4)
    cosines = (mapped * theirs).sum(1) / (mapped.norm(dim=1) * theirs.norm(dim=1))
    expected = {
        "hr": F.l1_loss(sr, hr),
        "output": F.l1_loss(sr, teacher(lr, thumbnail)),
        "embedding": 1 - cosines.mean(),
    }
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value.detach())
        assert not terms[name].requires_grad
    assert min(terms.values()) > 0.001
    torch.testing.assert_close(loss, 0.5 * expected["hr"] + 0.5 * expected["output"] + 0.1 * expected["embedding"])


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        ({"hr": 1, "output": 0, "embedding": 0}, ("hr",)),
        ({"output": 0.5, "hr": 0.5}, ("hr", "output")),
        ({"hr": 1, "embedding": 0.1, "output": 0}, ("hr", "embedding")),
        (ALL, ("hr", "output", "embedding")),
    ],
)
def test_a_term_without_a_weight_is_neither_computed_nor_logged(files, checkpoint, weights, parts):
    calls, teacher = [], mossnet(2, 6)
    teacher.register_forward_hook(lambda *_: calls.append(1))
    recipe = distillation(checkpoint, lambda: teacher, weights=weights)(mossnet(0), LENGTH)
    loss, terms = recipe.losses(batches(files).batch(0))
    assert tuple(terms) == recipe.parts == parts
    assert len(calls) == ("output" in parts)
    torch.testing.assert_close(loss.detach(), sum(weights[name] * term for name, term in terms.items()))


def test_a_student_taught_nothing_learns_as_without_a_teacher(files, tmp_path, checkpoint):
    for name in "ab":
        (tmp_path / name).mkdir()
    alone = distil_stage(files, "nowhere.pth", weights={"hr": 1, "output": 0, "embedding": 0})
    plain = a_stage(files, batches=lambda: batches(files))
    taught, _ = fit(mossnet(0), [alone], tmp_path / "a", a_session())
    untaught, _ = fit(mossnet(0), [plain], tmp_path / "b", a_session())
    assert torch.equal(weights(taught), weights(untaught))


def test_the_student_comes_nearer_to_the_teacher_and_the_teacher_stays(files, tmp_path, checkpoint):
    kept = []

    def make(model, length):
        made = distillation(checkpoint, optimizer=partial(torch.optim.Adam, lr=5e-3))(model, length)
        kept.extend([made, made.embedding.weight.detach().clone()])
        return made

    stage = a_stage(files, 40, 0, make, batches=lambda: batches(files))
    student, _ = fit(mossnet(0), [stage], tmp_path, a_session(precision="32-true"))
    rows = [line.split(",") for line in (tmp_path / "losses.csv").read_text().splitlines()]
    assert rows[0] == ["stage", "step", "epoch", "loss", "hr", "output", "embedding", "gradient_norm"]
    for column in (5, 6):
        values = [float(row[column]) for row in rows[1:]]
        assert sum(values[-5:]) < 0.8 * sum(values[:5])
    recipe, first_map = kept
    assert not torch.equal(recipe.embedding.weight, first_map)
    stored = read_weights(tmp_path / "teacher.safetensors")
    assert all(torch.equal(tensor, stored[name]) for name, tensor in recipe.teacher.named_buffers())
    assert not any(module.training for module in recipe.teacher.modules())
    assert read_weights(tmp_path / "stages/1-pixel.safetensors").keys() == student.state_dict().keys()


@pytest.mark.parametrize("ema", [None, 0.9])
def test_an_interrupted_distillation_ends_with_the_weights_of_another(files, tmp_path, checkpoint, ema):
    for name in "ab":
        (tmp_path / name).mkdir()
    stages = [distil_stage(files, checkpoint, ema=ema)]
    whole, _ = fit(mossnet(0), stages, tmp_path / "a", a_session())
    validations = [30.0]  # the second, at step 8, fails, and last.ckpt is of step 4
    with pytest.raises(IndexError):
        fit(mossnet(0), stages, tmp_path / "b", a_session(lambda _: validations.pop()))
    kept = torch.load(tmp_path / "b/last.ckpt", weights_only=True)["state_dict"]
    assert not any(name.startswith("teacher") for name in kept)
    assert kept["embedding.weight"].shape == (6, 4)
    resumed, _ = fit(mossnet(0), stages, tmp_path / "b", a_session())
    assert torch.equal(weights(whole), weights(resumed))
    assert (tmp_path / "a/losses.csv").read_bytes() == (tmp_path / "b/losses.csv").read_bytes()


@pytest.mark.parametrize("student", [partial(small_carn, 0), partial(mossnet, 0, context="zero")])
def test_any_network_learns_from_any_other_which_sees_the_whole_image(files, checkpoint, student):
    """Without a term of embeddings, as the student has none."""
    model, batch = student(), batches(files).batch(0)
    recipe = distillation(checkpoint)(model, LENGTH).train()
    loss, terms = recipe.losses(batch)
    loss.backward()
    assert tuple(terms) == ("hr", "output")
    assert any(weight.grad is not None and weight.grad.any() for weight in model.parameters())
    lr, thumbnail = as_images(batch.lr), as_thumbnails(batch.thumbnail)
    with torch.no_grad():
        of_teacher = mossnet(1, 6).eval()(lr, thumbnail)
    torch.testing.assert_close(terms["output"], F.l1_loss(model(lr), of_teacher).detach())


def test_a_teacher_of_several_scales_teaches_at_the_batch_s(files, tmp_path):
    teacher = partial(small_carn, 3, scales=[2, 4])
    save_file(teacher().state_dict(), tmp_path / "several")
    made = teacher()
    made.scale = 4
    recipe = distillation(str(tmp_path / "several"), lambda: made)(small_carn(0), LENGTH)
    _, terms = recipe.losses(batches(files).batch(0))
    assert terms["output"] > 0


def test_a_student_of_several_scales_learns_at_the_batch_s(files, tmp_path):
    several = partial(small_carn, scales=[2, 3])
    save_file(several(3).state_dict(), tmp_path / "several")
    recipe = distillation(str(tmp_path / "several"), lambda: several(4))(several(0), LENGTH)
    batch = Patches(Supply(files, 3, None, 2, 18, 0)).batch(0)  # of the other scale than the networks'
    _, terms = recipe.losses(batch)
    assert tuple(terms) == ("hr", "output")
    assert recipe.model.scale == recipe.teacher.scale == 3


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"teacher": partial(small_carn, 0, scale=3)}, "the teacher, CARN, is for ×3, and its student for ×2."),
        ({"teacher": partial(small_carn, 0, scales=[3, 4], scale=3)}, "the teacher, CARN, is for ×3 ×4, and its"),
        ({"teacher_checkpoint": None}, "the teacher, MossNet, has no weights; train it first"),
        ({"teacher_checkpoint": "nowhere.pth"}, "teacher_checkpoint: checkpoint=nowhere.pth: no such file"),
        ({"teacher": partial(small_carn, 0)}, "teacher_checkpoint: .*teacher.safetensors: not weights of this CARN"),
        ({"teacher": lambda: "mossnet_m"}, "teacher is mossnet_m, where a network is needed"),
        ({"weights": {"hr": 1, "outputs": 1}}, "weights.outputs: no such term; there are hr, output, embedding."),
        ({"weights": None}, "weights is None; it must map terms to numbers, as in {hr: 0.5, output: 0.5}."),
        ({"weights": {"hr": -1}}, "weights.hr is -1; it must be a number from 0 on."),
        ({"weights": {"embedding": 1}}, "weights.hr and weights.output are 0, so that nothing trains SR"),
    ],
)
def test_a_teacher_or_weights_that_do_not_fit_are_named(checkpoint, changes, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}" if ".*" in sentence else f"^{re.escape(sentence)}"):
        distillation(checkpoint, **changes)(mossnet(0), LENGTH)


def test_the_optimizer_s_schedule_is_the_recipe_s(checkpoint):
    recipe = distillation(checkpoint, schedule=partial(cosine, eta_min=1e-4))(mossnet(0), LENGTH)
    made = recipe.configure_optimizers()
    assert made["lr_scheduler"].eta_min == 1e-4
    trained = sum(weight.numel() for group in made["optimizer"].param_groups for weight in group["params"])
    assert trained == sum(weight.numel() for weight in recipe.model.parameters()) + 6 * 4
