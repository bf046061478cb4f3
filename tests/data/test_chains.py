"""`data.degradation`: what can be written, what it means, and that it is the same everywhere."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.data.chains import degradation_of, parse_degradation
from srbench.data.images import write_image
from srbench.data.pairs import lr_source
from srbench.data.resizers import RESIZERS, as_uint8
from srbench.experiments.checks import check_run
from srbench.experiments.compose import build_on_meta
from srbench.experiments.configured_run import Words, run_spec
from srbench.experiments.inputs import datasets, validation_pairs

HR = np.random.default_rng(0).integers(0, 256, (24, 28, 3), np.uint8)

CHAIN_OF_ALL = [{"blur": {"sigma": 2}}, "pil-bicubic", {"noise": {"sigma": "25/255"}}, {"jpeg": {"quality": 40}}]


def degraded(given, name="baby", image=HR):
    chain = parse_degradation(given)
    return chain(image, 2, chain.random_of(name))


@pytest.mark.parametrize(
    ("given", "spelled_out"),
    [
        ("noise", [{"noise": {"sigma": 0.1}}]),
        ({"noise": {"sigma": "25.5/255"}}, ["noise"]),
        ({"noise": {"sigma": 1}}, [{"noise": {"sigma": 1.0}}]),
        (["blur", "noise"], [{"blur": {"sigma": 1.5, "kernel": 5}}, {"noise": {}}]),
        ([{"blur": {"kernel": 7}}, "pil-bicubic"], [{"blur": {"sigma": 1.5, "kernel": 7}}, "pil-bicubic"]),
        ("jpeg", {"jpeg": {"quality": 75}}),
    ],
)
def test_spellings_of_one_degradation_are_the_same(given, spelled_out):
    assert parse_degradation(given).facts == parse_degradation(spelled_out).facts
    np.testing.assert_array_equal(degraded(given), degraded(spelled_out))


@pytest.mark.parametrize("given", ["noise", CHAIN_OF_ALL])
def test_a_degradation_is_made_again_of_its_facts(given):
    chain = parse_degradation(given)
    assert degradation_of(chain.facts) == chain


@pytest.mark.parametrize("given", [None, []])
def test_none_is_none(given):
    assert parse_degradation(given) is None


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ("noise", "noise σ=0.1"),
        ({"noise": {"sigma": "25/255"}}, "noise σ=0.09803921568627451"),
        (
            ["blur", "matlab-symmetric", {"jpeg": {"quality": 40}}],
            "gaussian-blur k=5 σ=1.5 + matlab-symmetric + jpeg q=40",
        ),
    ],
)
def test_a_label_names_the_whole_chain(given, label):
    assert parse_degradation(given).label == label


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("nois", "nois: no such step, did you mean noise?"),
        ("pil-cubic", "pil-cubic: no such step, did you mean pil-bicubic?"),
        (7, "7 is not a step; write NAME or {NAME: {SETTING: VALUE}}"),
        (False, "False is not a step"),
        ({"noise": {}, "blur": {}}, "is not a step"),
        ({"noise": 0.1}, "is not a step"),
        ({"noise": {"sgma": 0.1}}, "noise has no setting sgma, did you mean sigma?"),
        ({"pil-bicubic": {"radius": 3}}, "pil-bicubic has no setting radius"),
        ({"noise": {"sigma": 25}}, "noise.sigma is 25; it must be a number from 0 to 1, or as 25/255."),
        ({"noise": {"sigma": "300/255"}}, "noise.sigma is 1.17647"),
        ({"noise": {"sigma": "1/0"}}, "noise.sigma is 1/0"),
        ({"noise": {"sigma": float("nan")}}, "noise.sigma is nan"),
        ({"noise": {"sigma": True}}, "noise.sigma is True"),
        ({"blur": {"kernel": 4}}, "blur.kernel is 4; it must be an odd whole number from 1 on."),
        ({"blur": {"kernel": 5.0}}, "blur.kernel is 5.0"),
        ({"blur": {"sigma": 0}}, "blur.sigma is 0; it must be a number above 0."),
        ({"jpeg": {"quality": 0}}, "jpeg.quality is 0; it must be a whole number from 1 to 100."),
        ({"jpeg": {"quality": "high"}}, "jpeg.quality is high"),
        (["pil-bicubic", "pil-lanczos"], "pil-bicubic and pil-lanczos would shrink the image twice"),
    ],
)
def test_mistakes_are_told_in_one_line(given, told):
    with pytest.raises(UserError) as error:
        parse_degradation(given)
    assert str(error.value).startswith(
        f"data.degradation: {told}" if not told.startswith("is") else "data.degradation: {"
    )
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_steps_are_done_in_their_order():
    blur = parse_degradation("blur")(HR, 2, np.random.default_rng())
    np.testing.assert_array_equal(degraded(["blur", "pil-bicubic"]), RESIZERS["pil-bicubic"](as_uint8(blur), 2))
    small = RESIZERS["pil-bicubic"](HR, 2)
    np.testing.assert_array_equal(degraded(["pil-bicubic", "blur"]), degraded("blur", image=small))
    assert parse_degradation(["blur", "pil-bicubic"]).shrinks
    assert not parse_degradation(["blur", "noise"]).shrinks


def test_noise_and_blur_leave_floats_and_the_others_bytes():
    for given in ("noise", "blur", ["pil-bicubic", "noise"]):
        assert degraded(given).dtype == np.float32
    for given in ("jpeg", "pil-bicubic", ["noise", "jpeg"], ["blur", "torch-bicubic"]):
        assert degraded(given).dtype == np.uint8


def test_the_noise_of_an_image_is_the_same_on_every_machine():
    """A part of these numbers: whatever changes them changes the tables that people have printed."""
    noisy = degraded("noise", image=np.full((2, 2, 3), 128, np.uint8))
    np.testing.assert_allclose(
        noisy[0], [[85.80654, 95.63692, 173.06671], [136.33240, 160.92320, 164.09314]], atol=1e-4
    )


def test_the_noise_of_an_image_depends_on_its_name_and_the_settings():
    assert not np.array_equal(degraded("noise"), degraded("noise", "bird"))
    assert not np.array_equal(degraded("noise"), degraded({"noise": {"sigma": 0.10001}}))
    two = parse_degradation(["noise", "noise"])
    grey = np.full((100, 100, 3), 128, np.uint8)
    assert two(grey, 2, two.random_of("baby")).std() == pytest.approx(25.5 * 2**0.5, rel=0.02)  # drawn anew


def test_neither_order_nor_workers_change_an_image():
    names = [f"{i}" for i in range(12)]
    given = ["pil-bicubic", "blur", "noise", {"jpeg": {"quality": 60}}]
    alone = [hashlib.sha256(degraded(given, name).tobytes()).digest() for name in names]
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda name: hashlib.sha256(degraded(given, name).tobytes()).digest(), names[::-1]))
    assert many[::-1] == alone
    assert len(set(alone)) == len(names)


CHAIN = "data.degradation=[{blur: {sigma: 2}}, pil-bicubic, {noise: {sigma: 25/255}}, {jpeg: {quality: 40}}]"


def test_the_command_line_can_say_it(plan):
    label = "gaussian-blur k=5 σ=2 + pil-bicubic + noise σ=0.09803921568627451 + jpeg q=40"
    assert plan(CHAIN).data.degradation.label == label
    assert plan("data.degradation={noise: {sigma: 0.2}}").data.degradation.label == "noise σ=0.2"
    assert plan().data.degradation is None


def test_a_degradation_fixes_the_weights_however_it_is_spelled(plan):
    hashes = {given: plan(f"data.degradation={given}").config_hash for given in ("null", "noise", "blur", "[noise]")}
    hashes["spelled out"] = plan("data.degradation=[{noise: {sigma: 25.5/255}}]").config_hash
    assert hashes["noise"] == hashes["[noise]"] == hashes["spelled out"]
    assert len(set(hashes.values())) == 3


def test_the_bicubic_run_has_the_same_degradation(plan):
    run = plan("model=safmn", "checkpoint=safmn", "data.degradation=noise")
    assert run.reference().data.degradation == run.data.degradation == parse_degradation("noise")


def test_what_is_evaluated_is_degraded(plan, tmp_path):
    for folder in ("HR", "LR_bicubic/X2"):
        (tmp_path / "benchmark" / "Own" / folder).mkdir(parents=True)
    write_image(tmp_path / "benchmark/Own/HR/a.png", HR)
    write_image(tmp_path / "benchmark/Own/LR_bicubic/X2/ax2.png", HR[::2, ::2])
    run = plan("data.degradation=noise", f"data_root={tmp_path}", "eval.datasets=[own,val]")
    found = datasets(run)
    assert lr_source(found["own"]).resizer == "file + noise σ=0.1"
    assert lr_source(found["val"]).resizer == "matlab-symmetric + noise σ=0.1"
    assert lr_source(validation_pairs(run)) == lr_source(found["val"])


def test_a_data_set_of_ones_own_needs_no_such_key(plan):
    config = {**plan().config, "data": {"_target_": "srbench.data.photos.Photos"}}
    run = run_spec(config, config, Words("carn", (), "photos"))
    assert run.data.degradation is None
    assert len(run.data.train_files()) == 3
    assert run.config_hash == plan().config_hash


def test_a_network_that_sees_the_whole_image_cannot_be_trained_on_degraded_patches(plan):
    run = plan("model=mossnet", "data.degradation=noise")
    with pytest.raises(UserError, match=r"data\.degradation: model=mossnet sees the whole LR image"):
        check_run(run, build_on_meta(run))
