"""Sets in the layouts that people have, in miniature: names count here, not pixels."""

import pytest

from srbench.core.errors import UserError
from srbench.data.layouts import find, locate


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def listed(sets, root):
    """Each set as (name, layout, scale, [(image, HR, LR or None)]), the files below `root`."""

    def below(path):
        return path and str(path.relative_to(root))

    return [(s.name, s.layout, s.scale, [(p.name, below(p.hr_file), below(p.lr_file)) for p in s.pairs]) for s in sets]


def test_edsr(tmp_path):
    touch(tmp_path / "benchmark/Set5", "HR/baby.png", "HR/bird.png", "LR_bicubic/X2/babyx2.png")
    touch(tmp_path / "benchmark/Set5", "LR_bicubic/X10/babyx10.png", "LR_bicubic/X10/birdx10.png", "HR/.hidden.png")
    (two, ten) = listed(locate("set5", tmp_path), tmp_path / "benchmark/Set5")
    assert two == (
        "Set5",
        "EDSR",
        2,
        [("baby", "HR/baby.png", "LR_bicubic/X2/babyx2.png"), ("bird", "HR/bird.png", None)],
    )
    assert ten[2:] == (
        10,
        [("baby", "HR/baby.png", "LR_bicubic/X10/babyx10.png"), ("bird", "HR/bird.png", "LR_bicubic/X10/birdx10.png")],
    )


def test_div2k_train_and_valid_are_two_sets(tmp_path):
    touch(tmp_path / "DIV2K", "DIV2K_train_HR/0001.png", "DIV2K_train_LR_bicubic/X2/0001x2.png")
    touch(tmp_path / "DIV2K", "DIV2K_valid_HR/0801.png", "DIV2K_train_LR_unknown/X2/0001x2.png")
    assert listed(locate("div2k", tmp_path), tmp_path / "DIV2K") == [
        ("DIV2K_train", "DIV2K", 2, [("0001", "DIV2K_train_HR/0001.png", "DIV2K_train_LR_bicubic/X2/0001x2.png")]),
        ("DIV2K_valid", "DIV2K", None, [("0801", "DIV2K_valid_HR/0801.png", None)]),
    ]
    assert [s.name for s in locate("DIV2K", tmp_path / "DIV2K")] == ["DIV2K_train", "DIV2K_valid"]


def test_a_union_is_its_parts(tmp_path):
    touch(tmp_path, "DIV2K/DIV2K_train_HR/0001.png", "Flickr2K/Flickr2K_HR/000001.png")
    assert [s.name for s in locate("df2k", tmp_path)] == ["DIV2K_train", "Flickr2K"]


def test_basicsr_with_the_hr_images_that_the_scale_divides(tmp_path):
    touch(
        tmp_path / "Set5",
        "GTmod12/baby.png",
        "GTmod8/baby.png",
        "LRbicx3/baby.png",
        "LRbicx8/baby.png",
        "original/baby.bmp",
    )
    assert listed(find(tmp_path), tmp_path / "Set5") == [
        ("Set5", "BasicSR", 3, [("baby", "GTmod12/baby.png", "LRbicx3/baby.png")]),
        ("Set5", "BasicSR", 8, [("baby", "GTmod8/baby.png", "LRbicx8/baby.png")]),
    ]


def test_selfexsr_without_the_outputs_of_networks_beside_them(tmp_path):
    images = ["img_001_SRF_2_HR.png", "img_001_SRF_2_LR.png", "img_001_SRF_2_SRCNN.png", "img_002_SRF_2_HR.png"]
    touch(tmp_path / "Urban100/image_SRF_2", *images)
    touch(tmp_path / "Urban100/image_SRF_4", "img_001_SRF_4_HR.png")
    first, second = listed(locate("URBAN100", tmp_path), tmp_path / "Urban100")
    hr, lr = "image_SRF_2/img_001_SRF_2_HR.png", "image_SRF_2/img_001_SRF_2_LR.png"
    only_hr = ("img_002", "image_SRF_2/img_002_SRF_2_HR.png", None)
    assert first == ("Urban100", "SelfExSR", 2, [("img_001", hr, lr), only_hr])
    assert second == ("Urban100", "SelfExSR", 4, [("img_001", "image_SRF_4/img_001_SRF_4_HR.png", None)])


def test_one_scale_of_selfexsr_is_a_set_too(tmp_path):
    touch(tmp_path / "Urban100/image_SRF_2", "img_001_SRF_2_HR.png", "img_001_SRF_2_LR.png")
    touch(tmp_path / "Urban100/image_SRF_4", "img_001_SRF_4_HR.png")
    (images,) = locate(str(tmp_path / "Urban100/image_SRF_2"), tmp_path / "nowhere")
    assert (images.label, images.layout, list(images.lr)) == ("Urban100 ×2", "SelfExSR", ["img_001"])


def test_kairs_testsets_are_flat(tmp_path):
    touch(tmp_path / "testsets/set5", "baby.bmp", "notes.txt")
    assert listed(locate("Set5", tmp_path), tmp_path) == [
        ("set5", "flat", None, [("baby", "testsets/set5/baby.bmp", None)])
    ]


def test_upper_and_lower_case_are_the_same(tmp_path):
    touch(tmp_path / "BENCHMARK/SET5", "hr/baby.PNG", "lr_BICUBIC/x2/babyx2.PNG")
    (images,) = locate("set5", tmp_path)
    assert (images.scale, list(images.lr)) == (2, ["baby"])


def test_lr_may_have_the_names_of_hr_which_may_end_as_a_scale_does(tmp_path):
    touch(tmp_path / "own", "HR/a.png", "HR/bx2.png", "LR_bicubic/X2/a.png", "LR_bicubic/X2/bx2.png")
    touch(tmp_path / "own", "LR_bicubic/X2/cx2.png")
    (images,) = find(tmp_path / "own")
    assert list(images.lr) == ["a", "bx2", "c"]


def test_a_folder_of_sets_is_all_of_them(tmp_path):
    touch(tmp_path / "benchmark", "Set5/HR/a.png", "Set14/GTmod12/b.png", "B100/c.png")
    assert [(s.name, s.layout) for s in locate(str(tmp_path), tmp_path / "nowhere")] == [
        ("B100", "flat"),
        ("Set14", "BasicSR"),
        ("Set5", "EDSR"),
    ]


def test_a_set_that_is_not_there_says_how_to_get_it_or_what_there_is(tmp_path):
    touch(tmp_path / "benchmark", "mine/HR/a.png")
    with pytest.raises(
        UserError, match=r"urban100: no such set below .*; get it with: python -m srbench data get urban100"
    ):
        locate("urban100", tmp_path)
    with pytest.raises(UserError, match=r"mnie: no such set below .*, did you mean mine\?"):
        locate("mnie", tmp_path)
    (tmp_path / "empty").mkdir()
    for name in ("empty", str(tmp_path / "empty")):
        with pytest.raises(UserError, match=r"/empty: is there, but holds no images$"):
            locate(name, tmp_path)
    (tmp_path / "benchmark/Set14").mkdir()
    with pytest.raises(UserError, match=r"Set14: is there, but holds no images; get it with: .* data get set14"):
        locate("set14", tmp_path)
    touch(tmp_path / "deep/a/b/c", "d.png")
    with pytest.raises(UserError, match="deep: holds no set of images in a layout that srbench knows"):
        locate("deep", tmp_path)
    with pytest.raises(UserError, match="no such set"):
        locate("set5", tmp_path / "nowhere")
