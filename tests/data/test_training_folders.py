"""HR images to train on: in one folder, in a folder for each kind, or in a set's layout."""

import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.data.folders import DF2K, DIV2K, DIV2KAndLSDIR, Folder
from srbench.data.images import by_name, write_image


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, np.zeros((16, 20, 3), np.uint8))


def names(files, root):
    return [str(file.relative_to(root)) for file in files]


def logged(caplog):
    return [record.getMessage() for record in caplog.records]


def test_images_in_one_folder_for_each_kind_are_all_read(tmp_path):
    put(tmp_path / "ost", "sky/1.png", "sky/2.png", "animal/1.png", "plant/deep/3.png")
    data = Folder(str(tmp_path / "ost"))
    assert names(data.valid(), tmp_path / "ost") == ["animal/1.png"]
    assert names(data.train(), tmp_path / "ost") == ["plant/deep/3.png", "sky/1.png", "sky/2.png"]


def test_kinds_validate_in_a_folder_of_their_own_by_kind_and_name(tmp_path):
    put(tmp_path / "ost", "sky/1.png", "VALID/sky/1.png", "VALID/animal/1.png")
    data = Folder(str(tmp_path / "ost"))
    assert names(data.train(), tmp_path / "ost") == ["sky/1.png"]
    assert list(by_name(data.valid())) == ["animal_1", "sky_1"]


def test_the_hr_of_a_set_is_trained_on_and_never_its_lr(tmp_path, caplog):
    put(tmp_path / "own", "HR/a.png", "HR/b.png", "LR_bicubic/X2/ax2.png", "LR_bicubic/X2/bx2.png")
    assert names(Folder(str(tmp_path / "own")).train(), tmp_path / "own") == ["HR/b.png"]
    line = f"{tmp_path}/own/LR_bicubic/X2: LR images there are not used; LR is made from HR (matlab-symmetric)"
    assert logged(caplog) == [line]


@pytest.mark.parametrize("lr", ["LR_x2/a.png", "x2/a.png", "LRbicx2/a.png"])
def test_lr_among_kinds_is_not_trained_on_and_named(tmp_path, caplog, lr):
    put(tmp_path / "kinds", "sky/a.png", "sky/b.png", lr)
    data = Folder(str(tmp_path / "kinds"))
    assert names([*data.valid(), *data.train()], tmp_path / "kinds") == ["sky/a.png", "sky/b.png"]
    (line,) = logged(caplog)
    assert line.startswith(f"{tmp_path}/kinds/{lr.partition('/')[0]}: LR images there are not used")


def test_folders_beside_images_are_named(tmp_path, caplog):
    put(tmp_path / "hr", "a.png", "b.png", "more/c.png")
    assert names(Folder(str(tmp_path / "hr")).train(), tmp_path / "hr") == ["b.png"]
    root = tmp_path / "hr"
    assert logged(caplog) == [f"{root}/more: its images are not used, as {root} holds images itself"]


def test_two_sets_side_by_side_are_refused(tmp_path):
    put(tmp_path / "DIV2K", "DIV2K_train_HR/0001.png", "DIV2K_valid_HR/0801.png")
    with pytest.raises(UserError, match=r"several sets \(DIV2K_train, DIV2K_valid\); name the folder of one: .*HR"):
        Folder(str(tmp_path / "DIV2K")).train()


def test_a_folder_without_images_says_so(tmp_path):
    (tmp_path / "none/deeper").mkdir(parents=True)
    with pytest.raises(UserError, match="none: holds no images"):
        Folder(str(tmp_path / "none")).train()


def test_two_images_of_one_name_in_one_folder_are_refused(tmp_path):
    put(tmp_path / "ost", "valid/sky/1.png", "valid/sky/1.bmp", "sky/2.png")
    with pytest.raises(UserError, match=r"valid/sky: 1\.bmp and 1\.png share a name"):
        Folder(str(tmp_path / "ost")).valid()


@pytest.mark.parametrize("below", ["DIV2K", "div2k", "datasets/DIV2K", ""])
def test_div2k_is_found_where_data_check_finds_it_and_its_lr_is_named(tmp_path, caplog, below):
    put(tmp_path / below, "DIV2K_train_HR/0001.png", "DIV2K_valid_HR/0801.png", "DIV2K_valid_LR_bicubic/X2/0801x2.png")
    data = DIV2K(str(tmp_path))
    assert names([*data.train(), *data.valid()], tmp_path / below) == [
        "DIV2K_train_HR/0001.png",
        "DIV2K_valid_HR/0801.png",
    ]
    (line,) = logged(caplog)
    assert line.startswith(f"{tmp_path / below}/DIV2K_valid_LR_bicubic/X2: LR images there are not used")


def test_other_training_sets_are_found_in_any_case(tmp_path):
    put(tmp_path, "div2k/div2k_train_hr/0001.png", "flickr2k/flickr2k_hr/000001.png")
    assert names(DF2K(str(tmp_path)).train(), tmp_path) == [
        "div2k/div2k_train_hr/0001.png",
        "flickr2k/flickr2k_hr/000001.png",
    ]
    put(tmp_path, *(f"lsdir/Train/{last:07}/{last}.png" for last in range(1000, 10_001, 1000)))
    assert len(DIV2KAndLSDIR(str(tmp_path)).train()) == 11


def test_two_folders_that_differ_in_case_only_are_refused(tmp_path):
    put(tmp_path, "DIV2K/DIV2K_train_HR/0001.png", "div2k/DIV2K_train_HR/0002.png")
    with pytest.raises(UserError, match="DIV2K and div2k differ in case only"):
        DIV2K(str(tmp_path)).train()
