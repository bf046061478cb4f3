"""Scores that are right, and everything that can be wrong with them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from srbench.audits.verify import summary, verify
from srbench.cli import verbs
from srbench.core.errors import UserError
from srbench.data.images import read_image, write_image
from tests.cli.conftest import TINY, make_images


@pytest.fixture
def study(srbench, monkeypatch):
    """A trained run and its bicubic run, each on one image of `val` and four of `tiny`."""
    make_images(srbench.folder / "data/benchmark/tiny/HR", 4)
    done = srbench(*srbench.data, *TINY, "eval.datasets=[val,tiny]", "eval.metrics=[psnr,ssim,rmse,lpips]")
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(srbench.folder)
    return srbench.folder / "runs/single"


def look(study, sample=3, data_root=None):
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


def status():
    """That of the verb, whose output is another test's."""
    try:
        verbs.verify(["runs/single", "sample=1"])
    except SystemExit as left:
        return left.code
    return 0


def test_scores_are_verified_and_what_disagrees_is_named(srbench, study, capsys):
    done = srbench("verify", "runs/single")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line[:14] for line in lines if not line.startswith(" ")][:2] == ["agrees   bicub", "agrees   carn-"]
    assert sum(line.endswith("12 scores of 4 images recomputed") for line in lines) == 2
    assert not any(line.startswith(" ") for line in lines)
    assert lines[-2] == "2 runs: 2 agree; 24 scores of 8 images, 0 images not verified"
    assert lines[-1].startswith("up to 3 images per data set and run, drawn with seed 0; scores agree within 1e-06")

    (run,) = study.glob("carn-*")
    drawn = [[], []]
    for stages in drawn:
        verify(study, 1, lambda stage, done, total, stages=stages: stages.append(stage))
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 4  # runs × data sets
    # All that can be wrong with a run, one after the other.
    agreed = look(study, None)
    assert (agreed.verdict, agreed.scores, agreed.images, agreed.differs) == ("agrees", 15, 5, [])

    row = next(line for line in (run / "scores.csv").read_text().splitlines() if line.startswith("tiny,2,"))
    psnr = row.split(",")[2]
    change(run / "scores.csv", row, row.replace(psnr, "12.5"))
    altered = look(study, None)
    assert altered.differs[0].startswith("tiny mean psnr: result.json has ")
    assert altered.differs[1] == f"tiny 2 psnr: stored 12.5, recomputed {psnr}"
    assert len(altered.differs) == 2
    change(run / "scores.csv", "12.5", str(float(psnr) + 4e-7))  # an error below what is told
    assert look(study, None).verdict == "agrees"
    change(run / "scores.csv", str(float(psnr) + 4e-7), str(float(psnr) + 8e-6))
    assert len(look(study, None).differs) == 2  # the score and the mean
    change(run / "scores.csv", str(float(psnr) + 8e-6), "great")
    assert look(study, None).differs[1] == f"tiny 2 psnr: stored great, recomputed {psnr}"
    with pytest.raises(SystemExit) as left:
        verbs.verify(["runs/single", "sample=all"])
    assert left.value.code == 1
    told = capsys.readouterr().out
    assert f"         differs: tiny 2 psnr: stored great, recomputed {psnr}" in told.splitlines()
    assert "2 runs: 1 agree, 1 differ; 30 scores of 10 images, 0 images not verified" in told
    change(run / "scores.csv", "great", psnr)
    change(run / "scores.csv", row, ",".join([*row.split(",")[:4], "0.1", *row.split(",")[5:]]))
    (reason,) = look(study, None).unknown
    assert reason.startswith("lpips: ")
    change(run / "scores.csv", ",0.1,", ",,")

    sr = read_image(run / "images/tiny/1.png")
    write_image(run / "images/tiny/1.png", np.where(sr > 128, sr - 1, sr).astype(np.uint8))
    assert {line.split(":")[0] for line in look(study, None).differs} == {
        f"tiny 1 {m}" for m in ("psnr", "ssim", "rmse")
    }
    (run / "images/tiny/1.png").unlink()
    assert status() == 1
    lost = look(study, None)
    assert (lost.verdict, lost.images, lost.unverified) == ("agrees", 4, 1)
    assert "tiny 1: the SR image is missing" in lost.unknown
    write_image(run / "images/tiny/1.png", sr[:-2])
    (wrong,) = look(study, 1).differs  # sizes of all images are looked at
    assert wrong.startswith("tiny 1: SR is 48×38, HR 48×40")
    (run / "images/tiny/1.png").write_bytes(b"")
    assert status() == 1
    assert "images/tiny/1.png: cannot be read as an image" in look(study, None).unknown[-1]
    write_image(run / "images/tiny/1.png", sr)

    hr = srbench.folder / "data/benchmark/tiny/HR"
    (hr / "3.png").rename(hr / "other.png")
    assert "tiny 3: the HR image is missing" in look(study, None).unknown
    hr.rename(hr.parent / "gone")
    lost = look(study, None)
    assert (lost.images, lost.unverified) == (1, 4)
    assert lost.unknown[-1].startswith("tiny 0, 1, 2, 3: eval.datasets=[tiny]")
    (hr.parent / "gone").rename(hr)
    (hr / "other.png").rename(hr / "3.png")
    (srbench.folder / "data").rename(srbench.folder / "moved")
    assert look(study, None).unknown[-1].endswith("; data_root=DIR says where data have moved to")
    assert look(study, None, Path("moved")) == agreed
    (srbench.folder / "moved").rename(srbench.folder / "data")

    change(run / "result.json", '"seed": 0', '"seed": 0, "x": 1')
    assert look(study).verdict == "agrees"
    change(run / "config.yaml", "lr: 0.001", "lr: 0.002")
    (wrong,) = look(study).differs
    assert wrong.startswith("config.yaml has the hash ")
    change(run / "config.yaml", "lr: 0.002", "lr: 0.001")
    change(run / "config.yaml", "width: 8", "width: 4")
    assert "not weights of this CARN" in look(study).differs[-1]
    change(run / "config.yaml", "width: 4", "width: 8")
    (run / "weights.safetensors").rename(run / "gone")
    assert f"weights: {run}/weights.safetensors: no such file" in look(study).unknown
    (run / "gone").rename(run / "weights.safetensors")
    change(run / "scores.csv", ",y,", ",rgb,")
    assert look(study).differs == ["scores.csv has the protocol rgb, result.json y"]
    change(run / "scores.csv", ",rgb,", ",y,")
    assert look(study, None) == agreed

    change(run / "config.yaml", "save_images: 20", "save_images: 1")
    assert look(study, None) == agreed  # an earlier evaluation has kept more, which are looked at, too
    (run / "images/tiny/3.png").unlink()
    kept = look(study, None)
    assert (kept.images, kept.unverified) == (4, 0)
    change(run / "config.yaml", "save_images: 1", "save_images: 0")
    shutil.rmtree(run / "images")
    assert look(study).unknown == ["its scores: no SR images are kept (eval.save_images=0)"]
    assert status() == 0  # by setting, and bicubic's are verified
    config, other = (run / "config.yaml").read_text(), next(study.glob("bicubic-*")) / "config.yaml"
    (run / "config.yaml").write_text("{}")
    assert look(study).unknown == [f"{run}/config.yaml: cannot be read: it lacks model"]
    assert status() == 1
    (run / "config.yaml").write_text(config)
    change(other, "save_images: 20", "save_images: 0")
    shutil.rmtree(other.parent / "images")
    assert status() == 1  # nothing is verified
    change(other, "save_images: 0", "save_images: 20")

    record = json.loads((run / "result.json").read_text())
    del record["scores"]["val"]["ssim"]
    (run / "result.json").write_text(json.dumps(record))
    (wrong,) = look(study).differs
    assert wrong.startswith("val mean ssim: result.json has nan")
    (run / "scores.csv").unlink()
    unknown = look(study)
    assert unknown.verdict == "unknown"
    assert "scores.csv: cannot be read" in unknown.unknown[0]
    (run / "result.json").unlink()
    assert look(study).unknown == ["missing: begun, not finished"]
    with pytest.raises(UserError, match="sample=0: all, or the number"):
        verbs.verify(["runs/single", "sample=0"])
    assert summary([unknown], 3).startswith("1 runs: 1 could not be looked at; 0 scores of 0 images")
