import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.data.folders import DF2K, DIV2K, Folder, benchmark_names, benchmark_pairs
from srbench.data.images import read_image, write_image
from srbench.data.pairs import lr_source
from srbench.data.resize import imresize


def make_images(folder, names, height=16, width=20):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(len(names))
    for name in names:
        write_image(folder / name, random.integers(0, 256, (height, width, 3), np.uint8))


def test_every_tenth_file_validates(tmp_path):
    make_images(tmp_path / "hr", [f"{i:02}.png" for i in range(21)])
    folder = Folder(str(tmp_path / "hr"))
    assert [file.stem for file in folder.valid()] == ["00", "10", "20"]
    assert {file.stem for file in folder.train()} == {f"{i:02}" for i in range(21)} - {"00", "10", "20"}


def test_a_valid_folder_validates_and_all_others_train(tmp_path):
    make_images(tmp_path / "hr", ["a.png", "b.png"])
    make_images(tmp_path / "hr" / "valid", ["c.png"])
    folder = Folder(str(tmp_path / "hr"))
    assert [file.stem for file in folder.train()] == ["a", "b"]
    assert [file.stem for file in folder.valid()] == ["c"]


def test_one_image_cannot_train_and_validate(tmp_path):
    make_images(tmp_path / "hr", ["a.png"])
    with pytest.raises(UserError, match="one image is not enough"):
        Folder(str(tmp_path / "hr")).train()


def test_a_missing_folder_is_named():
    with pytest.raises(UserError, match=r"data\.root=/nowhere: no such folder"):
        Folder("/nowhere")


def test_div2k_is_read_as_its_authors_name_the_folders(tmp_path):
    make_images(tmp_path / "DIV2K/DIV2K_train_HR", ["0001.png", "0800.png", "0801.png", "0900.png"])
    make_images(tmp_path / "DIV2K/DIV2K_valid_HR", ["0801.png"])
    make_images(tmp_path / "DIV2K/DIV2K_valid_LR_bicubic/X2", ["0801x2.png"], 8, 10)
    data = DIV2K(str(tmp_path))
    with pytest.raises(
        UserError, match=r"data=div2k: no .*DIV2K_train_HR; get it with: python -m srbench data get div2k"
    ):
        DIV2K(str(tmp_path / "none")).train()
    assert [file.stem for file in data.train()] == ["0001", "0800"]
    assert data.valid() == [tmp_path / "DIV2K/DIV2K_valid_HR/0801.png"]
    (pair,) = benchmark_pairs(tmp_path, "DIV2K", 2)
    assert (pair.hr_file, pair.lr_file.name) == (data.valid()[0], "0801x2.png")
    assert benchmark_pairs(tmp_path, "div2k", 3)[0].lr_file is None
    assert benchmark_names(tmp_path) == ["div2k"]
    make_images(tmp_path / "benchmark/DIV2K/HR", ["own.png"])
    assert [pair.name for pair in benchmark_pairs(tmp_path, "div2k", 2)] == ["own"]


def test_df2k_trains_on_both_and_validates_on_one(tmp_path):
    make_images(tmp_path / "DIV2K/DIV2K_train_HR", ["0001.png"])
    make_images(tmp_path / "DIV2K/DIV2K_valid_HR", ["0801.png"])
    data = DF2K(str(tmp_path))
    with pytest.raises(UserError, match=r"data=df2k: no .*Flickr2K_HR; get it with: python -m srbench data get df2k"):
        data.train()
    make_images(tmp_path / "Flickr2K/Flickr2K_HR", ["000001.png", "000850.png"])
    assert [file.stem for file in data.train()] == ["0001", "000001", "000850"]
    assert [file.stem for file in data.valid()] == ["0801"]


def test_lr_files_that_exist_are_used_as_they_are(tmp_path):
    make_images(tmp_path / "benchmark/Own/HR", ["a.png"])
    make_images(tmp_path / "benchmark/Own/LR_bicubic/X2", ["ax2.png"], 8, 10)
    (pair,) = benchmark_pairs(tmp_path, "own", 2)
    lr, hr = pair.read()
    np.testing.assert_array_equal(lr, read_image(tmp_path / "benchmark/Own/LR_bicubic/X2/ax2.png"))
    assert lr_source([pair]).resizer == "file"
    assert hr.shape == (16, 20, 3)


def test_other_lr_images_are_made_by_our_resizer_and_cached(tmp_path):
    make_images(tmp_path / "benchmark/Own/HR", ["a.png"], 17, 20)
    (pair,) = benchmark_pairs(tmp_path, "OWN", 3)
    lr, hr = pair.read()
    assert hr.shape == (15, 18, 3)
    np.testing.assert_array_equal(lr, imresize(hr, 1 / 3))
    assert lr_source([pair]).resizer == "matlab-symmetric"
    (cached,) = (tmp_path / "cache/srbench/lr").rglob("*.png")
    write_image(cached, np.full((5, 6, 3), 9, np.uint8))
    assert (pair.read()[0] == 9).all()


def test_hr_may_exceed_lr_by_less_than_the_scale(tmp_path):
    make_images(tmp_path / "benchmark/Own/HR", ["a.png"], 17, 21)
    make_images(tmp_path / "benchmark/Own/LR_bicubic/X2", ["ax2.png"], 8, 10)
    (pair,) = benchmark_pairs(tmp_path, "own", 2)
    whole = read_image(tmp_path / "benchmark/Own/HR/a.png")
    np.testing.assert_array_equal(pair.read()[1], whole[:16, :20])


@pytest.mark.parametrize(("height", "width"), [(9, 10), (8, 11), (7, 10)])
def test_lr_of_another_size_is_an_error(tmp_path, height, width):
    make_images(tmp_path / "benchmark/Own/HR", ["a.png"])
    make_images(tmp_path / "benchmark/Own/LR_bicubic/X2", ["ax2.png"], height, width)
    (pair,) = benchmark_pairs(tmp_path, "own", 2)
    with pytest.raises(UserError, match=f"ax2.png: {width}×{height} is not 1/2 of a.png, 20×16"):
        pair.read()


def test_two_images_of_one_name_are_refused_by_both_names(tmp_path):
    """Their rows and SR images would be told apart by nothing."""
    make_images(tmp_path / "benchmark/Own/HR", ["a.jpg", "a.png"])
    with pytest.raises(UserError, match=r"Own/HR: a\.jpg and a\.png share a name; move one of them away"):
        benchmark_pairs(tmp_path, "own", 2)
    (tmp_path / "benchmark/Own/HR/a.jpg").unlink()
    make_images(tmp_path / "benchmark/Own/LR_bicubic/X2", ["ax2.bmp", "ax2.png"], 8, 10)
    with pytest.raises(UserError, match=r"X2: ax2\.bmp and ax2\.png share a name"):
        benchmark_pairs(tmp_path, "own", 2)
    for folder in ("hr/valid", "DIV2K/DIV2K_valid_HR"):
        make_images(tmp_path / folder, ["b.png", "b.tif"])
    for data in (Folder(str(tmp_path / "hr")), DIV2K(str(tmp_path))):
        with pytest.raises(UserError, match=r"b\.png and b\.tif share a name"):
            data.valid()


def test_a_set_without_images_is_no_benchmark_set_which_is_logged_once(tmp_path, caplog):
    make_images(tmp_path / "benchmark/Own/HR", ["a.png"])
    empty = tmp_path / "benchmark/Empty/HR"
    empty.mkdir(parents=True)
    (empty / "notes.txt").touch()
    assert benchmark_names(tmp_path) == benchmark_names(tmp_path) == ["own"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{empty.parent} holds no images: the set is left out"
    ]


def test_lr_and_hr_of_different_counts_are_an_error(tmp_path):
    make_images(tmp_path / "benchmark/Own/HR", ["a.png", "b.png"])
    make_images(tmp_path / "benchmark/Own/LR_bicubic/X2", ["ax2.png"], 8, 10)
    with pytest.raises(UserError, match=r"1 LR images for 2 HR images; bx2\.png is missing"):
        benchmark_pairs(tmp_path, "own", 2)


def test_an_unknown_set_names_those_that_are_there(tmp_path):
    make_images(tmp_path / "benchmark/Own/HR", ["a.png"])
    assert benchmark_names(tmp_path) == ["own"]
    expected = (
        r"eval.datasets=\[set5\].*there are val and own; get it with: python -m srbench data get set5 data_root=/"
    )
    with pytest.raises(UserError, match=expected):
        benchmark_pairs(tmp_path, "set5", 2)
    with pytest.raises(UserError, match=r"eval.datasets=\[mine\].*there are val and own$"):
        benchmark_pairs(tmp_path, "mine", 2)
