"""scores.csv: written and read by a run, and read of many runs at once."""

from math import inf, isnan, nan

import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.experiments.store.scores import ImageRow, read_rows, score_frame, write_rows

USUAL = "dataset,image,psnr,ssim,lpips,niqe,pi,rmse,protocol,resizer,sr_sha256"


def row(image="a", **scores):
    return ImageRow("set5", image, scores, "y", "file", "abc")


def test_rows_read_back_as_they_were_written(tmp_path):
    rows = (row(psnr=37.5, rmse=1.25), row("b, c", psnr=inf))
    write_rows(tmp_path, rows)
    assert read_rows(tmp_path) == rows


def test_the_usual_metrics_have_a_column_each_and_others_where_they_are_there(tmp_path):
    write_rows(tmp_path, [row(psnr=1.0)])
    assert (tmp_path / "scores.csv").read_text().splitlines() == [USUAL, "set5,a,1,,,,,,y,file,abc"]
    write_rows(tmp_path, [row(psnr=1.0), row("b", ssim_global=0.5)])
    header, first, second = (tmp_path / "scores.csv").read_text().splitlines()
    assert header == USUAL.replace("rmse,", "rmse,ssim_global,")
    assert (first, second) == ("set5,a,1,,,,,,,y,file,abc", "set5,b,,,,,,,0.5,y,file,abc")


def test_rows_of_one_image_are_joined_and_the_newer_holds():
    old, new = row(psnr=1.0, ssim=0.5), ImageRow("set5", "a", {"psnr": 2.0}, "rgb", "pil-bicubic", "def")
    assert old.joined(new) == ImageRow("set5", "a", {"psnr": 2.0, "ssim": 0.5}, "rgb", "pil-bicubic", "def")


def test_a_score_that_is_no_number_is_not_a_number(tmp_path):
    (tmp_path / "scores.csv").write_text("dataset,image,psnr,protocol\nset5,a,torn,y\n")
    (only,) = read_rows(tmp_path)
    assert isnan(only.scores["psnr"])


@pytest.mark.parametrize("content", [None, "dataset,image,psnr\nset5,a,1\n", "\udcff"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "scores.csv").write_text(content, errors="surrogateescape")
    if content != "\udcff":
        with pytest.raises(UserError, match=r"scores\.csv: cannot be read"):
            read_rows(tmp_path)
    else:
        with pytest.raises(UserError, match="codec can't decode"):
            read_rows(tmp_path)


def test_scores_of_many_runs_are_read_without_what_was_cut_off(tmp_path):
    files = {
        "plain": "dataset,image,psnr,ssim,protocol,resizer\nset5,001,37.5,,y,file\nset5,NA,inf,nan,y,file\n",
        "more": 'dataset,image,psnr,niqe,protocol,resizer\nb100,"a, b",30,4.5,y,file\nb100,c,torn,5,y,file\nb100,d',
        "cut": 'dataset,image,psnr,niqe,protocol,resizer\nb100,c,1,1,y,file\nb100,"a,',
        "bytes": "dataset,image,psnr,niqe,protocol,resizer\nb100,\udcff,2,2,y,file\n",
        "empty": "dataset,image,psnr,ssim,protocol,resizer\n",
        "foreign": "name,score\na,1\n",
        "none": None,
    }
    for name, text in files.items():
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "scores.csv").write_text(text, errors="surrogateescape")
    scores = score_frame([tmp_path / name for name in files])
    assert list(zip(scores.run, scores.dataset, scores.image, strict=True)) == [
        ("plain", "set5", "001"),
        ("plain", "set5", "NA"),
        ("more", "b100", "a, b"),
        ("more", "b100", "c"),
        ("more", "b100", "d"),
        ("bytes", "b100", "\ufffd"),
    ]
    np.testing.assert_equal(scores.psnr.tolist(), [37.5, inf, 30, nan, nan, 2])
    np.testing.assert_equal(scores.niqe.tolist(), [nan, nan, 4.5, 5, nan, 2])


def test_no_scores_are_an_empty_frame(tmp_path):
    assert list(score_frame([tmp_path])) == ["run", "dataset", "image"]


def test_names_that_look_like_numbers_are_names(tmp_path):
    names = ["0801", "801", "1e3", "1000"]
    write_rows(tmp_path, [ImageRow("100", name, {"psnr": 30.0}, "y", "file", "") for name in names])
    frame = score_frame([tmp_path])
    assert frame.image.tolist() == names
    assert frame.dataset.tolist() == ["100"] * 4
