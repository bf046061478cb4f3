"""Runs on images of 16 bits and of one channel: trained, scored and kept without loss."""

import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.core.pixel_format import PixelFormat
from srbench.data.images import read_image, write_image
from srbench.data.resize import imresize
from srbench.experiments.checks import check_run
from srbench.experiments.compose import build_model, build_on_meta
from srbench.experiments.launchers.probe import measured
from srbench.experiments.store.scores import read_rows, sr_file
from srbench.models.traits import image_channels_of
from tests.tiny_runs import HERE, SHORT, TINY, carried_out

FORMS = {"deep": PixelFormat(16, 3), "grey": PixelFormat(8, 1), "deep grey": PixelFormat(16, 1)}


def smooth(form, seed):
    random = np.random.default_rng(seed)
    coarse = random.uniform(0.1, 0.9, (12, 14, form.channels))
    pixels = imresize(coarse, 4.0).clip(0, 1) * (65535 if form.bits == 16 else 255)
    return np.rint(pixels).astype(form.dtype)


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


@pytest.fixture
def run(plan, form, tmp_path, monkeypatch):
    """run("model=bicubic"): that run on four images of the format."""
    monkeypatch.chdir(tmp_path)
    for part, seeds in {"": range(4), "valid": range(4, 6)}.items():
        (tmp_path / "images" / part).mkdir(exist_ok=True)
        for seed in seeds:
            write_image(tmp_path / "images" / part / f"{seed}.png", smooth(form, seed))
    told = [f"data.bits={form.bits}", f"data.channels={form.channels}"]
    fixed = ["data=folder", "data.root=images", "eval.latency=false", "eval.metrics=[psnr,rmse]", *told]
    return lambda *words: plan(*fixed, *words)


def psnr(sr, hr, white):
    """The protocol y: of grey the image itself, of RGB BT.601's luma, without a border of 2."""
    planes = [image[2:-2, 2:-2].astype(np.float64) / white for image in (sr, hr)]
    if sr.shape[2] == 3:
        planes = [(16 + plane @ [65.481, 128.553, 24.966]) / 255 for plane in planes]
    return -10 * np.log10(np.square(planes[0] - planes[1]).mean())


def test_a_dry_run_trains_some_steps(run, tmp_path):
    assert measured(run(*TINY, *SHORT), HERE, tmp_path / "scratch").bytes > 0


def test_bicubic_is_computed_and_kept_in_the_format(run, form):
    one = run("model=bicubic", "budget=none")
    record = carried_out(one)
    assert f"2 images of {form.name} (" in str(record.certificates["val"])
    for row in read_rows(one.folder):
        sr = read_image(sr_file(one.folder, row), form)
        hr = smooth(form, int(row.image))
        np.testing.assert_array_equal(sr, imresize(imresize(hr, 1 / 2), 2))
        white = 65535 if form.bits == 16 else 255
        assert row.scores["psnr"] == pytest.approx(psnr(sr, hr, white), rel=1e-8)
        border = (slice(2, -2), slice(2, -2))
        error = (sr[border].astype(float) - hr[border]) * 255 / white
        assert row.scores["rmse"] == pytest.approx(np.sqrt(np.square(error).mean()), rel=1e-8)


def test_a_network_is_trained_on_it(run, form):
    one = run(*TINY, *SHORT)
    record = carried_out(one)
    model = build_model(one)
    assert image_channels_of(model) == form.channels
    assert record.status == "done"
    assert np.isfinite(record.train.final_loss)
    assert record.cost.params == sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    kept = read_image(sr_file(one.folder, read_rows(one.folder)[0]), form)
    if form.bits == 16:
        assert (kept % 257 != 0).mean() > 0.9  # no values of 8 bits


def test_runs_of_8_bits_rgb_have_the_identity_that_they_had(plan):
    """Of releases that knew no others."""
    usual, deep = plan(*TINY), plan(*TINY, "data.bits=16")
    assert usual.data.identity.keys() == {"_target_", "degradation"}
    assert "image_channels" not in usual.model.arguments
    assert usual.config_hash != deep.config_hash


@pytest.mark.parametrize("name", ["fsrcnn", "srresnet", "edsr", "rcan", "carn", "span", "safmn", "mdrn", "gfmn"])
def test_networks_take_one_channel(plan, name):
    model = build_on_meta(plan(f"model={name}", "data.channels=1", "scale=4"))
    assert image_channels_of(model) == 1
    rgb = build_on_meta(plan(f"model={name}", "scale=4"))
    assert sum(one.numel() for one in model.parameters()) < sum(one.numel() for one in rgb.parameters())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["data.bits=12"], "^data.bits=12: 8 or 16$"),
        (["data.channels=4"], "^data.channels=4: 1 or 3$"),
        (["data.bits=16", "data.degradation=jpeg"], "^data.degradation: jpeg q=75 leaves 8 bits"),
        (["model=mossnet", "data.channels=1"], "^data.channels=1: model=mossnet takes images of 3 channels; use"),
        (["model=fsrcnn", "+model.image_channels=1"], "^data.channels=3: model=fsrcnn takes images of 1 channel; use"),
        (["model=fsrcnn", "data.bits=16", "recipe=waifu2x_study"], "^data.bits=16: .*degrade leaves 8 bits"),
    ],
)
def test_what_does_not_go_together_is_told_before_the_run(plan, words, line):
    def check():
        one = plan(*words)
        check_run(one, build_on_meta(one))

    with pytest.raises(UserError, match=line):
        check()


TAUGHT = ("model=edsr", "model.width=4", "model.blocks=1", "budget.steps=2", "recipe=distillation")


@pytest.mark.parametrize("form", ["deep grey"], indirect=True)
def test_a_teacher_is_told_of_the_images_as_the_model_is(run, tmp_path):
    like = ("model@recipe.teacher=edsr", "recipe.teacher.width=4", "recipe.teacher.blocks=1")
    trained = run(*TAUGHT[:-1], *SHORT)
    carried_out(trained)
    weights = trained.folder / "weights.safetensors"
    taught = run(*TAUGHT, *SHORT, *like, f"recipe.teacher_checkpoint={weights}")
    check_run(taught, build_on_meta(taught))
    assert carried_out(taught).status == "done"


@pytest.mark.parametrize("form", ["grey"], indirect=True)
def test_a_teacher_of_other_channels_is_refused(run):
    taught = run(*TAUGHT, *SHORT)
    with pytest.raises(UserError, match=r"the teacher, MossNet, takes images of 3 channels, and its student of 1\."):
        check_run(taught, build_on_meta(taught))


def test_data_of_a_stage_are_read_as_data_is(plan):
    own = "+recipe.stages.pixel.data={_target_: srbench.data.photos.Photos"
    (stage,) = plan(*TINY, *SHORT, "data.bits=16", f"{own}}}").stages
    assert stage.data.form == PixelFormat(16)
    one = plan(*TINY, *SHORT, "data.bits=16", f"{own}, bits: 8}}")
    with pytest.raises(UserError, match=r"pixel\.data: is read with 8 bits.*leave its bits and channels out"):
        check_run(one, build_on_meta(one))
