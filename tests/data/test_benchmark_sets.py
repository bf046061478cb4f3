"""What `data check` finds is evaluated on, and the other way round; LR that lies there is used or named."""

import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.data.folders import benchmark_names, benchmark_pairs
from srbench.data.images import write_image
from srbench.data.layouts import locate


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        size = (8, 10) if "lr" in name.lower() or "/x" in name.lower() else (16, 20)
        write_image(path, np.zeros((*size, 3), np.uint8))


def lr_of(root, name, scale=2):
    """The LR files of a set, below `root`, by image."""
    pairs = benchmark_pairs(root, name, scale)
    return {pair.name: pair.lr_file and str(pair.lr_file.relative_to(root)) for pair in pairs}


def logged(caplog):
    return [record.getMessage() for record in caplog.records]


EDSR = ("HR/a.png", "LR_bicubic/X2/ax2.png")


@pytest.mark.parametrize(
    ("files", "lr"),
    [
        (EDSR, "LR_bicubic/X2/ax2.png"),
        (("HR/a.png", "LR_bicubic/x2/ax2.png"), "LR_bicubic/x2/ax2.png"),
        (("hr/a.png", "lr_bicubic/x2/a.png"), "lr_bicubic/x2/a.png"),
        (("Hr/a.png", "LR_Bicubic/X2/ax2.jpg"), "LR_Bicubic/X2/ax2.jpg"),
        (("GTmod12/a.png", "LRbicx2/a.png"), "LRbicx2/a.png"),
        (("gtmod4/a.png", "lrbicx2/ax2.png", "lrbicx4/a.png"), "lrbicx2/ax2.png"),
        (("image_SRF_2/a_SRF_2_HR.png", "image_SRF_2/a_SRF_2_LR.png"), "image_SRF_2/a_SRF_2_LR.png"),
    ],
)
@pytest.mark.parametrize("below", ["benchmark", "Benchmark", "testsets", "datasets", ""])
def test_evaluation_uses_the_lr_that_data_check_finds(tmp_path, caplog, files, lr, below):
    put(tmp_path / below / "Own", *files)
    (images,) = [images for images in locate("own", tmp_path) if images.scale == 2]
    place = f"{below}/Own".lstrip("/")
    assert lr_of(tmp_path, "OWN") == {"a": f"{place}/{lr}"}
    assert str(images.lr["a"].relative_to(tmp_path)) == f"{place}/{lr}"
    assert logged(caplog) == []


@pytest.mark.parametrize("files", [["HR/a.png"], ["hr/a.png"], ["GTmod12/a.png"], ["a.png"]])
def test_a_set_of_hr_alone_is_found_in_every_layout(tmp_path, files):
    put(tmp_path / "benchmark/Own", *files)
    assert lr_of(tmp_path, "own") == {"a": None}
    assert benchmark_names(tmp_path) == ["own"]


def test_lr_of_other_scales_needs_no_word(tmp_path, caplog):
    put(tmp_path / "benchmark/Own", "HR/a.png", "LR_bicubic/X4/ax4.png")
    assert lr_of(tmp_path, "own") == {"a": None}
    assert logged(caplog) == []


@pytest.mark.parametrize(
    "files",
    [
        ("HR/a.png", "LR_unknown/X2/ax2.png"),
        ("HR/a.png", "LR_bicubic/ax2.png"),
        ("HR/a.png", "LR/a.png"),
        ("HR/a.png", "X2/a.png"),
        ("a.png", "LR_bicubic/X2/ax2.png"),
        ("GTmod12/a.png", "LRbic_2/a.png"),
    ],
)
def test_lr_that_is_not_used_is_named_once(tmp_path, caplog, files):
    put(tmp_path / "benchmark/Own", *files)
    for _ in range(2):
        assert lr_of(tmp_path, "own") == {"a": None}
    folder = tmp_path / "benchmark/Own" / files[1].rpartition("/")[0]
    assert logged(caplog) == [f"{folder}: LR images there are not used; LR is made from HR (matlab-symmetric)"]


def test_lr_beside_what_is_used_is_named(tmp_path, caplog):
    put(tmp_path / "benchmark/Own", *EDSR, "LR_unknown/X2/ax2.png")
    assert lr_of(tmp_path, "own") == {"a": "benchmark/Own/LR_bicubic/X2/ax2.png"}
    own = tmp_path / "benchmark/Own"
    assert logged(caplog) == [f"{own}/LR_unknown/X2: LR images there are not used; those in {own}/LR_bicubic/X2 are"]


def test_an_image_of_a_format_that_is_not_read_is_named(tmp_path, caplog):
    put(tmp_path / "benchmark/Own", *EDSR)
    (tmp_path / "benchmark/Own/HR/b.ppm").touch()
    assert list(lr_of(tmp_path, "own")) == ["a"]
    (line,) = logged(caplog)
    assert line.startswith(f"{tmp_path}/benchmark/Own/HR/b.ppm: left out: no format that is read (.bmp, .jpeg, ")


def test_a_second_set_of_the_name_is_named(tmp_path, caplog):
    put(tmp_path / "benchmark/Own", *EDSR)
    put(tmp_path / "testsets/own", "b.png")
    assert list(lr_of(tmp_path, "own")) == ["a"]
    (line,) = logged(caplog)
    assert line.startswith(f"{tmp_path}/benchmark/Own is evaluated on, not the set of the same name in ")


def test_folders_that_differ_in_case_only_are_refused_by_name(tmp_path):
    put(tmp_path / "benchmark", "Case/HR/a.png", "case/HR/b.png", "other/HR/c.png")
    line = r"benchmark: Case and case differ in case only; move one of them away"
    for found in (lambda: benchmark_pairs(tmp_path, "case", 2), lambda: locate("CASE", tmp_path)):
        with pytest.raises(UserError, match=line):
            found()
    with pytest.raises(UserError, match=line):
        benchmark_names(tmp_path)
    assert list(lr_of(tmp_path, "other")) == ["c"]
    put(tmp_path / "benchmark/other", "hr/d.png")
    with pytest.raises(UserError, match="other: HR and hr differ in case only"):
        benchmark_pairs(tmp_path, "other", 2)


def test_a_link_that_differs_in_case_only_is_the_same_set(tmp_path):
    put(tmp_path / "benchmark", "Own/HR/a.png")
    (tmp_path / "benchmark/own").symlink_to("Own", target_is_directory=True)
    assert list(lr_of(tmp_path, "own")) == ["a"]


def test_two_folders_of_lr_of_one_scale_are_refused(tmp_path):
    put(tmp_path / "benchmark/Own", *EDSR, "LR_bicubic/x2/ax2.png")
    with pytest.raises(UserError, match="LR_bicubic: X2 and x2 differ in case only"):
        benchmark_pairs(tmp_path, "own", 2)


def test_div2k_means_its_validation_part_and_never_the_training_images(tmp_path):
    put(tmp_path / "div2k", "DIV2K_train_HR/0001.png", "DIV2K_train_LR_bicubic/X2/0001x2.png")
    assert benchmark_names(tmp_path) == []
    with pytest.raises(UserError, match=r"eval\.datasets=\[div2k\]: no .*data get div2k"):
        benchmark_pairs(tmp_path, "div2k", 2)
    put(tmp_path / "div2k", "div2k_valid_hr/0801.png", "div2k_valid_lr_bicubic/x2/0801x2.png")
    assert lr_of(tmp_path, "div2k") == {"0801": "div2k/div2k_valid_lr_bicubic/x2/0801x2.png"}
    assert benchmark_names(tmp_path) == ["div2k"]


def test_a_folder_of_several_sets_is_refused_with_their_names(tmp_path):
    put(tmp_path / "benchmark/Mixed", "sky/a.png", "animal/a.png")
    with pytest.raises(UserError, match=r"eval\.datasets=\[mixed\]: several sets lie there \(animal, sky\)"):
        benchmark_pairs(tmp_path, "mixed", 2)


def test_lr_that_is_missing_is_named_in_every_layout(tmp_path):
    put(tmp_path / "benchmark/Own", "GTmod12/a.png", "GTmod12/b.png", "LRbicx2/a.png")
    with pytest.raises(UserError, match=r"LRbicx2: 1 LR images for 2 HR images; b\.png is missing"):
        benchmark_pairs(tmp_path, "own", 2)
