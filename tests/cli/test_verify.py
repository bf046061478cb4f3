"""Scores that are right, and everything that can be wrong with them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from srbench.audits.verify import summary_of_findings, verify
from srbench.cli.dispatch import perform
from srbench.core.errors import UserError
from srbench.core.pixel_format import PixelFormat
from srbench.data.images import read_image, write_image
from tests.cli.conftest import TINY, make_images, shell_in
from tests.cli.test_rubbish import RUBBISH


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a trained run and its bicubic run, each on one image of `val` and four of `tiny`."""
    shell = shell_in(tmp_path_factory.mktemp("trained"))
    make_images(shell.folder / "data/benchmark/tiny/HR", 4)
    done = shell(*shell.data, *TINY, "eval.datasets=[val,tiny]", "eval.metrics=[psnr,ssim,rmse,lpips]")
    assert done.returncode == 0, done.stderr
    return shell.folder


@pytest.fixture
def study(trained, tmp_path, monkeypatch):
    """A copy of that study, in the current folder."""
    shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Path("runs/single")


@pytest.fixture
def run(study):
    """CARN's run."""
    return next(study.glob("carn-*"))


def look(study, sample=None, data_root=None):
    """What comes out for CARN's run, after a look at both."""
    steps = []
    found = {
        finding.run.partition("-")[0]: finding
        for finding in verify(study, sample, lambda *step: steps.append(step), data_root)
    }
    assert steps[-1][1] <= steps[-1][2]
    return found["carn"]


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def row_of(run, start):
    return next(line for line in (run / "scores.csv").read_text().splitlines() if line.startswith(start))


def is_well():
    """What the verb returns."""
    return perform(["verify", "runs/single", "sample=1"])


def test_scores_that_agree_are_counted(study, capsys):
    assert perform(["verify", "runs/single"])
    lines = capsys.readouterr().out.splitlines()
    assert [line[:14] for line in lines if not line.startswith(" ")][:2] == ["agrees   bicub", "agrees   carn-"]
    assert sum(line.endswith("12 scores of 4 images recomputed") for line in lines) == 2
    assert not any(line.startswith(" ") for line in lines)
    assert lines[-2] == "2 runs: 2 agree; 24 scores of 8 images, 0 images not verified"
    assert lines[-1].startswith("up to 3 images per data set and run, drawn with seed 0; scores agree within 1e-06")
    agreed = look(study)
    assert (agreed.verdict, agreed.scores, agreed.images, agreed.differs) == ("agrees", 15, 5, [])


def test_the_same_images_are_drawn_each_time(study):
    drawn = [[], []]
    for stages in drawn:
        verify(study, 1, lambda stage, done, total, stages=stages: stages.append(stage))
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 4  # runs × data sets


def test_a_score_that_was_altered_is_named_with_the_right_one(study, run, capsys):
    psnr = row_of(run, "tiny,2,").split(",")[2]
    change(run / "scores.csv", psnr, "12.5")
    altered = look(study)
    assert altered.differs[0].startswith("tiny mean psnr: result.json has ")
    assert altered.differs[1] == f"tiny 2 psnr: stored 12.5, recomputed {psnr}"
    assert len(altered.differs) == 2
    assert not perform(["verify", "runs/single", "sample=all"])
    told = capsys.readouterr().out
    assert f"         differs: tiny 2 psnr: stored 12.5, recomputed {psnr}" in told.splitlines()
    assert "2 runs: 1 agree, 1 differ; 30 scores of 10 images, 0 images not verified" in told


@pytest.mark.parametrize(("error", "differing"), [(4e-7, 0), (8e-6, 2)])
def test_an_error_below_what_is_told_is_none(study, run, error, differing):
    psnr = row_of(run, "tiny,2,").split(",")[2]
    change(run / "scores.csv", psnr, str(float(psnr) + error))
    assert len(look(study).differs) == differing  # the score and the mean


def test_a_score_that_is_no_number_differs(study, run):
    psnr = row_of(run, "tiny,2,").split(",")[2]
    change(run / "scores.csv", psnr, "great")
    assert look(study).differs[1] == f"tiny 2 psnr: stored nan, recomputed {psnr}"


def test_a_metric_that_cannot_be_had_is_told(study, run):
    row = row_of(run, "tiny,2,").split(",")
    change(run / "scores.csv", ",".join(row), ",".join([*row[:4], "0.1", *row[5:]]))
    (reason,) = look(study).unknown
    assert reason.startswith("lpips: ")


def test_an_sr_image_that_was_altered_is_named(study, run):
    sr = read_image(run / "images/tiny/1.png")
    write_image(run / "images/tiny/1.png", np.where(sr > 128, sr - 1, sr).astype(np.uint8))
    image, *scores = look(study).differs
    assert image == "tiny 1: the SR image is not the one that was scored"
    assert {line.split(":")[0] for line in scores} == {f"tiny 1 {m}" for m in ("psnr", "ssim", "rmse")}


def test_an_sr_image_that_is_missing_is_named(study, run):
    (run / "images/tiny/1.png").unlink()
    assert not is_well()
    lost = look(study)
    assert (lost.verdict, lost.images, lost.unverified) == ("agrees", 4, 1)
    assert "tiny 1: the SR image is missing" in lost.unknown


def test_an_sr_image_of_another_size_is_named_without_being_drawn(study, run):
    write_image(run / "images/tiny/1.png", read_image(run / "images/tiny/1.png")[:-2])
    (wrong,) = look(study, 1).differs
    assert wrong.startswith("tiny 1: SR is 48×38, HR 48×40")


def test_an_sr_image_that_cannot_be_read_is_named(study, run):
    (run / "images/tiny/1.png").write_bytes(b"")
    assert not is_well()
    assert "images/tiny/1.png: cannot be read as an image" in look(study).unknown[-1]


def test_hr_that_was_altered_is_named_before_the_scores_that_differ_by_it(study):
    place = Path("data/benchmark/tiny/HR/1.png")
    write_image(place, 255 - read_image(place))
    first, *others = look(study).differs
    assert first.startswith("tiny: HR images are not those that were scored (SHA-256 ")
    assert others
    assert all(line.startswith("tiny 1 ") for line in others)


def test_an_hr_image_that_is_missing_is_named(study):
    Path("data/benchmark/tiny/HR/3.png").rename("data/benchmark/tiny/HR/other.png")
    assert "tiny 3: the HR image is missing" in look(study).unknown


def test_a_data_set_that_is_gone_leaves_its_images_unverified(study):
    Path("data/benchmark/tiny/HR").rename("gone")
    lost = look(study)
    assert (lost.images, lost.unverified) == (1, 4)
    assert lost.unknown[-1].startswith("tiny 0, 1, 2, 3: eval.datasets=[tiny]")


def test_data_that_moved_are_found_where_they_are_said_to_be(study):
    agreed = look(study)
    Path("data").rename("moved")
    assert look(study).unknown[-1].endswith("; data_root=DIR says where data have moved to")
    assert look(study, None, Path("moved")) == agreed


def test_a_config_that_was_altered_is_told_by_its_hash(study, run):
    change(run / "config.yaml", "        lr: 0.001", "        lr: 0.002")
    (wrong,) = look(study).differs
    assert wrong.startswith("config.yaml has the hash ")


def test_weights_of_another_network_differ(study, run):
    change(run / "config.yaml", "width: 8", "width: 4")
    assert "not weights of this CARN" in look(study).differs[-1]


def test_weights_that_are_not_those_of_the_record_differ(study, run):
    file = run / "weights.safetensors"
    with safe_open(file, "pt") as opened:
        about = opened.metadata()
    save_file({name: 2 * weights for name, weights in load_file(file).items()}, file, about)
    assert "weights: weights.safetensors holds others than result.json says" in look(study).differs


def test_scores_of_other_weights_than_the_records_differ(study, run):
    digest = json.loads((run / "result.json").read_text())["weights_sha256"]
    change(run / "result.json", f'"weights_sha256": "{digest}"', '"weights_sha256": "other"')
    assert any("scores of other weights than the run's" in line for line in look(study).differs)


def test_weights_that_are_gone_are_named(study, run):
    (run / "weights.safetensors").unlink()
    assert f"weights: {run}/weights.safetensors: no such file" in look(study).unknown


def test_a_protocol_that_was_altered_differs(study, run):
    change(run / "scores.csv", ",y,", ",rgb,")
    assert look(study).differs == ["val: scores.csv has the protocol rgb, result.json y"]


def test_more_images_than_are_asked_for_are_looked_at(study, run):
    agreed = look(study)
    change(run / "config.yaml", "save_images: 20", "save_images: 1")
    assert look(study) == agreed  # an earlier evaluation has kept more
    (run / "images/tiny/3.png").unlink()
    kept = look(study)
    assert (kept.images, kept.unverified) == (4, 0)


def test_a_run_that_keeps_no_images_is_well_where_another_is_verified(study, run):
    change(run / "config.yaml", "save_images: 20", "save_images: 0")
    shutil.rmtree(run / "images")
    assert look(study).unknown == ["its scores: no SR images are kept (eval.save_images=0)"]
    assert is_well()
    other = next(study.glob("bicubic-*"))
    change(other / "config.yaml", "save_images: 20", "save_images: 0")
    shutil.rmtree(other / "images")
    assert not is_well()  # nothing is verified


def test_a_config_that_cannot_be_read_is_named(study, run):
    (run / "config.yaml").write_text("{}")
    (reason,) = look(study).unknown
    assert reason.startswith(f"{run}/config.yaml: cannot be read: model: choose one of ")
    assert not is_well()


def test_a_mean_that_was_removed_differs(study, run):
    record = json.loads((run / "result.json").read_text())
    del record["scores"]["val"]["ssim"]
    (run / "result.json").write_text(json.dumps(record))
    (wrong,) = look(study).differs
    assert wrong.startswith("val mean ssim: result.json has nan")


def test_scores_that_are_gone_are_named(study, run):
    (run / "scores.csv").unlink()
    unknown = look(study)
    assert unknown.verdict == "unknown"
    assert "scores.csv: cannot be read" in unknown.unknown[0]
    assert summary_of_findings([unknown], 3).startswith("1 runs: 1 could not be looked at; 0 scores of 0 images")


def test_a_run_without_a_record_is_named(study, run):
    (run / "result.json").unlink()
    assert look(study).unknown == ["missing: begun, not finished"]


def test_a_sample_of_none_is_a_mistake(study):
    with pytest.raises(UserError, match="sample=0: all, or a whole number from 1 on is needed"):
        perform(["verify", "runs/single", "sample=0"])


# Studies that somebody else made


def named(run, key, value):
    """Puts a value into the run's config.yaml."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    config[key] = value
    (run / "config.yaml").write_text(yaml.safe_dump(config))


STRANGE = {"_target_": "torch.utils.collect_env.run", "command": "touch pwned"}


@pytest.mark.parametrize("key", ["model", "data", "protocol"])
@pytest.mark.parametrize("verb", ["verify", "explain"])
def test_code_that_a_stored_config_names_does_not_run(study, run, key, verb, capsys):
    named(run, key, STRANGE)
    perform([verb, "runs/single"])
    told = capsys.readouterr().out
    assert f"config.yaml: cannot be read: {key}._target_=torch.utils.collect_env.run: is not built, as it is" in told
    assert not Path("pwned").exists()


def test_a_run_that_cannot_be_built_is_not_verified_and_the_others_are(study, run):
    named(run, "model", {"_target_": "srbench.models.carn.CARN", "width": "wide"})
    found = {one.run.partition("-")[0]: one for one in verify(study, None, lambda *_: None)}
    assert found["bicubic"].verdict == "agrees"
    assert any("model.width=wide: CARN takes a whole number" in line for line in found["carn"].unknown)


@pytest.mark.parametrize("target", ["srbench.models.traits.Traits", "srbench.models.layers.sub_images.nothing"])
def test_what_is_no_network_is_not_verified(study, run, target):
    named(run, "model", {"_target_": target})
    assert any("model" in line for line in look(study).unknown)


def test_data_that_list_no_images_are_not_verified(study, run):
    named(run, "data", {"_target_": "srbench.data.lr_source.LrSource", "files": True})
    assert any("has no train() and valid()" in line for line in look(study).unknown)


def test_a_class_of_ones_own_is_looked_at_where_it_is_allowed(study, run, monkeypatch):
    Path("strange_net.py").write_text("from srbench.models.carn import CARN\n\nclass Net(CARN):\n    pass\n")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    change(run / "config.yaml", "srbench.models.carn.CARN", "strange_net.Net")
    assert "strange_net.Net: is not built" in look(study).unknown[0]
    found = {one.run.partition("-")[0]: one for one in verify(study, 1, lambda *_: None, None, ["strange_net"])}
    assert not any("not built" in line for line in found["carn"].unknown)
    assert found["carn"].scores > 0


def test_scores_of_places_outside_the_run_are_not_looked_at(study, run):
    change(run / "scores.csv", "\ntiny,2,", "\n../../tiny,2,")
    assert "names a place outside its run" in look(study).unknown[0]


@pytest.mark.parametrize("bomb", ["&a [*a]", "\n".join(["a: &a [0,0,0,0,0,0,0,0,0]", "b: &b [*a,*a,*a]"])])
def test_a_config_that_is_no_plain_yaml_is_named(study, run, bomb):
    (run / "config.yaml").write_text(bomb)
    assert "config.yaml: " in look(study).unknown[0]


@pytest.mark.parametrize("kind", ["empty", "zeros", "foreign", "an object", "nested", "a folder", "a pipe"])
@pytest.mark.parametrize(
    "name", ["config.yaml", "result.json", "scores.csv", "weights.safetensors", "images/val/*.png"]
)
def test_whatever_a_run_holds_the_others_are_looked_at(study, run, name, kind, capsys):
    RUBBISH[kind](next(run.glob(name)))
    perform(["verify", "runs/single", "sample=1"])
    assert "agrees   bicubic-" in capsys.readouterr().out
    perform(["explain", "runs/single"])
    assert "bicubic-" in capsys.readouterr().out


def test_a_run_on_grey_images_of_16_bits_is_verified_in_their_format(tmp_path):
    shell = shell_in(tmp_path)
    (tmp_path / "images").mkdir()
    for number in range(3):
        deep = np.random.default_rng(number).integers(0, 65536, (72, 70, 1)).astype(np.uint16)
        write_image(tmp_path / f"images/{number}.png", deep)
    form = ["data=folder", "data.root=images", "data.bits=16", "data.channels=1"]
    done = shell(*TINY, *form, "eval.metrics=[psnr,ssim]", "budget.steps=2")
    assert done.returncode == 0, done.stderr
    verified = shell("verify", "runs/single", "sample=all")
    assert verified.returncode == 0, verified.stdout
    (kept,) = (tmp_path / "runs/single").glob("carn-*/images/val/*.png")
    write_image(kept, read_image(kept, PixelFormat(8, 1)))  # the same picture with 8 bits
    assert shell("verify", "runs/single", "sample=all").returncode == 1
    explained = shell("explain", "runs/single")
    assert "the conventions are of 8 bits, 3 channels, and these images have 16 bits, 1 channel" in explained.stderr
